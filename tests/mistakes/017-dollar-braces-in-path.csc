## Grid rainfall by region.

param regions: list[str] = ["alps", "coast", "plain"]
param year: int = 2025

task download(region: str, year: int) -> raw: file {
  retry 3
  sh "curl -fsS https://rain.example/{{year}}/{{region}} -o {{raw}}"
}

task grid(region: str, raw: file) -> cube: file = "grids/${region}.nc" {
  requires mem = 2GB
  sh "gridder --region {{region}} {{raw}} -o {{cube}}"
}

output cubes = [grid(r, download(r, year)) for r in regions]
