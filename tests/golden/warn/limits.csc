param n: int = 3
limit tokens 90000/m
limit calls 10/s burst n
limit task:ask 2 by "all"
limit task:ask 4 by "all" for 10m   # allow: constant-key
task ask(n: int) { requires tokens = n, calls = n; sh "ask {{n}}" }
ask(n)
