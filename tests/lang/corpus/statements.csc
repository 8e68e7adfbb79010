x = 1; y = 2
f(x)
(y)
output r = x
output s = f(x) after y, r
if x > 1 { a = 1 } else { a = 2 }
if x > 1 {
  b = 1
}
else if x < 0 {
  b = 2
}

# between
else {
  b = 3
}
if x == 1 { }
for p, q in zip(xs, ys) {
  z = f(p)
  g(z, q) after x
}
flow g(a: int) -> int {
  if a > 1 { return a }
  return [a][0]
}
