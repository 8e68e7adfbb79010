## Find duplicate photos by their hashes.

import os

photos = glob("photos/*.jpg")

task fingerprint(photo: file) -> str {
  requires cpu = 1
  sh "phash {{photo}}"
}

task duplicates(names: list[str], prints: list[str]) -> json {
  python """
    seen = {}
    for name, mark in zip(names, prints):
      seen.setdefault(mark, []).append(name)
    return [group for group in seen.values() if len(group) > 1]
  """
}

prints = [fingerprint(p) for p in photos]
output doubles = duplicates([basename(p) for p in photos], prints)
