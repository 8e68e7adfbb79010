type Row = {id: str, n: int, depth: int?, more: {x: int}}
param rows: list[Row] = []
param xs: list[int] = []
param by: str = "id"
output a = sorted(rows)
output b = sorted(rows, by = "m")
output c = sorted(rows, "depth")
output d = max(rows, by = "more")
output e = sorted(xs, "id")
output f = group_by(xs, by = "id")
output g = unique(rows, "idd")
output h = min(none, 1)
output i = sorted([r.depth for r in rows])
output j = min(3)
output k = sorted(rows, by = 3)
