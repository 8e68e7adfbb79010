task t(n: int) -> f: file = "out.txt" { sh "echo {{n}} > {{f}}" }
xs = [t(i) for i in range(3)]
task u(n: int) -> f: file = "u/{{n}}.txt" { sh "echo {{n}} > {{f}}" }
a = u(1)
b = u(n = 1)
c = u(2)
task v() -> f: file = "v.txt" { sh "true > {{f}}" }
v()
v()
