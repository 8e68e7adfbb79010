## Words of some texts: cleaned, counted, added up.

param samples: list[str] = ["a", "b", "c"]
param shortest: int = 1

limit cpu 4

task clean(text: file) -> cleaned: file = "out/{{stem(text)}}.clean" {
  sh """
    echo clean {{stem(text)}} >> "$RAN"
    tr 'A-Z' 'a-z' < {{text}} | sed 's/ *$//' > {{cleaned}}
  """
}

task count(cleaned: file) -> counts: file = "out/{{stem(cleaned)}}.count" {
  python "count.py:count"
}

task total(counts: list[file]) -> sums: file = "out/total.txt" {
  sh """
    echo total >> "$RAN"
    cat {{counts}} | awk '{ n += $1 } END { print n }' > {{sums}}
  """
}

cleaned = [clean(file("data/{{s}}.txt")) for s in samples]
counts = [count(c) for c in cleaned]
output sums = total(counts)
