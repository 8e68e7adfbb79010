## Fetch the abstracts of papers.

param ids: list[str] = ["2401.0001", "2401.0002"]

limit fetch 3

task fetch(id: str) -> page: file {
  requires cpu = 0.1
  retry 3
  sh "curl -fsS https://papers.example/{{id}} -o {{page}}"
}

task abstract(page: file) -> str {
  sh "sed -n '/abstract/,/\\/abstract/p' {{page}}"
}

output abstracts = [abstract(fetch(i)) for i in ids]
