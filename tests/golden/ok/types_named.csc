## Types by names, used in each other, in params, inputs and outputs; texts that become options.

type Mode = "fast" | "safe"
type Lane = {number: int, side: "left" | "right"}
type Sample = {id: str, lanes: list[Lane], depth: int?, mode: Mode}
type Cohort = dict[Sample]
type Samples = list[Sample]

param quick: bool = false
param cohort: Cohort = {a: {id: "a", lanes: [{number: 1, side: "left"}], mode: "fast"}}
param extra: Samples = []

task measure(s: Sample, mode: Mode = "safe") -> {id: str, score: float?} {
  python "return {'id': s['id'], 'score': None}"
}
task pick(samples: Samples) -> best: Sample { python "return samples[0]" }

chosen = "fast" if quick else "safe"
samples = values(cohort) + extra
found = [measure(s, chosen) for s in samples if s.mode in ["fast", "safe"]]
best = pick(samples)
output scores = [f.score for f in found if f.score != none]
output side = best.lanes[0].side
output by_mode = group_by(samples, by = "mode")
output modes = [chosen, best.mode]
