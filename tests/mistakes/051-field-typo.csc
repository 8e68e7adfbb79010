## Quantify genes of paired samples.

type Sample = {id: str, reads: list[file], tissue: str}

param samples: list[Sample] = [
  {id: "t1", reads: [file("t1_1.fq"), file("t1_2.fq")], tissue: "liver"},
]

task quantify(id: str, reads: list[file]) -> counts: file = "quant/{{id}}.sf" {
  requires cpu = 6, mem = 10GB
  sh "salmon quant -i index -1 {{reads[0]}} -2 {{reads[1]}} -o quant-{{id}} && mv quant-{{id}}/quant.sf {{counts}}"
}

liver = [s for s in samples if s.tissue == "liver"]
output counts = [quantify(s.id, s.read) for s in liver]
