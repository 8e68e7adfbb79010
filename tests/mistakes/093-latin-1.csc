## Load the timetable of a tram.

param line: str = "Königsallee"
param day: str = "2026-06-01"

task timetable(line: str, day: str) -> table: file = "tram/{{day}}.csv" {
  retry 2
  timeout 30s
  sh "tram-times --line {{line}} --day {{day}} > {{table}}"
}

task gaps(table: file) -> int {
  sh "gaps {{table}}"
}

output gaps = gaps(timetable(line, day))
