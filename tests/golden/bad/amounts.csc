task t() {
  requires mem = 3, cpu = 4GB, gpu = -1, api = "a"
  timeout 0s
  retry 2 backoff 1m..1s
  sh "true"
}
task u() {
  requires mem, disk = 1
  sh "true"
}
task v() { requires disk = 1GB; priority "high"; timeout 10; sh "true" }
t()
u()
v()
