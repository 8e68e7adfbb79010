## `with` replaces clauses for one call, `requires` resource by resource.

task t(n: int) -> int {
  requires cpu = 2, mem = 1GB
  retry 3
  tag slow
  sh "echo {{n}}"
}
limit tag:quick 2
a = t(1) with { requires mem = n * 2GB; retry 0 }
b = t(2) with { tag quick; timeout 5s }
output s = a + b
