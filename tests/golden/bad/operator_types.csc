param s: size = 1GB
param f: file = file("a")
output a = "n = " + 3
output b = s + 3
output c = s < 5
output d = f == "a"
output e = not 1
output g = -"a"
output h = [1] - [2]
