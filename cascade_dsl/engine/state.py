"""The engine's state: hot, mutable, owned by the engine and changed in `apply` alone.

A `Frame` is an instance of a body list: the elements of one FanOut instance, or the one element of the program.
For each site it keeps one state byte and one row number an element; an object (`Hot`) exists only for elements in
the window. No value is here: a row number is the sequence number of the event that holds the value.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, NamedTuple, TypeAlias

from ..ir.events import Facts, OnFailure, PlannedRemoval, PublishPlanned, RunStatus
from ..ir.graph import Graph, NodeKey
from ..ir.requirement import Identity, Scope
from ..limits.ledger import Ledger
from ..limits.shapes import Place
from .changed import Change
from .effects import Ask, Effect, KeyNodes
from .lineage import Lineage, trace
from .plan import Body, Plan, Site

WINDOW = 1024
"""Elements of a FanOut that are hot at once, at least; four times what runs, where that is more."""


class At(IntEnum):
    """Where an instance of a site stands. From DONE on it has ended."""

    COLD = 0
    WAITING = 1
    ASKED = 2
    READY = 3
    BACKOFF = 4
    RUNNING = 5
    OPEN = 6
    """A FanOut whose elements are under way."""
    HELD = 7
    """It failed for good and is parked."""
    CANCELLED = 8
    """An operator does not want it to run: put aside as what is held is."""
    DONE = 9
    FAILED = 10
    SKIPPED = 11
    DROPPED = 12


ENDED = At.DONE
"""States from this one on are final."""

GIVE_UP, REFILL = -1, -2
"""In `State.work`: an instance that waits for files that cannot be made; a frame that may have room."""

PENDING, VALUE, NO_VALUE, NOT_KEPT = 0, 1, 2, 3
"""What an element gives: not known yet, a value, none because something failed, or dropped by the filter."""


class Hot:
    """An element in the window: what each site still waits for."""

    __slots__ = ("index", "open", "unmet")

    def __init__(self, index: int, unmet: list[int]) -> None:
        self.index = index
        self.unmet = unmet
        self.open = len(unmet)


class Frame:
    """The elements of one FanOut instance (or of the program), in the order of the source."""

    __slots__ = (
        "active",
        "available",
        "bad",
        "base",
        "blocked",
        "body",
        "busiest",
        "closed",
        "count",
        "doomed",
        "ended",
        "fruitless",
        "held",
        "hot",
        "next",
        "offsets",
        "out",
        "parent",
        "path",
        "rows",
        "source",
        "states",
        "unmeasured",
        "window",
    )

    def __init__(self, body: Body, path: tuple[int, ...], parent: Frame | None, source: Frame | None) -> None:
        self.body = body
        self.path = path
        """Of the FanOut's own instance; an element's path is this and its index."""
        self.parent = parent
        self.source = source
        """The frame that this one streams from."""
        self.count = 0
        """Elements known so far."""
        self.closed = False
        """No more will come."""
        self.next = 0
        """The first element that is cold, where the list is closed from the start."""
        self.available: list[int] = []
        """Heap of cold elements whose source element is there, of a stream."""
        self.hot: dict[int, Hot] = {}
        self.active = 0
        """Hot site instances that run, are evaluated or are in backoff."""
        self.held = 0
        """Hot site instances that are parked or cancelled: they take no room of the window."""
        self.window = WINDOW
        self.fruitless = 0
        """How often in a row the window was made wider, and no more of the run's calls ran than before."""
        self.busiest = 0
        """How many ran when it was made wider, at most."""
        self.ended = 0
        self.bad = 0
        """Elements that give no value because something failed."""
        self.unmeasured = False
        """What it goes over turned out to be no list."""
        self.states: list[bytearray] = [bytearray() for _ in body.sites]
        self.rows: list[array[int]] = [array("q") for _ in body.sites]
        self.out = bytearray()
        """What each element gives, as it is known."""
        self.base: list[Frame | None] = []
        """Where elements are joined lists: the frame of each element's list, None for one that gives nothing."""
        self.offsets: array[int] = array("q", [0])
        """Where elements are joined lists: index in the whole of the first of each, as far as known."""
        self.blocked: dict[int, list[tuple[int, int]]] = {}
        """Outer node → (element, position) that wait for it."""
        self.doomed: dict[int, bool] = {}
        """Outer nodes that this body needs and that have not ended well: True where they have ended badly."""

    def element(self, index: int) -> tuple[int, ...]:
        """The path of an element."""
        return (*self.path, index) if self.body.parent is not None else self.path

    def key(self, index: int, pos: int) -> NodeKey:
        """The key of a site's instance."""
        site = self.body.sites[pos]
        return (site.id, *self.path, index) if self.body.parent is not None else (site.id, *self.path)

    @property
    def has_cold(self) -> bool:
        """Elements are there that have not become hot: of a stream those whose source element has come."""
        return self.next < self.count if self.source is None else bool(self.available)

    @property
    def out_known(self) -> int:
        """How many elements of its output stream are known."""
        return self.offsets[-1] if self.body.flatten else self.count

    @property
    def out_closed(self) -> bool:
        """True when no more elements will come to its output stream."""
        return self.closed and (not self.body.flatten or len(self.offsets) == self.count + 1)


@dataclass(slots=True, eq=False)
class Running:
    """An attempt that has begun and not ended."""

    key: NodeKey
    frame: Frame
    index: int
    pos: int
    epoch: int
    attempt: int
    serial: int
    since_ns: int
    facts: Facts
    deadline_ns: int | None = None
    """When its timeout is over, as far as is known: it stands still while the attempt is frozen."""
    frozen_ns: int | None = None
    """Since when it is frozen."""
    stood_ns: int = 0
    """How long it was frozen before."""
    stopping: Literal["timeout", "cancelled", "preempted"] | None = None
    plan: PublishPlanned | None = None
    granted: tuple[tuple[str, int], ...] = ()
    """As in AttemptStarted."""
    plan_row: int = 0


class Queued(NamedTuple):
    """Where an instance stood in the queue, and since when."""

    place: Place
    since_ns: int


@dataclass(frozen=True, slots=True)
class Parked:
    """What failed for good under the policy `hold`: the row that says why, and what was asked where it was no attempt."""

    row: int
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause that is in force; when it ends by itself the ledger knows."""

    scope: Scope
    who: str
    because: str
    since_ns: int
    freezes: bool


Timer: TypeAlias = tuple[int, int, NodeKey, int, int, Literal["backoff", "deadline"]]
"""(due, sequence, key, epoch, attempt, what): the end of the backoff after an attempt, or its deadline."""
Phase: TypeAlias = Literal["new", "running", "draining", "cancelling", "ended"]


class State:
    """All that the engine knows. `seq` is the number of the last event."""

    __slots__ = (
        "asked",
        "attempts",
        "awaiting",
        "cancelled",
        "changes",
        "condemned",
        "condemned_scopes",
        "counts",
        "earlier",
        "epochs",
        "facts",
        "failed",
        "failed_before",
        "frames",
        "graphs",
        "guarded",
        "held",
        "keeps_temp",
        "keying",
        "keys",
        "lacking",
        "ledger",
        "lengths",
        "lineage",
        "may_starve",
        "now_ns",
        "on_failure",
        "outbox",
        "pardoned",
        "parked",
        "patches",
        "paused",
        "pauses_changed",
        "peaks",
        "phase",
        "places",
        "plan",
        "preempting",
        "queued_ns",
        "recalled",
        "recalls",
        "revived",
        "root",
        "run",
        "running",
        "seq",
        "serial",
        "started_ns",
        "starved",
        "status",
        "timers",
        "to_check",
        "to_expand",
        "to_extend",
        "to_revive",
        "to_widen",
        "waiters",
        "wall_ahead_ns",
        "wanted",
        "watched",
        "why",
        "work",
    )

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self.ledger = ledger
        self.run = ""
        self.phase: Phase = "new"
        self.why = ""
        self.status: RunStatus | None = None
        self.on_failure: OnFailure = "finish"
        self.seq = 0
        self.serial = 0
        self.started_ns = 0
        self.now_ns = 0
        """The instant of the last event."""
        self.wall_ahead_ns = 0
        """How far the wall clock is ahead of the engine's, by the steps that were noticed."""
        self.root = Frame(plan.root, (), None, None)
        self.frames: dict[NodeKey, Frame] = {}
        """FanOut instances that are open, or whose elements somebody may still read."""
        self.asked: dict[NodeKey, Ask] = {}
        self.running: dict[NodeKey, Running] = {}
        self.attempts: dict[NodeKey, int] = {}
        """Failed attempts of instances that are to be tried again."""
        self.epochs: dict[NodeKey, int] = {}
        """How often an attempt was lost, or the result that it gave, where it was."""
        self.queued_ns: dict[NodeKey, int] = {}
        """Since when instances are ready."""
        self.facts: dict[NodeKey, Facts] = {}
        """Of hot calls whose facts differ from instance to instance."""
        self.keys: dict[NodeKey, dict[str, str]] = {}
        """Of hot calls that a limit with `by` is or was about: `by` → key. They hold for all attempts."""
        self.keying: KeyNodes | None = None
        """The question for keys that is under way; as `outbox` no part of the state that is compared."""
        self.lengths: dict[NodeKey, int] = {}
        """Lists that a FanOut goes over."""
        self.waiters: dict[NodeKey, list[Frame]] = {}
        """Frames with elements that wait for an instance in an enclosing body."""
        self.timers: list[Timer] = []
        """Heap, by the instant when each is due."""
        self.failed: list[tuple[NodeKey, int]] = []
        """Calls that failed for good, with the row that says why."""
        self.parked: dict[NodeKey, Parked] = {}
        """What failed for good and is parked."""
        self.peaks: dict[NodeKey, int] = {}
        """Bytes that the last failed attempt of an instance used, where its clauses may ask for that."""
        self.graphs: dict[str, Graph] = {}
        """Other texts that the run has had or is about to have, by digest: given from outside, no part of the state."""
        self.patches: dict[tuple[Scope, str], int] = {}
        """What an operator has set over the text, see `patches`."""
        self.changes: list[Change] = []
        """What operators have changed and not taken back, the newest last."""
        self.places: dict[NodeKey, Queued] = {}
        """Where instances stood in the queue that were taken out to be asked about again."""
        self.paused: dict[str, Paused] = {}
        """By scope."""
        self.pauses_changed = False
        self.preempting: dict[Identity, None] = {}
        """Limits for which what is too much is still to give way, when the keys of all that runs are known. Nothing that replay
        needs: what ran when an engine died runs no more.
        """
        """Some began or ended in this turn: what stands still is to be looked at; no part of the state."""
        self.failed_before = 0
        """How many had failed when the run began to drain."""
        self.cancelled: dict[NodeKey, int] = {}
        """What an operator cancelled and is put aside → the row that it was at."""
        self.condemned: dict[NodeKey, None] = {}
        """What an operator cancelled, also where it is not put aside because it runs or is not ready."""
        self.condemned_scopes: dict[Scope, None] = {}
        """Scopes of which an operator cancelled all."""
        self.pardoned: dict[NodeKey, None] = {}
        """Instances in these that are to run all the same."""
        self.starved: dict[tuple[str, Identity], tuple[int, int]] = {}
        """(task, pool) → what calls of it need and the most that there is, where that is less."""
        self.may_starve = False
        """Something was queued that would not fit an empty machine; not part of the state that is compared."""
        self.counts: list[int] = [0] * len(At)
        """Call instances by state."""
        self.recalls = False
        """Calls ask for earlier results."""
        self.recalled = 0
        """Call instances that are done by an earlier result."""
        self.lineage: Lineage = trace(plan)
        self.keeps_temp = False
        """Temporary files are not removed."""
        self.held: dict[NodeKey, tuple[PlannedRemoval, ...]] = {}
        """Calls whose temporary files stand and are to go."""
        self.lacking: dict[int, int] = {}
        """Calls of the template → how many of their instances have ended well and lack their files. Such an instance
        has a row below zero; while it is made again it has not ended."""
        self.revived: dict[NodeKey, tuple[NodeKey, ...]] = {}
        """Calls that had ended and are made again, with those whose files they read; who waits for their value has it."""
        self.guarded: dict[NodeKey, dict[NodeKey, None]] = {}
        """The same the other way: calls → who of `revived` reads their files."""
        self.awaiting: dict[NodeKey, int] = {}
        """Instances that wait for files to be made again → for how many calls."""
        self.wanted: dict[NodeKey, list[NodeKey]] = {}
        """Calls whose files are gone → who waits for them."""
        self.to_revive: dict[NodeKey, None] = {}
        """Calls whose files are gone and wanted."""
        self.earlier: set[NodeKey] = set()
        """Calls with temporary files that are done by an earlier result."""
        self.to_check: dict[NodeKey, None] = {}
        """Of `held`, those whose readers may all have ended."""
        self.watched: dict[NodeKey, list[NodeKey]] = {}
        """Instances that have not ended → those of `held` that they read."""
        self.outbox: list[Effect] = []
        """Effects of the events since the last turn; not part of the state that is compared."""
        self.to_expand: deque[NodeKey] = deque()
        """FanOut instances whose list is known and not yet expanded."""
        self.to_extend: dict[NodeKey, None] = {}
        """FanOut instances whose source stream has more than they know of."""
        self.to_widen: dict[NodeKey, None] = {}
        """FanOut instances whose window is full."""
        self.work: deque[tuple[Frame, int, int, int]] = deque()
        """What ended and has not been told: (frame, element, position, `At` or GIVE_UP) for a site, (frame, element, -1,
        out) for an element of a stream. Empty between events."""

    def site_of(self, key: NodeKey) -> Site:
        """The site of an instance."""
        return self.plan.sites[key[0]]

    def locate(self, key: NodeKey) -> tuple[Frame, int, int]:
        """Frame, element and position of an instance in a frame that is open; KeyError where it is not."""
        site = self.plan.sites[key[0]]
        if site.body.parent is None:
            return self.root, 0, site.pos
        return self.frames[(site.body.region, *key[1:-1])], key[-1], site.pos


def is_in_backoff(state: State, key: NodeKey) -> bool:
    """It waits for its next attempt."""
    if key not in state.attempts:
        return False
    frame, index, pos = state.locate(key)
    return frame.states[pos][index] == At.BACKOFF
