## Subset a genome to regions.

param genome: file = file("hg38.fa")
param regions: list[str] = ["chr1:1-5000", "chr2:700-900"]

task faidx(genome: file, region: str) -> fasta: file {
  requires mem = 200MB
  sh "samtools faidx {{genome}} {{region}} > {{output}}"
}

task gc(fasta: file) -> float {
  sh "seqtk comp {{fasta}} | awk '{print ($4 + $5) / $2}'"
}

output gc = [gc(faidx(genome, r)) for r in regions]
