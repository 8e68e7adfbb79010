task a() -> int {
  python """
    x = [1, 2
    return x
  """
}
task b() -> int { python "return 1 +" }
task c() -> int { python "" }
task d() -> int { python "nowhere.py:f" }
task e() -> int { python "helpers.py:rnak" }
task f() -> int { python "broken.py:f" }
