## Download weather of some stations.

param stations: list[str] = [
  "10384",
  "10400",
  "10488",

limit task:download 2

task download(station: str) -> data: file = "raw/{{station}}.zip" {
  retry 3 backoff 1s..30s
  timeout 2m
  sh "curl -fsS https://dwd.example/hourly/{{station}}.zip -o {{data}}"
}

task unpack(archive: file) -> table: file {
  sh "unzip -p {{archive}} 'produkt*' > {{table}}"
}

output tables = [unpack(download(s)) for s in stations]
