"""Random programs under `hold`: failures, retries, other texts and crashes in any order, then all is mended and retried.

Held: the run then ends well; each call that the program means has finished exactly once; nothing that finished started
again; what is parked is parked after a crash; replay equals state after every turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from graphs import Table, scope_of, task, word
from hypothesis import given, note, settings
from hypothesis import strategies as st
from test_engine_properties import machine, program, reference, walk_all

from cascade_dsl.engine.inputs import LimitGiven, LimitTaken
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import At, State
from cascade_dsl.engine.step import is_stalled, replay
from cascade_dsl.ir.events import AttemptFinished, AttemptStarted, Facts, RunEnded
from cascade_dsl.ir.expr import Apply, Lit, Var
from cascade_dsl.ir.graph import Graph, NodeKey, Requirement
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.ir.text import graph_text
from cascade_dsl.ir.types import OptionalType
from cascade_dsl.testing.simulate import Simulation

MOVES = st.lists(
    st.tuples(
        st.sampled_from(["turns", "retry", "one", "crash", "reload", "varying", "by", "none"]), st.integers(0, 25)
    ),
    max_size=12,
)


class Mended(Table):
    """Fails at random until it is mended; a retry has another chance."""

    mended = False
    round = 0

    def chance(self, *what: object) -> int:
        return super().chance(*what, self.round if what[0] == "fails" else 0)

    def mend(self) -> None:
        self.failing = 0

    def value(self, key: NodeKey) -> tuple[int | None, bool | None] | str:
        if self.failing and self.chance("fails", key) % 100 < self.failing:
            return "no value"
        return super().value(key)

    def length(self, key: NodeKey) -> int | str:
        if self.failing and self.chance("fails", key) % 100 < self.failing:
            return "no list"
        return super().length(key)

    def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
        if self.failing and self.chance("fails", key, "facts") % 100 < self.failing:
            return "no amount"
        return Facts(amounts=(1000, 1 + attempt % 3))


def texts(old: Graph, number: int, varying: bool) -> Graph:
    """The program with other clauses: amounts, retries and tags; `varying`: facts that differ from attempt to attempt."""
    tasks = [
        task("t", retry=(number % 3, 1e-9, 4e-9), tags=("slow",) if number % 2 else ()),
        task("u", requires={"mem": 1 + number % 4}, priority=number % 3),
        task("v", requires={"cpu": 1 + number % 2}),
        task("w", requires={"cpu": 0}),
    ]
    if varying:
        mem = Requirement(resource="mem", amount=Apply("add", (Var("attempt"), Lit(1))))
        one = replace(tasks[0].clauses, requires=(Requirement(resource="cpu", amount=Lit(1)), mem))
        tasks[number % 4] = replace(tasks[number % 4], clauses=one)
    if number % 5 == 4:
        # Inputs of another type: keys over them may be others.
        tasks = [replace(one, inputs=tuple(replace(i, type=OptionalType(i.type)) for i in one.inputs)) for one in tasks]
    return replace(old, tasks=tuple(tasks))


def watch(state: State) -> None:
    state.ledger.check()
    found = sum(frame.held for frame in (state.root, *state.frames.values()))
    counted = sum(list(s).count(At.HELD) for f in (state.root, *state.frames.values()) for s in f.states)
    assert found == counted


def moved(run: Simulation, oracle: Mended, move: str, number: int, crash: Callable[[int], None]) -> bool:
    """One move on a run that holds what fails; False for one that is another text."""
    match move:
        case "turns":
            for _ in range(number):
                run.advance()
        case "retry":
            oracle.round += 1
            run.retry()
        case "one":
            oracle.round += 1
            run.retry(*list(run.state.parked)[: 1 + number % 2])
        case "crash":
            crash(number)
        case "by":
            run.turn(LimitGiven(word=word("global", 1 + number % 3, by="ab"[number % 2])))
        case "none":
            run.turn(LimitTaken(layer=Layer.LIVE, scope=scope_of("global")))
        case _:
            return False
    return True


def end_well(run: Simulation, oracle: Mended) -> None:
    """Mend all, and retry until the run has ended."""
    oracle.mend()
    while run.status is None:
        if not run.advance():
            assert run.state.parked, "nothing happens any more, nothing is parked, and the run has not ended"
            assert is_stalled(run.state)
            run.retry()


@given(st.data(), MOVES, st.sampled_from([5, 20, 60]), st.text(max_size=3))
@settings(max_examples=80, deadline=None)
def test_a_run_ends_well_when_all_is_mended_and_retried(
    data: st.DataObject, moves: list[tuple[str, int]], failing: int, seed: str
) -> None:
    program_ = program(data.draw)
    program_ = texts(program_, 0, varying=data.draw(st.booleans()))
    lengths = {n.id: data.draw(st.integers(0, 4)) for n in walk_all(program_.nodes)}
    dropped = data.draw(st.integers(0, 3))
    oracle = Mended(
        lengths=lengths,
        takes_ns=60,
        dropped=dropped,
        seed=f"s{seed}",
        failing=failing,
        keying_takes_ns=data.draw(st.sampled_from([0, 40])),
    )
    note(graph_text(program_))
    run = Simulation(program_, oracle, words=machine(), on_failure="hold", check=watch)

    def crash(_: int) -> None:
        before = set(run.state.parked)
        run.crash(words=machine())
        assert before == set(run.state.parked)

    for move, number in moves:
        if run.status is not None:
            break
        if not moved(run, oracle, move, number, crash):
            keyed = [word("task:[tu]", 1 + number % 2, Layer.FILE, by="a")] if number % 3 == 0 else []
            run.reload(texts(program_, number, varying=move == "varying"), words=keyed)
        assert snapshot(replay(program_, run.events, run.state.graphs)) == snapshot(run.state)
    end_well(run, oracle)
    assert run.status == "done"
    assert run.events[-1][1] == RunEnded(status="done", held=0)
    done, failed = reference(replace(program_, tasks=texts(program_, 0, varying=False).tasks), _good(oracle))
    assert not failed
    finishes = [e.key for _, e in run.events if isinstance(e, AttemptFinished)]
    assert sorted(finishes) == sorted(done)
    ended: set[NodeKey] = set()
    for _, event in run.events:
        if isinstance(event, AttemptStarted):
            assert event.key not in ended, "what finished was started again"
        elif isinstance(event, AttemptFinished):
            ended.add(event.key)
    assert not run.state.parked
    assert not run.state.facts
    assert not run.state.peaks
    assert not run.state.keys
    assert not run.state.parked
    assert snapshot(replay(program_, run.events, run.state.graphs)) == snapshot(run.state)


def _good(oracle: Mended) -> Table:
    return Table(lengths=oracle.lengths, takes_ns=0, dropped=oracle.dropped, seed=oracle.seed)
