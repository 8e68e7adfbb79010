## Demands, timeout and pauses that differ from attempt to attempt.

task a(x: int) -> int {
  requires mem = max(2GB, 2 * last.mem)
  timeout 10s * attempt if last.mem > 1GB else 5s
  retry 2 backoff 1s * attempt .. 4s
  sh "echo {{x}}"
}
output y = a(1)
