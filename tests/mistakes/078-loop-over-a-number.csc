## Bootstrap an estimate.

param rounds: int = 100
param table: file = file("survey.csv")

limit task:resample 8

task resample(table: file, seed: int) -> float {
  requires cpu = 1, mem = 200MB
  timeout 5m
  sh "resample --seed {{seed}} {{table}}"
}

estimates = [resample(table, seed) for seed in rounds]
output low = min(estimates)
output high = max(estimates)
