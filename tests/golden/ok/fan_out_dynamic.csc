## A fan-out over a task's result, which is json and checked when it arrives.

task find() -> list[str] { sh "ls -1 | jq -R . | jq -s ." }
task use_(x: str) { sh "echo {{x}}" }
task any_() -> json { sh "echo '[1, 2]'" }
task one(n: int) -> int { sh "echo {{n}}" }
names = find()
for n in names { use_(n) }
output ns = [one(n) for n in any_()]
