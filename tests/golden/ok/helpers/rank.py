def rank(n: int) -> int:
    return n
