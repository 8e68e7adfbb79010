task a() {
  sh "x"
}
}
task b() -> {
  sh "y"
}
x = {
  "a": 1,
  "b": 2,
y = 3
output z = x.a + y + nope
task c(x: int, -> int { sh "z" }
task d(x: int) -> int { sh "{{x" }
d(c(1))
output q = [for x in [1] x]
