## Operators, from loose to tight.

param a: int = 7
param b: float = 2.5
param s: size = 3GB
param d: duration = 1m
output arithmetic = [a + b, a - 1, a * 2, a / 2, a // 2, a % 2, -a, a ** 2]
output logic = a > 1 and not (b < 2 or a == 3) and 1 < a <= 9
output sizes = [s * 2, s * 1.5, s + 1MB, s / 3]
output times = [d * 2, d + 30s]
output ratio = s / 1GB + d / 1s
output member = ["x" in "xyz", 1 in [1, 2], "k" in {k: 1}, 3 not in [1]]
output picked = "big" if a > 5 else "small"
output parts = [[1, 2, 3][0], [1, 2, 3][-1]]
output slices = ["hello"[1:3], "hello"[:2], "hello"[2:]]
