## Records, dicts and json: fields, keys, indices.

r = {id: "a", "b c": 2, inner: {xs: [1, 2]}}
d = {k: len(k) for k in ["a", "bb"]}
task t() -> json { sh "echo '{}'" }
j = t()
output a = r.id
output b = r["b c"] + r.inner.xs[0]
output c = d.bb
output e = j.x.y[0]
output f = keys(d)
