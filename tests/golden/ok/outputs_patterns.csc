## Files by a pattern: matched in a scratch folder, or in place, which has a name by which its line is spared the warning.

param pattern: str = "more/**/*.csv"

task scratch(id: str, n: int) -> parts: list[file] = "parts/{{id}}/*.csv" {
  in scratch
  python "import os; os.makedirs(f'parts/{id}'); [open(f'parts/{id}/{i}.csv', 'w').close() for i in range(n)]"
}

task chosen() -> list[file] = pattern { in scratch; sh "mkdir more; true > more/a.csv" }

task place(id: str) -> parts: list[file] = "place/{{id}}-*.csv" {   # allow: written-in-place
  sh "mkdir -p place; true > place/{{id}}-1.csv"
}

fan = [scratch(id, 3) for id in ["a", "b"]]
every = chosen()
here = [place(id) for id in ["a", "b"]]
output parts = flatten(fan)
output rest = every + flatten(here)
