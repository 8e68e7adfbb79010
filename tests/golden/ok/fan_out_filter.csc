## Filters of a fan-out: a pure one, one that reads, one that calls.

task fetch(url: str) -> page: file { sh "curl {{url}} -o {{page}}" }
task good(page: file) -> bool { sh "test -s {{page}} && echo true" }
pages = [fetch(u) for u in ["a", "b", "c"] if u != "b"]
large = [fetch(str(p)) for p in pages if size(p) > 1KB]
output kept = [p for p in pages if good(p)]
