"""A run that somebody steers at random, held at every start to what is in force by `in_force`.

Hold and spend, every scope, keys, times, windows, layers, pauses that freeze and end, preemption, cancelled calls, drains,
crashes of any length. After every step: what has started was allowed (2, 4), what is taken is what runs holds (1), what
could start has started, what waits for a token has its wake-up, what is reserved is left alone (5). At a crash, and at the
end, replay equals state (6, 8). At the end everything is lifted, and the run comes to its end: exactly what the program
means was done (3, 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from graphs import Table, call, fan, graph, param, scope_of, task, word
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from in_force import Asks, Watch

from cascade_dsl.engine.inputs import (
    DrainAsked,
    LimitGiven,
    LimitTaken,
    NodesCancelAsked,
    PauseAsked,
    ResumeAsked,
    RetryAsked,
    ScopeCancelAsked,
    TimeReached,
    WindowEdge,
)
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.step import next_due, replay
from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    RunContinued,
    RunStarted,
    ScopePaused,
    ScopeResumed,
    WindowTurned,
    Word,
    WordDropped,
    WordExpired,
    WordSet,
)
from cascade_dsl.ir.graph import Graph, NodeKey
from cascade_dsl.ir.requirement import Identity, Layer, Limit, Window
from cascade_dsl.testing.simulate import Simulation

ITEMS = 14
SCOPES = ("global", "task:small", "task:*", "tag:slow", "gate", "cpu", "coin")
KEYED = ("global", "task:small", "task:*", "tag:slow")
LAYERS = (Layer.LIVE, Layer.LIVE, Layer.LIVE, Layer.FLEET, Layer.CONFIG)
LEAST = {"cpu": 1000, "gate": 3, "coin": 2}
"""So much the largest demand of each resource is: a limit of so many times 0, 1, 2 … of it is interesting."""
MORNING, EVENING = Window(start_minute=1, end_minute=2), Window(start_minute=3, end_minute=5)
HOURS = {MORNING: (4000, 1000, 3000), EVENING: (7000, 0, 2500)}
"""Window → (period, from, to) in nanoseconds of the simulation: zones are the shell's."""
MACHINE = [word("cpu", 8000, Layer.MACHINE), word("gate", 3, Layer.MACHINE)]
FILE = [
    Word(Layer.FILE, Limit(scope=scope_of("global"), amount=9, hard=True)),
    Word(Layer.FILE, Limit(scope=scope_of("coin"), amount=40, per_ns=2000, burst=6, kind="spend")),
]


def program() -> Graph:
    """Of each item a small and then a large task, and by its side one that pays."""
    tasks = [
        task("small", requires={"gate": 1}, tags=("slow",)),
        task("large", requires={"gate": 3, "cpu": 2}),
        task("paying", requires={"coin": 2, "cpu": 0}, tags=("slow",), timeout=1.0),
    ]
    body = [call(4, "small", 3), call(5, "large", 4), call(6, "paying", 3)]
    return graph(tasks, [param(1), fan(2, 1, 3, body, 5)], {"gate": "count", "coin": "count"})


class Live(RuleBasedStateMachine):
    """The rules are what an operator, the clock and misfortune do."""

    @initialize(seed=st.integers(0, 50), takes=st.sampled_from((0, 300, 1500)), keying=st.sampled_from((0, 0, 400)))
    def begin(self, seed: int, takes: int, keying: int) -> None:
        self.oracle = Table(lengths={1: ITEMS}, takes_ns=takes, seed=f"live {seed}", keying_takes_ns=keying)
        self.graph = program()
        self.watch = Watch()
        self.seen = 0
        self.done: Counter[NodeKey] = Counter()
        self.claims: tuple[NodeKey, ...] = ()
        """Who had been passed often enough, before this turn."""
        self.run = Simulation(self.graph, self.oracle, words=[*MACHINE, *FILE], on_failure="continue")
        self.follow()

    # ---- what the events say ------------------------------------------------------------------------------------

    def asks(self, key: NodeKey) -> Asks:
        """What a call asks for."""
        site = self.run.state.site_of(key)
        assert site.clauses is not None
        assert site.task is not None
        assert site.facts is not None
        names = [r.resource for r in site.clauses.requires]
        keys = {by: self.oracle.key_of(key, by) for by in ("host", "user")}
        return Asks(site.task.name, site.clauses.tags, dict(zip(names, site.facts.amounts, strict=True)), keys)

    def follow(self) -> None:
        """Hold what has happened to what is in force."""
        watch, words = self.watch, self.watch.words
        for t_ns, event in self.run.events[self.seen :]:
            match event:
                case RunStarted(words=said):
                    for each in said:
                        words.say(each)
                case RunContinued(words=said):
                    words.said = [w for w in words.said if w.layer != Layer.MACHINE]
                    for each in said:
                        words.say(each)
                case WordSet(word=each):
                    assert each.limit.for_ns is None or each.limit.until_ns == t_ns + each.limit.for_ns
                    words.say(each)
                case WordDropped(layer=layer, scope=scope):
                    words.drop(layer, scope)
                case WordExpired(until_ns=until_ns):
                    assert until_ns <= t_ns, "a word ended before its time"
                case WindowTurned(hours=hours, is_open=is_open):
                    words.open[hours] = is_open
                case ScopePaused(scope=scope, until_ns=until_ns):
                    words.pauses[scope] = until_ns
                case ScopeResumed(scope=None):
                    words.pauses.clear()
                case ScopeResumed(scope=scope, expired=expired):
                    until = words.pauses.pop(scope, None)
                    assert not expired or (until is not None and until <= t_ns), "a pause ended before its time"
                case AttemptStarted(key=key):
                    self.leaves_reserved(key)
                    watch.start(key, self.asks(key), t_ns)
                case AttemptFinished(key=key):
                    self.done[key] += 1
                    watch.end(key)
                case AttemptFailed(key=key) | AttemptLost(key=key):
                    watch.end(key)
                case _:
                    pass
            watch.look(t_ns)
        self.seen = len(self.run.events)
        self.claims = cast(Any, self.run.state.ledger.snapshot())["claims"]

    def leaves_reserved(self, key: NodeKey) -> None:
        """A start leaves what the oldest claim waits for, which could be had on an empty machine."""
        state, now = self.run.state, self.run.now_ns
        if state.keying is not None:
            return
        still = set(state.ledger.waiting_nodes())
        for claim in self.claims:
            if claim not in still:
                continue
            asks = self.asks(claim)
            pools = list(self.watch.pools(asks, now))
            stopped = any(asks.demand(Identity(scope)) for scope in self.watch.words.paused(now))
            if stopped or any(need > (rate.amount if rate.per_ns is None else rate.burst) for _, rate, need in pools):
                continue
            taken = {name for name, _, _ in self.watch.pools(self.asks(key), now)}
            for name, rate, need in pools:
                if name in taken and rate.per_ns is None:
                    more = self.asks(key).demand(name[0])
                    assert self.watch.taken(name) + more + need <= rate.amount, f"{key} takes what {claim} has reserved"
            return

    # ---- what somebody does -------------------------------------------------------------------------------------

    def tell(self, *inputs: Any) -> None:
        """One turn, where the run has not ended."""
        if self.run.status is None:
            self.run.turn(*inputs)
            self.follow()

    def refused(self, said: Word) -> bool:
        """The door refuses what raises a hard word."""
        return self.run.state.ledger.refusal(said) is not None

    @rule(
        layer=st.sampled_from(LAYERS),
        scope=st.sampled_from(SCOPES),
        times=st.integers(0, 4),
        by=st.sampled_from(("", "", "host", "user")),
        lasts=st.sampled_from((None, None, None, 700, 5000)),
        hours=st.sampled_from((None, None, None, None, MORNING, EVENING)),
        preempts=st.booleans(),
    )
    def limit(
        self,
        layer: Layer,
        scope: str,
        times: int,
        by: str,
        lasts: int | None,
        hours: Window | None,
        preempts: bool,
    ) -> None:
        said = word(scope, times * LEAST.get(scope, 1), layer, by=by if scope in KEYED else "")
        limit = replace(said.limit, for_ns=lasts, window=hours)
        self.say(Word(layer, limit), preempts)

    @rule(
        layer=st.sampled_from(LAYERS),
        scope=st.sampled_from(SCOPES),
        times=st.integers(0, 4),
        per_ns=st.sampled_from((500, 1333, 6000)),
        burst=st.integers(1, 3),
        by=st.sampled_from(("", "", "host")),
        lasts=st.sampled_from((None, None, 900, 6000)),
    )
    def rate(self, layer: Layer, scope: str, times: int, per_ns: int, burst: int, by: str, lasts: int | None) -> None:
        least = LEAST.get(scope, 1)
        said = word(scope, times * least, layer, by=by if scope in KEYED else "")
        limit = replace(said.limit, kind="spend", per_ns=per_ns, burst=burst * least, for_ns=lasts)
        self.say(Word(layer, limit), False)

    def say(self, said: Word, preempts: bool) -> None:
        """Through the door, with the hours that it speaks of."""
        if self.refused(said):
            return
        edge = [] if said.limit.window is None else [self.edge(said.limit.window)]
        self.tell(LimitGiven(word=said, who="me", preempt=preempts), *edge)

    @rule(layer=st.sampled_from((Layer.LIVE, Layer.FLEET, Layer.CONFIG)), scope=st.sampled_from(SCOPES))
    def unlimit(self, layer: Layer, scope: str) -> None:
        self.tell(LimitTaken(layer=layer, scope=scope_of(scope)))

    @rule(scope=st.sampled_from(SCOPES), lasts=st.sampled_from((None, 600, 4000)), freezes=st.booleans())
    def pause(self, scope: str, lasts: int | None, freezes: bool) -> None:
        self.tell(PauseAsked(scope=scope_of(scope), for_ns=lasts, freezes=freezes))

    @rule(scope=st.sampled_from((None, *SCOPES)))
    def resume(self, scope: str | None) -> None:
        self.tell(ResumeAsked(scope=None if scope is None else scope_of(scope)))

    @rule(number=st.integers(0, ITEMS - 1), node=st.sampled_from((4, 5, 6)))
    def cancel(self, number: int, node: int) -> None:
        self.tell(NodesCancelAsked(keys=((node, number),)))

    @rule(scope=st.sampled_from(("task:large", "tag:slow")))
    def cancel_scope(self, scope: str) -> None:
        self.tell(ScopeCancelAsked(scope=scope_of(scope)))

    @rule()
    def retry(self) -> None:
        self.tell(RetryAsked(keys=tuple(self.run.state.cancelled)))

    @rule(scope=st.sampled_from(("task:large", "tag:slow")))
    def retry_scope(self, scope: str) -> None:
        self.tell(RetryAsked(keys=(), scopes=(scope_of(scope),)))

    # ---- time ---------------------------------------------------------------------------------------------------

    def edge(self, hours: Window) -> WindowEdge:
        """What the shell says of a window at this instant."""
        period, opens, closes = HOURS[hours]
        at = self.run.now_ns % period
        is_open = opens <= at < closes
        ends = sorted(e + self.run.now_ns - at for e in (opens, closes, opens + period, closes + period))
        until = next(e for e in ends if e > self.run.now_ns)
        return WindowEdge(window=hours, is_open=is_open, until_ns=until)

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
        turning = [hours for at, hours in self.edges_due() if at <= min(instants)]
        if turning:
            run.now_ns = max(run.now_ns, min(instants))
            self.tell(*(self.edge(hours) for hours in turning), TimeReached())
        else:
            run.advance()
            self.follow()
        return True

    @rule(by=st.sampled_from((1, 50, 333, 2000, 9000)))
    def time_goes_on(self, by: int) -> None:
        until = self.run.now_ns + by
        while self.step(until):
            pass
        self.run.now_ns = max(self.run.now_ns, until)

    @precondition(lambda self: self.run.status is None)
    @rule()
    def drain(self) -> None:
        self.tell(DrainAsked(why="asked"))
        self.tell(ResumeAsked(scope=None))  # what stands still would never be done
        while self.run.status is None and self.step(None):
            pass
        if self.run.status in ("drained", "cancelled"):
            self.crash(0)

    @rule(dead=st.sampled_from((0, 800, 10_000)))
    def crash(self, dead: int) -> None:
        run = self.run
        if run.status in ("done", "failed", "stalled"):
            return
        before = snapshot(run.state)
        assert snapshot(replay(self.graph, run.events)) == before, "replay gives another state"
        run.now_ns += dead
        self.go_on()

    def go_on(self) -> None:
        """Another engine takes the run over."""
        self.run.crash(MACHINE)
        self.follow()
        self.tell(*(self.edge(hours) for hours in self.run.state.ledger.words.windows()))

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
        if now != state.now_ns and any(at <= now for at in (next_due(state),) if at is not None):
            return  # time has gone on, and nobody has looked yet
        for key in state.ledger.waiting_nodes():
            asks = self.asks(key)
            if self.watch.refusing(asks, now):
                continue
            instant = self.watch.affordable(asks, now)
            if instant is None:
                continue
            due = next_due(state)
            assert instant > now, f"{key} could start"
            assert due is not None, f"{key} could start at {instant}, and nobody wakes up"
            assert due <= instant, f"{key} could start at {instant}, the next look is at {due}"

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        self.lift_everything()

    def lift_everything(self) -> None:
        """Everything is taken back, and the run comes to its end."""
        run = self.run
        if run.status == "failed":
            self.go_on()
        for layer in (Layer.LIVE, Layer.FLEET, Layer.CONFIG):
            for scope in SCOPES:
                self.tell(LimitTaken(layer=layer, scope=scope_of(scope)))
        self.tell(ResumeAsked(scope=None))
        while run.status != "done":
            self.tell(RetryAsked(keys=tuple(run.state.cancelled)))
            if run.status == "failed":  # calls were cancelled: they run when it is gone on with
                self.go_on()
            elif not self.step(None) and not run.state.cancelled:
                raise AssertionError(f"it does not come to its end: {run.status}, {run.state.counts}")
        assert snapshot(replay(self.graph, run.events)) == snapshot(run.state), "replay gives another state"
        assert not self.watch.running
        assert self.done == Counter((node, item) for node in (4, 5, 6) for item in range(ITEMS))
