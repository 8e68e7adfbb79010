a = f(
  1,   # one

  2
)
b = 1 +
  2 *

  3
c = x and
  not y
d = [
  1
  ,
  2
]
e = {
  a: 1,
  b: [
    2
  ]
}
f = [g(x) with {
  retry 1
  timeout 1m
} for x in xs]
h = a if b
  else c
param mode: "a" |
  "b" = "a"
; ; i = 1;
j = 2 # the end
