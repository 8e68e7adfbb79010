## A filter makes optional fields values for the element.

type Row = {id: str, n: int?}
param rows: list[Row] = []
task t(n: int) -> int { sh "echo {{n}}" }
output xs = [t(r.n) for r in rows if r.n != none]
