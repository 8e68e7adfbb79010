param top: int = "ten"
task fetch(url: str) -> page: file { sh "curl {{url}} -o {{page}}" }
task rank(pages: list[file], top: int, wait: duration, room: size) -> int { sh "true" }
page = fetch(3)
output a = rank(page, 2.5, 10, 4)
output b = rank(["a"], 1, 1s, 1MB)
output c = "yes" if top else "no"
