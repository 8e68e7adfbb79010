## Fit a topic model for several numbers of topics.

param corpus: file = file("abstracts.jsonl")
param topic_counts: list[int] = [10, 20, 50]
param seed: int = 7

task fit(corpus: file, topics: int, seed: int) -> model: file = "lda/{{topics}}.bin" {
  requires cpu = 4, mem = 8GB
  timeout 2h
  sh "lda --topics {{topics}} --seed {{seed}} {{corpus}} -o {{model}}"
}

task coherence(model: file) -> float {
  sh "lda-coherence {{model}}"
}

models = [fit(corpus, n, seed) for n in topic_count]
output coherence = [coherence(m) for m in models]
