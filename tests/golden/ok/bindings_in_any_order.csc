## Order does not matter; a name for a name makes no node.

output sum_ = c
c = b + 1
alias = b
b = f(a)
a = 3
again = f(alias)
task f(n: int) -> int { python "return n" }
