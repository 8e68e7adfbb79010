## Estimate prices of flats.

param flats: file = file("flats.csv")
param trees: int = 200

task clean(flats: file) -> rows: file {
  sh "grep -v ',,' {{flats}} > {{rows}}"
}

task fit(rows: file, trees: int): float {
  requires cpu = 4, mem = 2GB
  timeout 20m
  python """
    lines = open(rows).read().splitlines()
    return len(lines) / trees
  """
}

output error = fit(clean(flats), trees)
