## Train one classifier for each fold.

param folds: int = 5
param model: str = "resnet18
param epochs: int = 20

task train(fold: int, model: str, epochs: int) -> weights: file = "models/{{model}}-{{fold}}.pt" {
  requires gpu = 1, mem = 16GB
  timeout 6h
  sh "python train.py --fold {{fold}} --arch {{model}} --epochs {{epochs}} --out {{weights}}"
}

task score(weights: file) -> float {
  sh "python score.py {{weights}}"
}

models = [train(f, model, epochs) for f in range(folds)]
scores = [score(m) for m in models]
output mean = sum(scores) / len(scores)
