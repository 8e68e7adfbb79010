## Align reads of each sample and index the result.

param samples: list[str] = ["NA12878", "NA12891"]
param reference: file = file("ref/hg38.fa")

task align(sample: str, reference: file) -> bam: file = "bam/{{sample}}.bam"
{
  requires cpu = 4, mem = 8GB
  sh "bwa mem -t 4 {{reference}} fastq/{{sample}}_1.fq fastq/{{sample}}_2.fq > {{bam}}"
}

task index(bam: file) -> bai: file {
  sh "samtools index {{bam}} {{bai}}"
}

bams = [align(s, reference) for s in samples]
output indexes = [index(b) for b in bams]
