## Check certificates of hosts.

param hosts: list[str] = ["a.example", "b.example"]

timeout 30s

task expiry(host: str) -> int {
  retry 1
  sh "days-to-expiry {{host}}"
}

task warn(host: str, days: int) {
  sh "notify \"{{host}}: {{days}} days\""
}

days = [expiry(h) for h in hosts]
for h, d in zip(hosts, days) {
  warn(h, d)
}
