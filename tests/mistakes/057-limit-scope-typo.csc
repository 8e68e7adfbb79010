## Geocode addresses without annoying the service.

param addresses: list[str] = ["Unter den Linden 1, Berlin", "Marienplatz 8, Munich"]

limit task:geocde 1

task geocode(address: str) -> json {
  retry 3 backoff 1s..1m
  timeout 10s
  sh "geocode --json {{address}}"
}

task map(points: list[json]) -> picture: file = "map.png" {
  python "open(picture, 'w').write(repr(points))"
}

output picture = map([geocode(a) for a in addresses])
