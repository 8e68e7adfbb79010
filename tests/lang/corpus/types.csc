param a: bool
param b: list[dict[int]]
param c: {id: str, "b c": float, reads: list[file]?,}
param d: "fast" | "safe" | ""
param e: duration?
param f: {}
param g: list[{n: int}]
param h: list["a" | "b"]
param i: ((str))
param j: size
type Named = "one"
