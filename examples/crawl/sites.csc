## The pages of several sites, ranked: each server is asked no faster than it can bear.
## `python3 serve.py --sites 2 -- cascade run sites.csc` in this folder starts two, and stops them.

param sites: list[str] = split(env("CRAWL_SITES", "http://127.0.0.1:8077"), " ")   ## where the sites are
param patience: duration = 1s                                                      ## the first pause after a 429; the next ones grow

type Link = {id: str, url: str}
type Page = {id: str, url: str, size: int, words: int, links: list[str]}
type Ranked = {id: str, rank: float, linked: int, links: int, size: int, words: int}

limit task:fetch 3 by host because "each server answers 429 to the fourth"

## Fetch one page. `get.py` ends with 75 where the server asks to try again later.
task fetch(host: str, url: str) -> page: file {
  requires cpu = 0.1
  retry 10 backoff patience..10s on 75
  timeout 2m
  sh "python3 get.py {{url}} > {{page}}"
}

## The pages that a sitemap lists.
task listed(index: file) -> list[Link] {
  python "crawl.py:listed"
}

## What is on a page, and where it leads.
task read_page(page: file, link: Link) -> Page {
  requires cpu = 0.2
  python "crawl.py:read"
}

## All pages, the most linked of the most linked first.
task rank(pages: list[Page]) -> (table: file = "out/sites.csv", ranked: list[Ranked]) {
  python "crawl.py:rank"
}

indexes = [fetch(split(site, "/")[2], "{{site}}/sitemap.xml") for site in sites]
links = flatten([listed(index) for index in indexes])
pages = [read_page(fetch(split(link.url, "/")[2], link.url), link) for link in links]
ranking = rank(pages)

output table = ranking.table
output count = len(pages)
