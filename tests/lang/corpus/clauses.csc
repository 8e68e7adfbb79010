task all(n: int) -> json {
  requires cpu = 4, mem = 8GB, gpu,
    api = n + 1
  limit 3
  limit 10/s burst 20
  limit 2 by host
  retry 3
  timeout 10m
  cache
  env { A = "x", B = n
    C = 1 + 2; D = "y", }
  priority -5
  tag api, slow
  in "work"
  shell "bash -euo pipefail"
  python "return 1"
}
task retries() { retry 2 + 1 backoff 1s..1m on 75, timeout, killed; exec ["x"] }
task backoff() { retry 3 backoff 1s..30s; exec ["x"] }
task causes() { retry 3 on timeout; exec ["x"] }
task cache_off() { cache off; exec ["x"] }
task cache_ttl() { cache 1h; exec ["x"] }
task cache_by() { cache by version; exec ["x"] }
task cache_both() { cache 1h by version + 1; exec ["x"] }
task scratch() { in scratch; exec ["x"] }
task scratch_expression(d: str) { in d + "/x"; exec ["x"] }
task empty() { }
task env_empty() { env { }; exec ["x"] }
