"""Passing and reservations: a large node gets its turn, and nothing waits for nothing."""

from __future__ import annotations

import pytest
from ledger_bench import CPU, DB, MEM, Bench

from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Scope
from cascade_dsl.limits.faults import LedgerFault


def stream(bench: Bench, count: int, running: list[NodeKey], resource: str) -> int:
    """Small nodes that come and go, one for one: how many started."""
    started = 0
    for _ in range(count):
        bench.queue_of("small", {resource: 1})
        new = bench.finish(running.pop(0))
        running += new
        started += len(new)
    return started


def test_64_may_pass_then_the_large_one_gets_its_turn() -> None:
    bench = Bench()
    bench.limit(CPU, 4)
    for _ in range(4):
        bench.queue("small", cpu=1)
    running = bench.turn()
    large = bench.queue("large", cpu=4)
    assert stream(bench, 3, running, "cpu") == 3, "these are no passes: an older one still holds a core"
    assert stream(bench, 64, running, "cpu") == 64
    urgent = bench.queue("small", rank=(-9,), cpu=1)
    for node in running[:3]:
        assert bench.finish(node) == [], "on the pool that it lacks nothing else starts, whatever its priority"
    assert bench.ledger.why(urgent) == ("cpu",)
    assert bench.finish(running[3]) == [large]
    assert bench.finish(large) == [urgent]


def test_on_its_other_pools_what_leaves_its_demand_may_start() -> None:
    bench = Bench()
    bench.limit(CPU, 2)
    bench.limit(MEM, 10)
    for _ in range(2):
        bench.queue("small", cpu=1)
    running = bench.turn()
    large = bench.queue("large", cpu=2, mem=6)
    assert stream(bench, 65, running, "cpu") == 65
    fits, does_not = bench.queue("memory", mem=4), bench.queue("memory", mem=1)
    assert bench.turn() == [fits]
    assert bench.ledger.why(does_not) == ("mem",)
    assert bench.finish(*running) == [large]


def test_a_node_that_is_starved_or_paused_reserves_nothing() -> None:
    bench = Bench()
    bench.limit(CPU, 2)
    for _ in range(2):
        bench.queue("small", cpu=1)
    running = bench.turn()
    large = bench.queue("large", cpu=2)
    assert stream(bench, 65, running, "cpu") == 65
    waiting = bench.queue("small", cpu=1)
    gone = running.pop()
    assert bench.finish(gone) == []
    bench.ledger.pause(Scope("task", "large"))
    assert bench.turn() == [waiting]
    bench.ledger.resume(None)
    bench.queue("small", cpu=1)
    assert bench.finish(waiting) == [], "its passes are still its own"
    bench.limit(CPU, 1)
    assert bench.finish(running.pop()) == [(bench.born,)]
    assert bench.ledger.waits() == (("large", "cpu", 1, "large needs cpu 0.002, the limit is 0.001"),)
    bench.limit(CPU, 2)
    assert bench.finish((bench.born,)) == [large]


def test_two_that_share_a_pool_take_turns_the_older_claim_first() -> None:
    bench = Bench()
    for scope in (CPU, MEM, DB):
        bench.limit(scope, 2)
    for _ in range(2):
        bench.queue("a", cpu=1)
        bench.queue("b", db=1)
    running = bench.turn()
    on_cpu, on_db = running[0::2], running[1::2]
    first, second = bench.queue("first", cpu=2, mem=1), bench.queue("second", db=2, mem=1)
    assert stream(bench, 65, on_cpu, "cpu") == 65
    assert stream(bench, 70, on_db, "db") == 70, "the second has a claim, and waits for its turn"
    bench.queue("a", cpu=1)
    bench.queue("b", db=1)
    assert bench.finish(on_cpu[0]) == []
    assert bench.finish(on_cpu[1]) == [first]
    assert bench.finish(on_db[0]) == [], "its turn has come with the start of the first"
    assert bench.finish(on_db[1]) == [second]


def test_a_younger_claim_does_not_jump_the_queue_of_an_older_one_that_waits_for_its_turn() -> None:
    bench = Bench()
    for scope in (CPU, MEM, DB, Scope("resource", "net")):
        bench.limit(scope, 2)
    for _ in range(2):
        bench.queue("a", cpu=1)
        bench.queue("b", db=1)
        bench.queue("c", net=1)
    running = bench.turn()
    on_cpu, on_db, on_net = running[0::3], running[1::3], running[2::3]
    first, second = bench.queue("first", cpu=2, mem=1), bench.queue("second", db=2, mem=1)
    third = bench.queue("third", net=2, db=1)
    assert stream(bench, 65, on_cpu, "cpu") == 65
    assert stream(bench, 65, on_db, "db") == 65
    assert stream(bench, 70, on_net, "net") == 70, "the third shares db with the second, which waits for the first"
    assert bench.finish(*on_cpu) == [first]
    assert bench.finish(*on_db) == [second]
    bench.queue_of("c", {"net": 1})
    assert bench.finish(on_net[0]) == [], "now it has its reservation"
    assert bench.finish(on_net[1], second) == [third]


def test_two_streams_that_take_turns_do_not_keep_a_node_of_both_from_starting() -> None:
    bench = Bench()
    bench.limit(CPU, 1)
    bench.limit(DB, 1)
    on_cpu = bench.queue("a", cpu=1)
    assert bench.turn() == [on_cpu]
    both = bench.queue("both", cpu=1, db=1)
    for round_number in range(200):
        on_db = bench.queue("b", db=1)
        if both in (new := bench.turn()):
            break
        assert new == [on_db] or round_number >= 32
        if both in bench.finish(on_cpu):
            break
        on_cpu = bench.queue("a", cpu=1)
        bench.turn()
        if on_db in new and both in bench.finish(on_db):
            break
    assert bench.pool("cpu").holders == 1
    with pytest.raises(LedgerFault):
        bench.ledger.why(both)


def test_who_waits_behind_its_own_kind_is_not_passed_by_others() -> None:
    bench = Bench()
    bench.limit(CPU, 2)
    bench.limit(Scope("task", "slow"), 1)
    slow, next_slow = bench.queue("slow", cpu=1), bench.queue("slow", cpu=1)
    running = [bench.queue("small", cpu=1)]
    assert bench.turn() == [slow, *running]
    assert stream(bench, 300, running, "cpu") == 300, "a reservation would leave a core idle while the slow one runs"
    assert bench.finish(slow) == [next_slow]
