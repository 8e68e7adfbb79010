## Translate help pages.

param target: str = “de”
param pages: list[file] = glob("help/*.txt")

limit task:translate 2

task translate(page: file, target: str) -> done: file = "help-{{target}}/{{basename(page)}}" {
  retry 3 backoff 1s..1m
  timeout 2m
  sh "translate --to {{target}} {{page}} > {{done}}"
}

task spell(page: file, target: str) -> int {
  sh "aspell -l {{target}} list < {{page}} | wc -l"
}

translated = [translate(p, target) for p in pages]
output faults = sum([spell(t, target) for t in translated])
