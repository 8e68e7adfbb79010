## Limits of the file: global, task, tag, resource, one with an amount from a param.

param most: int = 4
limit global 16
limit task:f* most
limit tag:net 2 because "the API complains"
limit mem 4GB hard
limit api most + 1
limit cpu 1.5
task fetch(u: str) { tag net; requires api; sh "curl {{u}}" }
for u in ["a", "b"] { fetch(u) }
