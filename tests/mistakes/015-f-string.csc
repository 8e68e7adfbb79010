## Train, then evaluate on several test sets.

param run_name: str = "base"
param sets: list[str] = ["dev", "test", "ood"]

task train(run_name: str) -> weights: file {
  requires gpu, mem = 24GB
  timeout 12h
  sh "python train.py --name {{run_name}} --out {{weights}}"
}

task evaluate(weights: file, title: str) -> json {
  requires gpu
  sh "python evaluate.py {{weights}} --title {{title}}"
}

weights = train(run_name)
output scores = [evaluate(weights, f"{run_name}-{s}") for s in sets]
