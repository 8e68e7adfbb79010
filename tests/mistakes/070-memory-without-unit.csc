## Cluster cells of single-cell experiments.

param runs: list[str] = ["lung", "gut"]

task load(run: str) -> matrix: file {
  requires cpu = 1, mem = 8GB
  sh "load-matrix {{run}} {{matrix}}"
}

task cluster(matrix: file) -> clusters: file {
  requires cpu = 4, mem = 16000
  timeout 2h
  sh "cluster --method leiden {{matrix}} > {{clusters}}"
}

output clusters = [cluster(load(r)) for r in runs]
