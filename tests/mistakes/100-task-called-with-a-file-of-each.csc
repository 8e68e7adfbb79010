## Merge the counts of all samples.

task merge(tables: list[file]) -> matrix: file = "matrix.tsv" {
  requires mem = 2GB
  sh "paste {{tables}} > {{matrix}}"
}

task normalise(matrix: file) -> normal: file {
  requires cpu = 2
  sh "normalise {{matrix}} > {{normal}}"
}

matrix = merge("counts/*.tsv")
output normal = normalise(matrix)
