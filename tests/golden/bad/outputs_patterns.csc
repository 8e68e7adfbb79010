task folders() -> parts: list[dir] = "parts/*" { sh "mkdir -p parts/a" }
task up() -> parts: list[file] = "a/../*.csv" { in scratch; sh "true" }
task absolute() -> parts: list[file] = "/tmp/*.csv" { in scratch; sh "true" }
task state() -> parts: list[file] = ".cascade/*" { in scratch; sh "true" }
task beside() -> f: file = "out/.cascade-1/x" { sh "true > {{f}}" }
task none_of() -> parts: list[file]? = "*.csv" { in scratch; sh "true" }
task texts() -> parts: list[str] = "*.csv" { in scratch; sh "true" }
task twins() -> (a: list[file] = "*.csv", b: list[file] = "./*.csv", c: file = "x//y", d: file = "x/y") {
  in scratch
  exec ["touch", c, d]
}
task place(n: int) -> parts: list[file] = "parts/*.csv" { sh "mkdir -p parts; true > parts/{{n}}.csv" }
folders()
fan = [place(n) for n in range(3)]
