"""A run whose every event is held to `in_force`: what the state machine of `live_machine` checks, without what it does.

At each event: what starts was allowed (2, 4), with the demands and the units that it is said to have; what ends by itself
ends at its time; what is undone could be; what times out has run for its time, what stands still does nothing. After each
turn: who starves is told. After each step: what is taken is what runs holds (1), what could start has started, what waits
for a token has its wake-up, what is reserved is left alone (5).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from graphs import Table, call, fan, graph, param, task
from hypothesis.stateful import RuleBasedStateMachine, invariant
from in_force import Asks, Watch

from cascade_dsl.engine.inputs import TimeReached, WindowEdge
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.step import next_due, replay
from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptFrozen,
    AttemptLost,
    AttemptStarted,
    AttemptStopping,
    AttemptThawed,
    BackoffEnded,
    CancelBegan,
    ClockStepped,
    DemandSet,
    DrainBegan,
    NodeCancelled,
    NoLongerStarved,
    PrioritySet,
    Reloaded,
    Retried,
    RunContinued,
    RunStarted,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    Starved,
    Undone,
    WindowTurned,
    WordDropped,
    WordExpired,
    WordSet,
)
from cascade_dsl.ir.graph import Graph, NodeKey
from cascade_dsl.ir.requirement import Identity, Layer, Scope, Window
from cascade_dsl.testing.simulate import Played, Simulation

ITEMS = 9
TIMEOUT_NS = 6000
IDLE = 3
"""So many wake-ups in a row may come to nothing."""
MORNING, EVENING = Window(start_minute=1, end_minute=2), Window(start_minute=3, end_minute=5)
HOURS = {MORNING: (4000, 1000, 3000), EVENING: (7000, 0, 2500)}
"""Window → (period, from, to) in nanoseconds of the simulation's wall clock: zones are the shell's."""
TEXTS: tuple[dict[str, dict[str, int]], ...] = (
    {"small": {"cpu": 1, "gate": 1}, "large": {"cpu": 2, "gate": 3}, "paying": {"cpu": 0, "coin": 2}},
    {"small": {"cpu": 1, "gate": 2}, "large": {"cpu": 1, "gate": 3}, "paying": {"cpu": 1, "coin": 1}},
)
"""What the tasks of the program demand, in its first text and in the other."""
TAGS = {"small": ("slow",), "large": (), "paying": ("slow",)}
NAMES = {4: "small", 5: "large", 6: "paying"}


def program(text: int) -> Graph:
    """Of each item a small and then a large task, and by its side one that pays."""
    tasks = [
        task(
            name,
            requires=dict(amounts),
            tags=TAGS[name],
            retry=(2, 1e-7, 6e-7),
            timeout=TIMEOUT_NS / 1e9 if name == "paying" else None,
        )
        for name, amounts in TEXTS[text].items()
    ]
    body = [call(4, "small", 3), call(5, "large", 4), call(6, "paying", 3)]
    return graph(tasks, [param(1), fan(2, 1, 3, body, 5)], {"gate": "count", "coin": "count"})


class Fickle(Table):
    """Of the first attempts of a call some fail, some are lost, some take too long; the fourth is good."""

    def __init__(self, takes_ns: int, seed: str, keying_takes_ns: int) -> None:
        super().__init__(lengths={1: ITEMS}, takes_ns=takes_ns, seed=seed, keying_takes_ns=keying_takes_ns)
        self.tried: Counter[NodeKey] = Counter()

    def attempt(self, key: NodeKey, attempt: int) -> Played:
        self.tried[key] += 1
        good = super().attempt(key, self.tried[key])
        fate = self.chance("fate", key, self.tried[key]) % 100 if self.tried[key] < 4 else 99
        if fate < 8:
            return Played(takes_ns=good.takes_ns, exit=1)
        if fate < 14:
            return Played(takes_ns=good.takes_ns, exit=None)
        if fate < 20 and key[0] == 6:
            return Played(takes_ns=10 * TIMEOUT_NS)
        return good


class Followed(RuleBasedStateMachine):
    """The run, and what is thought of it."""

    run: Simulation
    watch: Watch
    oracle: Fickle

    def __init__(self) -> None:
        super().__init__()
        self._outer = sys.exc_info()[1]

    def follow_from_here(self, run: Simulation, graphs: tuple[Graph, ...]) -> None:
        """To be called once, of a run that has just begun."""
        self.run, self.graphs = run, graphs
        self.watch = Watch()
        self.seen = 0
        self.text = 0
        self.ahead_ns = 0
        """How much the wall clock is ahead of the engine's."""
        self.idle = 0
        self.done: Counter[NodeKey] = Counter()
        self.starved: dict[tuple[str, Identity], tuple[int, int]] = {}
        self.units: dict[NodeKey, tuple[tuple[str, tuple[int, ...]], ...]] = {}
        self.resting: dict[NodeKey, int] = {}
        """What is in its backoff, and until when."""
        self.ran: dict[NodeKey, tuple[int, int | None]] = {}
        """Of what runs for how long it did, and from when on it does again; None: it stands still."""
        self.claims: tuple[NodeKey, ...] = ()
        """Who had been passed often enough, before this turn."""
        self.follow()

    # ---- what the events say ------------------------------------------------------------------------------------

    def asks(self, key: NodeKey) -> Asks:
        """What a call that has not started asks for, under the text and the patches of now."""
        name = NAMES[key[0]]
        amounts = {what: n * 1000 if what == "cpu" else n for what, n in TEXTS[self.text][name].items()}
        keys = {by: self.oracle.key_of(key, by) for by in ("host", "user")}
        for (scope, what), amount in self.watch.words.patches.items():
            covered = scope.pattern in amounts if scope.kind == "resource" else True
            if (
                what
                and covered
                and (scope.kind == "resource" or Asks(name, TAGS[name], {}, {}).demand(Identity(scope)))
            ):
                amounts[what] = amount
        return Asks(name, TAGS[name], amounts, keys)

    def follow(self) -> None:
        """Hold what has happened to what is in force."""
        watch = self.watch
        for t_ns, event in self.run.events[self.seen :]:
            if isinstance(event, DemandSet | PrioritySet | Reloaded | Undone):
                self.claims = ()  # who is queued anew has to be passed once more
            self.hear_words(t_ns, event)
            self.hear_attempts(t_ns, event)
            watch.look(t_ns)
        self.seen = len(self.run.events)
        self.claims = cast(Any, self.run.state.ledger.snapshot())["claims"]
        self.hold_starved()

    def hear_words(self, t_ns: int, event: object) -> None:
        words = self.watch.words
        match event:
            case RunStarted(words=said):
                for each in said:
                    words.say(each)
            case RunContinued(words=said):
                words.said = [w for w in words.said if w.layer != Layer.MACHINE]
                for each in said:
                    words.say(each)
                words.go_on()
            case Reloaded(graph_digest=digest, words=said):
                words.keep("bar")
                self.text = int(digest)
                words.said = [w for w in words.said if w.layer != Layer.FILE]
                for each in said:
                    words.say(each)
            case WordSet(word=each):
                assert each.limit.for_ns is None or each.limit.until_ns == t_ns + each.limit.for_ns
                if each.layer == Layer.LIVE:
                    words.keep("words")
                words.say(each)
            case WordDropped(layer=layer, scope=scope):
                if layer == Layer.LIVE:
                    words.keep("words")
                words.drop(layer, scope)
            case WordExpired(layer=layer, identity=identity, until_ns=until_ns):
                assert until_ns <= t_ns, "a word ended before its time"
                words.expire(layer, identity, until_ns)
            case WindowTurned(hours=hours, is_open=is_open):
                words.open[hours] = is_open
            case ScopePaused(scope=scope, until_ns=until_ns):
                words.keep("pauses")
                words.pauses[scope] = until_ns
            case ScopeResumed(scope=scope, expired=True):
                until = words.pauses.pop(cast(Scope, scope), None)
                assert until is not None, "what is not paused is resumed"
                assert until <= t_ns, "a pause ended before its time"
            case ScopeResumed(scope=scope):
                words.keep("pauses")
                words.pauses = {} if scope is None else {s: u for s, u in words.pauses.items() if s != scope}
            case DemandSet(scope=scope, amounts=amounts):
                words.keep("patches")
                words.patch(scope, amounts)
            case PrioritySet(scope=scope, priority=priority):
                words.keep("patches")
                words.patch(scope, [("", priority)])
            case DrainBegan(why="asked"):
                words.keep("drain")
            case CancelBegan() | NodeCancelled() | ScopeCancelled():
                words.keep("end")
            case Retried():
                words.keep("bar")
            case Undone():
                words.undo(t_ns)
            case ClockStepped(by_ns=by_ns):
                self.ahead_ns += by_ns
                words.shift(-by_ns)
            case _:
                pass

    def hear_attempts(self, t_ns: int, event: object) -> None:
        match event:
            case AttemptStarted(key=key):
                self.hear_start(event, t_ns)
            case AttemptFinished(key=key):
                assert self.ran[key][1] is not None, f"{key} stands still, and has finished"
                self.done[key] += 1
                self.end(key)
            case AttemptFailed(key=key, retry_at_ns=retry_at):
                if retry_at is not None:
                    self.resting[key] = retry_at
                self.end(key)
            case AttemptLost(key=key):
                self.end(key)
            case AttemptFrozen(key=key):
                ran, since = self.ran[key]
                assert since is not None, f"{key} is frozen twice"
                self.ran[key] = ran + t_ns - since, None
            case AttemptThawed(key=key):
                ran, since = self.ran[key]
                assert since is None, f"{key} goes on, and did not stand still"
                self.ran[key] = ran, t_ns
            case AttemptStopping(key=key, why="timeout"):
                ran, since = self.ran[key]
                assert since is not None, f"{key} stands still, and times out"
                assert ran + t_ns - since == TIMEOUT_NS, f"{key} timed out after {ran + t_ns - since} ns"
            case AttemptStopping(key=key):
                self.ran[key] = self.ran[key][0], t_ns  # to be stopped it has to go on
            case BackoffEnded(key=key) | NodeCancelled(key=key) | Retried(key=key):
                self.resting.pop(key, None)
            case ScopeCancelled():
                self.resting.clear()
            case Starved(task=name, identity=identity, need=need, limit=limit):
                self.starved[name, identity] = need, limit
            case NoLongerStarved(task=name, identity=identity):
                del self.starved[name, identity]
            case _:
                pass

    def hear_start(self, event: AttemptStarted, t_ns: int) -> None:
        key = event.key
        asks = self.asks(key)
        assert key not in self.resting, f"{key} starts in its backoff"
        written = {what: n * 1000 if what == "cpu" else n for what, n in TEXTS[self.text][asks.task].items()}
        assert (dict(event.granted) or written) == asks.amounts, f"{key} starts with {event.granted}"
        self.leaves_reserved(key)
        self.watch.start(key, asks, t_ns)
        self.ran[key] = 0, t_ns
        for name, numbers in event.units:
            rate = self.watch.words.rate(Identity(Scope("resource", name)), t_ns)
            others = {n for given in self.units.values() for other, ns in given if other == name for n in ns}
            assert rate is not None, f"{key} has units of {name}, which nothing limits"
            assert len(set(numbers)) == asks.amounts[name], f"{key} has {numbers} of {name}"
            assert max(numbers) < rate.amount, f"{key} has {numbers} of {name}, and there are {rate.amount}"
            assert not others & set(numbers), f"{key} has {numbers} of {name}, and others have {others}"
        self.units[key] = event.units

    def end(self, key: NodeKey) -> None:
        """A call holds no more."""
        self.watch.end(key)
        del self.ran[key], self.units[key]

    def leaves_reserved(self, key: NodeKey) -> None:
        """A start leaves what the oldest claim waits for, which could be had on an empty machine."""
        state, now = self.run.state, self.run.now_ns
        if state.keying is not None:
            return
        still = set(state.ledger.waiting_nodes())
        for claim in self.claims:
            if claim == key:
                return  # it is its own turn
            if claim not in still:
                continue
            asks = self.asks(claim)
            pools = list(self.watch.pools(asks, now))
            stopped = any(asks.demand(Identity(scope)) for scope in self.watch.words.paused(now))
            if stopped or any(need > rate.most for _, rate, need in pools):
                continue
            taken = {name for name, _, _ in self.watch.pools(self.asks(key), now)}
            for name, rate, need in pools:
                if name in taken and rate.per_ns is None:
                    more = self.asks(key).demand(name[0])
                    assert self.watch.taken(name) + more + need <= rate.amount, f"{key} takes what {claim} has reserved"
            return

    def hold_starved(self) -> None:
        """Who needs more than there is has been told, and nobody else."""
        state = self.run.state
        if state.phase != "running":
            return
        terms = self.watch.terms(state.now_ns)
        found: dict[tuple[str, Identity], tuple[int, int]] = {}
        for key in state.ledger.waiting_nodes():
            asks = self.asks(key)
            for identity, most in self.watch.starved(asks, terms):
                found[asks.task, identity] = asks.demand(identity), most
        assert self.starved == found, f"{self.starved} are told to starve, and {found} do"

    # ---- time ---------------------------------------------------------------------------------------------------

    def tell(self, *inputs: Any) -> None:
        """One turn, where the run has not ended."""
        if self.run.status is None:
            self.run.turn(*inputs)
            self.follow()

    def edge(self, hours: Window) -> WindowEdge:
        """What the shell says of a window at this instant."""
        period, opens, closes = HOURS[hours]
        wall_ns = self.run.now_ns + self.ahead_ns
        at = wall_ns % period
        ends = sorted(e + wall_ns - at for e in (opens, closes, opens + period, closes + period))
        until = next(e for e in ends if e > wall_ns) - self.ahead_ns
        return WindowEdge(window=hours, is_open=opens <= at < closes, until_ns=until)

    def edges_due(self) -> Iterator[tuple[int, Window]]:
        """When each window turns that somebody spoke of."""
        ledger = self.run.state.ledger
        for hours in ledger.words.windows():
            edge = ledger.words.edge(hours)
            if edge is not None and edge[1] is not None:
                yield edge[1], hours

    def step(self, until: int | None) -> bool:
        """Time goes on to what happens next, not past `until`; False where nothing happens by then."""
        run = self.run
        if run.status is not None:
            return False
        due = next_due(run.state)
        outside = run.next_outside()
        instants = [i for i in (due, outside) if i is not None]
        if not instants or (until is not None and min(instants) > until):
            return False
        wakes = outside is None or (due is not None and due < outside)
        turning = [hours for at, hours in self.edges_due() if at <= min(instants)]
        if turning:
            run.now_ns = max(run.now_ns, min(instants))
            self.tell(*(self.edge(hours) for hours in turning), TimeReached())
        else:
            before = len(run.events)
            run.advance()
            self.idle = self.idle + 1 if wakes and len(run.events) == before else 0
            assert self.idle <= IDLE, f"{self.idle} wake-ups came to nothing, the next is at {next_due(run.state)}"
            self.follow()
        return True

    def play(self) -> None:
        """Until nothing happens any more, or the run has ended."""
        turns = 0
        while self.step(None):
            turns += 1
            assert turns < 5000, "it does not end"

    def same_again(self) -> None:
        """Replay gives this state (6)."""
        run = self.run
        again = snapshot(replay(self.graphs[0], run.events, run.state.graphs))
        assert again == snapshot(run.state), "replay gives another state"

    # ---- what holds ---------------------------------------------------------------------------------------------

    @invariant()
    def adds_up(self) -> None:
        state = self.run.state
        state.ledger.check()
        assert set(self.watch.running) == set(state.running)

    @invariant()
    def what_could_start_has_started(self) -> None:
        state, now = self.run.state, self.run.now_ns
        if state.phase != "running" or state.keying is not None or self.claims:
            return
        due = next_due(state)
        if now != state.now_ns and due is not None and due <= now:
            return  # time has gone on, and nobody has looked yet
        terms = self.watch.terms(now)
        for key in state.ledger.waiting_nodes():
            asks = self.asks(key)
            if self.watch.refusing(asks, now, terms):
                continue
            instant = self.watch.affordable(asks, now, terms)
            if instant is None:
                continue
            assert instant > now, f"{key} could start"
            assert due is not None, f"{key} could start at {instant}, and nobody wakes up"
            assert due <= instant, f"{key} could start at {instant}, the next look is at {due}"

    def teardown(self) -> None:
        """At the end all is to end well, where nothing was found on the way."""
        if hasattr(self, "graphs") and sys.exc_info()[1] is self._outer:
            self.lift_everything()

    def lift_everything(self) -> None:
        """Everything is taken back, and the run comes to its end."""
        raise NotImplementedError
