## Deduplicate contacts of several systems.

param exports: list<file> = [file("crm.csv"), file("shop.csv")]
param key: str = "email"

task normalise(table: file, key: str) -> clean: file {
  requires mem = 300MB
  sh "csvtool normalise --key {{key}} {{table}} > {{clean}}"
}

task merge(tables: list[file], key: str) -> merged: file = "contacts.csv" {
  sh "csvtool merge --key {{key}} {{tables}} > {{merged}}"
}

output contacts = merge([normalise(e, key) for e in exports], key)
