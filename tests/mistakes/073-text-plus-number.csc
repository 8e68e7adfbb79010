## Draw one sample of a posterior for each chain.

param chains: int = 4
param draws: int = 2000
param model: file = file("model.stan")

task sample(model: file, name: str, draws: int) -> trace: file = "traces/{{name}}.csv" {
  requires cpu = 1, mem = 1GB
  timeout 4h
  sh "stan sample {{model}} draws={{draws}} output={{trace}}"
}

task diagnose(traces: list[file]) -> json {
  sh "stan-diagnose --json {{traces}}"
}

traces = [sample(model, "chain-" + n, draws) for n in range(chains)]
output diagnosis = diagnose(traces)
