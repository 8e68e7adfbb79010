## Two `for`s in one comprehension, and one inside another.

task part(a: str, b: int) -> int { python "return len(a) + b" }
parts = [part(a, b) for a in ["x", "y"] for b in range(3) if b != 1]
output square = [[part(a, b) for b in range(2)] for a in ["x", "y"]]
output flat = parts
