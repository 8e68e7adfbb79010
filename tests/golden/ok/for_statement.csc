## `for` for effect: local bindings, in any order, nested.

task a(n: int) -> int { sh "echo {{n}}" }
task b(n: int) { sh "echo {{n}}" }
for x in range(3) {
  b(y)
  y = a(x)
  for z in [y, x] { b(z) }
}
