## The whole limit sentence: rates, bursts, keys, times and windows.

param quick: int = 20
limit global 100/s burst quick * 2
limit tag:net 0.5/s by host
limit tag:net 2 by lower(host)
limit task:ask 2 by "{{host}}:{{len(prompt)}}" because "one at a time for each prompt"
limit tokens 90000/m burst 90000
limit disk 10MB/s burst 64MiB
limit db 1
limit db 4 from 22:00 to 06:00 fri-sun,wed
limit task:fetch 1 for 1h30m
limit task:fetch 2 until 08:00
limit api 5 hard

task fetch(host: str, url: str) {
  requires api, disk = 5MB
  tag net
  limit 3
  limit 10/s
  limit 10/s by host
  sh "curl {{host}}/{{url}}"
}
task ask(host: str, prompt: str, n: int) {
  requires tokens = n, db
  tag net
  sh "ask {{host}} {{prompt}}"
}
for u in ["a", "b"] { fetch("h", u) }
ask("h", "p", 500)
