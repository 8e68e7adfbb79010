"""What a change of priorities or demands does, told: reads, never writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..base.quantity import MILLI, exact
from ..ir.expr import Expr, Lit
from ..ir.graph import Clauses
from ..ir.requirement import Dimension, Identity, Scope
from ..ir.text import expr_text
from ..limits.words import show_amount
from .patches import PRIORITY, Patches, in_scope, patched
from .plan import Site
from .state import At, Running, State

_LATER = (At.COLD, At.WAITING, At.ASKED, At.READY, At.BACKOFF)
_WIDE = 40
_SHOWN = 3
_SIZES = tuple(10**power for power in (14, 11, 8, 5, 2))
"""Tenths of the units of sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchView:
    """What became of one resource, or of the priority, in a scope."""

    what: str
    """The resource; `priority`."""
    before: tuple[str, ...]
    """What calls had, each amount once, as people write it."""
    after: tuple[str, ...]
    running: int
    """Attempts that run and keep what they have."""
    waiting: int
    """Calls that have not started, as far as they are known."""
    starved: str
    """Where none of what waits could start on an empty machine: `the limit is 32GB`; else empty."""
    text: str


def patch_views(state: State, scope: Scope, whats: Iterable[str], before: Patches) -> tuple[PatchView, ...]:
    """What has changed since the patches were `before`; the state is as it is now."""
    sites = list(in_scope(state, scope))
    counts = [0] * len(At)
    ids = {site.id for site in sites}
    for frame in (state.root, *state.frames.values()):
        for site, states in zip(frame.body.sites, frame.states, strict=True):
            if site.id in ids:
                for at in _LATER:
                    counts[at] += states.count(at)
    waiting = sum(counts[at] for at in _LATER)
    running = [each for each in state.running.values() if each.key[0] in ids]
    return tuple(_view(state, scope, what, sites, before, waiting, running) for what in whats)


def _view(
    state: State, scope: Scope, what: str, sites: list[Site], before: Patches, waiting: int, running: list[Running]
) -> PatchView:
    was: dict[str, None] = {}
    now: dict[str, None] = {}
    for site in sites:
        assert site.task is not None
        assert site.written is not None
        assert site.clauses is not None
        old = patched(site.task, site.written, before, state.plan.dimensions)
        was[_shown(state, what, old)] = None
        now[_shown(state, what, site.clauses)] = None
    change = _arrow(tuple(was), tuple(now))
    name = "priority" if what == PRIORITY else what
    starved = ""
    if not sites:
        text = f"nothing of {scope} is called in this run"
    elif what == PRIORITY:
        text = f"priority of {scope} {change}: {_order(tuple(was), tuple(now), waiting)}"
    else:
        starved = _starved(state, what, sites) if waiting else ""
        parts = [_keep(state, what, running)] if running else []
        parts.append(f"{waiting} waiting" + (f" starve, {starved}" if starved else ""))
        text = f"{scope} {what} {change}: {', '.join(parts)}"
        if starved:
            text += f"; `cascade set {scope} {what}={_fitting(state, what)}` fits"
    return PatchView(
        what=name,
        before=tuple(was),
        after=tuple(now),
        running=len(running),
        waiting=waiting,
        starved=starved,
        text=text,
    )


def _arrow(was: tuple[str, ...], now: tuple[str, ...]) -> str:
    return f"stays {_several(now)}" if was == now else f"{_several(was)} → {_several(now)}"


def _several(amounts: tuple[str, ...]) -> str:
    return ", ".join(amounts[:_SHOWN]) + (", …" if len(amounts) > _SHOWN else "")


def _order(was: tuple[str, ...], now: tuple[str, ...], waiting: int) -> str:
    """What a priority does to those that wait."""
    moves = ""
    if was != now:
        try:
            old, new = max(map(int, was)), max(map(int, now))
            moves = "" if old == new else " go first" if new > old else " go later"
        except ValueError:  # an expression
            pass
    return f"{waiting} waiting{moves}" if waiting else "nothing waits"


def _clause(what: str, clauses: Clauses) -> Expr | None:
    if what == PRIORITY:
        return clauses.priority
    return next((r.amount for r in clauses.requires if r.resource == what), None)


def _shown(state: State, what: str, clauses: Clauses) -> str:
    expr = _clause(what, clauses)
    if expr is None:
        return "0" if what == PRIORITY else "none"
    if what == PRIORITY and isinstance(expr, Lit):
        return str(expr.value)
    amount = _literal(expr, state.plan.dimensions.get(what, "count"))
    if amount is not None:
        return show_amount(state.plan.dimensions[what], amount)
    text = " ".join(expr_text(expr, state.plan.name_of).split())
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"


def _literal(expr: Expr | None, dimension: Dimension) -> int | None:
    value = expr.value if isinstance(expr, Lit) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(exact(value) * (MILLI if dimension == "millicpu" else 1))


def _keep(state: State, what: str, running: list[Running]) -> str:
    """`3 running keep 8GB`."""
    held: set[int] = set()
    for each in running:
        site = state.plan.sites[each.key[0]]
        assert site.written is not None
        text = (r.resource for r in site.written.requires)
        held.add(dict(each.granted or zip(text, each.facts.amounts, strict=False)).get(what, 0))
    dimension = state.plan.dimensions[what]
    amount = show_amount(dimension, held.pop()) if len(held) == 1 else "what they hold"
    return f"{len(running)} running {'keeps' if len(running) == 1 else 'keep'} {amount}"


def _limit_of(state: State, what: str) -> int | None:
    terms = state.ledger.words.terms(Identity(Scope("resource", what)))
    return None if terms is None else terms.amount


def _capacity(state: State, what: str) -> str:
    capacity = _limit_of(state, what)
    return "" if capacity is None else show_amount(state.plan.dimensions[what], capacity)


def _fitting(state: State, what: str) -> str:
    """The capacity of a resource in few digits, a size rounded down."""
    capacity = _limit_of(state, what) or 0
    if state.plan.dimensions[what] != "bytes":
        return show_amount(state.plan.dimensions[what], capacity)
    unit = next((size for size in _SIZES if capacity >= 10 * size), 1)
    return show_amount("bytes", capacity // unit * unit)


def _starved(state: State, what: str, sites: list[Site]) -> str:
    """Why none of these could start on an empty machine, as far as their amounts are known."""
    capacity = _limit_of(state, what)
    if capacity is None:
        return ""
    for site in sites:
        assert site.clauses is not None
        amount = _literal(_clause(what, site.clauses), state.plan.dimensions[what])
        if amount is None or amount <= capacity:
            return ""
    return f"the limit of {what} is {_capacity(state, what)}"
