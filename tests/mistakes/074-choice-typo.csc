## Render a book draft or final.

type Quality = "draft" | "final"

param quality: Quality = "drafft"
param chapters: list[file] = glob("book/*.tex")

task lay_out(chapter: file, quality: Quality) -> pages: file {
  requires cpu = 1, mem = 500MB
  timeout 10m
  sh "lay-out --quality {{quality}} {{chapter}} > {{pages}}"
}

task bind(parts: list[file]) -> book: file = "book.pdf" {
  sh "pdfunite {{parts}} {{book}}"
}

output book = bind([lay_out(c, quality) for c in chapters])
