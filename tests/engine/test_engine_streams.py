"""Fan-outs: closed and streamed, filtered, nested and joined, failing in part."""

from __future__ import annotations

import pytest
from graphs import Table, call, compute, fan, graph, output, param, task, word

from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import At, State
from cascade_dsl.engine.step import replay
from cascade_dsl.ir.events import AttemptStarted, Extended
from cascade_dsl.ir.graph import Graph, Node
from cascade_dsl.testing.simulate import Played, Simulation


def check(state: State) -> None:
    state.ledger.check()


def play(nodes: list[Node], table: Table, *, cores: int = 4000, on_failure: str = "continue") -> Simulation:
    program: Graph = graph([task("t"), task("u"), task("v")], nodes)
    simulation = Simulation(
        program,
        table,
        words=(word("cpu", cores),),
        on_failure=on_failure,  # pyright: ignore[reportArgumentType]
        check=check,
    )
    simulation.play()
    assert snapshot(replay(program, simulation.events)) == snapshot(simulation.state)
    return simulation


def starts(simulation: Simulation) -> list[tuple[int, ...]]:
    return [e.key for _, e in simulation.events if isinstance(e, AttemptStarted)]


def test_a_fan_out_over_a_result_streams_into_the_next() -> None:
    nodes: list[Node] = [
        call(1, "t"),
        fan(2, 1, 3, [call(4, "u", 3)], 4),
        fan(5, 2, 6, [call(7, "v", 6)], 7),
        output(8, 5),
    ]
    run = play(nodes, Table(lengths={1: 50}), cores=2000)
    order = starts(run)
    assert run.status == "done"
    assert len(order) == 101
    assert order.index((7, 0)) < order.index((4, 49)), "stage 2 starts before stage 1 ends"
    assert run.state.root.states[3][0] == At.DONE


def test_a_filter_drops_elements_of_all_that_follows() -> None:
    nodes: list[Node] = [
        call(1, "t"),
        fan(2, 1, 3, [compute(4, 3), call(5, "u", 3)], 5, condition=4),
        fan(6, 2, 7, [call(8, "v", 7)], 8),
        output(9, 6),
    ]
    run = play(nodes, Table(lengths={1: 20}, dropped=4), cores=1000)
    order = starts(run)
    kept = [i for i in range(20) if i % 4]
    assert sorted(k[1] for k in order if k[0] == 5) == kept
    assert sorted(k[1] for k in order if k[0] == 8) == kept
    assert order.index((8, 1)) < order.index((5, 19))


def test_nested_lists_are_joined_and_streamed() -> None:
    nodes: list[Node] = [
        param(1),
        fan(2, 1, 3, [call(4, "t", 3), fan(5, 4, 6, [call(7, "u", 6)], 7)], 5, flatten=True),
        fan(8, 2, 9, [call(10, "v", 9)], 10),
        output(11, 8),
    ]
    run = play(nodes, Table(lengths={1: 3, 4: 4}), cores=1000)
    assert sorted(k for k in starts(run) if k[0] == 10) == [(10, i) for i in range(12)]
    assert [(e.start, e.end) for _, e in run.events if isinstance(e, Extended)] == [(0, 4), (4, 8), (8, 12)]


def test_an_empty_list_is_a_list() -> None:
    nodes: list[Node] = [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), call(5, "u", 2), output(6, 5)]
    run = play(nodes, Table(lengths={1: 0}))
    assert starts(run) == [(5,)]


def test_what_needs_the_whole_list_waits_for_it() -> None:
    nodes: list[Node] = [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), call(5, "u", 2)]
    order = starts(play(nodes, Table(lengths={1: 9})))
    assert order[-1] == (5,)


def test_a_failed_element_skips_its_own_line_and_the_gather() -> None:
    nodes: list[Node] = [
        param(1),
        fan(2, 1, 3, [call(4, "t", 3)], 4),
        fan(5, 2, 6, [call(7, "u", 6)], 7),
        call(8, "v", 5),
    ]
    run = play(nodes, Table(lengths={1: 5}, played={(4, 2): [Played(exit=1)]}))
    assert run.status == "failed"
    assert sorted(k[1] for k in starts(run) if k[0] == 7) == [0, 1, 3, 4]
    assert (8,) not in starts(run)


def test_an_outer_value_is_waited_for_inside() -> None:
    body: list[Node] = [call(4, "t", 3), call(5, "u", 6)]
    nodes: list[Node] = [param(1), fan(2, 1, 3, body, 5), call(6, "v")]
    run = play(nodes, Table(lengths={1: 3}, played={(6,): [Played(takes_ns=1000)]}))
    order = starts(run)
    assert set(order[:4]) == {(6,), (4, 0), (4, 1), (4, 2)}
    assert len(order) == 7


def test_a_failed_outer_value_skips_the_whole_fan_out() -> None:
    nodes: list[Node] = [param(1), call(2, "t"), fan(3, 1, 4, [call(5, "u", 2)], 5), call(6, "v", 3)]
    run = play(nodes, Table(lengths={1: 3}, played={(2,): [Played(exit=3)]}))
    assert starts(run) == [(2,)]
    assert run.status == "failed"


def test_an_empty_list_stays_empty_whatever_failed_beside_it() -> None:
    nodes: list[Node] = [param(1), call(2, "t"), fan(3, 1, 4, [call(5, "u", 2)], 5), call(6, "v", 3)]
    run = play(nodes, Table(lengths={1: 0}, played={(2,): [Played(exit=3)]}))
    assert starts(run) == [(2,), (6,)]


def test_a_lost_inner_list_is_not_passed_over_in_silence() -> None:
    nodes: list[Node] = [
        param(1),
        fan(2, 1, 3, [call(4, "t", 3), fan(5, 4, 6, [call(7, "u", 6)], 7)], 5, flatten=True),
        fan(8, 2, 9, [call(10, "v", 9)], 10),
        call(11, "t", 8),
    ]
    run = play(nodes, Table(lengths={1: 3, 4: 2}, played={(4, 1): [Played(exit=1)]}))
    assert sorted(k for k in starts(run) if k[0] == 10) == [(10, i) for i in range(4)]
    assert (11,) not in starts(run)


@pytest.mark.parametrize("count", [5000])
def test_a_long_chain_that_fails_does_not_recurse(count: int) -> None:
    nodes: list[Node] = [call(1, "t"), *(call(i, "t", i - 1) for i in range(2, count))]
    run = play(nodes, Table(played={(1,): [Played(exit=1)]}))
    assert run.status == "failed"
    assert run.state.counts[At.SKIPPED] == count - 2


def test_only_a_window_of_elements_is_hot() -> None:
    most = 0

    def look(state: State) -> None:
        nonlocal most
        most = max(most, *(len(f.hot) for f in state.frames.values()), 0) if state.frames else most

    program = graph([task("t")], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)])
    simulation = Simulation(program, Table(lengths={1: 5000}), words=(word("cpu", 2000),), check=look)
    assert simulation.play() == "done"
    assert most == 1024
