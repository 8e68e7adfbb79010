"""What became of each node of a graph in a run, from the events of its journal; of a live run, up to now.

The engine's own `apply` is run over the events, so that what was skipped or dropped, of which no event tells, is known
as the engine knows it. It forgets fan-outs that nobody can ask for any more; here they are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...engine.apply import apply
from ...engine.kept import KeptFrames
from ...engine.plan import Body
from ...engine.state import At, Frame
from ...engine.step import new_state
from ...ir.events import AttemptStarted, Event, ParamBound, Recalled, RunStatus
from ...ir.graph import Graph, NodeKey
from .model import STATES, Tally
from .model import State as Word

_WORDS: dict[At, Word] = {
    At.COLD: "waiting", At.WAITING: "waiting", At.ASKED: "waiting", At.READY: "waiting", At.BACKOFF: "waiting",
    At.RUNNING: "running", At.OPEN: "running", At.HELD: "held", At.CANCELLED: "cancelled", At.DONE: "done", At.FAILED: "failed", At.SKIPPED: "skipped",
    At.DROPPED: "dropped",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A run for a picture. `lengths` are those of params that are lists; `status` None where it has not ended."""

    tallies: dict[int, Tally]
    elements: dict[int, tuple[int, bool]]
    """Of each fan-out how many elements all its instances have together, and whether more may become known."""
    lengths: dict[int, int]
    status: RunStatus | None
    graph: Graph
    """The newest text of the run."""


def progress(
    graph: Graph, events: Iterable[tuple[int, Event]], *, live: bool, graphs: Mapping[str, Graph] | None = None
) -> Progress:
    """The states of every call and value of a graph; `live`: an engine is at it, so that what runs still runs."""
    state = new_state(graph, graphs)
    kept = state.frames = KeptFrames()
    lengths: dict[int, int] = {}
    recalled: set[NodeKey] = set()
    for t_ns, event in events:
        if isinstance(event, Recalled):
            recalled.add(event.key)
        elif isinstance(event, AttemptStarted):  # it is made again
            recalled.discard(event.key)
        elif isinstance(event, ParamBound) and event.length is not None:
            lengths[event.node] = event.length
        apply(state, event, t_ns)
        state.outbox.clear()
    frames: dict[int, list[Frame]] = {}
    for frame in (state.root, *kept.values(), *kept.dropped):
        frames.setdefault(frame.body.region, []).append(frame)
    cached = Counter(key[0] for key in recalled)
    going = live and state.status is None
    tallies: dict[int, Tally] = {}
    elements: dict[int, tuple[int, bool]] = {}
    for site in state.plan.sites.values():
        counts: Counter[Word] = Counter()
        for frame in frames.get(site.body.region, ()):
            for at, number in Counter(frame.states[site.pos]).items():
                word = _WORDS[At(at)]
                counts[word if going or at >= At.HELD else "cancelled"] += number
        counts["cached"] = min(cached[site.id], counts["done"])
        counts["done"] -= counts["cached"]
        more = going and _grows(site.body, frames)
        if site.inner is not None:
            count = sum(frame.count for frame in frames.get(site.id, ()))
            elements[site.id] = (count, going and _grows(site.inner, frames))
        tallies[site.id] = Tally(tuple((word, counts[word]) for word in STATES if counts[word]), more)
    return Progress(tallies=tallies, elements=elements, lengths=lengths, status=state.status, graph=state.plan.graph)


def _grows(body: Body, frames: dict[int, list[Frame]]) -> bool:
    """Whether more elements may become known: a list is open, or elements outside have not begun theirs."""
    if body.parent is None:
        return False
    own = frames.get(body.region, [])
    outside = frames.get(body.parent.body.region, [])
    begun = sum(frame.count for frame in outside)
    return any(not frame.closed for frame in own) or len(own) < begun or _grows(body.parent.body, frames)
