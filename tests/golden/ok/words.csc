## Fetch pages, count their words, rank the result.

param urls: list[str] = ["https://a.example", "https://b.example"]   ## pages to read
param top: int = 10                                                  ## how many words to keep

limit task:fetch 2            # two requests at once
limit mem 4GB

task fetch(url: str) -> page: file {
  requires cpu = 0.1        # it mostly waits
  retry 3 backoff 1s..30s
  timeout 20s
  sh "curl -fsS {{url}} -o {{page}}"
}

task count(page: file) -> json {
  requires cpu = 1, mem = 2 * size(page) + 64MB
  retry 1
  python """
    import collections, re
    return collections.Counter(re.findall(r"\w+", open(page).read().lower()))
  """
}

task rank(counts: list[json], top: int) -> table: file = "out/words.csv" {
  python "helpers.py:rank"
}

pages = [fetch(u) for u in urls]
counts = [count(p) for p in pages]
output words = rank(counts, top)
