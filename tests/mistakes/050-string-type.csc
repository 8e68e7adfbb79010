## Take screenshots of pages in two sizes.

param sites: list[str] = ["https://a.example", "https://b.example"]

task shoot(site: string, width: int) -> image: file {
  requires mem = 400MB
  retry 1
  timeout 45s
  sh "chromium --headless --window-size={{width}},900 --screenshot={{image}} {{site}}"
}

task compare(a: file, b: file) -> float {
  sh "compare-images {{a}} {{b}}"
}

small = [shoot(s, 480) for s in sites]
large = [shoot(s, 1280) for s in sites]
output differences = [compare(a, b) for a, b in zip(small, large)]
