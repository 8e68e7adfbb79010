## Rerun the experiments of one group.

type Experiment = {name: str, group: str, seed: int}

param group: str = "control"
param experiments: list[Experiment] = [
  {name: "a", group: "control", seed: 1},
  {name: "b", group: "treated", seed: 2},
]

task rerun(name: str, seed: int) -> result: file = "results/{{name}}.json" {
  requires cpu = 2
  sh "python run.py {{name}} --seed {{seed}} > {{result}}"
}

chosen = [e for e in experiments if e.group = group]
output results = [rerun(e.name, e.seed) for e in chosen]
