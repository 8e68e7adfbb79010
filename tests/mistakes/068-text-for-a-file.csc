## Convert a table of plots to a web map.

param year: int = 2026

task project(plots: file, year: int) -> projected: file {
  requires mem = 300MB
  sh "ogr2ogr -where year={{year}} -t_srs EPSG:3857 {{projected}} {{plots}}"
}

task tiles(projected: file) -> map: file = "web/plots.mbtiles" {
  requires cpu = 4, mem = 2GB
  sh "tippecanoe -o {{map}} {{projected}}"
}

projected = project("data/plots.geojson", year)
output map = tiles(projected)
