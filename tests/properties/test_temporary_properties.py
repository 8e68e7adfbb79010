"""Temporary files under random programs, outcomes, earlier results, crashes and losses.

What an instance reads is found here from values themselves: each is modelled as the set of calls whose paths stand in
it, resolved by handles as the runtime does. Held at every start: the files that it reads are there. Held at the end:
what nobody needs is gone, what was not gone was not made again, and replay equals state.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from graphs import Table, output, task, word
from hypothesis import given, note, settings
from hypothesis import strategies as st
from test_engine_properties import program, walk_all

from cascade_dsl.engine.effects import Effect, Evaluate, Gather, StartAttempt
from cascade_dsl.engine.handles import Handle, elements, handle
from cascade_dsl.engine.inputs import Input
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import At, State
from cascade_dsl.engine.step import replay, step, take_effects
from cascade_dsl.ir.events import (
    AttemptFinished,
    Computed,
    Discarded,
    Event,
    Gathered,
    Gone,
    Recalled,
    Revived,
    Word,
)
from cascade_dsl.ir.expr import Apply, Ref, refs
from cascade_dsl.ir.graph import Call, Compute, FanOut, Graph, Node, NodeKey, Param
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.ir.text import graph_text
from cascade_dsl.ir.types import JSON
from cascade_dsl.testing.simulate import Simulation, file_of

Value: TypeAlias = "frozenset[NodeKey] | list[Any]"
"""A frozenset of keys of calls, or a list of such values."""


def flat(value: Value) -> frozenset[NodeKey]:
    if isinstance(value, list):
        return frozenset[NodeKey]().union(*(flat(v) for v in value))
    return value


class Checked(Simulation):
    """A simulation that knows what stands in each value, and looks whether files are there when they are read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.values: dict[int, Value] = {}
        self.pending: dict[NodeKey, Value] = {}
        self.read: list[tuple[NodeKey, frozenset[NodeKey]]] = []
        super().__init__(*args, **kwargs)

    def turn(self, *inputs: Input) -> list[Event]:
        first = self.state.seq + 1
        events = step(self.state, inputs, self.now_ns)
        self.events += [(self.now_ns, e) for e in events]
        for row, event in enumerate(events, first):
            self.learn(row, event)
        for effect in take_effects(self.state):
            self._perform(effect)
        look_at(self.state)
        return events

    def learn(self, row: int, event: Event) -> None:
        match event:
            case AttemptFinished(key=key) | Recalled(key=key) if self._files(key):
                frame, index, pos = self.state.locate(key)
                self.values[abs(frame.rows[pos][index])] = frozenset([key])
            case Computed(key=key) | Gathered(region=key):
                self.values[row] = self.pending.pop(key)
            case _:
                pass

    def value(self, at: Handle) -> Value:
        if isinstance(at, tuple):
            whole = self.value(at[0])
            return whole[at[1]] if isinstance(whole, list) and at[1] < len(whole) else flat(whole)
        return self.values.get(at, frozenset[NodeKey]())

    def given(self, key: NodeKey) -> frozenset[NodeKey]:
        """The calls whose paths an instance is given."""
        node = self.state.plan.sites[key[0]].node
        match node:
            case Call():
                used = [r for _, e in node.args for r in refs(e)]
            case Compute():
                used = list(refs(node.expr))
            case _:
                used = []
        return frozenset[NodeKey]().union(*(flat(self.value(handle(self.state, r, key[1:]))) for r in used))

    def _perform(self, effect: Effect) -> None:
        match effect:
            case StartAttempt(key=key):
                self.look(key)
            case Evaluate(key=key):
                node = self.state.plan.sites[key[0]].node
                assert isinstance(node, Compute)
                if reads(node):
                    self.look(key)
                self.pending[key] = frozenset[NodeKey]() if reads(node) else self.given(key)
            case Gather(key=key):
                self.pending[key] = [self.value(h) for h in elements(self.state, key)]
            case _:
                pass
        super()._perform(effect)

    def look(self, key: NodeKey) -> None:
        given = self.given(key)
        missing = {maker for maker in given if not self._files(maker) <= self.disk}
        assert not missing, f"{key} reads files of {missing}, which are not there"
        self.read.append((key, given))


def reads(node: Compute) -> bool:
    return isinstance(node.expr, Apply)


def look_at(state: State) -> None:
    """Counts are what states say, whoever is made again."""
    state.ledger.check()
    recount = [0] * len(At)
    for frame in (state.root, *state.frames.values()):
        for site in frame.body.sites:
            if site.is_call:
                for at in frame.states[site.pos]:
                    recount[at] += 1
    for at in (At.READY, At.BACKOFF, At.RUNNING):
        assert state.counts[at] == recount[at]
    gone: Counter[int] = Counter()
    for frame in (state.root, *state.frames.values()):
        for site in frame.body.sites:
            if site.id in state.lineage.makers:
                gone[site.id] += sum(row < 0 for row in frame.rows[site.pos])
    assert +gone == Counter(state.lacking)
    for key in state.held:
        frame, index, pos = state.locate(key)
        assert frame.states[pos][index] == At.DONE
        assert frame.rows[pos][index] > 0


def with_files(draw: Callable[..., Any]) -> Graph:
    """A random program of which some tasks make files, some of them temporary; some expressions read, some results are kept."""
    made = program(draw)
    kinds = {t.name: draw(st.sampled_from(["temp", "temp", "file", "value"])) for t in made.tasks}
    tasks = tuple(
        t if kinds[t.name] == "value" else replace(t, outputs=task("x", makes=kinds[t.name]).outputs)
        for t in made.tasks
    )

    def change(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        found: list[Node] = []
        for node in nodes:
            if isinstance(node, Compute) and refs(node.expr) and node.id not in conditions and draw(st.booleans()):
                node = replace(node, expr=Apply("exists", (Ref(refs(node.expr)[0]),)))
            elif isinstance(node, FanOut):
                node = replace(node, body=change(node.body))
            found.append(node)
        return tuple(found)

    conditions = {n.condition for n in walk_all(made.nodes) if isinstance(n, FanOut)}
    nodes = change(made.nodes)
    valued = [n.id for n in nodes if isinstance(n, Call | Compute) or (isinstance(n, FanOut) and n.result is not None)]
    kept: list[int] = draw(st.lists(st.sampled_from(valued), max_size=2, unique=True)) if valued else []
    outputs = tuple(output(20_000 + at, of, JSON) for at, of in enumerate(kept))
    return replace(made, tasks=tasks, nodes=(*nodes, *outputs))


def fixed(oracle: Table) -> list[Word]:
    return [word("cpu", 3000, Layer.MACHINE), word("mem", 7, Layer.MACHINE), word("global", 50, Layer.MACHINE)]


@given(
    st.data(),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=3),
    st.sampled_from([0, 0, 0, 20, 60]),
    st.text(max_size=3),
)
@settings(max_examples=120, deadline=None)
def test_files_are_there_as_long_as_somebody_reads_them_and_no_longer(
    data: st.DataObject, crashes: list[tuple[int, int]], failing: int, seed: str
) -> None:
    program_ = with_files(data.draw)
    nodes = walk_all(program_.nodes)
    oracle = Table(
        lengths={n.id: data.draw(st.integers(0, 4)) for n in nodes if isinstance(n, Param | Call | Compute | FanOut)},
        takes_ns=60,
        dropped=data.draw(st.integers(0, 3)),
        seed=f"s{seed}",
        failing=failing,
        known=data.draw(st.sampled_from([0, 0, 50, 80])),
        standing=data.draw(st.sampled_from([0, 50, 100])),
    )
    note(graph_text(program_))
    run = Checked(program_, oracle, words=fixed(oracle), on_failure="continue", recalls=oracle.known > 0)
    chance = random.Random(seed)
    losses = 0
    for turns, lost in crashes:
        for _ in range(turns):
            if not run.advance():
                break
        if run.status is None:
            for path in chance.sample(sorted(run.disk), min(lost, len(run.disk))):
                run.disk.discard(path)
                losses += 1
            run.crash(words=fixed(oracle))
    run.play()
    check_end(program_, run, oracle, losses)


def check_end(program_: Graph, run: Checked, oracle: Table, losses: int) -> None:
    assert run.status in ("done", "failed")
    events = [e for _, e in run.events]
    assert snapshot(replay(program_, run.events)) == snapshot(run.state)
    lineage = run.state.lineage
    assert not run.state.held
    assert not run.state.awaiting
    assert not run.state.revived
    for maker in lineage.makers:  # what is in a result of the run is there, or could not be made
        if any(kept == maker for kept, _ in lineage.kept):
            site = run.state.plan.sites[maker]
            for frame in (run.state.root, *run.state.frames.values()):
                for index in range(frame.count) if frame.body is site.body else ():
                    key = frame.key(index, site.pos)
                    assert frame.states[site.pos][index] != At.DONE or file_of(key, "out") in run.disk
    there = {f for maker in lineage.temporary for f in run.disk if f.split("/")[0].split(".")[0] == str(maker)}
    assert not there, "nobody reads them any more, and they are there"
    made = Counter(e.key for e in events if isinstance(e, AttemptFinished))
    revived = Counter(e.key for e in events if isinstance(e, Revived))
    gone = {e.key for e in events if isinstance(e, Recalled) and e.gone} | {
        key for e in events if isinstance(e, Gone) for key in e.keys
    }
    for_others = {maker for key, given in run.read if key in revived for maker in given}
    assert set(revived) <= gone | for_others, "only what was lost is made again, and what that is made from"
    if losses == 0:
        twice = {key for key, count in revived.items() if count > 1}
        assert twice <= for_others, "and once, however many read it"
    recalled = {e.key for e in events if isinstance(e, Recalled)}
    for key, count in made.items():
        assert count <= revived[key] + (key not in recalled)


@given(st.data(), st.integers(0, 60), st.text(max_size=2))
@settings(max_examples=60, deadline=None)
def test_replay_equals_state_at_every_turn(data: st.DataObject, turns: int, seed: str) -> None:
    program_ = with_files(data.draw)
    lengths = {n.id: 2 for n in walk_all(program_.nodes)}
    oracle = Table(lengths=lengths, takes_ns=50, seed=f"x{seed}", failing=10, known=60, standing=30)
    run = Checked(program_, oracle, words=fixed(oracle), on_failure="continue", recalls=True)
    for _ in range(turns):
        assert snapshot(replay(program_, run.events)) == snapshot(run.state)
        if not run.advance():
            break


@given(st.data(), st.text(max_size=2))
@settings(max_examples=60, deadline=None)
def test_with_keep_temp_nothing_goes(data: st.DataObject, seed: str) -> None:
    program_ = with_files(data.draw)
    oracle = Table(lengths={n.id: 2 for n in walk_all(program_.nodes)}, takes_ns=50, seed=f"k{seed}")
    run = Checked(program_, oracle, words=fixed(oracle), on_failure="continue", keeps_temp=True)
    run.play()
    assert not [e for _, e in run.events if isinstance(e, Discarded)]
    finished = {e.key for _, e in run.events if isinstance(e, AttemptFinished)}
    assert run.disk >= {file_of(key, "out") for key in finished if run._files(key)}
