"""'did you mean': the nearest of some names to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Set

_FEW = 64
"""So many names are compared one by one; of more, those that are a slip or two away are looked up first."""
_BEST = 8
_LONG = 8
"""In names of this length two slips are likely enough."""
_MOST = 20_000
_NAME_MAX = 40
"""Nobody misspells a longer one: with two letters left out of it there are too many."""


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Up to `count` names close to `name`, best first; a different case counts as closest."""
    if len(name) > _NAME_MAX:
        return []
    names: Iterable[str] = dict.fromkeys(n for n in known if len(n) <= _NAME_MAX)
    if len(names) > _FEW:
        names = _within_slips(name, names.keys(), max(count, _BEST))
    lower = name.lower()
    same = [n for n in names if n.lower() == lower and n != name]
    if len(same) >= count:
        return same[:count]
    from difflib import get_close_matches

    close = [n for n in get_close_matches(name, [n for n in names if n], n=count, cutoff=0.6) if n not in same]
    return (same + close)[:count]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A help line, or none where nothing is near."""
    found = nearest(name, known)
    return f"did you mean `{found[0]}`?" if found else None


_by_rest: dict[str, set[str]] = {}
"""Names that have been asked about, by what is left of them without a letter or two: near names leave the same."""
_indexed: set[str] = set()


def _within_slips(name: str, names: Set[str], most: int) -> list[str]:
    """The names that are a letter or two too many, missing, other or swapped away from one, or of another case."""
    new = names - _indexed
    if len(new) + len(_indexed) > _MOST:
        _by_rest.clear()
        _indexed.clear()
        new = set(sorted(names)[:_MOST])
    for one in new:
        for rest in _rests(one.lower()):
            _by_rest.setdefault(rest, set()).add(one)
    _indexed.update(new)
    found: list[str] = []
    for rest in sorted(_rests(name.lower()), key=lambda rest: (-len(rest), rest)):
        found += sorted(n for n in _by_rest.get(rest, ()) if n in names and n not in found)
        if len(found) >= most:
            break
    return found[:most]


def _rests(name: str) -> set[str]:
    once = {name[:i] + name[i + 1 :] for i in range(len(name))}
    if len(name) < _LONG:
        return once | {name}
    return {rest[:i] + rest[i + 1 :] for rest in once for i in range(len(rest))} | once | {name}
