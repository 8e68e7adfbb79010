## Calls inside expressions are nodes `x.f`, `x.f#2`; arguments by place, by name, by default.

task f(n: int, by: int = 2) -> int { python "return n * by" }
x = f(1) + f(by = 3, n = 2) * f(f(4))
f(5)
f(6)
output x = x
