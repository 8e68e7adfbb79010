"""What is parked, what goes on, and a run that takes another text. Called from `apply` alone.

*Hold.* An instance that failed for good under the policy `hold` is in the state HELD: not ended, so that what needs it
waits and its element stays. It takes no room of its list's window, so that any number may be parked.

*Reload.* The new graph has the shape of the old one (`ir.compare` has seen to it), so that the plan stays as it is: sites,
bodies and waits are the same, and each site is given its new node, task and clauses, an operator's patches over them. What has
not started takes these, by the way of `anew`. What runs keeps what it was started with; its keys are asked for again for its
next attempt, where its inputs are given by another expression.

What would force a redesign: a new text that has other nodes. Then instances would have to be carried from plan to plan.
"""

from __future__ import annotations

from ..ir.events import Reloaded
from ..ir.graph import Call, Compute, NodeKey
from ..ir.requirement import Layer
from .anew import ask_anew
from .effects import Ask, Evaluate, EvaluateFacts, Gather, Measure, Recall
from .halted import pardon
from .keys import forget
from .patches import patch_plan, shape
from .plan import Plan, Site, plan, resources_of
from .progress import EngineFault, move, refill, want
from .state import At, Parked, State


def park(state: State, key: NodeKey, ask: Ask | None = None) -> None:
    """Park an instance that has just failed; `ask` is what could not be answered, None where it was an attempt."""
    state.parked[key] = Parked(state.seq, ask)
    if isinstance(ask, Measure | Gather):
        return  # the FanOut stays open
    frame, index, pos = state.locate(key)
    move(state, frame, index, pos, At.HELD)
    refill(state, frame)


def retry(state: State, key: NodeKey) -> None:
    """What is parked or cancelled goes on."""
    if pardon(state, key):
        return
    parked = state.parked.pop(key, None)
    if parked is None:
        raise EngineFault(f"{key} is retried, but it was not parked")
    frame, index, pos = state.locate(key)
    match parked.ask:
        case None | EvaluateFacts() | Recall():
            state.epochs[key] = state.epochs.get(key, 0) + 1
            want(state, frame, index, pos)
        case Evaluate():
            _ask(state, Evaluate(key))
            move(state, frame, index, pos, At.ASKED)
        case Measure():
            _ask(state, Measure(key))
        case Gather():
            _ask(state, Gather(key))


def _ask(state: State, ask: Ask) -> None:
    state.asked[ask.key] = ask
    state.outbox.append(ask)


def reload(state: State, event: Reloaded) -> None:
    """The run is of another text from here on."""
    graph = state.graphs.get(event.graph_digest)
    if graph is None:
        raise EngineFault(f"the graph {event.graph_digest} of a reload is not there")
    state.ledger.declare(resources_of(graph))
    changed, reworded = _renew(state, plan(graph))
    state.ledger.say_layer(Layer.FILE, event.words)
    forget(state, reworded)
    ask_anew(state, changed, facts_only=False)
    for frame in (state.root, *list(state.frames.values())):
        refill(state, frame)


def _renew(state: State, new: Plan) -> tuple[set[int], set[int]]:
    """Give every site its new text; the ids of those for which something is to be asked or queued again, and of those
    whose inputs may be others."""
    old = state.plan
    if old.sites.keys() != new.sites.keys():
        raise EngineFault("a graph of another shape was to be reloaded")
    new.dimensions = {**old.dimensions, **new.dimensions}  # an operator may have spoken of one that is no more
    patch_plan(new, state.patches)
    old.graph = new.graph
    old.dimensions = new.dimensions
    changed: set[int] = set()
    reworded: set[int] = set()
    for id_, site in old.sites.items():
        other = new.sites[id_]
        if _inputs_differ(site, other):
            reworded.add(id_)
        if _differs(site, other):
            changed.add(id_)
        site.node, site.task, site.clauses, site.written = other.node, other.task, other.clauses, other.written
        site.facts, site.anew, site.recalls = other.facts, other.anew, other.recalls
        site.body.varies = site.body.varies or other.body.varies
        shape(site, state.ledger)
    return changed, reworded


def _differs(old: Site, new: Site) -> bool:
    """Whether an answer, or a place in the queue, may be another under the new text."""
    match old.node, new.node:
        case Call() as before, Call() as after:
            return before.args != after.args or old.clauses != new.clauses or old.task != new.task
        case Compute() as before, Compute() as after:
            return before.expr != after.expr
        case _:
            return False


def _inputs_differ(old: Site, new: Site) -> bool:
    """Whether a key over the inputs of a call may be another under the new text."""
    match old.node, new.node:
        case Call() as before, Call() as after if old.task is not None and new.task is not None:
            return before.args != after.args or old.task.inputs != new.task.inputs
        case _:
            return False
