# Two outputs of one task under one path.

param n: int = 1

task same(n: int) -> (a: file = "out/{{n}}.txt", b: file = "out/{{n}}.txt", c: file = "out/c.txt") {
  sh "true > {{a}} > {{b}} > {{c}}"
}

output o = same(n).a
