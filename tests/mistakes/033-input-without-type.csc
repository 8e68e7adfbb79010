## Crop satellite scenes to fields.

param fields: list[str] = ["f1", "f2"]
param scene: file = file("scene.tif")

task crop(scene: file, field) -> cut: file {
  requires mem = 1GB
  sh "gdalwarp -cutline fields/{{field}}.geojson {{scene}} {{cut}}"
}

task ndvi(cut: file) -> float {
  requires cpu = 1
  sh "ndvi --mean {{cut}}"
}

output greenness = [ndvi(crop(scene, f)) for f in fields]
