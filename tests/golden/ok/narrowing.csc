## What tests for none let through.

type Sample = {id: str, depth: int?, note: {text: str?}?}

param n: int? = none
param m: int? = none
param samples: list[Sample] = []
param sample: Sample = {id: "a"}

output a = n + 1 if n != none else 0
output b = 0 if n == none else n + 1
output c = n != none and n > 3
output d = n == none or n > 3
output e = n + m if n != none and m != none else 0
output f = 0 if n == none or m == none else n + m
output g = n + 1 if not (n == none) else 0
output h = [s.depth * 2 for s in samples if s.depth != none and s.depth > 1]
output i = sample.note.text + "!" if sample.note != none and sample.note.text != none else ""
output j = samples[0].depth + 1 if samples[0].depth != none else 0
output k = n * 2 if n == 3 else 0
output l = (n ?? m ?? 3) + 1
output o = (sample.depth + 1 if sample["depth"] != none else 0) + (n ?? 0)
