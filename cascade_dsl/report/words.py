"""Pieces of text that progress lines, the live view and `ps` share: one name for each thing, whoever shows it.

The standard library alone: `ps`, which is to cost little, imports this.
"""

from __future__ import annotations

import os

from ..base.quantity import NS_PER_S, show_milli, show_size
from ..base.spellings import dotted
from ..engine.status import ChangeView, NodeCounts, RetryView, Status, WaitView
from ..limits.views import PoolView
from .cells import printable

OPERATOR = "an operator"
_MACHINE = ("cpu", "mem", "gpu", "global")


def short_path(path: str) -> str:
    """A path as seen from the current folder, where it lies below it."""
    here = os.getcwd()
    return os.path.relpath(path, here) if path.startswith(here + os.sep) else path


def show_seconds(seconds: float) -> str:
    """A time for people: `0.4s`, `12s`, `3m05s`, `2h10m`."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f}s"
    whole = int(seconds + 0.05)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def elapsed(since_ns: int, now_ns: int) -> str:
    """The time between two instants, for people."""
    return show_seconds(max(0, now_ns - since_ns) / NS_PER_S)


def count(number: int, thing: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


# ---- nodes ------------------------------------------------------------------------------------------------------


def total(nodes: NodeCounts) -> int:
    """How many call instances are known."""
    waiting = nodes.waiting + nodes.ready + nodes.running + nodes.backoff + nodes.held
    return waiting + ended(nodes)


def ended(nodes: NodeCounts) -> int:
    """How many will not change any more."""
    return nodes.done + nodes.cached + nodes.failed + nodes.skipped + nodes.cancelled


def done(nodes: NodeCounts) -> str:
    """`12/40 done`; a `+` where more may become known."""
    return f"{nodes.done + nodes.cached}/{total(nodes)}{'+' if nodes.open_ended else ''} done"


def states(nodes: NodeCounts) -> list[tuple[int, str]]:
    """How many are in each state, with its word, what matters most first; those in which none is are left out.

    Those that are cached are among the `done`.
    """
    named = (
        (nodes.running - nodes.frozen, "running"),
        (nodes.frozen, "frozen"),
        (nodes.failed, "failed"),
        (nodes.held, "held"),
        (nodes.backoff, "retrying"),
        (nodes.cached, "cached"),
        (nodes.skipped, "skipped"),
        (nodes.stopped, "cancelled"),
        (nodes.cancelled - nodes.stopped, "not run"),
        (nodes.ready, "ready"),
        (nodes.waiting, "waiting"),
    )
    return [(number, word) for number, word in named if number]


def progress(nodes: NodeCounts) -> str:
    """`12/40 done, 3 running, 1 failed`."""
    return ", ".join([done(nodes), *(f"{number} {word}" for number, word in states(nodes))])


# ---- pools, waits, and what operators said ----------------------------------------------------------------------


def show_amount(dimension: str, amount: int) -> str:
    """An amount of a pool in the unit that people use for it."""
    match dimension:
        case "bytes":
            return show_size(amount)
        case "millicpu":
            return show_milli(amount)
        case _:
            return str(amount)


def pool_use(pool: PoolView) -> str:
    """`3 of 10`; without a limit only what is taken."""
    taken = show_amount(pool.dimension, pool.taken)
    return taken if pool.capacity is None else f"{taken} of {show_amount(pool.dimension, pool.capacity)}"


def is_pause(pool: str) -> bool:
    """A pool that stands for a pause."""
    return pool.startswith("pause ")


def waits_by_pool(waits: tuple[WaitView, ...]) -> dict[str, str]:
    """Pool → who waits for it, the many first: `28 fetch, 3 count`. Those that are starved are told apart."""
    by_pool: dict[str, list[WaitView]] = {}
    for wait in waits:
        if not wait.starved:
            by_pool.setdefault(wait.pool, []).append(wait)
    return {
        pool: ", ".join(f"{wait.count} {wait.task}" for wait in sorted(found, key=lambda w: (-w.count, w.task)))
        for pool, found in by_pool.items()
    }


def pool_rows(status: Status, everything: bool = False) -> list[tuple[str, str, str]]:
    """(pool, use, who waits): those that hold somebody up first, then the limits that somebody runs under.

    What the machine as a whole gives is of interest where it holds somebody up, else only where `everything` is.
    """
    waiting = waits_by_pool(status.waits)
    shown = [
        pool
        for pool in status.pools
        if not is_pause(pool.pool)
        and (pool.pool in waiting or (pool.capacity is not None and pool.taken))
        and (pool.pool in waiting or everything or pool.pool not in _MACHINE)
    ]
    shown.sort(key=lambda pool: (pool.pool not in waiting, pool.pool in _MACHINE, pool.pool))
    return [(pool.pool, pool_use(pool), waiting.get(pool.pool, "")) for pool in shown]


def starved(status: Status) -> list[str]:
    """`starved: 2 big: big needs mem 64GB, the limit is 32GB` for each kind that could not start on an empty machine."""
    return [
        f"starved: {wait.count} {wait.task}: {wait.starved}"
        for wait in sorted(status.waits, key=lambda w: (-w.count, w.task))
        if wait.starved
    ]


def changes(status: Status) -> list[str]:
    """What operators said and is in force, pauses with who waits for them: `paused task:count by ann: lunch; 2 count wait`."""
    waiting = waits_by_pool(status.waits)
    dimensions = {pool.pool: pool.dimension for pool in status.pools}
    out: list[str] = []
    for change in sorted(status.changes, key=lambda c: (c.kind != "pause", c.scope)):
        if change.kind == "pause":
            held = waiting.get(f"pause {change.scope}", "")
            how = "frozen" if change.freezes else "paused"
            text = f"{how} {'everything' if change.scope == 'global' else change.scope}{_said(change)}"
            if change.until_ns is not None:
                text += f", {show_seconds(max(0, change.until_ns - status.now_ns) / NS_PER_S)} left"
            out.append(f"{text}; {held} waiting" if held else text)
        elif change.kind == "drain":
            out.append(f"draining{_said(change)}")
        else:
            amount = show_amount(dimensions.get(change.scope, "count"), change.amount or 0)
            out.append(f"limit {change.scope} {amount}{_said(change)}")
    return out


def _said(change: ChangeView) -> str:
    by = f" by {printable(change.who)}" if change.who else ""
    return f"{by}: {printable(change.because)}" if change.because else by


def change_text(who: str, effect: str, because: str) -> str:
    """What an operator did, said once: `ann: task:fetch 10 → 3: 9 running, drains to 3 (the API complains)`."""
    reason = f" ({printable(because)})" if because else ""
    return f"{printable(who) or OPERATOR}: {effect}{reason}"


def retries(status: Status) -> list[str]:
    """`again in 8s: pages[rome], attempt 3 of 4: exit 22`, the next first."""
    return [retry_text(retry, status.now_ns) for retry in status.retries]


def retry_text(retry: RetryView, now_ns: int) -> str:
    """A node that is tried again, and when."""
    when = show_seconds(max(0, retry.due_ns - now_ns) / NS_PER_S)
    return f"again in {when}: {retry.name}, attempt {retry.attempt + 1} of {retry.allowed}: {printable(retry.message)}"


_HELD_SHOWN = 3


def held_text(status: Status) -> str:
    """`held: pages[rome], pages[oslo], … 3 more`."""
    names = [failure.name for failure in status.held[:_HELD_SHOWN]]
    more = status.held_total - len(names)
    return "held: " + ", ".join([*names, *([f"… {more} more"] if more > 0 else [])])


def held_rows(status: Status) -> list[str]:
    """Each that is parked with why it failed; of many the first."""
    rows = [f"{failure.name}: {printable(failure.message)}" for failure in status.held]
    more = status.held_total - len(rows)
    return [*rows, *([f"and {more} more"] if more > 0 else [])]


def held_help(status: Status) -> str:
    """What gets a run going again of which something is parked."""
    one = dotted(status.held[0].name) if status.held else "NODE"
    retry = (
        "`cascade retry all`"
        if status.held_total == 1
        else f"`cascade retry all`, or one of them: `cascade retry {one}`"
    )
    return f"mend what is wrong, in {status.file} too, then in another terminal {retry}"


def stall_title(status: Status) -> str:
    """Why a run waits of which nothing can go on."""
    if not status.held_total:
        return "stalled: nothing runs and nothing can start"
    what = "one failed and is held" if status.held_total == 1 else f"{status.held_total} failed and are held"
    return f"waiting: {what}, all else that could be done is done"


def waits_of(status: Status) -> list[str]:
    """Why nothing goes on, for a run that is stalled: held, `28 fetch wait for task:fetch (3 of 3)`, starved, pauses."""
    waiting = waits_by_pool(status.waits)
    pools = {pool.pool: pool for pool in status.pools}
    out = [*held_rows(status), *starved(status)]
    for pool, who in sorted(waiting.items()):
        if is_pause(pool):
            out.append(f"paused {pool.removeprefix('pause ')}: {who} waiting")
        else:
            use = f" ({pool_use(pools[pool])})" if pool in pools else ""
            out.append(f"waiting for {pool}{use}: {who}")
    return out


def stall_help(status: Status) -> str:
    """What gets a stalled run going again."""
    if status.held_total:
        return f"{held_help(status)}; Ctrl-C ends the run, `cascade continue` goes on with it"
    if any(wait.starved for wait in status.waits):
        return "`cascade limit SCOPE AMOUNT` from another terminal raises a limit; Ctrl-C ends the run"
    if status.changes or any(is_pause(wait.pool) for wait in status.waits):
        return "`cascade resume` and `cascade unlimit SCOPE` take back what was said; Ctrl-C ends the run"
    return "`cascade limit SCOPE AMOUNT` from another terminal changes a limit; Ctrl-C ends the run"
