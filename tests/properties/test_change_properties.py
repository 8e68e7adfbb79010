"""Random programs whose priorities, demands, limits and pauses are changed and taken back, with crashes in between.

Held after every turn: the ledger is sound. After every move: replay equals state. What is changed and undone at one instant
leaves the behaviour of never having been changed (3); whatever is changed and taken back, exactly that runs which the program
means, and what ran was given what was in force when it started.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphs import Table, scope_of, word
from hypothesis import given, note, settings
from hypothesis import strategies as st
from test_engine_properties import program, reference, walk_all

from cascade_dsl.engine.inputs import (
    DemandGiven,
    Input,
    LimitGiven,
    LimitTaken,
    PauseAsked,
    PriorityGiven,
    ResumeAsked,
    UndoAsked,
)
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import State
from cascade_dsl.engine.step import replay
from cascade_dsl.engine.undoing import newest
from cascade_dsl.ir.events import AttemptFinished, AttemptStarted, Word
from cascade_dsl.ir.graph import Graph, NodeKey
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.ir.text import graph_text
from cascade_dsl.testing.simulate import Simulation

SCOPE = st.sampled_from(["global", "task:t", "task:[tu]", "tag:slow", "mem", "cpu"]).map(scope_of)
CHANGES = st.one_of(
    st.builds(PriorityGiven, scope=SCOPE, priority=st.none() | st.integers(-3, 3), who=st.just("ann")),
    st.builds(
        DemandGiven,
        scope=SCOPE,
        amounts=st.dictionaries(
            st.sampled_from(["cpu", "mem", "gpu"]), st.none() | st.integers(0, 2), min_size=1, max_size=2
        ).map(
            lambda amounts: tuple((name, n if n is None or name != "cpu" else n * 1000) for name, n in amounts.items())
        ),
        who=st.just("ann"),
    ),
    st.builds(
        LimitGiven,
        word=st.tuples(st.sampled_from(["global", "task:t", "tag:slow"]), st.integers(0, 3)).map(lambda x: word(*x)),
        who=st.just("ann"),
    ),
    st.builds(LimitTaken, layer=st.just(Layer.LIVE), scope=SCOPE, who=st.just("ann")),
    st.builds(PauseAsked, scope=SCOPE, who=st.just("ann")),
    st.builds(ResumeAsked, scope=st.none() | SCOPE, who=st.just("ann")),
)
BATCHES = st.lists(st.tuples(st.integers(0, 6), st.lists(CHANGES, min_size=1, max_size=4)), min_size=1, max_size=5)
MOVES = st.lists(
    st.one_of(
        CHANGES,
        st.just(UndoAsked(who="bob")),
        st.just("crash"),
        st.integers(1, 6),
    ),
    max_size=14,
)


def machine() -> tuple[Word, ...]:
    return tuple(word(scope, n, Layer.MACHINE) for scope, n in (("cpu", 4000), ("mem", 8), ("gpu", 2)))


def check(state: State) -> None:
    state.ledger.check()


def drawn(data: st.DataObject, seed: str) -> tuple[Graph, Table]:
    made = program(data.draw)
    note(graph_text(made))
    lengths = {n.id: data.draw(st.integers(0, 4)) for n in walk_all(made.nodes)}
    return made, Table(lengths=lengths, takes_ns=60, dropped=data.draw(st.integers(0, 3)), seed=f"s{seed}")


def starts(run: Simulation) -> list[tuple[int, NodeKey, int, tuple[tuple[str, int], ...]]]:
    return [(t, e.key, e.attempt, e.granted) for t, e in run.events if isinstance(e, AttemptStarted)]


@given(st.data(), BATCHES, st.text(max_size=3))
@settings(max_examples=60, deadline=None)
def test_what_is_changed_and_undone_at_one_instant_was_never_changed(
    data: st.DataObject, batches: Sequence[tuple[int, Sequence[Input]]], seed: str
) -> None:
    made, oracle = drawn(data, seed)
    words = (*machine(), word("task:t", 2, Layer.FILE))
    plain = Simulation(made, oracle, words=words, on_failure="continue")
    assert plain.play() in ("done", "failed")
    run = Simulation(made, oracle, words=words, on_failure="continue", check=check)
    for turns, changes in batches:
        for _ in range(turns):
            run.advance()
        if run.status is not None:
            break
        run.turn(*changes, *[UndoAsked(who="bob")] * len(changes))
        assert newest(run.state) is None
        assert snapshot(replay(made, run.events)) == snapshot(run.state)
    run.play()
    assert run.status == plain.status
    assert starts(run) == starts(plain)


@given(st.data(), MOVES, st.text(max_size=3))
@settings(max_examples=60, deadline=None)
def test_what_runs_is_what_the_program_means_whatever_is_changed(
    data: st.DataObject, moves: Sequence[Input | str | int], seed: str
) -> None:
    made, oracle = drawn(data, seed)
    run = Simulation(made, oracle, words=machine(), on_failure="continue", check=check)
    for move in moves:
        if run.status is not None:
            break
        if isinstance(move, int):
            for _ in range(move):
                run.advance()
        elif isinstance(move, str):
            changes, patches = list(run.state.changes), dict(run.state.patches)
            run.crash(words=machine())
            assert run.state.changes == changes
            assert run.state.patches == patches
        else:
            run.turn(move)
        assert snapshot(replay(made, run.events)) == snapshot(run.state)
    while run.status is None and newest(run.state) is not None:
        run.turn(UndoAsked(who="bob"))
    assert run.status is not None or run.play() != "stalled"
    done, failed = reference(made, oracle)
    finished = [e.key for _, e in run.events if isinstance(e, AttemptFinished)]
    assert sorted(finished) == sorted(done)
    assert run.status == ("failed" if failed else "done")
    assert not run.state.places
    assert not run.state.facts
