## Quality report for each sample.

param samples: list[str] = ["s1", "s2", "s3"]
param adapter: str = "AGATCGGAAGAG"

task trim(sample: str, adapter: str) -> reads: file = "trimmed/{sample}.fq" {
  requires cpu = 2
  sh "cutadapt -a {{adapter}} -o {{reads}} raw/{{sample}}.fq"
}

task report(reads: file) -> html: file {
  sh "fastqc {{reads}} -o - > {{html}}"
}

trimmed = [trim(s, adapter) for s in samples]
output reports = [report(t) for t in trimmed]
