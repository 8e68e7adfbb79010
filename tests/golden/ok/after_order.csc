## `after` waits without using the value; on functions too.

task prepare() { sh "mkdir -p out" }
task t(n: int) -> int { sh "echo {{n}}" }
p = prepare()
x = t(1) after p
ys = [t(n) after (p, x) for n in range(2)]
n = len(glob("out/*")) after x
output n = n
z = t(2) after x, ys
