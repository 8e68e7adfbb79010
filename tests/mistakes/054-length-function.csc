## Balance a list of jobs over machines.

param jobs: list[str] = ["j1", "j2", "j3", "j4", "j5"]
param machines: int = 2

task work(batch: list[str], number: int) -> log: file = "logs/{{number}}.txt" {
  requires cpu = 2
  timeout 1h
  sh "for job in {{batch}}; do run-job \"$job\"; done > {{log}}"
}

per_machine = length(jobs) // machines + 1
batches = chunk(jobs, per_machine)
output logs = [work(b, i) for i, b in enumerate(batches)]
