task t(n: int) -> str {
  requires cpu = 1, mem = 2 * need.mem
  timeout need.cpu * 1s
  env { MEM = str(need.memory) }
  in "work-{{need.gpu}}"
  sh "echo {{need.mem}} {{need.slots}}"
}
t(1)
