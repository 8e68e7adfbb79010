task t(n: int) {
  retry 1
  requires cpu = 1, cpu = 2
  retry 2
  requires mem = 1GB
  sh "true"
}
t(1) with { limit 3 }
t(2) with { shell "sh" }
