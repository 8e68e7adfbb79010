"""Which units of a resource a node gets: the lowest that nobody has, below the capacity, whatever changes meanwhile."""

from __future__ import annotations

import pytest
from ledger_bench import CPU, DB, EVERYTHING, Bench

from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Scope
from cascade_dsl.limits.faults import LedgerFault
from cascade_dsl.limits.units import UNITS_MAX, Given, Units

NET = Scope("resource", "net")


def start(bench: Bench) -> dict[NodeKey, Given]:
    """Start all that may start, each with the units that it is to have."""
    out: dict[NodeKey, Given] = {}
    while (node := bench.ledger.choose()) is not None:
        out[node] = bench.ledger.units(node)
        bench.ledger.start(node, out[node])
        assert bench.ledger.units(node) == out[node]
        bench.ledger.check()
    return out


def test_a_start_takes_the_lowest_units_that_nobody_has() -> None:
    bench = Bench()
    bench.limit(DB, 4)
    one, two, three = bench.queue(db=1), bench.queue(db=2), bench.queue(db=2)
    assert start(bench) == {one: (("db", (0,)),), two: (("db", (1, 2)),)}
    bench.ledger.finish(one)
    assert start(bench) == {three: (("db", (0, 3)),)}


def test_each_resource_has_units_of_its_own() -> None:
    bench = Bench()
    bench.limit(DB, 2)
    bench.limit(NET, 3)
    both, net = bench.queue(db=1, net=2), bench.queue(net=1)
    assert start(bench) == {both: (("db", (0,)), ("net", (0, 1))), net: (("net", (2,)),)}


def test_who_runs_keeps_its_units_when_the_capacity_is_lowered_and_raised() -> None:
    bench = Bench()
    bench.limit(DB, 3)
    nodes = [bench.queue(db=1) for _ in range(6)]
    start(bench)
    bench.limit(DB, 1)
    bench.ledger.finish(nodes[0])
    bench.ledger.finish(nodes[1])
    assert start(bench) == {}, "the one that runs is all that may"
    bench.ledger.finish(nodes[2])
    assert start(bench) == {nodes[3]: (("db", (0,)),)}
    bench.limit(DB, 3)
    assert start(bench) == {nodes[4]: (("db", (1,)),), nodes[5]: (("db", (2,)),)}


def test_a_lower_capacity_counts_units_above_it_as_taken() -> None:
    bench = Bench()
    bench.limit(DB, 4)
    nodes = [bench.queue(db=1) for _ in range(5)]
    start(bench)
    bench.limit(DB, 2)
    for at in (0, 1, 2):
        bench.ledger.finish(nodes[at])
    # number 3 is above the capacity and is one of the two that are taken
    assert start(bench) == {nodes[4]: (("db", (0,)),)}


def test_what_started_while_nothing_limited_the_resource_has_none() -> None:
    bench = Bench()
    early = bench.queue(db=1)
    assert start(bench) == {early: ()}
    bench.limit(DB, 2)
    late = bench.queue(db=1)
    assert start(bench) == {late: (("db", (0,)),)}


def test_units_are_numbers_of_counts_that_are_small_and_of_no_other_amount() -> None:
    bench = Bench()
    bench.limit(CPU, 1000)
    bench.limit(EVERYTHING, 8)
    bench.limit(DB, UNITS_MAX + 1)
    many = bench.queue(cpu=500, db=1)
    assert start(bench) == {many: ()}
    bench.limit(DB, UNITS_MAX)
    some, none = bench.queue(cpu=500, db=1), bench.queue(db=0)
    assert start(bench) == {some: (("db", (0,)),), none: ()}


def test_the_whole_of_the_greatest_capacity_can_be_given() -> None:
    bench = Bench()
    bench.limit(DB, UNITS_MAX)
    node = bench.queue(db=UNITS_MAX)
    assert start(bench) == {node: (("db", tuple(range(UNITS_MAX))),)}


def test_words_of_layers_decide_as_they_do_for_the_pool() -> None:
    bench = Bench()
    bench.limit(DB, 1, Layer.MACHINE)
    bench.limit(DB, 3, Layer.LIVE)
    nodes = [bench.queue(db=1) for _ in range(3)]
    assert list(start(bench).values()) == [(("db", (n,)),) for n in range(3)]
    bench.ledger.drop_word(Layer.LIVE, DB)
    for node in nodes:
        bench.ledger.finish(node)
    again = bench.queue(db=1)
    assert start(bench) == {again: (("db", (0,)),)}


def test_a_unit_that_another_node_has_is_a_fault() -> None:
    bench = Bench()
    bench.limit(DB, 2)
    one, two = bench.queue(db=1), bench.queue(db=1)
    bench.ledger.start(one, (("db", (1,)),))
    with pytest.raises(LedgerFault, match=r"starts with db 1, which another node has"):
        bench.ledger.start(two, (("db", (1,)),))


def test_more_than_there_is_is_a_fault() -> None:
    units = Units()
    units.take((1,), (("db", (0, 1)),))
    with pytest.raises(LedgerFault, match="not so many free units"):
        units.lowest("db", 2, 3)
