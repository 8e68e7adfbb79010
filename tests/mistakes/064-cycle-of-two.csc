## Align two scans to each other.

param left: file = file("left.ply")
param right: file = file("right.ply")

task register(scan: file, onto: file) -> moved: file {
  requires cpu = 2, mem = 4GB
  timeout 30m
  sh "register {{scan}} {{onto}} > {{moved}}"
}

a = register(left, b)
b = register(right, a)
output pair = [a, b]
