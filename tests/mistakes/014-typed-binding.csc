## Split a corpus, count its words, add the counts.

param corpus: file = file("corpus.txt")
parts: int = 8

task cut(corpus: file, parts: int) -> list[str] {
  python """
    text = open(corpus).read()
    step = len(text) // parts + 1
    return [text[i:i + step] for i in range(0, len(text), step)]
  """
}

task count(part: str) -> int {
  python "return len(part.split())"
}

output words = sum([count(p) for p in cut(corpus, parts)])
