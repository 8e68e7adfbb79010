type A = {x: str, y: str}
type B = {a: A, b: A, c: A, d: A, e: A, f: A, g: A, h: A, i: A, j: A}
type C = {a: B, b: B, c: B, d: B, e: B, f: B, g: B, h: B, i: B, j: B}
type D = {a: C, b: C, c: C, d: C, e: C, f: C, g: C, h: C, i: C, j: C}
type E = {a: D, b: D, c: D, d: D, e: D, f: D, g: D, h: D, i: D, j: D}
type F = {a: E, b: E}
param e: E
