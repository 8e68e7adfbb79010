## Crawl some feeds and keep their titles.

feeds = [
  "https://news.example/rss",
  "https://blog.example/atom"
  "https://podcast.example/feed",
]

task fetch(url: str) -> feed: file {
  retry 2
  timeout 30s
  sh "curl -fsSL {{url}} -o {{feed}}"
}

task titles(feed: file) -> list[str] {
  python """
    import xml.etree.ElementTree as tree
    return [e.text or "" for e in tree.parse(feed).iter("title")]
  """
}

output found = flatten([titles(fetch(f)) for f in feeds])
