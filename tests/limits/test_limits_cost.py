"""What a decision costs, counted in looks and steps, never in time."""

from __future__ import annotations

import pytest
from ledger_bench import CPU, DAY, DB, EVERYTHING, FETCH, MEM, SECOND, Bench

from cascade_dsl.ir.requirement import Layer
from cascade_dsl.limits.search import Search


def looks(bench: Bench) -> int:
    """How many classes and sleepers the search has looked at so far."""
    search: Search = bench.ledger._search
    return search.looks


def steps(bench: Bench) -> int:
    """How many places of trees the queues have looked at so far."""
    return sum(cls.queue.steps for cls in bench.ledger._classes())


@pytest.mark.parametrize("count", [100, 10_000])
def test_equal_nodes_cost_the_same_however_many_wait(count: int) -> None:
    bench = Bench()
    bench.limit(CPU, 4000)
    for _ in range(count):
        bench.queue(cpu=1000)
    running = bench.turn()
    before = looks(bench)
    for _ in range(50):
        running += bench_turn_after_finish(bench, running.pop(0))
    assert looks(bench) - before <= 3 * 50


def bench_turn_after_finish(bench: Bench, node: tuple[int, ...]) -> list[tuple[int, ...]]:
    bench.ledger.finish(node)
    started: list[tuple[int, ...]] = []
    while (chosen := bench.ledger.choose()) is not None:
        bench.ledger.start(chosen)
        started.append(chosen)
    return started


def test_thousands_of_shapes_that_wait_for_one_core_are_not_scanned_again() -> None:
    bench = Bench()
    bench.limit(CPU, 1000)
    for number in range(5000):
        bench.queue(f"task{number}", cpu=1000)
    running = bench.turn()
    assert looks(bench) <= 2 * 5000 + 10, "each is looked at once"
    before = looks(bench)
    for number in range(50):
        running = bench_turn_after_finish(bench, running[0])
        assert running == [(number + 2,)]
    assert looks(bench) - before <= 4 * 50


def test_the_first_that_fits_of_varying_amounts_is_found_by_descent() -> None:
    bench = Bench()
    bench.limit(MEM, 10_000)
    bench.queue(mem=100)
    (holder,) = bench.turn()
    for number in range(10_000):
        bench.queue(mem=10_000 - number % 7)
    fits = bench.queue(mem=5)
    before = looks(bench), steps(bench)
    assert bench.ledger.choose() == fits
    assert looks(bench) - before[0] <= 3
    assert steps(bench) - before[1] <= 3 * 40, "about two looks for each of 15 levels"
    bench.ledger.start(fits)
    bench.ledger.finish(holder)
    assert bench.ledger.choose() == (2 + 5,), "the first of those that ask for 9995"


def test_a_changed_limit_touches_no_waiting_node() -> None:
    bench = Bench()
    bench.limit(FETCH, 1)
    for _ in range(10_000):
        bench.queue(cpu=1)
    bench.turn()
    before = looks(bench)
    for amount in range(2, 12):
        bench.limit(FETCH, amount)
        assert bench.ledger.choose() is not None
        bench.limit(FETCH, 1)
        assert bench.ledger.choose() is None
    assert looks(bench) - before <= 10 * 6


def test_classes_that_come_and_go_leave_nothing_behind() -> None:
    bench = Bench()
    bench.limit(CPU, 2)
    bench.queue("large", cpu=2)
    bench.queue("small", cpu=1)
    bench.limit(FETCH, 0)
    bench.queue(cpu=2)
    for number in range(2000):
        node = bench.queue("small", rank=(number,), cpu=1)
        bench.ledger.choose()
        bench.ledger.withdraw(node)
    for pool in bench.ledger._pools.values():
        assert len(pool.fronts) <= 130
        assert sum(len(sleepers.heap) for sleepers in pool.sleepers.values()) <= 130
    assert len(bench.ledger._search._ready) <= 130


@pytest.mark.parametrize("count", [100, 10_000])
def test_a_rate_costs_the_same_however_many_wait(count: int) -> None:
    bench = Bench()
    for _ in range(count):
        bench.queue()
    bench.spend(FETCH, 100_000)
    before = looks(bench)
    starts, wakes = 0, 0
    for _ in range(50):
        starts += len(bench_turn(bench))
        due = bench.ledger.due()
        assert due is not None
        wakes += 1
        bench.ledger.at(due)
    assert (starts, wakes) == (50, 50), "one wake-up for each start"
    assert looks(bench) - before <= 4 * 50


def bench_turn(bench: Bench) -> list[tuple[int, ...]]:
    started: list[tuple[int, ...]] = []
    while (chosen := bench.ledger.choose()) is not None:
        bench.ledger.start(chosen)
        started.append(chosen)
    return started


def test_a_changed_rate_touches_no_waiting_node() -> None:
    bench = Bench()
    bench.spend(FETCH, 1, DAY, layer=Layer.FILE)
    for _ in range(10_000):
        bench.queue(cpu=1)
    bench_turn(bench)
    before = looks(bench)
    for amount in range(2, 12):
        bench.spend(FETCH, amount, DAY)
        assert bench.ledger.choose() is None
        assert bench.ledger.due() == -(-DAY // amount)
        bench.spend(FETCH, 0, DAY)
        assert bench.ledger.choose() is None
        assert bench.ledger.due() is None
        bench.ledger.drop_word(Layer.LIVE, FETCH)
        assert bench.ledger.choose() is None
        assert bench.ledger.due() == DAY
    bench.ledger.drop_word(Layer.FILE, FETCH)
    assert bench.ledger.choose() is not None
    assert looks(bench) - before <= 10 * 6


def test_ten_thousand_keys_cost_what_ten_cost() -> None:
    def decisions(keys: int) -> int:
        bench = Bench()
        bench.limit(CPU, 1_000_000)
        bench.split(FETCH, 1, "host")
        bench.spend(FETCH, 1, DAY, burst=1000, by="host")
        for number in range(4 * keys):
            bench.queue(cpu=1, keys={"host": str(number % keys)})
        running = bench_turn(bench)
        assert len(running) == keys
        before = looks(bench)
        for _ in range(50):
            started = bench_turn_after_finish(bench, running.pop(0))
            assert len(started) == 1
            running += started
        return looks(bench) - before

    assert decisions(20) <= 4 * 50
    assert decisions(10_000) <= 4 * 50


def test_a_limit_without_by_wakes_none_of_thousands_of_keys_that_sleep() -> None:
    bench = Bench()
    bench.limit(CPU, 10**9)
    bench.split(FETCH, 1, "host")
    for number in range(10_000):
        bench.queue(cpu=1, keys={"host": str(number // 2)})
    assert len(bench_turn(bench)) == 5000
    search: Search = bench.ledger._search
    looked, pushed = looks(bench), search._number
    for _ in range(10):
        bench.limit(EVERYTHING, 3)
        assert bench.ledger.choose() is None
        bench.limit(EVERYTHING, 4)
        assert bench.ledger.choose() is None
        bench.ledger.drop_word(Layer.LIVE, EVERYTHING)
        assert bench.ledger.choose() is None
        bench.ledger.pause(FETCH)
        assert bench.ledger.choose() is None
        bench.ledger.resume(FETCH)
        assert bench.ledger.choose() is None
    assert looks(bench) - looked <= 10
    assert search._number - pushed <= 10
    bench.ledger.check()


def test_a_limit_that_goes_wakes_those_that_slept_on_it_as_they_are_wanted() -> None:
    bench = Bench()
    bench.limit(EVERYTHING, 0)
    for number in range(100):
        bench.queue(f"task{number}", cpu=1)
    assert bench_turn(bench) == []
    bench.ledger.drop_word(Layer.LIVE, EVERYTHING)
    assert bench_turn(bench) == [(number + 1,) for number in range(100)]
    bench.ledger.check()


def test_keys_that_come_in_batches_cost_no_look_at_what_was_keyed_before() -> None:
    bench = Bench()
    bench.limit(FETCH, 0)
    for _ in range(5000):
        bench.queue(cpu=1)
    assert bench_turn(bench) == []
    bench.split(FETCH, 1, "host")
    costs: list[int] = []
    while (asked := bench.ledger.unkeyed(250)) is not None:
        before = looks(bench) + bench.ledger._search._number + bench.ledger._passing._number
        bench.ledger.key(asked[0], [(node, str(node[0] % 10)) for node in asked[1]])
        assert bench.ledger.choose() is None
        costs.append(looks(bench) + bench.ledger._search._number + bench.ledger._passing._number - before)
    assert len(costs) == 20
    assert max(costs) <= 10 * 10, "by classes, not by nodes"
    bench.ledger.check()


def test_the_next_instant_is_no_scan_over_the_keys() -> None:
    bench = Bench()
    bench.spend(FETCH, 1, DAY, by="host")
    for number in range(5000):
        bench.queue(keys={"host": str(number)})
        bench.queue(keys={"host": str(number)})
    bench_turn(bench)
    assert bench.ledger.due() == DAY
    bench.queue(keys={"host": "7"})
    bench_turn(bench)
    search: Search = bench.ledger._search
    assert len(search._stirred) <= 1
    assert len(search._dues) == 5000, "written down once"
    assert bench.ledger.due() == DAY


def test_thousands_of_reservations_are_not_gone_through_at_each_start() -> None:
    bench = Bench()
    bench.spend(DB, 1, burst=8, by="host")
    for number in range(60):
        key = {"host": str(number)}
        bench.queue("drain", db=8, keys=key)
        bench.queue("large", db=8, keys=key)
    bench_turn(bench)
    for second in range(1, 72):
        for number in range(60):
            bench.queue("small", db=1, keys={"host": str(number)})
        bench.ledger.at(second * SECOND)
        bench_turn(bench)
    claims = bench.ledger._passing.claims
    assert len(claims) == 60
    assert all(waiter.is_reserved for waiter in claims.values())
    before = looks(bench)
    assert bench.ledger.due() == 79 * SECOND
    bench.ledger.at(79 * SECOND)
    assert len(bench_turn(bench)) == 60
    assert looks(bench) - before <= 60 * 6
    bench.ledger.check()
