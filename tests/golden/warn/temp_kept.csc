task align(id: str) -> (bam: temp file = "out/{{id}}.bam", log: temp file, n: int) {
  sh "echo {{id}} > {{bam}}; echo done > {{log}}; echo 1 > {{n}}"
}

task count(bam: file) -> int { sh "wc -l < {{bam}}" }

aligned = [align(id) for id in ["a", "b"]]
counts = [count(a.bam) for a in aligned]
output counts = counts
output total = sum([a.n for a in aligned])
output logs = [a.log for a in aligned]
output all = aligned
output one = aligned[0].bam   # allow: kept-temp
