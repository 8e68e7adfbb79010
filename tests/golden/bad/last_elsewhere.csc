task a(x: int) -> int {
  requires cpu = last.cpu
  retry attempt + last.mem
  priority last.mem
  env { A = str(last.mem) }
  sh "echo {{last.mem}}"
}
output y = a(1)
output z = last.mem
