# A file published into a folder that another task publishes as a whole.

task tree() -> d: dir = "out" { sh "mkdir {{d}}" }
task leaf(name: str) -> f: file = "out/deep/{{name}}.txt" { sh "echo > {{f}}" }
task side() -> f: file = "outer.txt" { sh "echo > {{f}}" }
task both() -> (d: dir = "two", f: file = "two/f.txt") { sh "mkdir {{d}}; true > {{f}}" }

output a = leaf("a")
output t = tree()
output s = side()
output b = both().f
