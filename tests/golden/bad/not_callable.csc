x = "a"
output a = x.upper()
output b = x(1)
output c = "a".len()
output d = [1][0](2)
