## Assemble genomes of bacteria.

param isolates: list[str] = ["KP01", "KP02"]

task assemble(isolate: str) -> contigs: file = "asm/{{isolate}}.fa" {
  threads: 8
  timeout 4h
  sh "spades --isolate -1 {{isolate}}_1.fq -2 {{isolate}}_2.fq -o asm-{{isolate}} && cp asm-{{isolate}}/contigs.fasta {{contigs}}"
}

task annotate(contigs: file) -> genes: file {
  requires cpu = 4
  sh "prokka --outdir ann {{contigs}} && cp ann/*.gff {{genes}}"
}

output genes = [annotate(assemble(i)) for i in isolates]
