## Lists, dicts, records, choices and names for types.

type Sample = {id: str, reads: list[file], note: str?}
type Mode = "fast" | "safe"

param samples: list[Sample] = [{id: "a", reads: [file("a.fq")], note: none}]
param sizes: dict[int] = {a: 1, "b c": 2}
param mode: Mode = "fast"
output ids = [s.id for s in samples]
output mode = mode
output total = sum(values(sizes))
