output a = [1, "a"]
param b: bool = true
output c = 1 if b else "no"
output d = [{x: 1}, {y: 2}]
