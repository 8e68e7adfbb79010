## Summarise chat logs each week.

param weeks: list[int] = [12, 13]

task collect(week: int) -> log: file {
  retry 2
  sh "chat-export --week {{week}} > {{log}}"
}

task summarise(log: file, week: int) -> summary: file = "summaries/{{week}}.md" {
  requires gpu
  timeout 20m
  sh "summarise {{log}} > summaries/{{week}}.md"
}

output summaries = [summarise(collect(w), w) for w in weeks]
