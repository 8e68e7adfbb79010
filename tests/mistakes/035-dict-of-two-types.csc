## Weight the classes of an unbalanced data set.

param weights: dict[str, float] = {cat: 1.0, dog: 2.5}
param images: file = file("images.tar")

task train(images: file, label: str, weight: float) -> model: file = "models/{{label}}.pt" {
  requires gpu
  timeout 2h
  sh "python train.py {{images}} --label {{label}} --weight {{weight}} -o {{model}}"
}

output models = [train(images, label, weight) for label, weight in items(weights)]
