## Run a query for each customer segment.

param segments: list[str] = ["new", "loyal"]

task query(segment: str) -> rows: file = "segments/{{segment}}.csv" {
  requires db = 1
  timeout 10m
  sh """
    psql --csv > {{rows}} <<'SQL'
    select customer, sum(cents) from orders
    where segment = '{{segment}}' group by customer;
    SQL
  """
}

limit db 2
output rows = [query(s) for s in segments]
