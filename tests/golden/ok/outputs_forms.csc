## Every form of an output that is built: none, a value, a file, a named file, a published file, several.

task effect(n: int) { sh "echo {{n}}" }
task value(n: int) -> int { sh "echo {{n}}" }
task unnamed() -> file { sh "true > {{out}}" }
task named() -> page: file { sh "true > {{page}}" }
task published(id: str) -> page: file = "out/{{id}}.txt" { sh "true > {{page}}" }
task folder() -> parts: dir = "parts" { sh "mkdir {{parts}}" }
task several(id: str) -> (bam: file = "out/{{id}}.bam", stats: json) { python "open(bam, 'w').close(); return {'stats': {}}" }
effect(1)
v = value(2)
u = unnamed()
n = named()
p = published("x")
d = folder()
s = several("y")
output bam = s.bam
output mapped = s.stats.mapped
