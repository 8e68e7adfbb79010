param urls: list[str] = ["https://a.example", "https://b.example"
param top: int = 10

limit task:fetch 2
limit task:ferch 5

task fetch(url: str) -> page: file
  requires cpu = 0.1
  retry 3
  sh "curl -fsS {{url} -o {{page}}"
}

task count(page: file) -> json {
  requires cpu = 1, mem = 2 * size(page + 64MB
  python """
    import collections
    return collections.Counter(open(page).read())
  """
}

task rank(counts: list[json], top: int) -> table: file = "out/words.csv" {
  python "helpers.py:rank
}

pages = [fetch(u) for u in urls
counts = [count(p) for p in pages]
samples = [
  {id: "a", reads: ["r1"]},
  {id: "b", reads: ["r2"},
  {id: "c" reads: ["r3"]},
]
output words = rank(counts, topp)
output other = count(pages[0]) + [1
