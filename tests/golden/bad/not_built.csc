use std.http
secret TOKEN
flow f(n: int) -> int { return n }
finally { t(1) }
test "x" { expect 1 == 1 }
task t(n: int) -> int { env { T = TOKEN }; sh "echo {{n}}" }
if true { a = t(1) } else { a = t(2) }
b = try t(1) else 3
c = repeat m = 0 while m < 3 max 5 { t(m) }
d = t(1) if a == 1 else 2
e = true and t(1) == 1
k = {str(n): t(n) for n in range(2)}
output l = f(a)
output m = http.get("x")
output n = read_yaml("x")
