## A comprehension over calls, over a param and then over its own result.

param urls: list[str] = ["a", "b"]
task fetch(url: str) -> page: file { sh "curl {{url}} -o {{page}}" }
task count(page: file) -> int { sh "wc -l < {{page}}" }
pages = [fetch(u) for u in urls]
counts = [count(p) for p in pages]
output total = sum(counts)
