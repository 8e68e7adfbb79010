## Every form of a single output: none, a value, a file, a named file, a published file, a folder, what may be missing.

task effect(n: int) { sh "echo {{n}}" }
task value(n: int) -> int { sh "echo {{n}}" }
task maybe(n: int) -> int? { sh "echo {{n}}" }
task shape() -> {id: str, reads: list[str]} { exec ["cat", "shape.json"] }
task unnamed() -> file { sh "true > {{out}}" }
task named() -> page: file { sh "true > {{page}}" }
task published(id: str) -> page: file = "out/{{id}}.txt" { sh "true > {{page}}" }
task folder() -> parts: dir = "parts/" { sh "mkdir {{parts}}" }
task note(id: str) -> note: file? = "out/{{id}}.note" { sh "true > {{note}}" }
task loose() -> file? { exec ["touch", out] }
task in_env(id: str) -> page: file { env { PAGE = page }; sh "true > \"$PAGE\"" }
effect(1)
v = value(2)
m = maybe(2)
r = shape()
u = unnamed()
n = named()
p = published("x")
d = folder()
o = note("x")
l = loose()
e = in_env("x")
output kept = o ?? p
output reads = r.reads
output twice = m ?? v
