## Every clause of a task.

param host: str = "h"
task t(n: int) -> int {
  requires cpu = 0.5, mem = n * 1GB + 64MB, api = attempt, gpu   # allow: unlimited-demand
  limit 3
  retry n backoff 1s..1m on 75, timeout, killed
  timeout 10m
  cache 1h by host
  env { HOST = host, N = n }
  priority 5
  tag slow, net
  in "work/{{n}}"
  shell "bash -eu"
  sh "echo {{n}} {{need.cpu}} {{attempt}}"
}
output x = t(1)
