type Sample = {id: str, reads: list[file], depth: int?, lane: {number: int, side: "left" | "right"}}
task t(s: Sample) { sh "echo {{s.id}}" }
task all(ss: list[Sample]) { sh "echo" }
param rows: list[Sample] = [{id: "a", reads: [], lane: {number: 1, side: "left"}}]
wide = {id: "b", reads: ["x"], lane: {number: 1, side: "left"}, more: 1}
t({id: "a", raeds: [], lane: {number: "1", side: "lft"}})
t(wide)
all([{id: r.id, reads: r.reads} for r in rows])
t(rows[0].lane)
output n = rows[0].lane.sides
