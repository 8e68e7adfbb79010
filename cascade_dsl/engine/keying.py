"""Keys of what is queued or runs already: asked for in batches, when a limit with `by` has come to be in force.

That a batch is asked for is no event: which instances lack a key is read from the ledger, so that an engine that
takes over asks for what is missing in its first turn. One batch is under way at a time. What runs comes first: it is
counted before anything that waits under the limit may start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.events import Keyed
from .effects import KeyNodes
from .halting import preempt
from .inputs import NodesKeyed
from .progress import EngineFault
from .state import State
from .turn import Turn

_NONE: dict[str, str] = {}
BATCH = 250
"""So many instances are keyed in one turn: a turn is short, whatever waits."""


def ask_for_keys(state: State) -> None:
    """Ask for keys that are missing, where that is not under way."""
    if state.keying is not None:
        return
    found = state.ledger.unkeyed(BATCH)
    if found is None:
        return
    by, keys = found
    expr = dict(state.ledger.bys(state.site_of(keys[0]).shape))[by]
    state.keying = ask = KeyNodes(by, expr, keys)
    state.outbox.append(ask)


def _on_nodes_keyed(turn: Turn, given: NodesKeyed) -> None:
    """What has ended meanwhile, or waits no more, takes no key: it is asked for where it is queued again.

    A key that is known stays, whatever a second evaluation gives.
    """
    state = turn.state
    if state.keying is None or state.keying.by != given.by:
        raise EngineFault(f"keys of `{given.by}` came that nobody asked for")
    if state.phase == "ended":
        return
    keyed = tuple(
        (key, state.keys.get(key, _NONE).get(given.by, text))
        for key, text in given.keyed
        if key in state.queued_ns or key in state.running
    )
    if keyed:
        turn.emit(Keyed(by=given.by, keyed=keyed))
    state.keying = None
    for identity in list(state.preempting):
        preempt(turn, identity)


ON: dict[type, Callable[[Turn, Any], None]] = {NodesKeyed: _on_nodes_keyed}
