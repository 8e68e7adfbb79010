## Inspect the bridges that are old.

param bridges: file = file("bridges.csv")

task inspect(name: str) -> report: file = "bridges/{{name}}.txt" {
  requires inspector = 1
  timeout 1h
  sh "inspect {{name}} > {{report}}"
}

limit inspector 2
rows = read_csv(bridges)
old = [r for r in rows if r.year < 1970]
output reports = [inspect(r.name) for r in old]
