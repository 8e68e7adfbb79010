## Search learning rates.

param rates: list[float] = [0.1, 0.01, 0.001]
param data: file = file("train.npz")

task train(data: file, learning_rate: float, epochs: int = 10) -> json {
  requires gpu, mem = 8GB
  timeout 1h
  sh "python train.py {{data}} --lr {{learning_rate}} --epochs {{epochs}}"
}

runs = [train(data, learnin_rate = r) for r in rates]
output runs = runs
