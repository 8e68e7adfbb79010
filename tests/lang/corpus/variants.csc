use std
use std.net.http as h
use "a.csc" (k = 1)
use std.http (k = 1)
use std.http (k = 1) as web
param p: {a: int}
param q: {a: int, b: int, c: int,}
lists = [[a,], [a, b, c,], {a: 1,}, {a: 1, b: 2, c: 3}, f(a,), f(a, b, c), {a: 1, b: 2, c: 3,}]
chain = a not in b < c not in d
pieces = "{{a}}b{{c}}d"
quotes = '{{' + "" + """{{a}}"""
deep = repeat m = a while b max 3 every 1m { m }
deep_ok = repeat m = a while b max 3 ok { m }
after_list = [f(a) after (b, c, d,), f(a) after (b), f(a) after (b,)]
task a(x: int,) -> (a: file,) { tag one; env { A = 1 }; exec ["x"]; }
task b(x: int, y: int, z: int) -> (a: temp file = "a", b: int) {
  tag one, two, three
  env {
    A = 1
    B = 2,
    C = 3
  }
  exec ["x"]
}
task c() -> temp file = "c" { env { A = 1, }; exec ["x"] }
task d() -> (a: int, b: int, c: int,) { env { A = 1, B = 2, }; exec ["x"] }
test "t" {
  mock a
}
test "u" {
  mock a() = 1;
}
test "v" {
  mock a(x)
  mock b(x) takes 1s
  mock b = 1 takes 1s
  mock a.b.c(x, y, z)
  let a = 1
}
flow f() -> int {
  a = 1
  b = 2;
}
flow g() { }
param r: {a: int,}
param s: {a: int, b: int}
task e() -> (a: int) { env { A = 1
  }; exec ["x"] }
task h() -> (a: int, b: int,) { env { A = 1, B = 2 }; exec ["x"] }
task i() -> (a: int,) { env { A = 1; B = 2
  C = 3; }; exec ["x"]; }
flow j() { a = 1; b = 2 }
flow k() { a = 1; b = 2; c = 3; return c }
test "w" { mock a(x,); mock b; mock c(x, y) }
test "x" { mock a }
