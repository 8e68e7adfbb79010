## Optional values and what makes them values.

param note: str? = none
param r: {n: int?} = {n: none}
output a = note ?? "none given"
output b = upper(note) if note != none else "-"
output c = note != none and len(note) > 3
output d = (r.n + 1) if r.n != none else 0
output e = [x + 1 for x in [1, none] if x != none]
output f = not (note == none) and note == "x"
