type Sample = {id: str, reads: list[str]}
param samples: list[Sample] = []
task count(sample: Sample) -> int { sh "echo 1" }
a = count({id: "a", read: ["r"]})
b = count({id: "b"})
c = count({id: "c", reads: [1]})
d = count({id: "d", reads: [], more: 1})
output n = a + b + c + d
