task own() -> page: file = "out/{{page}}.txt" { sh "true > {{page}}" }
task other() -> (a: file = "out/a.txt", b: file = "{{a}}.bak") { sh "true > {{a}} > {{b}}" }
task matched() -> parts: list[file] = "parts/*.csv" { in scratch; sh "true > {{parts}}" }
task printed() -> n: int { sh "echo 3 > {{n}}" }
task execs() -> n: int { exec ["tee", n] }
task never() -> (a: file, n: int) { sh "echo {{n}}" }
task pattern(n: int) -> parts: list[file] = n { in scratch; sh "true" }
task out(out: str) -> file { sh "true > {{out}}" }
own()
