## Count particles in microscope images.

param images: list[file] = glob("scans/*.tif")
param minimum: int = 5

task particles(image: file, minimum: int) {
  requires cpu = 2, mem = 1GB
  timeout 10m
  sh "particles --over {{minimum}} --count {{image}}"
}

task write_total(total: int) -> report: file = "particles.txt" {
  sh "echo {{total}} > {{report}}"
}

counts = [particles(i, minimum) for i in images]
output report = write_total(sum(counts))
