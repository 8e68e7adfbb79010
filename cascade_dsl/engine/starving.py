"""Nodes that could not start even on an empty machine: told once when that begins, and once when it is over.

Looked for only after what may have changed it, and then by classes of nodes: who the nodes are does not matter.
"""

from __future__ import annotations

from ..ir.events import NoLongerStarved, RunContinued, Starved
from .steered import ON
from .turn import Turn

_CHANGES = frozenset({*ON, RunContinued})
"""After these other terms may be in force."""


def tell_starved(turn: Turn) -> None:
    """Emit what has become starved in this turn, and what is it no more."""
    state = turn.state
    if not state.may_starve and _CHANGES.isdisjoint(map(type, turn.events)):
        return
    state.may_starve = False
    if state.phase != "running":
        return
    now = {(task, identity): (need, limit) for task, identity, need, limit in state.ledger.told.starving()}
    for task, identity in [key for key in state.starved if key not in now]:
        turn.emit(NoLongerStarved(task=task, identity=identity))
    for (task, identity), (need, limit) in now.items():
        if state.starved.get((task, identity)) != (need, limit):
            turn.emit(Starved(task=task, identity=identity, need=need, limit=limit))
