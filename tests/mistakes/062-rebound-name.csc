## Clean, filter and count measurements.

param raw: file = file("measurements.csv")

task clean(table: file) -> tidy: file {
  sh "sed '/^#/d' {{table}} > {{tidy}}"
}

task drop_outliers(table: file) -> kept: file {
  requires cpu = 1
  sh "awk -F, '$2 < 100' {{table}} > {{kept}}"
}

task rows(table: file) -> int { sh "wc -l < {{table}}" }

table = clean(raw)
table = drop_outliers(table)
output rows = rows(table)
