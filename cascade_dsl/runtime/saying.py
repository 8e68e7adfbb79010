"""What the layers say of a pool, for people and programs: each word as its canonical sentence, and whether it counts now."""

from __future__ import annotations

from typing import Any

from ..base.quantity import NS_PER_S
from ..engine.state import State
from ..ir.events import NoLongerStarved, Starved, Word
from ..ir.requirement import Dimension, Identity, Layer, Limit
from ..limits.ledger import Ledger
from ..limits.words import Said, show_amount

LAYERS: dict[Layer, str] = {
    Layer.MACHINE: "machine",
    Layer.FILE: "file",
    Layer.CONFIG: "config",
    Layer.COMMAND_LINE: "command line",
    Layer.FLEET: "fleet",
    Layer.LIVE: "live",
}
_PER: tuple[tuple[int, str], ...] = (
    (NS_PER_S, "s"),
    (60 * NS_PER_S, "m"),
    (3600 * NS_PER_S, "h"),
    (86400 * NS_PER_S, "d"),
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def said_json(ledger: Ledger, identity: Identity, dimension: Dimension) -> list[dict[str, Any]]:
    """Every word about an identity, that of the highest layer first."""
    return [_one(said, dimension) for said in ledger.said(identity)]


def _one(said: Said, dimension: Dimension) -> dict[str, Any]:
    word = said.word
    return {**word_json(word, dimension), "standing": said.standing, "turns_ns": said.turns_ns}


def word_json(word: Word, dimension: Dimension) -> dict[str, Any]:
    """A word, whoever says it."""
    limit = word.limit
    return {
        "layer": LAYERS[word.layer],
        "who": word.who,
        "sentence": sentence(limit, dimension),
        "because": limit.because,
        "since_ns": word.since_ns or None,
        "until_ns": limit.until_ns,
        "hard": limit.hard,
        "line": limit.line,
    }


def sentence(limit: Limit, dimension: Dimension) -> str:
    """A word as the language writes it, without `because` and the instant of its end, which are told beside it."""
    parts = ["limit", str(limit.scope), amount_text(limit.amount, limit.per_ns, dimension)]
    if limit.burst is not None:
        parts.append(f"burst {show_amount(dimension, limit.burst)}")
    if limit.whole:
        parts.append("whole")
    if limit.by_text:
        parts.append(f"by {limit.by_text}")
    if limit.window is not None:
        start, end = (_clock(minute) for minute in (limit.window.start_minute, limit.window.end_minute))
        parts.append(f"from {start} to {end}")
        if limit.window.days:
            parts.append(_days(limit.window.days))
    if limit.hard:
        parts.append("hard")
    return " ".join(parts)


def amount_text(amount: object, per_ns: int | None, dimension: Dimension) -> str:
    """`3`, `8GB`, `10/s`."""
    if not isinstance(amount, int):
        return "none" if amount is None else "(…)"
    shown = show_amount(dimension, amount)
    if per_ns is None:
        return shown
    unit = dict(_PER).get(per_ns)
    return f"{shown}/{unit}" if unit is not None else f"{shown}/{per_ns / NS_PER_S:g}s"


def starved_text(event: Starved | NoLongerStarved, state: State) -> str:
    r"""`starved: align needs mem 64GB, the limit is 32GB; \`cascade limit mem 64GB\` lets it start`."""
    scope = event.identity.scope
    dimension = state.plan.dimensions.get(scope.pattern, "count") if scope.kind == "resource" else "count"
    if isinstance(event, NoLongerStarved):
        return f"starved no more: {event.task} and {event.identity}"
    need, most = show_amount(dimension, event.need), show_amount(dimension, event.limit)
    if event.identity.kind == "spend":
        return (
            f"starved: {event.task} needs {need} of {event.identity} at once, the burst is {most}; "
            f"`cascade limit {scope} … burst {need}` lets it start"
        )
    return (
        f"starved: {event.task} needs {event.identity} {need}, the limit is {most}; "
        f"`cascade limit {scope} {need}` lets it start"
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(days: tuple[int, ...]) -> str:
    """`mon-fri`, `mon,wed`."""
    found = sorted(days)
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{_DAYS[found[0]]}-{_DAYS[found[-1]]}"
    return ",".join(_DAYS[day] for day in found)
