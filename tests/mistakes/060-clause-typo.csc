## Validate nightly backups by restoring them.

param backups: list[file] = glob("backups/*.dump")

task restore(backup: file) -> report: file = "checks/{{stem(backup)}}.txt" {
  requries cpu = 2, mem = 4GB
  timeout 1h
  sh "restore-and-check {{backup}} > {{report}}"
}

task summary(reports: list[file]) -> page: file = "checks/summary.txt" {
  sh "grep -h STATUS {{reports}} > {{page}}"
}

output summary = summary([restore(b) for b in backups])
