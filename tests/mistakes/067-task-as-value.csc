## Compile a corpus of papers into one text.

param papers: list[file] = glob("papers/*.pdf")

task text_of(paper: file) -> text: file {
  requires mem = 500MB
  sh "pdftotext {{paper}} {{text}}"
}

task licence() -> text: file { sh "curl -fsS https://licence.example > {{text}}" }

task bind(texts: list[file], last: file) -> book: file = "book.txt" {
  sh "cat {{texts}} {{last}} > {{book}}"
}

texts = [text_of(p) for p in papers]
output book = bind(texts, licence)
