"""Units of resources under random demands, outcomes, live limits and crashes.

Held after every turn: the units of running nodes are disjoint; each has as many as it demands, all below what was the
capacity when it started, and they were the lowest that nobody had; replay gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

from graphs import Table, call, fan, graph, param, scope_of, task, word
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.engine.inputs import Input, LimitGiven, LimitTaken, PauseAsked, ResumeAsked
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import State
from cascade_dsl.engine.step import replay
from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, AttemptLost, AttemptStarted
from cascade_dsl.ir.graph import Graph, NodeKey
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.testing.simulate import Simulation

RESOURCES = ("gpu", "db")
SCOPES = (*RESOURCES, "task:a", "global")
END = 100_000_000_000


def program(demands: list[tuple[int, int]]) -> Graph:
    """A fan-out of calls for each (gpu, db)."""
    tasks = [task("abcdef"[n], requires={"gpu": g, "db": d}, retry=(2, 1, 4)) for n, (g, d) in enumerate(demands)]
    nodes = [param(1)]
    fans = [
        fan(10 * n, 1, 10 * n + 1, [call(10 * n + 2, "abcdef"[n - 1], 10 * n + 1)], 10 * n + 2)
        for n in range(1, len(demands) + 1)
    ]
    return graph(tasks, [*nodes, *fans], {"gpu": "count", "db": "count"})


class Watch:
    """Looks at each turn: who started with what, beside a record of its own."""

    def __init__(self) -> None:
        self.run: Simulation | None = None
        self.looked = 0
        self.had: dict[NodeKey, dict[str, tuple[int, ...]]] = {}
        self.given = 0

    def __call__(self, state: State) -> None:
        if self.run is None:
            return
        capacities = {view.pool: view.capacity for view in state.ledger.pools()}
        for _, event in self.run.events[self.looked :]:
            match event:
                case AttemptStarted(key=key, units=units):
                    demands = dict(zip(("cpu", "gpu", "db"), state.running[key].facts.amounts, strict=True))
                    for resource in RESOURCES:
                        # No limit changes after the first start of a turn: what is in force now was at the start.
                        capacity, wanted = capacities.get(resource), demands[resource]
                        taken = {n for other in self.had.values() for n in other.get(resource, ())}
                        free: Iterator[int] = (n for n in count() if n not in taken)
                        lowest = () if capacity is None else tuple(islice(free, wanted))
                        assert dict(units).get(resource, ()) == lowest
                        assert all(capacity is not None and n < capacity for n in lowest)
                        self.given += len(lowest)
                    self.had[key] = dict(units)
                case AttemptFinished(key=key) | AttemptFailed(key=key) | AttemptLost(key=key):
                    del self.had[key]
                case _:
                    pass
        self.looked = len(self.run.events)
        assert {key: dict(state.ledger.units(key)) for key in state.running} == self.had
        state.ledger.check()


def as_input(verb: int, scope: str, amount: int) -> Input:
    match verb:
        case 0 | 1 | 2:
            return LimitGiven(word=word(scope, amount))
        case 3:
            return LimitTaken(layer=Layer.LIVE, scope=scope_of(scope))
        case 4:
            return PauseAsked(scope=scope_of(scope))
        case _:
            return ResumeAsked(scope=None)


amounts = st.integers(0, 3)
changes = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 5), st.sampled_from(SCOPES), st.integers(0, 6)), max_size=10
)


@given(
    st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4),
    st.integers(3, 6),
    changes,
    st.lists(st.integers(1, 25), max_size=3),
    st.booleans(),
    st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_units_are_disjoint_the_lowest_and_below_the_capacity_at_every_instant(
    demands: list[tuple[int, int]],
    gpus: int,
    changed: list[tuple[int, int, str, int]],
    crashes: list[int],
    limited: bool,
    seed: int,
) -> None:
    machine = [word("gpu", gpus, Layer.MACHINE), word("cpu", 9000, Layer.MACHINE)]
    watch = Watch()
    oracle = Table(lengths={1: 6}, takes_ns=60, seed=f"s{seed}", failing=20)
    words = [*machine, *([word("db", 4, Layer.FILE)] if limited else [])]
    program_ = program(demands)
    run = Simulation(program_, oracle, words=words, on_failure="continue", check=watch)
    watch.run = run
    watch(run.state)
    for t_ns, verb, scope, amount in changed:
        run.at(t_ns, as_input(verb, scope, amount))
    for scope in SCOPES:
        run.at(END, LimitTaken(layer=Layer.LIVE, scope=scope_of(scope)))
    run.at(END, ResumeAsked(scope=None))
    for turns in crashes:
        for _ in range(turns):
            if not run.advance():
                break
        if run.status is None:
            run.crash(machine)
    run.play()
    assert snapshot(replay(program_, run.events)) == snapshot(run.state)
    assert watch.had == {}
    if any(gpu for gpu, _ in demands):
        assert watch.given, "nothing was handed out"
