## Convert prices to one currency.

param rate: float = 1.08
param tables: list[file] = glob("prices/*.csv")

task convert(table: file, rate: float) -> converted: file = "eur/{{basename(table)}}" {
  requires cpu = 1
  python """
    with open(table) as rows, open(converted, "w") as out:
      for row in rows:
        name, price = row.strip().split(",")
        euro = float(price) / {{rate}}
        out.write(f"{name},{euro}\n")
  """
}

output converted = [convert(t, rate) for t in tables]
