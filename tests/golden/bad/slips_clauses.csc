task f(x: str) -> int {
  requires cpu 4
  retry = 3
  timeout: 10s
  tag "api"
  env { A: "x" }
  memory 4GB
  sh("echo 1")
}
task g(x: str) -> int {
  requires cpu = 1 mem = 2GB
  retry 3 backoff 1s 30s
  script "echo {{y}}"
}
limit task f 3
limit cpu = 3
retry 3
