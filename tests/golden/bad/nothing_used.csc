# A task without a result, whose result is used.
task count(text: str) { sh "wc -w <<< x" }
task show(n: int) { sh "echo {{n}}" }
one = count("a b")
all = [count(t) for t in ["a", "b"]]
show(one)
output total = sum(all)
output more = one + 1
output part = one.words
output each = [n for n in all]
