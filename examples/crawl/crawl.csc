## A polite crawl: every page of a small site, at most three at a time, ranked by who links to whom.
## `python3 serve.py` in this folder is the site. It answers 429 to the fourth request at once.

param base: str = env("CRAWL_BASE", "http://127.0.0.1:8077")   ## where the site is
param top: int = 5                                             ## how many pages the result names
param patience: duration = 1s                                  ## the first pause after a 429; the next ones grow

type Link = {id: str, url: str}
type Page = {id: str, url: str, size: int, words: int, links: list[str]}
type Ranked = {id: str, rank: float, linked: int, links: int, size: int, words: int}

limit task:fetch 3 because "the server answers 429 to the fourth"

## Fetch one page. `get.py` ends with 75 where the server asks to try again later.
task fetch(url: str) -> page: file {
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
task rank(pages: list[Page]) -> (table: file = "out/ranking.csv", ranked: list[Ranked]) {
  python "crawl.py:rank"
}

## The site as a picture.
task draw(pages: list[Page], ranked: list[Ranked]) -> picture: file = "out/site.svg" {
  python "crawl.py:draw"
}

index = fetch("{{base}}/sitemap.xml")
links = listed(index)
pages = [read_page(fetch(link.url), link) for link in links]
ranking = rank(pages)

output table = ranking.table
output picture = draw(pages, ranking.ranked)
output count = len(pages)
output top = [r.id for r in ranking.ranked[:top]]
