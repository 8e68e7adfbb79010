## Download and verify releases of a data set.

param releases: list[str] = ["v1", "v2"]

task download(release: str) -> archive: file {
  retry 2
  timeout 30m
  requires cpu = 0.2
  retry 5 backoff 10s..2m
  sh "curl -fsS https://data.example/{{release}}.tar -o {{archive}}"
}

task verify(archive: file, release: str) -> bool {
  sh "verify {{release}} {{archive}} && echo true"
}

output sound = [verify(download(r), r) for r in releases]
