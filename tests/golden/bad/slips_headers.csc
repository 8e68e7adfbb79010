task a(x) -> int { sh "echo 1" }
task b(x str): int { sh "echo 1" }
task c(x: str) int { sh "echo 1" }
task d(x: str) => int { sh "echo 1" }
task e(x: str y: str) -> int { sh "echo 1" }
task f(x: str = ) -> int {
  sh "echo {{x}}"
  retyr 3
}
param g = 3
param h int
param i: = 3
for x of [1] { a(x) }
