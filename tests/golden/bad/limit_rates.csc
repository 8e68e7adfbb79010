param most: int = 3
limit tokens 90000/m burst 400
limit disk 10MB/s
limit global 10/sec
limit task:ask 10 / s
limit task:ask 10/s burst 0
limit task:ask 10/s burst most + 0.5
limit task:ask 3 burst 5
limit task:ask none for 10m
limit task:ask 1 for 10
limit task:ask 2 whole
limit mem -1MB/s burst 1MB
task ask(n: int) {
  requires tokens = 500, disk = 1MB
  limit -2
  limit 3
  sh "ask {{n}}"
}
ask(1)
