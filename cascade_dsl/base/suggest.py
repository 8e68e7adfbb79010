"""'did you mean': the nearest of some names to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Up to `count` names close to `name`, best first; a different case counts as closest."""
    names = list(dict.fromkeys(known))
    same = [n for n in names if n.lower() == name.lower() and n != name]
    close = [n for n in get_close_matches(name, names, n=count, cutoff=0.6) if n not in same]
    return (same + close)[:count]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A help line, or none where nothing is near."""
    found = nearest(name, known)
    return f"did you mean `{found[0]}`?" if found else None
