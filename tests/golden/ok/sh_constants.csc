## Bodies and clauses see params and constants of the file; files are absolute paths there.

param genome: file = file("ref.fa")
threads = 4
task index(n: int) -> str {
  requires cpu = threads
  env { GENOME = genome }
  sh "index -t {{threads}} {{genome}} {{n}}"
}
output x = index(1)
