## Compute slope and aspect of elevation models.

param regions: list[str] = ["harz", "eifel"]

task clip(region: str) -> dem: file {
  requires mem = 1GB
  sh "gdalwarp -cutline borders/{region}.shp dem.tif {{dem}}"
}

task slope(dem: file) -> slope: file {
  requires cpu = 2
  sh "gdaldem slope {{dem}} {{slope}}"
}

output slopes = [slope(clip(r)) for r in regions]
