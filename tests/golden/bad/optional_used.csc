param note: str? = none
param xs: list[int]? = none
output a = upper(note)
output b = note + "!"
output c = [x for x in xs]
output d = "yes" if note else "no"
