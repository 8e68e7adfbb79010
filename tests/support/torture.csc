## What `torture.py` kills: 300 nodes with fan-out, retries, several outputs, folders, values, temporary files.

param diary: str            ## each body appends a line here, outside the project, when it begins
param pause: float = 0.02   ## how long a body takes, in seconds
param markers: str          ## a folder outside the project, by which a body knows that it has failed before

limit cpu 8

task seeds(diary: str) -> list[int] {
  retry 60 backoff 10ms..40ms
  python """
    with open(diary, "a") as file:
      file.write(f"seeds {attempt}\n")
    return list(range(50))
  """
}

task page(i: int, diary: str) -> (text: file = "out/pages/{{i}}.txt", note: file = "out/notes/{{i}}.note", size: int) {
  requires cpu = 1
  retry 60 backoff 10ms..40ms
  sh """
    echo "pages[{{i}}] {{attempt}}" >> {{diary}}
    sleep {{pause}}
    echo "page {{i}}" > {{text}}
    echo "note {{i}}" > {{note}}
    echo {{i}} > {{size}}
  """
}

task measure(text: file, i: int, diary: str) -> {i: int, words: list[str]} {
  retry 60 backoff 10ms..40ms
  python """
    with open(diary, "a") as file:
      file.write(f"sizes[{i}] {attempt}\n")
    __import__("time").sleep(pause)
    words = open(text).read().split()
    return {"i": i, "words": words * (1 + 600 * (i % 9 == 0))}
  """
}

task copy(text: file, i: int, diary: str) -> temp file = "out/draft/{{i}}" {
  retry 60 backoff 10ms..40ms
  sh """
    echo "copies[{{i}}] {{attempt}}" >> {{diary}}
    sleep {{pause}}
    cat {{text}} {{text}} > {{out}}
  """
}

task tree(i: int, diary: str, markers: str) -> dir = "out/trees/{{i}}" {
  retry 60 backoff 10ms..40ms
  sh """
    echo "trees[{{i}}] {{attempt}}" >> {{diary}}
    sleep {{pause}}
    mkdir -p {{out}}/deep
    echo {{i}} > {{out}}/deep/a
    if [ ! -e {{markers}}/{{i}} ]; then echo > {{markers}}/{{i}}; exit 3; fi
    echo {{i}} > {{out}}/b
  """
}

task check(tree: dir, twice: file, i: int, diary: str) -> int {
  retry 60 backoff 10ms..40ms
  sh """
    echo "sums[{{i}}] {{attempt}}" >> {{diary}}
    cat {{tree}}/deep/a {{tree}}/b {{twice}} > /dev/null
    sleep {{pause}}
    cat {{tree}}/b
  """
}

task bump(n: int, i: int, diary: str) -> int {
  retry 60 backoff 10ms..40ms
  python """
    with open(diary, "a") as file:
      file.write(f"bumped[{i}] {attempt}\n")
    __import__("time").sleep(pause)
    return n + 1
  """
}

task report(sizes: list[{i: int, words: list[str]}], sums: list[int], diary: str) -> (table: file = "out/report.txt", copy: file) {
  retry 60 backoff 10ms..40ms
  python """
    with open(diary, "a") as file:
      file.write(f"last {attempt}\n")
    with open(table, "w") as file:
      for one in sizes:
        print(one["i"], len(one["words"]), file=file)
      print(sum(sums), file=file)
    with open(copy, "w") as file:
      print("kept", file=file)
  """
}

found = seeds(diary)
pages = [page(i, diary) for i in found]
sizes = [measure(pages[i].text, i, diary) for i in found]
copies = [copy(pages[i].text, i, diary) for i in found]
trees = [tree(i, diary, markers) for i in found]
sums = [check(trees[i], copies[i], i, diary) for i in found]
bumped = [bump(sums[i], i, diary) for i in range(48)]
last = report(sizes, bumped, diary)

output table = last.table
output total = sum(bumped)
output kept = last.copy
