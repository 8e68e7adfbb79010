a = f(b)
b = [c, 1]
c = len([a])
n = n + 1
type T = {next: T?}
task f(x: list[int]) -> int { python "return 1" }
output d = a
