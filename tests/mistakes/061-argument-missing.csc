## Downscale climate models to a city.

param models: list[str] = ["cesm", "mpi"]
param city: str = "Lagos"

task extract(model: str, city: str, years: int) -> series: file {
  requires mem = 3GB
  sh "extract {{model}} --city {{city}} --years {{years}} > {{series}}"
}

task trend(series: file) -> float {
  sh "trend {{series}}"
}

series = [extract(m, city) for m in models]
output trends = [trend(s) for s in series]
