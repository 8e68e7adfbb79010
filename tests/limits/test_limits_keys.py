"""Keyed pools: one for each value of a `by`."""

from __future__ import annotations

import pytest
from ledger_bench import CPU, DB, EVERYTHING, FETCH, MINUTE, SECOND, Bench

from cascade_dsl.ir.expr import Var
from cascade_dsl.ir.requirement import Identity, Layer
from cascade_dsl.limits.faults import LedgerFault
from cascade_dsl.limits.views import KeysView


def pools(bench: Bench) -> int:
    """How many keyed pools there are."""
    return sum(len(family.pools) for family in bench.ledger._keying.families.values())


def test_each_key_has_a_pool_of_its_own_and_no_key_holds_up_another() -> None:
    bench = Bench()
    bench.split(FETCH, 1, "host")
    nodes = [bench.queue(keys={"host": "ab"[number // 4]}) for number in range(8)]
    assert bench.turn() == [nodes[0], nodes[4]]
    assert bench.finish(nodes[4]) == [nodes[5]]
    assert bench.finish(nodes[0], nodes[5]) == [nodes[1], nodes[6]]
    assert bench.ledger.why(nodes[2]) == ("task:fetch by host = a",)
    assert bench.ledger.bys(0) == (("host", Var("host")),)


def test_a_rate_for_each_key() -> None:
    bench = Bench()
    bench.spend(FETCH, 10, MINUTE, by="host")
    nodes = [bench.queue(keys={"host": "ab"[number % 2]}) for number in range(4)]
    assert bench.turn() == nodes[:2]
    assert bench.ledger.due() == 6 * SECOND
    assert bench.at(6 * SECOND) == nodes[2:]
    assert bench.ledger.due() is None


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
    assert bench.ledger.can_ever_start(), "who waits for its key is not starved"
    bench.ledger.key("host", [(node, "abc"[number % 3]) for number, node in enumerate(nodes) if number > 2])
    assert bench.turn() == [nodes[5]]
    assert bench.ledger.unkeyed(3) is None
    assert bench.finish(running[1]) == [nodes[3]]
    bench.split(FETCH, None, "host")
    assert bench.turn() == [nodes[4], *nodes[6:]]
    assert bench.ledger.unkeyed(3) is None


def test_a_running_node_that_ends_before_its_key_is_known_holds_up_nothing() -> None:
    bench = Bench()
    running = bench.queue()
    bench.turn()
    bench.split(FETCH, 1, "host")
    waiting = bench.queue(keys={"host": "a"})
    assert bench.turn() == []
    assert bench.ledger.waits() == (("fetch", "task:fetch by host", 1, ""),)
    assert bench.ledger.why(waiting) == ("task:fetch by host",)
    assert bench.finish(running) == [waiting]
    bench.ledger.key("host", [(running, "a"), ((99,), "a")])
    bench.ledger.check()


def test_a_rate_by_key_does_not_ask_for_the_keys_of_what_runs() -> None:
    bench = Bench()
    bench.queue()
    bench.turn()
    bench.spend(FETCH, 1, MINUTE, by="host")
    assert bench.ledger.unkeyed(9) is None
    waiting = bench.queue()
    assert bench.ledger.unkeyed(9) == ("host", (waiting,))


def test_a_key_keeps_the_age_of_a_node() -> None:
    bench = Bench()
    bench.limit(FETCH, 0)
    old = [bench.queue() for _ in range(4)]
    bench.split(FETCH, 1, "host")
    young = [bench.queue(keys={"host": "a"}) for _ in range(2)]
    bench.ledger.key("host", [(node, "a") for node in reversed(old[1:])])
    bench.ledger.key("host", [(old[0], "a")])
    bench.limit(FETCH, 100)
    order = bench.turn()
    while len(order) < 6:
        order += bench.finish(order[-1])
    assert order == [*old, *young]


def test_two_limits_share_the_key_of_one_text() -> None:
    bench = Bench()
    bench.split(FETCH, 2, "host")
    bench.spend(EVERYTHING, 1, SECOND, by="host")
    bench.split(FETCH, 1, "site")
    node = bench.queue(keys={"host": "a"})
    assert bench.turn() == []
    assert bench.ledger.unkeyed(5) == ("site", (node,))
    bench.ledger.key("site", [(node, "x")])
    assert bench.turn() == [node]
    assert bench.ledger.holders_of(Identity(FETCH, "hold", "host"), "a") == ((node, 1),)
    bench.ledger.drop_word(Layer.LIVE, FETCH)
    bench.queue(keys={"host": "a", "site": "x"})
    assert bench.turn() == []
    assert bench.ledger.bys(0) == (("host", Var("host")),)
    with pytest.raises(LedgerFault, match=r"^node \(2,\) has the key a by host, and is given b$"):
        bench.ledger.key("host", [((2,), "b")])


def test_pools_go_when_nobody_holds_waits_or_has_spent_of_them() -> None:
    bench = Bench()
    bench.split(FETCH, 1, "host")
    for number in range(50):
        bench.queue(keys={"host": str(number)})
    running = bench.turn()
    assert pools(bench) == 50
    bench.finish(*running)
    assert pools(bench) == 0
    bench.split(FETCH, None, "host")
    bench.spend(FETCH, 1, SECOND, by="host")
    for number in range(50):
        bench.queue(keys={"host": str(number)})
    bench.finish(*bench.turn())
    assert pools(bench) == 50, "what was spent is not forgotten"
    again = bench.queue(keys={"host": "7"})
    assert bench.at(SECOND - 1) == []
    bench.at(SECOND)
    assert bench.ledger.running() == 1
    assert pools(bench) == 1, "the others are full again"
    bench.finish(again)


def test_taking_a_by_back_in_the_middle_of_its_keys_leaves_the_order_of_before() -> None:
    def life(*, split: bool) -> list[tuple[int, ...]]:
        bench = Bench()
        bench.limit(CPU, 2)
        nodes = [bench.queue(cpu=1 + number % 2) for number in range(12)]
        running = bench.turn()
        if split:
            bench.split(FETCH, 1, "host")
            bench.ledger.key("host", [(node, "ab"[number % 2]) for number, node in enumerate(nodes[:9])])
            bench.ledger.check()
            bench.split(FETCH, None, "host")
        order = running
        while running:
            running = bench.finish(*running)
            order += running
        return order

    assert life(split=True) == life(split=False)


def test_who_has_no_key_reserves_nothing_and_holds_up_nothing() -> None:
    bench = Bench()
    bench.limit(CPU, 2)
    running = [bench.queue("small", cpu=1) for _ in range(2)]
    bench.turn()
    large = bench.queue("large", cpu=2)
    for _ in range(65):
        bench.queue("small", cpu=1)
        running += bench.finish(running.pop(0))
    assert bench.finish(running.pop(0)) == [], "it has its reservation"
    bench.split(EVERYTHING, 1, "host")
    bench.ledger.key("host", [(running[0], "a")])
    small = bench.queue("small", cpu=1, keys={"host": "b"})
    assert small in bench.turn()
    bench.ledger.key("host", [(large, "c")])
    assert bench.finish(*running, small) == [large]


def test_a_view_of_thousands_of_keys_names_a_few() -> None:
    bench = Bench()
    bench.split(FETCH, 2, "host")
    for number in range(3000):
        bench.queue(keys={"host": f"host{number % 1000:03}"})
    bench.queue(keys={"host": "host777"})
    bench.queue()
    bench.turn()
    (view,) = bench.ledger.pools()
    assert (view.pool, view.capacity, view.taken, view.holders, view.waiting) == (
        "task:fetch by host",
        2,
        2000,
        2000,
        1002,
    )
    assert isinstance(view.keys, KeysView)
    assert (view.keys.total, view.keys.unkeyed_running, view.keys.unkeyed_waiting) == (1000, 0, 1)
    assert [shown.key for shown in view.keys.shown] == ["host777", *(f"host{n:03}" for n in range(9))]
    assert view.keys.shown[0].pool == "task:fetch by host = host777"
    assert view.keys.shown[0].waiting == 2
    assert len(bench.ledger.waits()) == 1


def test_who_holds_and_who_would_have_to_go() -> None:
    bench = Bench()
    nodes = [bench.queue(db=1 + number % 3, keys={}) for number in range(6)]
    bench.turn()
    bench.limit(DB, 5)
    held = Identity(DB)
    assert bench.ledger.holders_of(held) == tuple(zip(nodes, (1, 2, 3, 1, 2, 3), strict=True))
    assert bench.ledger.surplus(held) == [(7, list(bench.ledger.holders_of(held)))]
    bench.limit(DB, 12)
    assert bench.ledger.surplus(held) == []
    bench.split(DB, 3, "host")
    bench.ledger.key("host", [(node, "ab"[number % 2]) for number, node in enumerate(nodes)])
    by_host = Identity(DB, "hold", "host")
    on_a, on_b = (bench.ledger.holders_of(by_host, key) for key in "ab")
    assert on_a == ((nodes[0], 1), (nodes[2], 3), (nodes[4], 2))
    assert bench.ledger.surplus(by_host) == [(3, list(on_a)), (3, list(on_b))], "each key by itself"
    rate = Identity(DB, "spend")
    assert (bench.ledger.surplus(rate), bench.ledger.holders_of(rate)) == ([], ())
