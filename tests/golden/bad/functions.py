def rank(counts, tpo):
    return counts


def strict(counts, limit, label, need, size, *, more=1):
    return counts
