"""Keys: to which pool of a limit with `by` an instance belongs. Called from `apply` alone.

A key is asked for with the facts of a call, before it is queued; for what is queued or runs already when a `by` comes to
be in force, `keying` asks. It belongs to the instance for all its attempts, since its inputs do not change, and is
forgotten with it. Keys are known by the source of the expression alone: two limits `by host` share them.

What would force a redesign: an expression over what differs from attempt to attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..ir.events import Keyed
from ..ir.expr import Expr
from ..ir.graph import NodeKey
from .plan import Body, Site
from .state import State


def lacking(state: State, site: Site, key: NodeKey) -> tuple[tuple[str, Expr], ...]:
    """Of the `by` in force for a call, those for which an instance has no key yet: sources and expressions."""
    wanted = state.ledger.bys(site.shape)
    known = state.keys.get(key) if wanted else None
    return wanted if known is None else tuple(one for one in wanted if one[0] not in known)


def is_keyed(state: State, body: Body) -> bool:
    """Whether elements may differ in the pools that they wait for, though all ask for the same."""
    for site in body.entries:  # noqa: SIM110 - asked in most turns
        if state.ledger.bys(site.shape):
            return True
    return False


def learn(state: State, key: NodeKey, keys: Iterable[tuple[str, str]]) -> None:
    """Keys of an instance: (source of `by`, key)."""
    state.keys.setdefault(key, {}).update(keys)


def on_keyed(state: State, event: Keyed) -> None:
    by = event.by
    for key, text in event.keyed:
        state.keys.setdefault(key, {})[by] = text
    state.ledger.key(event.by, event.keyed)
    state.keying = None


def forget(state: State, sites: Collection[int]) -> None:
    """Inputs of calls may be others under another text: what is asked under the older one is void, also of what runs."""
    state.keying = None
    for key in [key for key in state.keys if key[0] in sites]:
        del state.keys[key]
