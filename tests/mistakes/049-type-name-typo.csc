## Reproject the layers of a map.

type Layer = {name: str, path: str, epsg: int}

param layers: list[Layer] = [{name: "roads", path: "roads.shp", epsg: 25832}]

task reproject(layer: Layr, epsg: int) -> out_file: file = "layers/{{layer.name}}.gpkg" {
  requires mem = 500MB
  sh "ogr2ogr -t_srs EPSG:{{epsg}} {{out_file}} {{layer.path}}"
}

output layers = [reproject(l, 4326) for l in layers]
