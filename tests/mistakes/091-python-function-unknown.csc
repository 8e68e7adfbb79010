## Estimate heights of trees from point clouds.

param clouds: list[file] = glob("clouds/*.las")
param cell: float = 0.5

task canopy(cloud: file, cell: float) -> heights: file {
  requires cpu = 2, mem = 4GB
  python "steps.py:canopy_heigths"
}

task tallest(heights: file) -> float {
  python "steps.py:tallest"
}

output tallest = max([tallest(canopy(c, cell)) for c in clouds])
