## Ping some hosts and note which answer.

hosts =
  - alpha
  - beta

task ping(host: str) -> bool {
  timeout 10s
  sh "ping -c1 {{host}} > /dev/null && echo true || echo false"
}

alive = [ping(h) for h in hosts]
up = [h for h, ok in zip(hosts, alive) if ok]
output up = up
