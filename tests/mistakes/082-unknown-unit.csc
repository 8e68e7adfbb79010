## Sample a queue while a load test runs.

param queues: list[str] = ["orders", "mails"]

task watch(queue: str) -> samples: file = "load/{{queue}}.csv" {
  requires cpu = 0.1
  timeout 5min
  sh "watch-queue {{queue}} --for 240 > {{samples}}"
}

task peak(samples: file) -> int {
  sh "sort -n {{samples}} | tail -1"
}

output peaks = [peak(watch(q)) for q in queues]
