## Migrate a database, then fill it.

param tables: list[str] = ["users", "orders"]

task migrate() {
  requires db
  timeout 10m
  sh "migrate up"
}

task fill(table: str) {
  requires db
  retry 1
  sh "fill {{table}}"
}

limit db 1
migrated = migrate()
for t in tables {
  fill(t) after migrate
}
