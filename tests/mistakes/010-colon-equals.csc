## Build a site: each page from its source, then the index.

sources := glob("pages/*.md")

task page(source: file) -> html: file = "site/{{stem(source)}}.html" {
  sh "pandoc {{source}} -o {{html}}"
}

task contents(pages: list[file]) -> html: file = "site/index.html" {
  python """
    with open(html, "w") as out:
      for page in pages:
        out.write(f"<a href='{page}'>{page}</a>\n")
  """
}

pages = [page(s) for s in sources]
output index = contents(pages)
