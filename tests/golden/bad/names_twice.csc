param x: int = 1
x = 2
task t(a: int, a: str) -> (b: file, b: file) { python "pass" }
task t() { sh "true" }
type int = str
output o = {k: 1, k: 2}
output o = [i for i, i in enumerate([1])]
