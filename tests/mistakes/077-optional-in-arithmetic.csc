## Thin out long series before they are plotted.

type Series = {name: str, step: int?}

param series: list[Series] = [{name: "flow", step: 10}, {name: "level", step: none}]

task thin(name: str, step: int) -> points: file = "thin/{{name}}.csv" {
  requires mem = 200MB
  sh "awk -v s={{step}} 'NR % s == 0' data/{{name}}.csv > {{points}}"
}

task plot(points: file) -> image: file {
  sh "plot {{points}} > {{image}}"
}

thinned = [thin(s.name, s.step * 2) for s in series]
output images = [plot(t) for t in thinned]
