"""What has not started under other clauses: asked about and queued anew, as old as it was. Called from `apply` alone.

An answer to the older question, known by the identity of the ask, is dropped outside. What runs keeps what it was started
with; where it is to run again it is asked about then.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from .effects import Ask, EvaluateFacts, Recall
from .progress import want
from .state import Queued, State


def ask_anew(state: State, changed: Set[int], *, facts_only: bool) -> None:
    """Instances of these sites; with `facts_only` values and results stand as they are."""
    if not changed:
        return
    for key in [key for key in state.facts if key[0] in changed]:
        del state.facts[key]
    for key, ask in list(state.asked.items()):
        if key[0] in changed:
            _ask_again(state, ask, facts_only)
    for key in [key for key in state.ledger.waiting_nodes() if key[0] in changed]:
        place = state.ledger.withdraw(key)
        state.may_starve = True
        state.places[key] = Queued(place, state.queued_ns.pop(key))
        want(state, *state.locate(key))


def _ask_again(state: State, ask: Ask, facts_only: bool) -> None:
    key = ask.key
    if isinstance(ask, EvaluateFacts) or (isinstance(ask, Recall) and not state.site_of(key).recalls):
        del state.asked[key]
        want(state, *state.locate(key))
    elif not facts_only:
        state.asked[key] = again = replace(ask)
        state.outbox.append(again)
