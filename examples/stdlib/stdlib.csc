## What is Python's own standard library made of?
## Reads the source of the Python that runs this: one job for each of its packages, each module parsed with `ast`;
## then a table of all of them, the largest ones ranked, and a chart.

param top: int = 24        ## how many packages the chart shows
param at_once: int = 4     ## how many packages are read at once

type Package = {name: str, files: list[str]}
type Size = {name: str, modules: int, lines: int, code: int, functions: int, classes: int, branches: int}

limit task:measure at_once

## The packages of the standard library, with the files of their modules; tests are left out.
task packages() -> list[Package] {
  python "measure.py:packages"
}

## Parse the modules of one package and count what is in them.
task measure(package: Package) -> Size {
  requires cpu = 1
  retry 1
  timeout 5m
  python "measure.py:measure"
}

## All packages, the one with the most lines of code first.
task rank(sizes: list[Size]) -> table: file = "out/packages.csv" {
  python "measure.py:rank"
}

## The largest packages as bars.
task draw(table: file, top: int) -> chart: file = "out/packages.svg" {
  python "chart.py:draw"
}

found = packages()
sizes = [measure(p) for p in found]
ranked = rank(sizes)

output table = ranked
output chart = draw(ranked, top)
output lines = sum([s.lines for s in sizes])
