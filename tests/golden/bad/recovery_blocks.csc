task good(x: str) -> int {
  sh "echo {{x}}"
}
for a in ["x"] {
  b = good(a b)
  c = = 3
  good(bb)
}
for a of ["y"] {
  good(a) after nothing
  good(3 3)
}
z = good("a") with {
  retyr 3
  priority 3 3
  timeout 10
}
output r = z + c
