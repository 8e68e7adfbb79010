literals = [none, true, false, 3, 1_000, 2.5, 1e6, 1.5e-3, 250ms, 1h30m, 4GB, 64MiB, 1.5GB]
text = ["", "a", 'raw \n {{x}}', "a {{x}} b", "{{x}}{{y}}", "\{{x}}", "tab\t\"\\\u{e9}\n"]
record = {a: 1, "b c": 2, d: {e: []},}
empty_record = {}
list_comp = [f(x) for x in xs]
filtered = [x for x in xs if x > 1]
nested = [f(a, b) for a, c in zip(xs, ys) if a for b in c if b != none]
dict_comp = {k: len(k) for k in ks}
dict_comp_text = {"{{k}}!": k for k in ks if k}
ternary = a if b else c if d else e
logic = a or b and not c or d
chain = 1 < x <= 10 != y == z >= 2 > 1
member_of = a in b
not_member = a not in b
coalesced = a ?? b ?? c
arithmetic = 1 + 2 * 3 - 4 / 5 // 6 % 7
power = -2 ** -3 ** 2
unary = - - x
grouped = (1 + 2) * 3
postfix = a.b[0].for[1:2][:3][4:][:].in
call = f(1, b, c = 2, d = [x for x in xs],)
member_call = http.get(url)
call_of_call = f(1)(2)
after = f(a) after b
after_member = f(a) after b.c
after_many = f(a) after b, c, d.e
after_brackets = [f(a) after (b, c) for a in xs]
after_middle = f(a) after b + 1
with = f(a) with { requires gpu = 2; retry 0 }
with_after = f(a) with { retry 0 } after b
after_with = f(a) after (b,) with { }
tried = try f(a) after b else d
tried_in = (try f(a) else 1) + 1
looped = repeat m = init() while m.loss > 0.1 max 20 { train(m) }
looped_ok = repeat m = init() while m.loss > 0.1 max n * 2 ok every 30s {
  x = step(m, round)
  train(x)
}
