task t(a: int, b: int = 2) -> int { sh "echo {{a}} {{b}}" }
output a = t()
output b = t(1, 2, 3)
output c = t(1, bb = 2)
output d = t(1, a = 2)
output e = len()
output f = len([1], [2])
output g = round(1.5, digits = 1, digits = 2)
output h = t(1, c = undefined)
