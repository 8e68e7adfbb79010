"""One picture of a run for a terminal of a given size. Pure: a status and a pace in, rows out.

From the top: the program, how long, how far; states; what cannot go on; what operators said; pools and who waits for them;
retries; what runs, the longest first. What does not fit is counted. All room goes to what runs, but for some rows at
the top that what was printed before may stay in sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..base.quantity import NS_PER_S
from ..engine.status import RunningView, Status
from .cells import cut, cut_middle, pad, width
from .pace import Pace
from .paint import Piece, Row, Style, fit, row
from .words import changes, done, elapsed, ended, held_help, held_text, pool_rows, retries, starved, states, total

_BAR_MOST = 40
_BAR_LEAST = 10
_BAR_STEP = 5
_NAME_LEAST = 6
_NAME_MOST = 48
_JUST_NS = NS_PER_S
"""What has run for less is counted, not named: it may be gone before it is read."""
_STATE_STYLES: dict[str, Style] = {
    "failed": "bad",
    "held": "bad",
    "retrying": "warn",
    "skipped": "warn",
    "running": "good",
    "frozen": "warn",
    "cancelled": "warn",
}


def frame(status: Status, pace: Pace, columns: int, lines: int) -> list[Row]:
    """The rows of a picture, fewer than `lines`, none wider than `columns` - 1: a full row would wrap on some terminals."""
    wide = max(columns - 1, 1)
    room = max(1, lines - 1 if lines <= 12 else lines * 2 // 3)
    head = _head(status, pace, wide)
    sections = [
        _Section([row(f"  {text}", "warn") for text in _stuck(status)], 4),
        _Section([row(f"  {text}", "warn") for text in changes(status)], 4),
        _Section(_pools(status, wide), 6),
        _Section(_retries(status), 3, status.nodes.backoff),
    ]
    out = head[: max(1, room)]
    room -= len(out)
    for section in sections:
        reserved = min(2, status.running_total)
        shown = section.within(max(0, min(room - reserved, section.most)))
        out += shown
        room -= len(shown)
    out += _running(status, wide, room)
    return [fit(each, wide) for each in out]


@dataclass(slots=True)
class _Section:
    rows: list[Row]
    most: int
    of: int = 0
    """How many there are, where `rows` does not hold them all."""

    def within(self, room: int) -> list[Row]:
        """The first rows, and how many were left out."""
        everything = max(self.of, len(self.rows))
        if room <= 0 or not self.rows:
            return []
        if everything <= room and len(self.rows) == everything:
            return self.rows
        if room == 1:
            return self.rows[:1]
        kept = self.rows[: room - 1]
        return [*kept, row(f"  and {everything - len(kept)} more", "dim")]


def _head(status: Status, pace: Pace, wide: int) -> list[Row]:
    """The program, how long, how far and how fast; the states in a row of their own, what went wrong first."""
    nodes = status.nodes
    time, text = elapsed(status.started_ns, status.now_ns), done(nodes)
    phase = f"  {_PHASES[status.phase]}" if status.phase in _PHASES else ""
    speed = ", ".join(said for said in (pace.rate(), pace.left(nodes, status.is_even and not status.changes)) if said)
    room = wide - width(time) - width(text) - 2
    name = cut_middle(status.file, min(max(8, wide // 3), max(0, room - 2)))
    first: list[Piece] = [(f"{name}  " if room >= _NAME_LEAST else "", "bold"), (f"{time}  ", "")]
    room -= (width(name) + 2) + width(phase)
    speed = f"  {speed}" if speed and width(speed) + 2 <= room else ""
    # In steps, so that it does not breathe with the length of the text beside it.
    cells = min(room - width(speed) - 2, _BAR_MOST) // _BAR_STEP * _BAR_STEP
    if not nodes.open_ended and total(nodes) and cells >= _BAR_LEAST:
        first += _bar(status, cells)
        first.append(("  ", ""))
    pieces: list[Piece] = [(text, ""), (phase, "warn"), (speed, "dim")]
    first += pieces
    second: list[Piece] = []
    for number, word in states(nodes):
        second.append((", " if second else "  ", ""))
        second.append((f"{number} {word}", _STATE_STYLES.get(word, "")))
    return [tuple(first), tuple(second)] if second else [tuple(first)]


_PHASES = {
    "draining": "ending: nothing new starts",
    "cancelling": "ending: what runs is stopped",
    "held": "waiting for a retry",
    "ended": "ended",
}


def _bar(status: Status, cells: int) -> list[Piece]:
    """How much of what is known has ended; what failed or was skipped is a part of its own."""
    nodes = status.nodes
    everything = max(total(nodes), 1)
    over = ended(nodes)
    full = over * cells // everything
    bad = nodes.failed + nodes.skipped + nodes.cancelled
    red = min(full, -(-bad * cells // everything)) if bad else 0
    return [("━" * (full - red), "good"), ("━" * red, "bad"), ("─" * (cells - full), "dim")]


def _stuck(status: Status) -> list[str]:
    if status.held_total:
        rows = [held_text(status), f"help: {held_help(status)}"] if status.phase == "held" else [held_text(status)]
        return [*rows, *starved(status)]
    if status.phase == "stalled":
        return ["stalled: nothing runs and nothing can start", *starved(status)]
    return starved(status)


def _pools(status: Status, wide: int) -> list[Row]:
    rows = pool_rows(status)
    if not rows:
        return []
    names = min(max(width(name) for name, _, _ in rows), max(8, wide // 3))
    uses = max(width(use) for _, use, _ in rows)
    out: list[Row] = []
    for name, use, who in rows:
        line: list[Piece] = [
            (f"  {pad(cut_middle(name, names), names)}  ", "accent"),
            (pad(use, uses) if who else use, ""),
        ]
        if who:
            line.append((f"  {who} waiting", "warn"))
        out.append(tuple(line))
    return out


def _retries(status: Status) -> list[Row]:
    """Nothing is tried again in a run that is ending."""
    return [row(f"  {text}", "dim") for text in retries(status)] if status.phase == "running" else []


def _running(status: Status, wide: int, room: int) -> list[Row]:
    """What has run for a while, the longest first; the others are counted in the last row."""
    named = [each for each in status.running if status.now_ns - each.since_ns >= _JUST_NS]
    everything = status.running_total
    if room <= 0 or not everything:
        return []
    if len(named) == everything <= room:
        return _rows(named, status, wide)
    shown = named[: room - 1]
    rest = everything - len(shown)
    just = len(shown) == len(named) < len(status.running)
    if shown:
        text = f"and {rest} {'begun just now' if just else 'more'}"
    else:
        text = f"{rest} running" + (", begun just now" if just else "")
    return [*_rows(shown, status, wide), row(f"  {text}", "dim")]


def _rows(rows: Sequence[RunningView], status: Status, wide: int) -> list[Row]:
    if not rows:
        return []
    names = min(max(width(each.name) for each in rows), _NAME_MOST, max(8, wide - 22))
    out: list[Row] = []
    for each in rows:
        time = pad(elapsed(each.since_ns, status.now_ns), 6, right=True)
        line: list[Piece] = [(f"  {pad(cut_middle(each.name, names), names)}", ""), (f"  {time}", "accent")]
        if each.task != each.name:
            line.append((f"  {cut(each.task, 24)}", "dim"))
        if each.attempt > 1:
            line.append((f"  attempt {each.attempt}", "warn"))
        if each.frozen:
            line.append(("  frozen", "warn"))
        out.append(tuple(line))
    return out
