output a = [x for x, y, z in enumerate([1])]
output b = [x for x, y in [1, 2]]
output c = [x for x in 3]
output d = [k for k in {a: 1}]
