## Rank the candidates of a screen.

type Hit = {id: str, score: float}

param threshold: float = 0.5

task screen(threshold: float) -> list[Hit] {
  requires cpu = 8
  python "return [{'id': 'x1', 'score': threshold}, {'id': 'x2', 'score': 0.9}]"
}

task dock(id: str) -> pose: file = "poses/{{id}}.pdb" {
  requires cpu = 4, mem = 6GB
  sh "dock {{id}} > {{pose}}"
}

hits = screen(threshold)
ranked = sorted(hits, by = lambda h: h.score)
output poses = [dock(h.id) for h in ranked]
