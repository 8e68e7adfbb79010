## Start databases for a test and wait for each.

param versions: list[int] = [14, 15, 16]

task start(version: int) -> str {
  requires port
  timeout 2m
  sh "docker run -d --rm postgres:{{version}}"
}

task address(container: str) -> str {
  retry 5 backoff 1s..5s
  sh "docker inspect --format '{{.NetworkSettings.IPAddress}}' {{container}}"
}

limit port 3
containers = [start(v) for v in versions]
output addresses = [address(c) for c in containers]
