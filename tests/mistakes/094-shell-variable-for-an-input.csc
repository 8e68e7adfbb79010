## Sort and index alignments.

param samples: list[str] = ["HG001", "HG002"]

task sort_reads(sample: str) -> bam: file = "sorted/{{sample}}.bam" {
  requires cpu = 4, mem = 6GB
  timeout 3h
  sh "samtools sort -@ 4 raw/$sample.bam > {{bam}}"
}

task index(bam: file) -> bai: file {
  sh "samtools index {{bam}} {{bai}}"
}

output indexes = [index(sort_reads(s)) for s in samples]
