## Exact types of what functions give.

type Row = {id: str, n: int, wait: duration, files: list[file]}
param rows: list[Row] = []
param names: list[str] = []
param open: json = none
output a = group_by(rows, by = "id")
output b = group_by(rows, [r.n % 2 == 0 for r in rows])
output c = zip(names, rows)
output d = [{name: n, id: r.id} for n, r in zip(names, rows)]
output e = min(rows, by = "wait")
output f = max(1, 2.5)
output g = sum([r.wait for r in rows])
output h = round(2.5) + round(7, -1)
output i = sorted(rows, by = [r.files for r in rows])
output j = unique(names)
output k = chunk(flatten([r.files for r in rows]), 2)
output l = enumerate(names, start = 1)
output m = read_csv("a.csv")
output n = read_yaml("a.yaml")
output o = env("HOME", "/")
output p = env("HOME")
output q = json(rows)
output r = json("[1]")
output s = open.a[0].b + 1
output t = 1h // 7m + 3s // 2s
output u = now()
