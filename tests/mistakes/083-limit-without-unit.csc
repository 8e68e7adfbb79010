## Blast proteins against several databases.

param queries: file = file("queries.faa")
param databases: list[str] = ["nr", "uniprot"]

limit cpu 16
limit mem 64

task blast(queries: file, database: str) -> hits: file = "hits/{{database}}.tsv" {
  requires cpu = 8, mem = 24GB
  timeout 12h
  sh "blastp -query {{queries}} -db {{database}} -num_threads 8 -outfmt 6 > {{hits}}"
}

task best(hits: file) -> top: file {
  sh "sort -k12,12nr {{hits}} | awk '!seen[$1]++' > {{top}}"
}

output top = [best(blast(queries, d)) for d in databases]
