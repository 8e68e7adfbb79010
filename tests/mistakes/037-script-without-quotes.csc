## Mirror a package index.

param packages: list[str] = ["numpy", "polars"]

limit task:mirror 3

task mirror(package: str) -> listing: file = "mirror/{{package}}.html" {
  retry 5 backoff 1s..30s
  timeout 1m
  sh { curl -fsS https://index.example/{{package}}/ -o {{listing}} }
}

task count(listing: file) -> int {
  sh "grep -c '<a ' {{listing}}"
}

output versions = [count(mirror(p)) for p in packages]
