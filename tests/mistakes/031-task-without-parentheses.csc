## Refresh the search index.

param host: str = "localhost"

task prepare {
  sh "mkdir -p index"
}

task dump(host: str) -> docs: file {
  retry 2
  sh "curl -fsS http://{{host}}:8080/export -o {{docs}}"
}

task build(docs: file) -> index: file = "index/main.idx" {
  requires mem = 2GB
  sh "indexer {{docs}} -o {{index}}"
}

ready = prepare()
output index = build(dump(host)) after ready
