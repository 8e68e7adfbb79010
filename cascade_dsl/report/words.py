"""Pieces of text that progress lines, the live view and `ps` share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from ..base.quantity import NS_PER_S, show_milli, show_size
from ..engine.status import FailureView, NodeCounts, Status, WaitView
from ..limits.views import PoolView

_LOG_LINES = 10
_LOG_BYTES = 16_384
_EXITS = {
    126: "it was found but may not be run",
    127: "a command was not found",
}
_SIGNALS = {
    "SIGKILL": "killed by SIGKILL: by hand, or by the system for want of memory",
    "SIGSEGV": "killed by SIGSEGV: it touched memory that is not its own",
    "SIGTERM": "asked to end by SIGTERM",
}


def exit_meaning(code: int | None) -> str:
    """What an exit code says beside its number, empty for an ordinary one. Negative: killed by that signal."""
    if code is None:
        return ""
    if code in _EXITS:
        return _EXITS[code]
    number = -code if code < 0 else code - 128
    if number in signal.valid_signals():
        name = signal.Signals(number).name
        return _SIGNALS.get(name, f"killed by {name}")
    return ""


def failure_lines(failure: FailureView) -> Iterator[str]:
    """A failure for good: what, why, the end of its log, and where that is."""
    who = failure.name if failure.task in ("", failure.name) else f"{failure.name} ({failure.task})"
    tries = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
    # Of one that was stopped the message tells why; how it died then says nothing.
    meaning = exit_meaning(failure.exit) if failure.message.startswith(("exit ", "killed by ")) else ""
    if meaning and meaning.split(":")[0] in failure.message:
        meaning = meaning.partition(": ")[2]
    yield f"failed: {who}: {failure.message}" + (f" ({meaning})" if meaning else "") + tries
    if failure.log:
        yield from (f"  | {line}".rstrip() for line in log_tail(failure.log))
        yield f"  log: {short_path(failure.log)}"


def log_tail(path: str) -> list[str]:
    """The last lines of a log; none where it cannot be read."""
    try:
        with open(path, "rb") as log:
            log.seek(0, os.SEEK_END)
            start = max(0, log.tell() - _LOG_BYTES)
            log.seek(start)
            data = log.read()
    except OSError:
        return []
    lines = data.decode("utf-8", "replace").split("\n")
    if start and len(lines) > 1:
        lines = lines[1:]
    return [printable(line) for line in lines if line.strip()][-_LOG_LINES:]


def printable(text: str) -> str:
    """Text without what would steer a terminal; a line that was overwritten in place shows its last state."""
    text = text.rstrip("\r").rpartition("\r")[2].expandtabs(4)
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def short_path(path: str) -> str:
    """A path as seen from the current folder, where it lies below it."""
    here = os.getcwd()
    return os.path.relpath(path, here) if path.startswith(here + os.sep) else path


def show_seconds(seconds: float) -> str:
    """A time for people: `0.4s`, `12s`, `3m05s`, `2h10m`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def elapsed(since_ns: int, now_ns: int) -> str:
    """The time between two instants, for people."""
    return show_seconds(max(0, now_ns - since_ns) / NS_PER_S)


def show_amount(pool: PoolView, amount: int) -> str:
    """An amount of a pool in the unit that people use for it."""
    match pool.dimension:
        case "bytes":
            return show_size(amount)
        case "millicpu":
            return show_milli(amount)
        case "count":
            return str(amount)


def pool_use(pool: PoolView) -> str:
    """`task:fetch 3/3`; without a limit only what is taken."""
    if pool.capacity is None:
        return f"{pool.pool} {show_amount(pool, pool.taken)}"
    return f"{pool.pool} {show_amount(pool, pool.taken)}/{show_amount(pool, pool.capacity)}"


def wait_text(wait: WaitView, pools: dict[str, PoolView]) -> str:
    """`12 fetch for task:fetch (3 of 3 taken)`, or why they are starved."""
    if wait.starved:
        return f"starved: {wait.starved}"
    if wait.pool.startswith("pause "):
        return f"{wait.count} {wait.task} paused"
    pool = pools.get(wait.pool)
    if pool is None or pool.capacity is None:
        return f"{wait.count} {wait.task} for {wait.pool}"
    return f"{wait.count} {wait.task} for {wait.pool} ({show_amount(pool, pool.taken)} of {show_amount(pool, pool.capacity)} taken)"


def waits_of(status: Status) -> list[str]:
    """What waits for what, the many first."""
    pools = {pool.pool: pool for pool in status.pools}
    return [wait_text(wait, pools) for wait in sorted(status.waits, key=lambda w: (not w.starved, -w.count, w.task))]


def total(nodes: NodeCounts) -> int:
    """How many call instances are known."""
    waiting = nodes.waiting + nodes.ready + nodes.running + nodes.backoff
    return waiting + nodes.done + nodes.cached + nodes.failed + nodes.skipped + nodes.cancelled


def progress(nodes: NodeCounts) -> str:
    """`12/40 done, 1 failed, 2 skipped`; a `+` where more may become known."""
    parts = [f"{nodes.done + nodes.cached}/{total(nodes)}{'+' if nodes.open_ended else ''} done"]
    named = (("running", nodes.running), ("retrying", nodes.backoff), ("failed", nodes.failed))
    parts += [f"{count} {word}" for word, count in (*named, ("skipped", nodes.skipped)) if count]
    return ", ".join(parts)


def count(number: int, thing: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
