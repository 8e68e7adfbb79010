## Segment the scans of adult patients.

type Patient = {id: str, age: int}

param patients: list[Patient] = [{id: "p1", age: 61}, {id: "p2", age: 12}]

task segment(id: str) -> mask: file = "masks/{{id}}.nii" {
  requires gpu = 1, mem = 12GB
  timeout 30m
  sh "segment scans/{{id}}.nii {{mask}}"
}

task volume(mask: file) -> float {
  sh "volume {{mask}}"
}

adults = [p if p.age >= 18 for p in patients]
output volumes = [volume(segment(p.id)) for p in adults]
