"""Exact quantities with units. Amounts are integers in a base unit; nothing here rounds silently.

Base units: duration → nanoseconds, size → bytes, count → whole units, cpu → thousandths (millicpu).
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
DURATION_UNITS_NS: dict[str, int] = {
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "d": 86400 * NS_PER_S,
}
SIZE_UNITS: dict[str, int] = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "PB": 10**15,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "PiB": 2**50,
}
INT_MAX = 2**63 - 1
MILLI = 1000

_NUMBER = r"\d+(?:_\d+)*(?:\.\d+(?:_\d+)*)?"
_DURATION_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_SIZE = re.compile(rf"({_NUMBER})({'|'.join(sorted(SIZE_UNITS, key=len, reverse=True))})")


def parse_duration_ns(text: str) -> int | None:
    """`1h30m`, `250ms` → nanoseconds; None where the text is no duration."""
    at, total = 0, Fraction(0)
    while at < len(text):
        part = _DURATION_PART.match(text, at)
        if part is None:
            return None
        total += Fraction(part[1].replace("_", "")) * DURATION_UNITS_NS[part[2]]
        at = part.end()
    return ceil(total) if text else None


def parse_size(text: str) -> int | None:
    """`4GB`, `64MiB` → bytes, rounded up; None where the text is no size."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    return ceil(Fraction(match[1].replace("_", "")) * SIZE_UNITS[match[2]])


def seconds(ns: int) -> int | float:
    """Nanoseconds as the number of seconds that programs see: an int where it is whole."""
    whole, rest = divmod(ns, NS_PER_S)
    return whole if rest == 0 else ns / NS_PER_S


def exact(number: int | float) -> Fraction:
    """The decimal number a person wrote, not its binary neighbour: 0.1 is 1/10."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def duration_ns(number: int | float) -> int:
    """Seconds, as programs see them, to nanoseconds, rounded up."""
    return ceil(exact(number) * NS_PER_S)


def show_duration(ns: int) -> str:
    """Nanoseconds as a person would write them: `1h30m`, `250ms`, `2.5s`."""
    if ns == 0:
        return "0s"
    parts: list[str] = []
    for unit in ("d", "h", "m"):
        count, ns = divmod(ns, DURATION_UNITS_NS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if ns:
        whole = ns // DURATION_UNITS_NS["s"]
        if ns % DURATION_UNITS_NS["s"] == 0:
            parts.append(f"{whole}s")
        elif not whole and not parts and ns % DURATION_UNITS_NS["ms"] == 0:
            parts.append(f"{ns // DURATION_UNITS_NS['ms']}ms")
        else:
            parts.append(f"{float(Fraction(ns, NS_PER_S)):g}s")
    return "".join(parts)


def show_size(size: int) -> str:
    """Bytes in the largest unit that shows them exactly in four digits, else rounded to one decimal place."""
    for unit in ("PiB", "TiB", "GiB", "MiB", "KiB"):
        scale = SIZE_UNITS[unit]
        if scale <= size < 10_000 * scale and size % scale == 0 and size % 1000:
            return f"{size // scale}{unit}"
    for unit in ("PB", "TB", "GB", "MB", "KB"):
        scale = SIZE_UNITS[unit]
        if size >= scale:
            return f"{size // scale}{unit}" if size % scale == 0 else f"{size / scale:.1f}{unit}"
    return f"{size}B"


def exact_duration(ns: int) -> str:
    """Nanoseconds as a duration that reads back as exactly that: `1h30m`, `250ms`, `1.000000001s`."""
    whole, rest = divmod(ns, NS_PER_S)
    if rest == 0 or (whole == 0 and rest % NS_PER_MS == 0):
        return show_duration(ns)
    minutes, seconds_ = divmod(whole, 60)
    head = show_duration(minutes * 60 * NS_PER_S) if minutes else ""
    return f"{head}{seconds_}.{rest:09}".rstrip("0") + "s"


def exact_size(size: int) -> str:
    """Bytes in the largest unit of which they are a whole number: reads back as exactly that."""
    if size == 0:
        return "0B"
    unit = max((u for u, scale in SIZE_UNITS.items() if size % scale == 0), key=SIZE_UNITS.__getitem__)
    return f"{size // SIZE_UNITS[unit]}{unit}"


def exact_decimal(number: Fraction) -> str | None:
    """A number without an exponent that reads back as exactly that; None where it has no such end."""
    scale, digits = 1, 0
    while number.denominator > 1 and scale % number.denominator and digits < 18:
        scale, digits = scale * 10, digits + 1
    if scale % number.denominator:
        return None
    whole, rest = divmod(int(number * scale), scale)
    return f"{whole}.{rest:0{digits}}" if digits else str(whole)


def show_milli(amount: int) -> str:
    """Thousandths as a plain number: 1500 → `1.5`."""
    return f"{amount // MILLI}" if amount % MILLI == 0 else f"{amount / MILLI:g}"
