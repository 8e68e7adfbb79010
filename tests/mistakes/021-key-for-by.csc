## The longest documents first, so that the pool stays full.

type Document = {path: str, pages: int}

param documents: list[Document] = [{path: "a.pdf", pages: 3}, {path: "b.pdf", pages: 90}]

task read_text(path: str) -> text: file {
  requires cpu = 1, mem = 500MB
  timeout 10m
  sh "pdftotext {{path}} {{text}}"
}

ordered = reversed(sorted(documents, key = "pages"))
texts = [read_text(d.path) for d in ordered]
output texts = texts
