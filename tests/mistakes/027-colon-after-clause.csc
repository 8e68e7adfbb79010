## Poll an inventory service for each warehouse.

param warehouses: list[str] = ["BER", "HAM"]

limit task:stock 1

task stock(warehouse: str) -> json {
  retry: 3
  timeout 15s
  tag api
  sh "curl -fsS https://stock.example/{{warehouse}}"
}

task merge(parts: list[json]) -> table: file = "stock.json" {
  python """
    import json
    with open(table, "w") as out:
      json.dump(parts, out)
  """
}

output table = merge([stock(w) for w in warehouses])
