## Several names in a `for`.

task t(i: int, name: str) -> str { python "return name * i" }
output xs = [t(i, name) for i, name in enumerate(["a", "b"])]
output ys = [t(n, k) for k, n in zip(["a"], [1])]
