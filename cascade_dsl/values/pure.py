"""What the pure functions do. Each takes JSON values that the compiler may not have been able to check."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from math import floor
from typing import Any

from ..ir.graph import Json
from .faults import EvalError
from .operators import MAX_TEXT, bounded, field, finite, less, truth, whole
from .typing import describe, is_dict, is_int, is_list, is_number, parse_json, parse_text, show

# ---- what arrives -----------------------------------------------------------------------------------------------


def list_of(value: Json, name: str) -> list[Any]:
    """The value, where it is a list. Raises EvalError in the name of a function."""
    if is_list(value):
        return value
    raise EvalError(f"`{name}` wants a list, found {describe(value)}")


def text_of(value: Json, name: str) -> str:
    """The value, where it is text. Raises EvalError in the name of a function."""
    if isinstance(value, str):
        return value
    raise EvalError(f"`{name}` wants text, found {describe(value)}")


def int_of(value: Json, name: str) -> int:
    """The value, where it is an int. Raises EvalError in the name of a function."""
    if is_int(value):
        return value
    raise EvalError(f"`{name}` wants an int, found {describe(value)}")


def _dict_of(value: Json, name: str) -> dict[str, Any]:
    if is_dict(value):
        return value
    raise EvalError(f"`{name}` wants a dict, found {describe(value)}")


def _number_of(value: Json, name: str) -> int | float:
    if is_number(value):
        return value
    raise EvalError(f"`{name}` wants a number, found {describe(value)}")


def _by(xs: list[Any], by: Json, name: str) -> list[Any]:
    """What to compare by: a field of each, or a list as long."""
    if by is None:
        return xs
    if isinstance(by, str):
        return [field(x, by) for x in xs]
    keys = list_of(by, name)
    if len(keys) != len(xs):
        raise EvalError(f"the `by` of `{name}` has {len(keys)} items, the list {len(xs)}")
    return keys


def _order(a: Json, b: Json) -> int:
    """-1, 0 or 1; false comes before true. Raises EvalError where the two have no order."""
    if is_list(a) and is_list(b):
        for x, y in zip(a, b, strict=False):
            found = _order(x, y)
            if found:
                return found
        return (len(a) > len(b)) - (len(a) < len(b))
    if isinstance(a, bool) and isinstance(b, bool):
        return a - b
    return -1 if less(a, b) else (1 if less(b, a) else 0)


_key = cmp_to_key(_order)


def _sortable(keys: list[Any]) -> Callable[[Any], Any]:
    kinds: set[type] = {type(k) for k in keys}
    plain = kinds <= {str} or kinds <= {int, float} or kinds <= {bool}
    return (lambda x: x) if plain else _key


def canonical(value: Json) -> str:
    """JSON text that equal values share: sorted keys, and `1.0` as `1`."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_list(value):
        return [_plain(v) for v in value]
    if is_dict(value):
        return {k: _plain(v) for k, v in value.items()}
    return value


# ---- lists ------------------------------------------------------------------------------------------------------


def length(x: Json) -> int:
    if isinstance(x, str) or is_list(x) or is_dict(x):
        return len(x)
    raise EvalError(f"`len` wants a list, a dict or text, found {describe(x)}")


def span_of(start: Json, stop: Json = None, step: Json = None) -> range:
    """The numbers of `range(…)`, none of them made yet. Raises EvalError."""
    low, high = (0, start) if stop is None else (start, stop)
    by = 1 if step is None else int_of(step, "range")
    if by == 0:
        raise EvalError("the step of `range` must not be 0")
    found = range(int_of(low, "range"), int_of(high, "range"), by)
    bounded(max(0, (found.stop - found.start + by - (1 if by > 0 else -1)) // by))
    return found


def range_(start: Json, stop: Json = None, step: Json = None) -> list[int]:
    return list(span_of(start, stop, step))


def zip_(*lists: Json) -> list[list[Any]]:
    rows = [list_of(xs, "zip") for xs in lists]
    lengths = [len(row) for row in rows]
    if len(set(lengths)) > 1:
        raise EvalError(f"`zip` wants lists of one length, found {' and '.join(map(str, lengths))}")
    return [list(row) for row in zip(*rows, strict=True)]


def enumerate_(xs: Json, start: Json = None) -> list[list[Any]]:
    first = 0 if start is None else int_of(start, "enumerate")
    return [[i, x] for i, x in enumerate(list_of(xs, "enumerate"), first)]


def sorted_(xs: Json, by: Json = None) -> list[Any]:
    items = list_of(xs, "sorted")
    keys = _by(items, by, "sorted")
    order = _sortable(keys)
    return [items[i] for i in sorted(range(len(items)), key=lambda i: order(keys[i]))]


def reversed_(xs: Json) -> list[Any]:
    return list_of(xs, "reversed")[::-1]


def unique(xs: Json, by: Json = None) -> list[Any]:
    items = list_of(xs, "unique")
    seen: set[str] = set()
    out: list[Any] = []
    for item, key in zip(items, map(canonical, _by(items, by, "unique")), strict=True):
        if key not in seen:
            seen.add(key)
            out.append(item)
    return out


def flatten(xs: Json) -> list[Any]:
    out: list[Any] = []
    for x in list_of(xs, "flatten"):
        out.extend(list_of(x, "flatten"))
        bounded(len(out))
    return out


def chunk(xs: Json, size: Json) -> list[list[Any]]:
    items, step = list_of(xs, "chunk"), int_of(size, "chunk")
    if step < 1:
        raise EvalError(f"`chunk` wants a size of at least 1, found {step}")
    return [items[i : i + step] for i in range(0, len(items), step)]


def group_by(xs: Json, by: Json) -> list[dict[str, Any]]:
    items = list_of(xs, "group_by")
    groups: dict[str, dict[str, Any]] = {}
    for item, key in zip(items, _by(items, by, "group_by"), strict=True):
        groups.setdefault(canonical(key), {"key": key, "items": []})["items"].append(item)
    return list(groups.values())


def _extreme(name: str, wanted: int, xs: Sequence[Json], by: Json) -> Json:
    items = list_of(xs[0], name) if len(xs) == 1 else list(xs)
    if not items:
        raise EvalError(f"`{name}` of an empty list")
    keys = _by(items, by, name)
    best = 0
    for i in range(1, len(items)):
        if _order(keys[i], keys[best]) == wanted:
            best = i
    return items[best]


def min_(*xs: Json, by: Json = None) -> Json:
    return _extreme("min", -1, xs, by)


def max_(*xs: Json, by: Json = None) -> Json:
    return _extreme("max", 1, xs, by)


def sum_(xs: Json) -> int | float:
    items = list_of(xs, "sum")
    if all(type(x) is int for x in items):
        return whole(sum(items))
    for i, x in enumerate(items):
        if not is_number(x):
            raise EvalError(f"`sum` wants a list of numbers, found {describe(x)} at [{i}]")
    return finite(sum(items))


def any_(xs: Json) -> bool:
    return any(list(map(truth, list_of(xs, "any"))))


def all_(xs: Json) -> bool:
    return all(list(map(truth, list_of(xs, "all"))))


def keys(x: Json) -> list[str]:
    return list(_dict_of(x, "keys"))


def values(x: Json) -> list[Any]:
    return list(_dict_of(x, "values").values())


def items(x: Json) -> list[list[Any]]:
    return [[k, v] for k, v in _dict_of(x, "items").items()]


# ---- numbers ----------------------------------------------------------------------------------------------------


def round_(x: Json, digits: Json = None) -> int | float:
    number = _number_of(x, "round")
    if digits is None:
        return whole(round(number))
    places = max(-400, min(int_of(digits, "round"), 400))
    return whole(round(number, places)) if isinstance(number, int) else finite(round(number, places))


def abs_(x: Json) -> int | float:
    number = _number_of(x, "abs")
    return whole(abs(number)) if isinstance(number, int) else abs(number)


def int_(x: Json) -> int:
    if isinstance(x, bool):
        return int(x)
    if is_number(x):
        return whole(floor(x) if x >= 0 else -floor(-x))
    from ..ir.types import INT

    return parse_text(INT, text_of(x, "int"))


def float_(x: Json) -> float:
    if isinstance(x, bool):
        return float(x)
    if is_number(x):
        return float(x)
    from ..ir.types import FLOAT

    return parse_text(FLOAT, text_of(x, "float"))


# ---- text -------------------------------------------------------------------------------------------------------


def join(xs: Json, sep: Json) -> str:
    pieces = [show(x) for x in list_of(xs, "join")]
    between = text_of(sep, "join")
    bounded(sum(map(len, pieces)) + len(between) * len(pieces), "characters")
    return between.join(pieces)


def split(s: Json, sep: Json = None) -> list[str]:
    text = text_of(s, "split")
    if sep is None:
        return text.split()
    between = text_of(sep, "split")
    if not between:
        raise EvalError("`split` wants a separator that is not empty")
    return text.split(between)


def strip(s: Json, chars: Json = None) -> str:
    return text_of(s, "strip").strip(None if chars is None else text_of(chars, "strip"))


def lower(s: Json) -> str:
    return text_of(s, "lower").lower()


def upper(s: Json) -> str:
    return text_of(s, "upper").upper()


def replace(s: Json, old: Json, new: Json) -> str:
    text, was, now = text_of(s, "replace"), text_of(old, "replace"), text_of(new, "replace")
    if not was:
        raise EvalError("`replace` wants a text to replace that is not empty")
    bounded(len(text) + text.count(was) * (len(now) - len(was)), "characters")
    return text.replace(was, now)


def regular(regex: str) -> re.Pattern[str]:
    """A regular expression, compiled. Raises EvalError."""
    try:
        return re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise EvalError(f"{describe(regex)} is no regular expression: {error}") from None


def matches(s: Json, regex: Json) -> bool:
    return regular(text_of(regex, "matches")).search(text_of(s, "matches")) is not None


def starts_with(s: Json, prefix: Json) -> bool:
    return text_of(s, "starts_with").startswith(text_of(prefix, "starts_with"))


def ends_with(s: Json, suffix: Json) -> bool:
    return text_of(s, "ends_with").endswith(text_of(suffix, "ends_with"))


def format_(x: Json, spec: Json) -> str:
    how = text_of(spec, "format")
    if isinstance(x, bool) or not (isinstance(x, str) or is_number(x)):
        raise EvalError(f"`format` wants a number or text, found {describe(x)}")
    if any(len(digits) > 4 for digits in _digit_runs(how)):
        raise EvalError(f"the format {describe(how)} is too wide")
    try:
        return format(x, how)
    except (ValueError, OverflowError) as error:
        raise EvalError(f"`format` does not know {describe(how)}: {error}") from None


def _digit_runs(text: str) -> list[str]:
    return "".join(c if c.isdigit() else " " for c in text).split()


def opt(flag: Json, x: Json) -> list[str]:
    name = text_of(flag, "opt")
    if is_list(x) or is_dict(x):
        raise EvalError(f"`opt` wants one value, found {describe(x)}")
    if x is None or x is False:
        return []
    return [name] if x is True else [name, show(x)]


def json_(x: Json) -> Json:
    if isinstance(x, str):
        return parse_json(x)
    return json.dumps(x, ensure_ascii=False)


def hash_(x: Json) -> str:
    from hashlib import blake2b

    return blake2b(canonical(x).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def braces_of(pattern: Json) -> tuple[str, list[str], str]:
    """What stands before, in and after the braces of a pattern such as `reads/*_{1,2}.fq`. Raises EvalError."""
    text = text_of(pattern, "pairs")
    found = re.fullmatch(r"([^{}]*)\{([^{}]*,[^{}]*)\}([^{}]*)", text)
    if found is None or not re.search(r"[*?]", text):
        raise EvalError(f"`pairs` wants a pattern such as `reads/*_{{1,2}}.fq`, found {describe(text)}")
    return found[1], found[2].split(","), found[3]


# ---- paths ------------------------------------------------------------------------------------------------------


def path(text: Json) -> str:
    name = text_of(text, "file")
    if not name or "\0" in name or len(name) > MAX_TEXT:
        raise EvalError(f"{describe(name)} is no path")
    return posixpath.normpath(name)


def basename(p: Json) -> str:
    return posixpath.basename(text_of(p, "basename").rstrip("/"))


def dirname(p: Json) -> str:
    return posixpath.dirname(text_of(p, "dirname")) or "."


def stem(p: Json) -> str:
    return posixpath.splitext(basename(text_of(p, "stem")))[0]


def ext(p: Json) -> str:
    return posixpath.splitext(basename(text_of(p, "ext")))[1]
