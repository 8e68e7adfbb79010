import functools


def named(n, top, *, label="none", need, attempt=0, other=1):
    return [n, top, label, need, attempt, other]


@functools.cache
def decorated(n, top):
    return [n, top]
