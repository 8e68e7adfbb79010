param n: int = m
m = 3
task t(k: int) -> int { sh "echo {{k}} {{r}}" }
r = t(1)
output a = t
output b = len
task u(k: int = t(3)) { requires cpu = r; sh "echo {{k}}" }
u()
