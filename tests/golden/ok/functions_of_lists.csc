## Lists by field, by group, by size.

rows = [{k: "a", n: 2}, {k: "b", n: 1}]
output s = [r.k for r in sorted(rows, by = "n")]
output g = [x.key for x in group_by(rows, "k")]
output m = max(rows, by = "n").k
output c = chunk(range(5), 2)
output z = [a + b for a, b in zip([1, 2], [3, 4])]
