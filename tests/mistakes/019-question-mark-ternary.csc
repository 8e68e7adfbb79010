## Simulate at a coarse or a fine grid.

param fine: bool = false
param seeds: list[int] = [1, 2, 3, 4]

task simulate(seed: int, cells: int) -> state: file {
  requires cpu = 4, mem = cells * 2MB
  timeout 3h
  sh "simulate --seed {{seed}} --cells {{cells}} > {{state}}"
}

task average(states: list[file]) -> mean: file = "out/mean.nc" {
  sh "ncea {{states}} {{mean}}"
}

cells = fine ? 1024 : 128
states = [simulate(s, cells) for s in seeds]
output mean = average(states)
