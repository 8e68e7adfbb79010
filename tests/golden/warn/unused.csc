## Names that nothing uses; calls are used for their effect, and `_x` is meant so.

param top: int = 3
param inside: int = 4
param of_python: int = 5
param of_nothing: int = 6
_spare = 1
lonely = top + 1
named = 2

task used(n: int) -> int { sh "echo {{n}} {{inside}} {{named}}" }
task in_python(n: int) -> int { python "return n + of_python" }
task never(n: int) -> int { sh "echo {{n}}" }

for n in [1] {
  x = used(n)
  y = n + 1
}
called = used(2)
output r = in_python(1)
