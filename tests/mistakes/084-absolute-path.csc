## Publish metrics of a fleet.

param hosts: list[str] = ["web1", "web2"]

task metrics(host: str) -> json {
  retry 2
  timeout 20s
  sh "curl -fsS http://{{host}}:9100/metrics.json"
}

task publish(all: list[json]) -> page: file = "/var/www/metrics.json" {
  python """
    import json
    with open(page, "w") as out:
      json.dump(all, out)
  """
}

output page = publish([metrics(h) for h in hosts])
