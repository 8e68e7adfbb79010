import csv
from collections import Counter


def rank(counts: list[dict[str, int]], top: int, table: str) -> None:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    with open(table, "w", newline="") as stream:
        csv.writer(stream).writerows(total.most_common(top))
