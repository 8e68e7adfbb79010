## Retrain a recommender every night.

param day: str = "2026-05-04"

task extract(day: str) -> clicks: file {
  requires db
  timeout = 10m
  sh "extract-clicks --day {{day}} > {{clicks}}"
}

task train(clicks: file) -> model: file = "models/latest.bin" {
  requires cpu = 8, mem = 32GB
  timeout 3h
  sh "train-recommender {{clicks}} {{model}}"
}

limit db 1
output model = train(extract(day))
