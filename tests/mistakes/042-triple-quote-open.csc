## Tokenise a corpus in shards.

param shards: list[file] = glob("corpus/*.txt")

task tokenise(shard: file) -> tokens: file {
  requires mem = 4GB
  python """
    import json, re
    words = re.findall(r"\w+", open(shard).read().lower())
    with open(tokens, "w") as out:
      json.dump(words, out)
}

task vocabulary(parts: list[file]) -> list[str] {
  sh "cat {{parts}} | vocab --json"
}

output words = vocabulary([tokenise(s) for s in shards])
