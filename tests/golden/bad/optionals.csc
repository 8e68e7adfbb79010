type Sample = {id: str, depth: int?}
param samples: list[Sample] = []
param n: int? = none
param s: Sample? = none
task t(n: int) { sh "echo {{n}}" }
t(n)
output a = n + 1 if n == none else n
output b = n > 1 and n != none
output c = [x.depth * 2 for x in samples if x.id != "a"]
output d = [x for x in samples if x.depth != none][0].depth + 1
output e = s.id
output f = [n for n in [n]][0] + 1 if n != none else 0
output g = n != none or n > 3
output h = not (n != none and n > 3) and n > 1
