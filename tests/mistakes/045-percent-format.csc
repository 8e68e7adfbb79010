## Fetch the pages of a paged service.

param service: str = "https://api.example/items"
param pages: int = 12

limit task:page 2

task page(url: str) -> json {
  retry 3 backoff 500ms..10s
  timeout 20s
  sh "curl -fsS {{url}}"
}

urls = ["https://api.example/items?page=%s" % str(n) for n in range(pages)]
output items = [page(u) for u in urls]
