s = {id: "a", size: 3}
xs = [s]
output a = s.siez
output b = xs.id
output c = s["idd"]
output d = sorted(xs, by = "ids")
output e = (1).real
