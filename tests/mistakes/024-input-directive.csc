## Concatenate logs and find the slow requests.

param logs: list[file] = glob("logs/*.log")
param slow: duration = 2s

task join_logs(parts: list[file]) -> whole: file {
  input: parts
  sh "cat {{parts}} > {{whole}}"
}

task find_slow(whole: file, slow: duration) -> table: file = "slow.csv" {
  sh "slow-requests --over {{slow}} {{whole}} > {{table}}"
}

output table = find_slow(join_logs(logs), slow)
