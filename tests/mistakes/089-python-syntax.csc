## Count codons of genes.

param genes: list[file] = glob("genes/*.fa")

task codons(gene: file) -> json {
  requires cpu = 1
  python """
    counts = {}
    text = "".join(l.strip() for l in open(gene) if not l.startswith(">"))
    for i in range(0, len(text) - 2, 3)
      counts[text[i:i + 3]] = counts.get(text[i:i + 3], 0) + 1
    return counts
  """
}

task draw(counts: list[json]) -> image: file = "codons.svg" {
  python "open(image, 'w').write(repr(counts))"
}

output image = draw([codons(g) for g in genes])
