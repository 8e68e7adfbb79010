## Tune a threshold for each language.

param thresholds: dict[float] = {en: 0.5, de: 0.6}
param text: file = file("comments.jsonl")

task classify(text: file, language: str, threshold: float) -> labels: file = "labels/{{language}}.csv" {
  requires gpu = 1
  timeout 1h
  sh "classify --language {{language}} --over {{threshold}} {{text}} > {{labels}}"
}

task share(labels: file) -> float {
  sh "share-of-positives {{labels}}"
}

labels = [classify(text, language, t) for language, t in thresholds]
output shares = [share(l) for l in labels]
