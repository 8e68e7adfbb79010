"""What `cascade run --dry-run` shows of a forecast: a table of the calls, under `--explain` with reasons, or a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..report.reasons import reason_json, sentence, sentences
from ..report.words import count
from ..runtime.forecast import Fate, Forecast, Foreseen, Row
from ..store.reasons import Awaits, Reason, ResultOf

FATES: tuple[Fate, ...] = ("runs", "cached", "depends", "fails", "skipped")
_MANY = {"runs": "run", "cached": "cached", "depends": "depend", "fails": "fail", "skipped": "skipped"}
_GROUPS_MOST = 20
_NAMES_MOST = 3


def dry_lines(found: Forecast, explained: bool) -> Iterator[str]:
    """One line for each call, as a table; expressions that have no value after it."""
    wide = max((len(row.node) for row in found.rows), default=0)
    tall = max((len(row.task) for row in found.rows), default=0)
    long = max((len(row.times) for row in found.rows), default=0)
    for row in found.rows:
        yield f"{row.node:<{wide}}  {row.task:<{tall}}  {row.times:<{long}}  {_what(row)}"
        if explained:
            yield from _why(row)
    for name, message in found.faults:
        yield f"{name} fails: {message}"


def closing_line(found: Forecast) -> str:
    """`2 tasks would run, 4 are up to date, 1 depends on what runs`."""
    counts = fates(found)
    parts = [f"{count(counts['runs'], 'task')} would run"]
    parts.append(f"{counts['cached']} {'is' if counts['cached'] == 1 else 'are'} up to date")
    open_rows = sum(row.cause is not None for row in found.rows)
    if counts["depends"] or open_rows:
        what = f"{counts['depends']} {'depends' if counts['depends'] == 1 else 'depend'}" if counts["depends"] else ""
        lists = (
            f"{count(open_rows, 'call')} of lists that are not known yet {'depends' if open_rows == 1 else 'depend'}"
        )
        parts.append(" and ".join(part for part in (what, lists if open_rows else "") if part) + " on what runs")
    broken = counts["fails"] + len(found.faults)
    if broken:
        parts.append(f"{broken} would fail")
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} would be skipped")
    return ", ".join(parts)


def fates(found: Forecast) -> Counter[Fate]:
    """How many instances have which fate, as far as they are known."""
    return Counter(each.fate for row in found.rows for each in row.instances)


def calls_json(found: Forecast) -> list[dict[str, Any]]:
    """Each call with its instances and their reasons."""
    return [
        {
            "node": row.node,
            "task": row.task,
            "times": row.times,
            **{fate: sum(each.fate == fate for each in row.instances) for fate in FATES},
            "open": None if row.cause is None else reason_json(row.cause),
            "instances": [foreseen_json(each) for each in row.instances],
        }
        for row in found.rows
    ]


def line_of(each: Foreseen) -> str:
    """`pages[oslo] runs: input `url`: "a" → "b"`."""
    told = "; ".join(sentences(each.reasons))
    return f"{each.name} {_verb(each.fate)}" + (f": {told}" if told else "")


def foreseen_json(each: Foreseen) -> dict[str, Any]:
    """An instance, what it would do, and why."""
    return {"node": each.name, "state": each.fate, "reasons": [reason_json(reason) for reason in each.reasons]}


def would_json(found: Forecast) -> dict[str, int]:
    """How many instances would do what."""
    counts = fates(found)
    return {fate: counts[fate] for fate in FATES}


# ---- one call ---------------------------------------------------------------------------------------------------


def _what(row: Row) -> str:
    counts = Counter(each.fate for each in row.instances)
    if row.times == "once" and len(row.instances) == 1:
        return _alone(row.instances[0])
    parts = [_counted(counts[fate], fate) for fate in FATES if counts[fate]]
    if row.cause is not None:
        parts.append(_open(row.cause))
    return ", ".join(parts) or "none"


def _alone(each: Foreseen) -> str:
    if each.fate == "depends":
        return _open(each.reasons[0])
    if each.fate in ("fails", "skipped"):
        return f"{each.fate}: {'; '.join(sentences(each.reasons))}"
    return each.fate


def _counted(number: int, fate: Fate) -> str:
    return f"{number} {fate if number == 1 else _MANY[fate]}"


def _open(cause: Reason) -> str:
    return f"depends on {cause.node}" if isinstance(cause, Awaits) else f"skipped: {sentence(cause)}"


def _why(row: Row) -> Iterator[str]:
    if row.times == "once" and len(row.instances) == 1:
        yield from (f"  {line}" for line in sentences(row.instances[0].reasons))
        return
    groups: dict[tuple[Fate, tuple[str, ...]], list[Foreseen]] = {}
    for each in sorted(row.instances, key=lambda each: FATES.index(each.fate)):
        groups.setdefault((each.fate, _alike(each)), []).append(each)
    for (fate, lines), members in list(groups.items())[:_GROUPS_MOST]:
        names = [each.name for each in members]
        if fate == "cached" or len({each.reasons for each in members}) == 1:
            lines = tuple(sentences(min(members, key=_age).reasons))
        why = f": {'; '.join(lines)}" if lines else ""
        if len(names) == 1:
            yield f"  {names[0]} {_verb(fate)}{why}"
        else:
            yield f"  {_counted(len(names), fate)}{why} ({_names(names)})"
    if len(groups) > _GROUPS_MOST:
        yield f"  and {sum(map(len, list(groups.values())[_GROUPS_MOST:]))} more; `cascade why-run NODE` shows each"
    if row.cause is not None:
        yield f"  {sentence(row.cause)}"


def _alike(each: Foreseen) -> tuple[str, ...]:
    """What instances have in common that are told of together: those of one list wait for their elements of another."""
    match each.reasons:
        case (Awaits(node=node, by="value"),) if node.endswith("]"):
            return (f"their items of `{node.partition('[')[0]}` run first, their results are not known yet",)
        case (ResultOf(run=run, node=node),):  # of one run, each a moment after the other
            return (run, node)
        case _:
            return tuple(sentences(each.reasons))


def _age(each: Foreseen) -> int:
    return next((reason.t_ns for reason in each.reasons if isinstance(reason, ResultOf)), 0)


def _verb(fate: Fate) -> str:
    return {"cached": "is cached", "skipped": "is skipped"}.get(fate, fate)


def _names(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_MOST
    shown = ", ".join(names[:_NAMES_MOST])
    return f"{shown} and {more} more" if more > 0 else shown
