"""The limit sentence back as text: one canonical form, which reads back as the same word.

`task:fetch 10/s burst 20 by host for 10m from 09:00 to 18:00 mon-fri because "…"`, in this order, in units that are exact.
The grammar takes it with and without `limit` before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction

from ..base.quantity import DURATION_UNITS_NS, MILLI, NS_PER_S, exact_decimal, exact_duration, exact_size
from .expr import Expr
from .notation import expr_text, literal_text
from .requirement import Dimension, Limit, Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RATE_UNITS_NS = {unit: DURATION_UNITS_NS[unit] for unit in ("s", "m", "h", "d")}


def limit_text(limit: Limit, dimension: Dimension, expr: Callable[[Expr], str] = expr_text) -> str:
    """The canonical sentence of a word, without `limit` before it; `dimension` is that of its scope's pool.

    An amount that is still an expression is printed by `expr`. An instant that no `for` or `until` of the word tells of is
    given in UTC; that and rates such as 1 in 7 s are for people only, as no sentence says them.
    """
    return " ".join(_parts(limit, dimension, expr))


def amount_text(amount: int, dimension: Dimension) -> str:
    """An amount in base units as the sentence writes it, exactly."""
    match dimension:
        case "bytes":
            return exact_size(amount) if amount else "0"
        case "millicpu":
            text = exact_decimal(Fraction(amount, MILLI))
            assert text is not None
            return text
        case "count":
            return str(amount)


def rate_text(amount: int, per_ns: int, dimension: Dimension) -> str:
    """A rate as the sentence writes it: in the unit in which it was said where one tells, else in the first that is exact."""
    scale = MILLI if dimension == "millicpu" else 1
    exact: list[tuple[bool, str]] = []
    for unit, unit_ns in RATE_UNITS_NS.items():
        value = Fraction(amount * unit_ns, per_ns)
        same = value.numerator == amount and value.denominator * unit_ns == per_ns
        if dimension == "bytes" and value:
            text = exact_size(value.numerator) if value.denominator == 1 else None
        else:
            text = exact_decimal(value / scale)
        if text is not None:
            exact.append((same, f"{text}/{unit}"))
    for wanted in (True, False):
        for same, text in exact:
            if same is wanted:
                return text
    return f"{amount_text(amount, dimension)}/{exact_duration(per_ns)}"


def window_text(window: Window) -> str:
    """`from 09:00 to 18:00 mon-fri`."""
    text = f"from {_time(window.start_minute)} to {_time(window.end_minute)}"
    return f"{text} {_days(window.days)}" if window.days else text


def _parts(limit: Limit, dimension: Dimension, expr: Callable[[Expr], str]) -> Iterator[str]:
    def shown(amount: int | Expr) -> str:
        return amount_text(amount, dimension) if isinstance(amount, int) else f"({expr(amount)})"

    yield str(limit.scope)
    if limit.amount is None:
        yield "none"
    elif limit.per_ns is not None and isinstance(limit.amount, int):
        yield rate_text(limit.amount, limit.per_ns, dimension)
    else:
        yield shown(limit.amount)
    if limit.burst is not None and limit.burst != 1:
        yield f"burst {shown(limit.burst)}"
    if limit.whole:
        yield "whole"
    if limit.by is not None:
        yield f"by {limit.by_text or expr(limit.by)}"
    if limit.for_ns is not None:
        yield f"for {exact_duration(limit.for_ns)}"
    elif limit.until_minute is not None:
        yield f"until {_time(limit.until_minute)}"
    elif limit.until_ns is not None:
        yield f"until {_instant(limit.until_ns)}"
    if limit.window is not None:
        yield window_text(limit.window)
    if limit.hard:
        yield "hard"
    if limit.because:
        yield f"because {literal_text(limit.because)}"


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _instant(ns: int) -> str:
    try:
        return datetime.fromtimestamp(ns // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{ns}ns"


def _days(days: tuple[int, ...]) -> str:
    """Days that follow each other as a range."""
    ranges: list[list[int]] = []
    for day in sorted(set(days)):
        if ranges and ranges[-1][-1] == day - 1:
            ranges[-1].append(day)
        else:
            ranges.append([day])
    names = [[DAYS[day % 7] for day in one] for one in ranges]
    return ",".join(one[0] if len(one) == 1 else f"{one[0]}-{one[-1]}" for one in names)
