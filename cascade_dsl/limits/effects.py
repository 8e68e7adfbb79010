"""What a change of words or pauses did, in words: the acknowledgement. Reads, never writes.

task:fetch 10 → 3: 7 running, drains to 3, for 10 min, then 10 again
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..base.quantity import NS_PER_S
from ..ir.events import Word
from ..ir.requirement import Dimension, Identity, Limit, Scope
from ..ir.sentences import DAYS, rate_text
from .keyed import Family
from .pools import Pool, SpendPool
from .shapes import DemandClass, Holder, Shape, asks
from .views import Effect
from .words import LAYER_NAMES, Terms, Words, show_amount

Capacities: TypeAlias = tuple[tuple[str, int | str], ...]
"""(kind, what is in force): `hold` and `pause` with a capacity, `spend` with a rate as text; with `by`: `hold by host`."""

Pools: TypeAlias = Mapping[Identity, Pool | Family]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Who is in a scope."""

    running: int
    waiting: int
    taken: int
    """What the running hold of it, where it is a resource; else how many they are."""


def counts(scope: Scope | None, classes: Iterable[DemandClass], holders: Iterable[Holder]) -> Counts:
    """Who waits and runs in a scope, or at all."""
    running = taken = 0
    columns: dict[Shape, int | None] = {}

    def column_of(shape: Shape) -> int | None:
        if shape not in columns:
            columns[shape] = -1 if scope is None else shape.column(scope)
        return columns[shape]

    waiting = sum([len(cls.queue) for cls in classes if column_of(cls.shape) is not None])
    for holder in holders:
        column = column_of(holder.shape)
        if column is not None:
            running += 1
            taken += asks(holder.amounts, column)
    return Counts(running=running, waiting=waiting, taken=taken)


# ---- what is in force -----------------------------------------------------------------------------------------------


def kind_of(identity: Identity) -> str:
    """`hold`, `spend by host`: what of a scope is meant."""
    return f"{identity.kind} by {identity.by}" if identity.by else identity.kind


def terms_text(terms: Terms | Limit | None, dimension: Dimension) -> str:
    """`3`, `8GB`, `10/s burst 20` (a burst of one goes without saying), `no limit`."""
    if terms is None:
        return "no limit"
    amount, burst = terms.amount, terms.burst
    assert isinstance(amount, int), "what is in force has an amount"
    if terms.per_ns is None:
        return show_amount(dimension, amount)
    one = 1000 if dimension == "millicpu" else 1
    assert burst is None or isinstance(burst, int)
    text = rate_text(amount, terms.per_ns, dimension)
    return text if burst is None or burst == one else f"{text} burst {show_amount(dimension, burst)}"


def in_force(words: Words, scope: Scope, dimension: Dimension) -> Capacities:
    """What words say of a scope now, by kind."""
    out: list[tuple[str, int | str]] = []
    for identity in sorted(words.identities(scope), key=kind_of):
        terms = words.terms(identity)
        if terms is not None:
            out.append((kind_of(identity), terms.amount if terms.per_ns is None else terms_text(terms, dimension)))
    return tuple(out)


# ---- the acknowledgement --------------------------------------------------------------------------------------------


def resumed_everywhere(before: Capacities, after: Capacities, counts: Counts) -> Effect:
    """Of a resume of everything."""
    now = dict(after)
    lifted = [kind.removeprefix("pause ") for kind, _ in before if kind not in now]
    text = f"resumed: {', '.join(lifted)}" if lifted else "nothing was paused"
    return _effect("everything", before, after, counts, text)


def effect(
    scope: Scope,
    dimension: Dimension,
    before: Capacities,
    after: Capacities,
    counts: Counts,
    pools: Pools,
    words: Words,
    said: Word | None,
    now_ns: int,
) -> Effect:
    """Of a change of a scope; `said` is the word that was just said, where one was."""
    name = str(scope)
    was, now = dict(before), dict(after)
    if "pause" in now and "pause" not in was:
        text = f"{name} paused: {counts.running} running go on, {counts.waiting} waiting"
    elif "pause" in was and "pause" not in now:
        stands = [_shown(now[kind], dimension) + _by(kind) for kind in now]
        ending = f", its limit of {' and '.join(stands)} stands" if stands else ""
        text = f"{name} resumed: {counts.running} running, {counts.waiting} waiting{ending}"
    else:
        text = _changes(scope, dimension, was, now, counts, pools, said)
        if said is not None:
            text += _remark(words, said, dimension, was, now_ns)
        if "pause" in now:
            text += "; it is paused"
    return _effect(name, before, after, counts, text)


def _effect(name: str, before: Capacities, after: Capacities, counts: Counts, text: str) -> Effect:
    return Effect(scope=name, before=before, after=after, running=counts.running, waiting=counts.waiting, text=text)


def _by(kind: str) -> str:
    _, by, text = kind.partition(" by ")
    return by + text


def _shown(value: int | str | None, dimension: Dimension) -> str:
    if value is None:
        return "no limit"
    return show_amount(dimension, value) if isinstance(value, int) else value


def _changes(
    scope: Scope,
    dimension: Dimension,
    was: dict[str, int | str],
    now: dict[str, int | str],
    counts: Counts,
    pools: Pools,
    said: Word | None,
) -> str:
    """Each kind that is another now; where none is, the one that was spoken of."""
    kinds = [kind for kind in dict.fromkeys((*was, *now)) if kind != "pause" and was.get(kind) != now.get(kind)]
    if not kinds:
        kinds = ["hold" if said is None else kind_of(said.limit.identity)]
    by_kind = {kind_of(identity): pool for identity, pool in pools.items() if identity.scope == scope}
    return "; ".join(_change(scope, dimension, kind, was, now, counts, by_kind.get(kind)) for kind in kinds)


def _change(
    scope: Scope,
    dimension: Dimension,
    kind: str,
    was: dict[str, int | str],
    now: dict[str, int | str],
    counts: Counts,
    pool: Pool | Family | None,
) -> str:
    by = _by(kind)
    name = f"{scope}{by}" if by else str(scope)
    old, new = was.get(kind), now.get(kind)
    shown = _shown(new, dimension)
    start = f"{name} stays at {shown}" if old == new else f"{name} {_shown(old, dimension)} → {shown}"
    if isinstance(pool, Family):
        return f"{start}: {_of_keys(pool, counts, dimension)}"
    if isinstance(pool, SpendPool):
        return f"{start}: {_of_tokens(pool, scope, counts, dimension)}"
    by_node = scope.kind != "resource"
    start += f": {counts.running} running"
    if not by_node:
        start += f" hold {show_amount(dimension, counts.taken)}"
    if not isinstance(new, int):
        return f"{start}, {counts.waiting} waiting"
    if new == 0:
        return f"{start}, nothing new starts"
    if counts.taken > new:
        return f"{start}, drains to {shown}"
    free = new - counts.taken
    room = f"{free} more may start" if by_node else f"{show_amount(dimension, free)} free"
    return f"{start}, {room}" + (f", {counts.waiting} waiting" if counts.waiting else "")


def _of_tokens(pool: SpendPool, scope: Scope, counts: Counts, dimension: Dimension) -> str:
    if not pool.capacity:
        return "nothing new starts"
    free = pool.free()
    if scope.kind == "resource":
        return f"{show_amount(dimension, free)} left, {counts.waiting} waiting"
    if free:
        return f"{free} may start at once, {counts.waiting} waiting"
    at = pool.covered(1)
    assert at is not None, "a rate that is more than nothing gives a token"
    return f"the next may start in {span_text(pool.wait_ns(at))}, {counts.waiting} waiting"


def _of_keys(family: Family, counts: Counts, dimension: Dimension) -> str:
    pools = family.pools.values()
    parts = [f"{len(pools)} {'key' if len(pools) == 1 else 'keys'}", f"{counts.running} running"]
    over = sum(1 for pool in pools if not pool.spends and pool.capacity is not None and pool.taken > pool.capacity)
    if over:
        parts.append(
            f"{over} of the keys {'drains' if over == 1 else 'drain'} to {show_amount(dimension, family.capacity)}"
        )
    elif not family.capacity:
        parts.append("nothing new starts")
    if family.lacking:
        parts.append(f"the keys of {len(family.lacking)} are being looked for")
    return ", ".join([*parts, f"{counts.waiting} waiting"])


# ---- when it holds --------------------------------------------------------------------------------------------------


def _remark(words: Words, said: Word, dimension: Dimension, was: dict[str, int | str], now_ns: int) -> str:
    """Until when the word holds and what is then, or since when it will; empty where it holds until it is taken back."""
    limit = said.limit
    found = next((one for one in words.said(limit.identity) if one.word == said), None)
    if found is None:
        return ""
    match found.standing:
        case "outside":
            return f"; outside its window, in force from {_opening(limit)}"
        case "under" | "caps":
            return _over(words, said, dimension, now_ns)
        case "in force":
            capped = _capped(words, said, dimension)
            return capped + _then(words, said, dimension, was, now_ns)


def _opening(limit: Limit) -> str:
    assert limit.window is not None
    text = _time(limit.window.start_minute)
    days = limit.window.days
    return f"{text} on {', '.join(DAYS[day] for day in days)}" if days else text


def _over(words: Words, said: Word, dimension: Dimension, now_ns: int) -> str:
    above = words.above(said)
    if above is not None and above.layer != said.layer:
        return f"; {LAYER_NAMES[above.layer]}'s {terms_text(above.limit, dimension)} stands over it"
    begins = words.begins(said)
    if begins is not None:
        return f"; in force in {span_text(begins - now_ns)}"
    return "; another limit of the same layer stands over it"


def _capped(words: Words, said: Word, dimension: Dimension) -> str:
    for other in words.said(said.limit.identity):
        if other.standing == "caps":
            return f"; {LAYER_NAMES[other.word.layer]}'s {terms_text(other.word.limit, dimension)} is hard and caps it"
    return ""


def _then(words: Words, said: Word, dimension: Dimension, was: dict[str, int | str], now_ns: int) -> str:
    limit = said.limit
    if limit.is_plain:
        return ""
    without = words.copy()
    without.forget(said)
    after = terms_text(without.terms(limit.identity), dimension)
    before = _shown(was.get(kind_of(limit.identity)), dimension)
    then = f"then {after}" + (" again" if after == before else "")
    if limit.until_ns is None:
        assert limit.window is not None
        return f", until {_time(limit.window.end_minute)}, {then}"
    return f", for {span_text(limit.until_ns - now_ns)}, {then}"


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def span_text(ns: int) -> str:
    """A time to come, as people say it: `45 s`, `7 min`, `2 h 5 min`, `3 d 4 h`."""
    if 0 < ns < NS_PER_S:
        return f"{max(1, round(ns / 10**6))} ms"
    seconds = round(ns / NS_PER_S)
    for big, small, (long, short) in ((86400, 3600, ("d", "h")), (3600, 60, ("h", "min")), (60, 1, ("min", "s"))):
        if seconds >= big:
            whole, rest = divmod(seconds, big)
            rest //= small
            return f"{whole} {long} {rest} {short}" if rest else f"{whole} {long}"
    return f"{seconds} s"
