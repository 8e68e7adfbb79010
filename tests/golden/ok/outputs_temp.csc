## Files that go when they have been read.

task align(id: str) -> (bam: temp file = "out/{{id}}.bam", work: temp dir, note: temp file?, n: int) {
  sh "echo {{id}} > {{bam}}; mkdir {{work}}; echo 1 > {{n}}; echo > {{note}}"
}

task scatter(bam: file) -> temp list[file] = "parts/{{stem(bam)}}/*.txt" {
  in scratch
  sh "mkdir -p parts/x; cp {{bam}} parts/x/1.txt"
}

task unnamed() -> temp file { sh "echo 1 > {{out}}" }
task count(parts: list[file], other: file) -> int { sh "cat {{parts}} {{other}} | wc -l" }

other = unnamed()
output counts = [count(scatter(align(id).bam), other) for id in ["a", "b"]]
