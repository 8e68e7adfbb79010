## Split by time into train and test, then fit.

param table: file = file("demand.csv")
param split_day: str = "2026-01-01"

task divide(table: file, split_day: str) -> (train: file, test: file) {
  python """
    with open(table) as rows, open(train, "w") as old, open(test, "w") as new:
      for row in rows:
        (old if row[:10] < split_day else new).write(row)
  """
}

task fit(train: file) -> model: file {
  requires cpu = 4
  sh "fit {{train}} -o {{model}}"
}

task mape(model: file, test: file) -> float { sh "mape {{model}} {{test}}" }

parts = divide(table, split_day)
model = fit(parts.train)
output error = mape(model, parts.tests)
