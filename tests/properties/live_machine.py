"""A run that somebody steers at random, held at every event to what is in force (see `live_followed`).

Hold and spend, every scope, keys, times, windows, layers, priorities, demands, undoing, pauses that freeze and end,
preemption, cancelled calls and runs, drains, another text, a wall clock that is set, attempts that fail, are lost and take
too long, crashes of any length. At a crash, and at the end, replay equals state (6, 8). At the end everything is lifted,
and the run comes to its end: exactly what the program means was done (3, 5).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from graphs import scope_of, word
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from in_force import Rate
from live_followed import EVENING, ITEMS, MORNING, Fickle, Followed, program

from cascade_dsl.engine.inputs import (
    CancelAsked,
    DemandGiven,
    DrainAsked,
    DrainEndAsked,
    LimitGiven,
    LimitTaken,
    NodesCancelAsked,
    PauseAsked,
    PriorityGiven,
    ReloadAsked,
    ResumeAsked,
    RetryAsked,
    ScopeCancelAsked,
    StallAccepted,
    TimeReached,
    UndoAsked,
    WallStepped,
)
from cascade_dsl.ir.events import Undone, Word
from cascade_dsl.ir.requirement import Layer, Window
from cascade_dsl.testing.simulate import Simulation

SCOPES = ("global", "task:small", "task:*", "tag:slow", "gate", "cpu", "coin")
KEYED = ("global", "task:small", "task:*", "tag:slow")
LAYERS = (Layer.LIVE, Layer.LIVE, Layer.LIVE, Layer.FLEET, Layer.CONFIG)
ABOVE = (Layer.CONFIG, Layer.COMMAND_LINE, Layer.FLEET, Layer.LIVE)
"""The layers that are lifted at the end."""
LEAST = {"cpu": 1000, "gate": 3, "coin": 2}
"""So much the largest demand of each resource is: a limit of so many times 0, 1, 2 … of it is interesting."""
MACHINE = [word("cpu", 8000, Layer.MACHINE), word("gate", 3, Layer.MACHINE)]


def rated(scope: str, amount: int, per_ns: int, burst: int, layer: Layer, by: str = "") -> Word:
    said = word(scope, amount, layer, by=by)
    return Word(layer, replace(said.limit, kind="spend", per_ns=per_ns, burst=burst))


def hard(said: Word) -> Word:
    return Word(said.layer, replace(said.limit, hard=True))


def lasting(said: Word, for_ns: int | None = None, hours: Window | None = None) -> Word:
    return Word(said.layer, replace(said.limit, for_ns=for_ns, window=hours))


FILES: tuple[list[Word], ...] = (
    [hard(word("global", 9, Layer.FILE)), rated("coin", 40, 2000, 6, Layer.FILE)],
    [hard(word("global", 6, Layer.FILE)), rated("coin", 60, 2500, 4, Layer.FILE), word("gate", 6, Layer.FILE)],
)
"""The layer of the file in each text."""
FIRST: tuple[tuple[Word, ...], ...] = (
    (),
    (word("task:small", 2, Layer.CONFIG), lasting(word("task:small", 4, Layer.COMMAND_LINE), 2500)),
    (word("gate", 9, Layer.COMMAND_LINE), lasting(word("gate", 0, Layer.FLEET), 3000)),
    (word("task:*", 2, Layer.CONFIG, by="host"), lasting(word("tag:slow", 1, Layer.CONFIG), hours=MORNING)),
    (rated("tag:slow", 3, 1000, 2, Layer.FLEET, by="user"), lasting(word("cpu", 2000, Layer.COMMAND_LINE), 4000)),
)
"""What other layers say when the run starts."""


class Live(Followed):
    """The rules are what an operator, the clock and misfortune do."""

    @initialize(
        seed=st.integers(0, 50),
        takes=st.sampled_from((0, 300, 1500)),
        keying=st.sampled_from((0, 0, 400)),
        said=st.sampled_from(FIRST),
    )
    def begin(self, seed: int, takes: int, keying: int, said: tuple[Word, ...]) -> None:
        self.oracle = Fickle(takes, f"live {seed}", keying)
        graphs = program(0), program(1)
        run = Simulation(graphs[0], self.oracle, words=[*MACHINE, *FILES[0], *said], on_failure="hold")
        self.follow_from_here(run, graphs)
        self.tell(*(self.edge(hours) for hours in run.state.ledger.words.windows()))

    # ---- what somebody does -------------------------------------------------------------------------------------

    @rule(
        layer=st.sampled_from(LAYERS),
        scope=st.sampled_from(SCOPES),
        times=st.integers(0, 4),
        by=st.sampled_from(("", "", "host", "user")),
        lasts=st.sampled_from((None, None, None, 700, 5000)),
        until=st.booleans(),
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
        until: bool,
        hours: Window | None,
        preempts: bool,
    ) -> None:
        said = word(scope, times * LEAST.get(scope, 1), layer, by=by if scope in KEYED else "")
        limit = replace(said.limit, window=hours)
        if lasts is not None and until:  # of `until TIME` the shell makes an instant
            limit = replace(limit, until_minute=7, until_ns=self.run.now_ns + lasts)
        else:
            limit = replace(limit, for_ns=lasts)
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
        said = rated(scope, times * least, per_ns, burst * least, layer, by if scope in KEYED else "")
        self.say(lasting(said, lasts), False)

    def say(self, said: Word, preempts: bool) -> None:
        """Through the door, with the hours that it speaks of; the door refuses what raises a hard word."""
        if self.run.state.ledger.refusal(said) is not None:
            return
        edge = [] if said.limit.window is None else [self.edge(said.limit.window)]
        self.change(str(said.limit.scope), LimitGiven(word=said, who="me", preempt=preempts), *edge)

    def change(self, scope: str, *inputs: Any) -> None:
        """A change of a scope: what it is said to have done, it has."""
        self.tell(TimeReached())
        if self.run.status is not None:
            return
        ledger, where = self.run.state.ledger, scope_of(scope)
        before = ledger.capacities(where)
        assert self.capacities(scope) == self.simply(before), "what was before is told wrongly"
        self.tell(*inputs)
        effect = ledger.effect(where, before)
        assert effect.before == before
        assert self.capacities(scope) == self.simply(effect.after), "what is now is told wrongly"

    def capacities(self, scope: str) -> dict[str, int | None]:
        """What is in force for a scope, by kind; of rates that there are some."""
        now, where, words = self.run.now_ns, scope_of(scope), self.watch.words

        def shown(rate: Rate) -> int | None:
            return rate.amount if rate.per_ns is None else None

        found = {
            identity.kind + (f" by {identity.by}" if identity.by else ""): shown(rate)
            for identity, rate in self.watch.terms(now)
            if identity.scope == where
        }
        return found | ({"pause": 0} if where in words.paused(now) else {})

    def simply(self, told: tuple[tuple[str, int | str], ...]) -> dict[str, int | None]:
        return {kind: value if isinstance(value, int) else None for kind, value in told}

    @rule(layer=st.sampled_from((Layer.LIVE, *ABOVE)), scope=st.sampled_from(SCOPES))
    def unlimit(self, layer: Layer, scope: str) -> None:
        self.change(scope, LimitTaken(layer=layer, scope=scope_of(scope)))

    @rule(scope=st.sampled_from(SCOPES), lasts=st.sampled_from((None, 600, 4000)), freezes=st.booleans())
    def pause(self, scope: str, lasts: int | None, freezes: bool) -> None:
        self.change(scope, PauseAsked(scope=scope_of(scope), for_ns=lasts, freezes=freezes))

    @rule(scope=st.sampled_from((None, *SCOPES)))
    def resume(self, scope: str | None) -> None:
        self.tell(ResumeAsked(scope=None if scope is None else scope_of(scope)))

    @rule(
        scope=st.sampled_from(SCOPES),
        what=st.sampled_from(("cpu", "gate", "coin")),
        times=st.sampled_from((None, 0, 1, 2, 4)),
    )
    def demand(self, scope: str, what: str, times: int | None) -> None:
        amount = None if times is None else times * (1000 if what == "cpu" else 1)
        self.tell(DemandGiven(scope=scope_of(scope), amounts=((what, amount),)))

    @rule(scope=st.sampled_from(SCOPES), priority=st.sampled_from((None, -2, 0, 3)))
    def priority(self, scope: str, priority: int | None) -> None:
        self.tell(PriorityGiven(scope=scope_of(scope), priority=priority))

    @rule(times=st.sampled_from((1, 1, 2, 4)))
    def undo(self, times: int) -> None:
        for _ in range(times):
            self.tell(TimeReached())
            if self.run.status is not None:
                return
            could = self.watch.words.may_undo()
            before = len(self.run.events)
            self.tell(UndoAsked(who="me"))
            undone = any(isinstance(event, Undone) for _, event in self.run.events[before:])
            assert undone == could, f"undone: {undone}, could be: {could}"

    @rule(number=st.integers(0, ITEMS - 1), node=st.sampled_from((4, 5, 6)), all_of=st.sampled_from((0, 0, 1, 2)))
    def cancel(self, number: int, node: int, all_of: int) -> None:
        if all_of:
            self.tell(ScopeCancelAsked(scope=scope_of(("task:large", "tag:slow")[all_of - 1])))
        else:
            self.tell(NodesCancelAsked(keys=((node, number),)))

    @rule()
    def retry(self) -> None:
        state = self.run.state
        self.tell(RetryAsked(keys=(*state.cancelled, *state.parked, *self.resting)))

    @rule(scope=st.sampled_from(("task:large", "tag:slow")))
    def retry_scope(self, scope: str) -> None:
        self.tell(RetryAsked(keys=(), scopes=(scope_of(scope),)))

    # ---- the clock, and misfortune ------------------------------------------------------------------------------

    @rule(by=st.sampled_from((1, 50, 333, 1000, 4000)))
    def time_goes_on(self, by: int) -> None:
        until = self.run.now_ns + by
        turns = 0
        while self.step(until):
            turns += 1
            assert turns < 1000, "time stands still"
        self.run.now_ns = max(self.run.now_ns, until)

    @rule(by=st.sampled_from((-2500, 600, 5000)))
    def the_wall_clock_is_set(self, by: int) -> None:
        """Together with all that this says of windows, as the shell does it."""
        if self.run.status is None:
            step = WallStepped(by_ns=by)
            self.ahead_ns += by
            edges = [self.edge(hours) for hours in self.run.state.ledger.words.windows()]
            self.ahead_ns -= by  # the event says so
            self.tell(step, *edges)

    @rule(what=st.sampled_from(("drain", "cancel", "crash", "crash", "reload", "reload", "think again", "no wait")))
    def something_rare(self, what: str) -> None:
        run = self.run
        if run.status == "done":
            return
        match what:
            case "drain":
                self.tell(DrainAsked(why="asked"), ResumeAsked(scope=None))  # what stands still would never be done
                self.play()
            case "think again":
                self.tell(DrainAsked(why="asked"), DrainEndAsked())
            case "cancel":
                self.tell(CancelAsked(why="asked"))
                self.play()
            case "reload" if run.status is None:
                text = 1 - self.text
                self.tell(
                    ReloadAsked(graph=self.graphs[text], graph_digest=str(text), number=2, words=tuple(FILES[text]))
                )
            case "no wait":
                self.tell(StallAccepted())
                if run.status == "stalled":
                    terms = self.watch.terms(run.now_ns)
                    for key in run.state.ledger.waiting_nodes():
                        asks = self.asks(key)
                        may = self.watch.affordable(asks, run.now_ns, terms)
                        assert self.watch.refusing(asks, run.now_ns, terms) or may is None, f"{key} could start"
            case _:
                self.crash(0)

    @rule(dead=st.sampled_from((0, 800, 10_000)))
    def crash(self, dead: int) -> None:
        if self.run.status == "done":
            return
        self.same_again()
        self.run.now_ns += dead
        self.go_on()

    def go_on(self) -> None:
        """Another engine takes the run over."""
        self.run.crash(MACHINE)
        self.follow()
        self.tell(*(self.edge(hours) for hours in self.run.state.ledger.words.windows()))

    def lift_everything(self) -> None:
        """Everything is taken back, and the run comes to its end."""
        run = self.run
        for _ in range(20):
            if run.status == "done":
                break
            if run.status is not None:
                self.go_on()
            for layer in ABOVE:
                for scope in SCOPES:
                    self.tell(LimitTaken(layer=layer, scope=scope_of(scope)))
            self.tell(DrainEndAsked(), ResumeAsked(scope=None))
            for scope, what in list(self.watch.words.patches):
                self.tell(
                    DemandGiven(scope=scope, amounts=((what, None),))
                    if what
                    else PriorityGiven(scope=scope, priority=None)
                )
            self.tell(RetryAsked(keys=(*run.state.cancelled, *run.state.parked)))
            self.play()
        assert run.status == "done", f"it does not come to its end: {run.status}, {run.state.counts}"
        self.same_again()
        assert not self.watch.running
        assert self.done == Counter((node, item) for node in (4, 5, 6) for item in range(ITEMS))
