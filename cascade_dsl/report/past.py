"""Runs of the past as people read them: a table of many, and one whole."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from ..base.quantity import NS_PER_S
from ..engine.status import FailureView, NodeCounts
from ..ir.graph import Json
from .cells import cut, cut_middle, pad, printable
from .failure import failure_lines
from .result import output_lines
from .words import show_seconds
from .words import states as states_of

_NODES_SHOWN = 100
_FAILURES_SHOWN = 5
_VALUE_CELLS = 100
_NAME_CELLS = 40
_OF_DAY = "%H:%M:%S"


class Row(Protocol):
    """A run in a line."""

    @property
    def run(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def started_ns(self) -> int: ...
    @property
    def took_ns(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def cached(self) -> int: ...
    @property
    def failed(self) -> int: ...


class Changed(Protocol):
    """A change of a run, as `runtime.changes` tells it."""

    @property
    def at_ns(self) -> int: ...
    @property
    def who(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def because(self) -> str: ...
    @property
    def until_ns(self) -> int | None: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...
    @property
    def undone_ns(self) -> int | None: ...
    @property
    def undone_by(self) -> str: ...
    @property
    def ended_ns(self) -> int | None: ...


def clock(t_ns: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """An instant in local time."""
    return time.strftime(form, time.localtime(t_ns / NS_PER_S))


def took(ns: int) -> str:
    """A time that something took."""
    return show_seconds(ns / NS_PER_S)


def history_lines(rows: Sequence[Row]) -> list[str]:
    """A table of runs."""
    table: list[tuple[str, ...]] = [("RUN", "WHEN", "TOOK", "STATUS", "DONE", "CACHED", "FAILED", "FILE")]
    for row in rows:
        unknown = row.status in ("damaged", "unreadable")
        numbers = ("?", "?", "?") if unknown else tuple(map(str, (row.done, row.cached, row.failed)))
        table.append((row.run, clock(row.started_ns), "?" if unknown else took(row.took_ns), row.status, *numbers, printable(row.file)))  # fmt: skip
    return columns(table, right=(2, 4, 5, 6))


def columns(table: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Rows with their columns aligned, two blanks between them; those in `right` by their ends."""
    from .widths import width

    to_right = set(right)
    widths = [max(width(row[at]) for row in table) for at in range(len(table[0]))]
    last = len(widths) - 1
    return [
        "  ".join(
            cell if at == last and at not in to_right else pad(cell, widths[at], at in to_right)
            for at, cell in enumerate(row)
        ).rstrip()
        for row in table
    ]


def show_lines(
    row: Row,
    nodes: NodeCounts,
    on_failure: str,
    params: dict[str, Json],
    changes: Sequence[Changed],
    calls: Sequence[tuple[str, str, str, int, int]],
    failures: Sequence[FailureView],
    outputs: dict[str, Json],
) -> list[str]:
    """One run: `calls` are (name, task, state, attempts, nanoseconds)."""
    whole = row.status not in ("running", "interrupted")
    lines = [f"{row.run}  {printable(row.file)}  {row.status}{' after' if whole else ','} {took(row.took_ns)}"]
    lines.append(f"  began {clock(row.started_ns)}, on failure {on_failure}")
    counted = [(nodes.done, "done"), *states_of(nodes)]
    lines.append(f"  {', '.join(f'{number} {word}' for number, word in counted if number or word == 'done')}")
    lines += _section("params", (f"{name} = {_short(value)}" for name, value in params.items()))
    lines += _section("changes", change_lines(changes))
    if calls:
        table = [("NODE", "TASK", "STATE", "ATTEMPTS", "TOOK")]
        for name, task, state, attempts, ns in _most_telling(calls):
            number, time_ = (str(attempts), took(ns)) if attempts else ("", "")
            table.append((cut_middle(name, _NAME_CELLS), task, state, number, time_))
        rows = columns(table, right=(3, 4))
        if len(calls) > _NODES_SHOWN:
            rows.append(f"and {len(calls) - _NODES_SHOWN} more: `cascade show {row.run} --json` lists all")
        lines += _section("nodes", rows)
    for failure in failures[:_FAILURES_SHOWN]:
        lines += ["", *failure_lines(failure)]
    if len(failures) > _FAILURES_SHOWN:
        lines += ["", f"and {len(failures) - _FAILURES_SHOWN} more failed: `cascade show {row.run} --json` lists all"]
    lines += _section("outputs", output_lines(outputs))
    return lines


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = [f"  {line}" for line in lines]
    return ["", title, *found] if found else []


def change_lines(changes: Iterable[Changed]) -> list[str]:
    """`12:03:04  ann: limit task:fetch 3: 10 → 3, because the API complains; undone by bob 12:05:00`."""
    return [_change(change) for change in changes]


def _change(change: Changed) -> str:
    who = f"{printable(change.who)}: " if change.who else ""
    text = f"{clock(change.at_ns, _OF_DAY)}  {who}{printable(change.what)}"
    if change.before != change.after:
        text += f": {printable(change.before)} → {printable(change.after)}"
    if change.because:
        text += f", because {printable(change.because)}"
    if change.until_ns is not None and change.ended_ns is None and change.undone_ns is None:
        text += f"; until {clock(change.until_ns, _OF_DAY)}"
    if change.undone_ns is not None:
        by = f" by {printable(change.undone_by)}" if change.undone_by else ""
        text += f"; undone{by} {clock(change.undone_ns, _OF_DAY)}"
    elif change.ended_ns is not None:
        text += f"; ended {clock(change.ended_ns, _OF_DAY)}"
    return text


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else "none" if value is None else json.dumps(value, ensure_ascii=False)
    return cut(printable(" ".join(text.splitlines())), _VALUE_CELLS)


def _most_telling(calls: Sequence[tuple[str, str, str, int, int]]) -> list[tuple[str, str, str, int, int]]:
    """All, or of many those that failed or run before those that are done, in the order of the program."""
    if len(calls) <= _NODES_SHOWN:
        return list(calls)
    rank = {"failed": 0, "running": 1, "retrying": 1, "interrupted": 1, "done": 2}
    chosen = sorted(range(len(calls)), key=lambda at: (rank.get(calls[at][2], 3), at))[:_NODES_SHOWN]
    return [calls[at] for at in sorted(chosen)]
