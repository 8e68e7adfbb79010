## An element that is an expression over calls; what is captured from outside.

param k: int = 2
task f(n: int) -> int { python "return n" }
base = f(0)
output xs = [f(n) * k + base for n in range(3)]
output ys = [{id: n, value: f(n)} for n in range(2)]
