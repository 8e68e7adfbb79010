param limit: int = 3
label = "x"
task source(n: int) -> int { python "return n" }
made = source(1)
task a(counts: int, top: int) -> int { python "functions.py:rank" }
task b(counts: int) -> int { python "functions.py:strict" }
task c(counts: int) -> page: file { python "functions.py:rank" }
task d(counts: int) -> int {
  python """
    import json
    total = limit
    return made + total
  """
}
