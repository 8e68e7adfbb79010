## Nightly export of orders, one file a region.

param regions: list[str] = ["north", "south", "west"]   ## sales regions
param day: str = "2026-03-01"                           ## the day to export

limit task:export_orders 2

task export_orders(region: str, day: str) -> orders: file = "out/{{day}}/{{region}}.csv":
  requires cpu = 0.5
  retry 2
  sh "psql -At -c 'copy orders to stdout csv header' > {{orders}}"
}

files = [export_orders(r, day) for r in regions]
output orders = files
