## Publish a report, to a channel if one is given.

param channel: Optional[str] = none
param week: int = 12

task report(week: int) -> page: file = "reports/week-{{week}}.html" {
  requires cpu = 1
  sh "make-report --week {{week}} > {{page}}"
}

task announce(page: file, channel: str) {
  retry 2
  sh "notify --channel {{channel}} --attach {{page}}"
}

page = report(week)
announce(page, channel ?? "#general")
output page = page
