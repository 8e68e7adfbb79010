type Sample = {id: string}
param a: Sampel
param b: list
param c: dict[integer]
output n = 1
