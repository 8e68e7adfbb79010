"""Failures that are held, retries, other texts, crashes and lost files at once, over temporary files and earlier results.

Held: who is given a file finds it (`Checked`); a held reader keeps what it has to read; once all is mended and retried
the run ends well, with every call that the program means done, and replay equals state.
"""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, note, settings
from hypothesis import strategies as st
from test_engine_properties import reference, walk_all
from test_hold_properties import Mended, end_well, moved
from test_temporary_properties import Checked, fixed, with_files

from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.step import replay
from cascade_dsl.ir.events import AttemptFinished, Recalled
from cascade_dsl.ir.expr import Lit
from cascade_dsl.ir.graph import Graph, Output
from cascade_dsl.ir.text import graph_text

MOVES = st.lists(
    st.tuples(st.sampled_from(["turns", "turns", "retry", "one", "crash", "reload"]), st.integers(0, 25)), max_size=12
)


def other(program: Graph, number: int) -> Graph:
    """The same program with other clauses."""
    tasks = tuple(
        replace(t, clauses=replace(t.clauses, priority=Lit(number % 3), tags=("slow",) if number % 2 else ()))
        for t in program.tasks
    )
    return replace(program, tasks=tasks)


@given(st.data(), MOVES, st.sampled_from([5, 20, 60]), st.text(max_size=3))
@settings(max_examples=100, deadline=None)
def test_what_is_held_keeps_what_it_reads_and_all_ends_well(
    data: st.DataObject, moves: list[tuple[str, int]], failing: int, seed: str
) -> None:
    program = with_files(data.draw)
    oracle = Mended(
        lengths={n.id: data.draw(st.integers(0, 4)) for n in walk_all(program.nodes)},
        takes_ns=40,
        dropped=data.draw(st.integers(0, 3)),
        seed=f"s{seed}",
        failing=failing,
        known=data.draw(st.sampled_from([0, 0, 50])),
        standing=data.draw(st.sampled_from([0, 50, 100])),
    )
    note(graph_text(program))
    run = Checked(program, oracle, words=fixed(oracle), on_failure="hold", recalls=oracle.known > 0)
    chance = random.Random(seed)

    def crash(number: int) -> None:
        for path in chance.sample(sorted(run.disk), min(number % 3, len(run.disk))):
            run.disk.discard(path)
        run.crash(words=fixed(oracle))

    for move, number in moves:
        if run.status is not None:
            break
        if not moved(run, oracle, move, number, crash):
            run.reload(other(program, number))
        assert snapshot(replay(program, run.events, run.state.graphs)) == snapshot(run.state)
    end_well(run, oracle)
    assert run.status == "done"
    work = replace(program, nodes=tuple(n for n in program.nodes if not isinstance(n, Output)))
    meant, failed = reference(work, _good(oracle))
    assert not failed
    done = {e.key for _, e in run.events if isinstance(e, AttemptFinished | Recalled)}
    assert done == meant
    assert not run.state.parked
    assert not run.state.held
    assert not run.state.awaiting
    assert not run.state.revived
    assert snapshot(replay(program, run.events, run.state.graphs)) == snapshot(run.state)


def _good(oracle: Mended) -> Mended:
    good = Mended(lengths=oracle.lengths, takes_ns=0, dropped=oracle.dropped, seed=oracle.seed, known=oracle.known)
    good.standing = oracle.standing
    return good
