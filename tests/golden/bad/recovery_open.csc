task a(x: str) -> int {
  env { A = "1"
  sh "echo {{y}}"
}
task b(x: str) -> int {
  exec ["echo", x
  retry 3 3
}
task c(x: str) -> int {
  sh "echo 1"

task d(x: str) -> int {
  sh "echo {{x}}"
}
p = [1, 2
q = {a: 1
r = d("x"
output s = p[0] + q.a + r + tt
output t = d(1)
