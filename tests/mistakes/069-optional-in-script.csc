## Archive tickets, of one project or of all.

param since: str = "2026-01-01"
param project: str? = none

task export(since: str, project: str?) -> tickets: file {
  retry 2
  timeout 5m
  sh "tickets export --since {{since}} --project {{project}} > {{tickets}}"
}

task pack(tickets: file) -> archive: file = "archive.gz" {
  sh "gzip -c {{tickets}} > {{archive}}"
}

output archive = pack(export(since, project))
