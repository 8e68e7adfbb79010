## Python: text, a function of a file, a function of a module.

task text(n: int) -> json {
  python """
    if n > 1:
        return {"n": n}
    return None
  """
}
task from_file(n: int) -> int { python "helpers/rank.py:rank" }
task from_module(obj: json) -> str { python "json:dumps" }
output a = text(1)
output b = from_file(2)
output c = from_module({x: 1})
