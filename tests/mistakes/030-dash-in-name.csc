## Check links of a handbook.

param chapters: list[file] = glob("book/*.html")

task check-links(chapter: file) -> list[str] {
  retry 1
  timeout 5m
  python """
    import re
    return re.findall(r'href="(https?://[^"]+)"', open(chapter).read())
  """
}

task probe(url: str) -> int {
  limit 4
  sh "curl -s -o /dev/null -w '%{http_code}' {{url}}"
}

links = flatten([check_links(c) for c in chapters])
output codes = [probe(u) for u in links]
