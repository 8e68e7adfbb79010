"""Temporary files in the engine: when they go, what brings them back, who is skipped where they cannot be made."""

from __future__ import annotations

import pytest
from graphs import Table, call, compute, fan, graph, output, param, task, word

from cascade_dsl.engine.lineage import trace
from cascade_dsl.engine.plan import plan
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import At
from cascade_dsl.engine.step import replay
from cascade_dsl.ir.events import AttemptFinished, AttemptStarted, Discarded, Event, Gone, Recalled, Revived
from cascade_dsl.ir.expr import Apply, Clause, Comprehension, Expr, Field, ListOf, Lit, Ref, Var
from cascade_dsl.ir.graph import Call, Compute, Graph, Input, Node, OutputSpec, TaskDef
from cascade_dsl.ir.types import FILE, INT, JSON, ListType
from cascade_dsl.testing.simulate import Played, Simulation, file_of


def program(*nodes: Node) -> Graph:
    tasks = [task("t", makes="temp"), task("u", makes="temp"), task("v"), task("w", makes="file")]
    return graph(tasks, nodes)


def play(program_: Graph, table: Table, *, cores: int = 1000, recalls: bool = False) -> Simulation:
    run = Simulation(program_, table, words=(word("cpu", cores),), on_failure="continue", recalls=recalls)
    run.play()
    assert snapshot(replay(program_, run.events)) == snapshot(run.state)
    return run


def told(run: Simulation, *kinds: type[Event]) -> list[tuple[str, tuple[int, ...]]]:
    """The events of some kinds, in order: kind and key."""
    return [(type(e).__name__, getattr(e, "key")) for _, e in run.events if isinstance(e, kinds)]  # noqa: B009


# ---- when they go -----------------------------------------------------------------------------------------------


def test_items_go_one_by_one_as_their_readers_end() -> None:
    run = play(
        program(param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), fan(5, 2, 6, [call(7, "v", 6)], 7)), Table(lengths={1: 3})
    )
    assert told(run, AttemptFinished, Discarded) == [
        pair
        for i in range(3)
        for pair in (("AttemptFinished", (4, i)), ("AttemptFinished", (7, i)), ("Discarded", (4, i)))
    ]


def test_who_needs_the_whole_list_holds_all_of_it() -> None:
    run = play(program(param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), call(5, "v", 2)), Table(lengths={1: 2}))
    assert told(run, AttemptFinished, Discarded)[-3:] == [
        ("AttemptFinished", (5,)),
        ("Discarded", (4, 0)),
        ("Discarded", (4, 1)),
    ]


def test_what_a_list_reads_is_held_until_the_list_has_ended() -> None:
    run = play(program(param(1), call(2, "t"), fan(3, 1, 4, [call(5, "v", 2)], 5)), Table(lengths={1: 3}))
    assert told(run, AttemptFinished, Discarded)[-2:] == [("AttemptFinished", (5, 2)), ("Discarded", (2,))]


def test_what_nobody_reads_goes_at_once_and_what_is_a_result_stays() -> None:
    run = play(program(call(1, "t"), call(2, "t"), output(3, 2, FILE)), Table())
    assert told(run, Discarded) == [("Discarded", (1,))]
    assert run.disk == {file_of((2,), "out")}


def test_a_path_that_goes_through_an_expression_is_followed() -> None:
    run = play(program(call(1, "t"), compute(2, 1), call(3, "v", 2)), Table())
    assert told(run, AttemptFinished, Discarded) == [
        ("AttemptFinished", (1,)),
        ("AttemptFinished", (3,)),
        ("Discarded", (1,)),
    ]


def test_who_is_skipped_or_has_failed_reads_no_more() -> None:
    nodes = [call(1, "t"), call(2, "v"), call(3, "v", 1, after=(2,)), call(4, "t"), call(5, "v", 4)]
    run = play(program(*nodes), Table(played={(2,): [Played(exit=1)], (5,): [Played(exit=1)]}))
    assert run.status == "failed"
    assert {key for _, key in told(run, Discarded)} == {(1,), (4,)}


def test_who_is_tried_again_has_not_ended() -> None:
    tasks = [task("t", makes="temp"), task("v", retry=(1, 1, 1))]
    table = Table(played={(2,): [Played(exit=1), Played()]})
    run = play(graph(tasks, [call(1, "t"), call(2, "v", 1)]), table)
    assert told(run, AttemptStarted, Discarded)[-2:] == [("AttemptStarted", (2,)), ("Discarded", (1,))]


# ---- and come back ----------------------------------------------------------------------------------------------


class Earlier(Table):
    """Earlier results of some nodes, whose temporary files are gone."""

    def __init__(self, *nodes: int, **rest: object) -> None:
        super().__init__(**rest)  # pyright: ignore[reportArgumentType]
        self.kept = nodes

    def recalled(self, key: tuple[int, ...]) -> int | bool:
        if key[0] not in self.kept:
            return False
        return self.lengths.get(key[0], True)

    def remains(self, key: tuple[int, ...]) -> bool:
        return False


def test_where_all_stands_nothing_is_made_again() -> None:
    run = play(program(call(1, "t"), call(2, "u", 1), call(3, "v", 2), output(4, 3)), Earlier(1, 2, 3), recalls=True)
    assert told(run, Recalled, Revived, AttemptStarted) == [("Recalled", (1,)), ("Recalled", (2,)), ("Recalled", (3,))]
    assert run.state.recalled == 3


def test_the_whole_chain_is_made_again_for_one_reader_in_order_and_once() -> None:
    nodes = [call(1, "t"), call(2, "u", 1), call(3, "v", 2), call(4, "v", 2), call(5, "v", 1)]
    run = play(program(*nodes), Earlier(1, 2, 5), cores=9000, recalls=True)
    assert told(run, Revived) == [("Revived", (2,)), ("Revived", (1,))]
    assert told(run, AttemptStarted, Discarded) == [
        ("AttemptStarted", (1,)),
        ("AttemptStarted", (2,)),
        ("Discarded", (1,)),
        ("AttemptStarted", (3,)),
        ("AttemptStarted", (4,)),
        ("Discarded", (2,)),
    ]
    assert run.status == "done"
    assert run.state.recalled == 1
    assert [run.state.counts[at] for at in (At.DONE, At.WAITING, At.READY)] == [5, 0, 0]
    assert all(e.epoch == 1 for _, e in run.events if isinstance(e, AttemptStarted) and e.key in ((1,), (2,)))


def test_of_a_list_only_the_items_that_are_read_are_made_again() -> None:
    class Two(Earlier):
        def recalled(self, key: tuple[int, ...]) -> int | bool:
            return super().recalled(key) and key != (7, 1)

    nodes = [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), fan(5, 2, 6, [call(7, "v", 6)], 7), output(8, 5)]
    run = play(program(*nodes), Two(4, 7, lengths={1: 3}), recalls=True)
    assert told(run, AttemptStarted) == [("AttemptStarted", (4, 1)), ("AttemptStarted", (7, 1))]
    assert run.status == "done"


def test_who_waits_for_what_cannot_be_made_is_skipped() -> None:
    nodes = [call(1, "t"), call(2, "u", 1), call(3, "v", 2), call(4, "v", 3), call(5, "v", 1)]
    table = Earlier(1, 2, played={(1,): [Played(exit=1)]})
    run = play(program(*nodes), table, recalls=True)
    assert run.status == "failed"
    at = {site.id: run.state.root.states[site.pos][0] for site in run.state.root.body.sites}
    assert at == {1: At.FAILED, 2: At.SKIPPED, 3: At.SKIPPED, 4: At.SKIPPED, 5: At.SKIPPED}
    assert told(run, AttemptStarted) == [("AttemptStarted", (1,))]


def test_a_result_of_the_run_whose_file_is_gone_is_made_again_though_nobody_reads_it() -> None:
    run = play(program(call(1, "t"), output(2, 1, FILE)), Earlier(1), recalls=True)
    assert told(run, Revived, AttemptFinished) == [("Revived", (1,)), ("AttemptFinished", (1,))]
    assert run.status == "done"
    assert run.disk == {file_of((1,), "out")}


@pytest.mark.parametrize("maker", ["t", "w"])
def test_files_that_are_lost_before_a_run_goes_on_are_made_again_where_they_are_needed(maker: str) -> None:
    program_ = program(call(1, maker), call(2, maker), call(3, "v", 1), call(4, "v", 2, after=(3,)))
    run = Simulation(program_, Table(), words=(word("cpu", 1000),))
    while told(run, AttemptStarted)[-1:] != [("AttemptStarted", (4,))]:
        assert run.advance()
    run.disk.clear()
    run.crash(words=(word("cpu", 1000),))
    run.play()
    assert [e.keys for _, e in run.events if isinstance(e, Gone)] == [((2,),)]
    assert told(run, AttemptStarted)[-2:] == [("AttemptStarted", (2,)), ("AttemptStarted", (4,))]
    assert run.status == "done"
    assert snapshot(replay(program_, run.events)) == snapshot(run.state)


# ---- who reads what ---------------------------------------------------------------------------------------------

BOTH = TaskDef(
    name="both",
    inputs=(),
    outputs=(
        OutputSpec(name="bam", type=FILE, form="path", temp=True),
        OutputSpec(name="log", type=FILE, form="path"),
        OutputSpec(name="n", type=INT, form="value"),
    ),
    record=True,
    clauses=task("x").clauses,
    body=task("x").body,
)
READER = TaskDef(
    name="reader",
    inputs=(Input(name="x", type=JSON), Input(name="n", type=INT)),
    outputs=(),
    clauses=task("x").clauses,
    body=task("x").body,
)


@pytest.mark.parametrize(
    ("expr", "number", "read"),
    [
        (Ref(2), Lit(1), {"bam", "log"}),
        (Field(Ref(2), "bam"), Lit(1), {"bam"}),
        (Field(Ref(2), "log"), Field(Ref(2), "n"), {"log"}),
        (Field(Ref(2), "n"), Field(Ref(2), "n"), set[str]()),
        (Lit(1), Apply("size", (Field(Ref(2), "bam"),)), {"bam"}),
        (ListOf((Field(Ref(2), "log"), Lit(1))), Lit(1), {"log"}),
        (Field(Apply("index", (ListOf((Ref(2),)), Lit(0))), "log"), Lit(1), {"log"}),
        (Comprehension((Clause(("r",), ListOf((Ref(2),))),), Field(Var("r"), "log")), Lit(1), {"log"}),
        (Apply("join", (ListOf((Field(Ref(2), "bam"),)), Lit(","))), Lit(1), {"bam"}),
    ],
)
def test_of_a_record_the_field_counts_that_is_taken(expr: Expr, number: Expr, read: set[str]) -> None:
    nodes: list[Node] = [
        Call(id=2, name="made", task="both", args=()),
        Call(id=3, name="read", task="reader", args=(("x", expr), ("n", number))),
    ]
    lineage = trace(plan(graph([BOTH, READER], nodes)))
    assert {name for _, name in lineage.followers[2][0].pairs} == read if read else 2 not in lineage.followers


def test_a_number_carries_no_path() -> None:
    nodes: list[Node] = [
        Call(id=2, name="made", task="both", args=()),
        Compute(id=3, name="size", expr=Apply("size", (Field(Ref(2), "bam"),)), type=INT, reads=True),
        Compute(id=4, name="names", expr=ListOf((Field(Ref(2), "log"),)), type=ListType(FILE)),
        Call(id=5, name="read", task="reader", args=(("x", Ref(3)), ("n", Ref(3)))),
    ]
    lineage = trace(plan(graph([BOTH, READER], nodes)))
    assert lineage.carried.get(3) is None
    assert lineage.carried[4] == {(2, "log")}
    assert lineage.sources == {3: frozenset({2})}
