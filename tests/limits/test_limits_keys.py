"""Keyed pools: one for each value of a `by`."""

from __future__ import annotations

from ledger_bench import FETCH, Bench

from cascade_dsl.ir.expr import Var


def test_each_key_has_a_pool_of_its_own() -> None:
    bench = Bench()
    bench.split(FETCH, 1, "host")
    nodes = [bench.queue(keys={"host": "ab"[number % 2]}) for number in range(6)]
    assert bench.turn() == nodes[:2]
    assert bench.finish(nodes[1]) == nodes[3:4]
    assert bench.ledger.bys(0) == (("host", Var("host")),)


def test_a_live_by_waits_for_the_keys_of_what_runs_then_of_what_waits() -> None:
    bench = Bench()
    bench.limit(FETCH, 3)
    nodes = [bench.queue() for _ in range(8)]
    running = bench.turn()
    bench.limit(FETCH, 100)
    bench.split(FETCH, 2, "host")
    known = bench.queue(keys={"host": "b"})
    assert bench.turn() == []
    assert bench.ledger.unkeyed(2) == ("host", (nodes[0], nodes[1]))
    bench.ledger.key("host", [(nodes[0], "a"), (nodes[1], "a")])
    assert bench.turn() == []
    assert bench.ledger.unkeyed(5) == ("host", (nodes[2],))
    bench.ledger.key("host", [(nodes[2], "b")])
    assert bench.turn() == [known]
    assert bench.ledger.unkeyed(3) == ("host", tuple(nodes[3:6]))
    bench.ledger.key("host", [(node, "abc"[number % 3]) for number, node in enumerate(nodes) if number > 2])
    assert bench.turn() == [nodes[5]]
    assert bench.ledger.unkeyed(3) is None
    assert bench.finish(running[1]) == [nodes[3]]
    bench.split(FETCH, None, "host")
    assert bench.turn() == [nodes[4], *nodes[6:]]
    assert bench.ledger.unkeyed(3) is None
