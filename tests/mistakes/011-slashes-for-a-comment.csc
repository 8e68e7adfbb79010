## Call variants, one chromosome at a time.

// autosomes only
param chromosomes: list[int] = [1, 2, 3, 21, 22]
param bam: file = file("sample.bam")
param reference: file = file("hg38.fa")

task call(bam: file, reference: file, chromosome: int) -> calls: file {
  requires cpu = 2, mem = 4GB
  retry 1
  sh "bcftools mpileup -r chr{{chromosome}} -f {{reference}} {{bam}} > {{calls}}"
}

task merge(parts: list[file]) -> all: file = "calls.vcf" {
  sh "bcftools concat {{parts}} > {{all}}"
}

parts = [call(bam, reference, c) for c in chromosomes]
output calls = merge(parts)
