"""Spend pools: rates, bursts, weights, and the one wake-up that is asked for."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_bench import CPU, DAY, DB, FETCH, MEM, MINUTE, SECOND, Bench

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Limit, PoolKind, Scope
from cascade_dsl.limits.faults import LedgerFault
from cascade_dsl.limits.tokens import Tokens

# ---- buckets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "per_ns", "instants"),
    [
        (10, MINUTE, [0, 6 * SECOND, 12 * SECOND]),
        (1, DAY, [0, DAY, 2 * DAY]),
        (3, SECOND, [0, 333_333_334, 666_666_668, 1_000_000_002]),
        (7, MINUTE, [0, 8_571_428_572, 17_142_857_144]),
        (100_000, SECOND, [0, 10_000, 20_000]),
        (300_000, SECOND, [0, 3_334, 6_668, 10_002]),
    ],
)
def test_starts_of_a_rate_come_evenly_at_the_first_nanosecond_that_they_may(
    amount: int, per_ns: int, instants: list[int]
) -> None:
    """A nanosecond earlier, and a window would have more than a burst of 1 and the rate."""
    bench = Bench()
    bench.spend(FETCH, amount, per_ns)
    nodes = [bench.queue() for _ in instants]
    assert bench.turn() == nodes[:1]
    for number, instant in enumerate(instants[1:], start=1):
        assert bench.ledger.due() == instant
        assert bench.at(instant - 1) == []
        assert bench.ledger.due() == instant, "looking at it changes nothing"
        assert bench.at(instant) == nodes[number : number + 1]
    assert bench.ledger.due() is None, "nobody waits, nothing is due"


@pytest.mark.parametrize(
    ("amount", "per_ns"), [(1, DAY), (7, MINUTE), (3, SECOND), (99_999, SECOND), (100_000, SECOND)]
)
def test_a_million_admissions_do_not_drift(amount: int, per_ns: int) -> None:
    tokens, now = Tokens(amount, per_ns, 2, 0), 0
    tokens.take(2, now)
    for _ in range(1_000_000):
        due = tokens.covered(1, now)
        assert due is not None
        now = due
        tokens.take(1, now)
    assert now == -(-1_000_000 * per_ns // amount), "the first whole nanosecond, a million times over"


@settings(deadline=None)
@given(
    st.integers(0, 9),
    st.integers(1, 50),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=40),
)
def test_a_bucket_is_that_of_fractions_however_often_it_is_looked_at(
    amount: int, per_ns: int, burst: int, life: list[tuple[int, int]]
) -> None:
    tokens, level, now = Tokens(amount, per_ns, burst, 0), Fraction(burst), 0
    for passed, wanted in life:
        for at in range(now, now + passed + 1):
            there = min(Fraction(burst), level + Fraction(amount * (at - now), per_ns))
            assert tokens.at(at) == (int(there) if amount else 0)
        level, now = min(Fraction(burst), level + Fraction(amount * passed, per_ns)), now + passed
        due = tokens.covered(wanted, now)
        if due is None:
            assert wanted > burst or not amount
        else:
            assert tokens.at(due) >= wanted
            assert due == now or tokens.at(due - 1) < wanted
        if tokens.at(now) >= wanted:
            tokens.take(wanted, now)
            level -= wanted


def test_another_rate_carries_over_what_is_left_exactly() -> None:
    tokens = Tokens(7, MINUTE, 10, 0)
    tokens.take(10, 0)
    tokens.change(3, SECOND, 10, MINUTE // 2)  # 3.5 are there
    assert tokens.at(MINUTE // 2) == 3
    assert tokens.covered(4, MINUTE // 2) == MINUTE // 2 + 166_666_667
    tokens.change(7, MINUTE, 10, MINUTE // 2)
    assert tokens.covered(4, MINUTE // 2) == MINUTE // 2 + -(-MINUTE // 14), "there and back, nothing is lost"
    tokens.change(7, MINUTE, 2, MINUTE // 2)
    assert tokens.at(MINUTE // 2) == 2, "a lower burst caps it"
    tokens.change(7, MINUTE, 10, MINUTE // 2)
    assert tokens.at(MINUTE // 2) == 3, "a word that was taken back at once has never been"
    tokens.change(7, MINUTE, 2, MINUTE // 2)
    tokens.change(7, MINUTE, 10, MINUTE // 2 + 1)
    assert tokens.at(MINUTE // 2 + 1) == 2, "after a while it has"


# ---- in the ledger --------------------------------------------------------------------------------------------------


def test_a_burst_starts_at_once_and_is_saved_up_again() -> None:
    bench = Bench()
    bench.spend(FETCH, 10, SECOND, burst=3)
    nodes = [bench.queue() for _ in range(8)]
    assert bench.turn() == nodes[:3]
    assert bench.at(SECOND // 10) == nodes[3:4]
    assert bench.at(10 * SECOND) == nodes[4:7], "no more than the burst, however long nothing came"
    assert bench.ledger.due() == 10 * SECOND + SECOND // 10


def test_a_weighted_budget() -> None:
    bench = Bench()
    bench.spend(DB, 90_000, MINUTE, burst=90_000)
    large, other, small = bench.queue(db=60_000), bench.queue(db=40_000), bench.queue(db=20_000)
    assert bench.turn() == [large, small], "10 000 are left, and 40 000 do not fit"
    assert bench.ledger.why(other) == ("db/s",)
    assert bench.ledger.due() == 20 * SECOND
    assert bench.finish(large, small) == [], "what is spent does not come back at an end"
    assert bench.at(20 * SECOND) == [other]


def test_a_demand_falls_on_each_pool_of_the_name_hold_and_spend_keyed_or_not() -> None:
    bench = Bench()
    bench.limit(DB, 3)
    bench.spend(DB, 4, MINUTE, burst=4)
    bench.split(DB, 2, "host")
    a1, a2, a3 = (bench.queue(db=1, keys={"host": "a"}) for _ in range(3))
    b1, b2, b3 = (bench.queue(db=1, keys={"host": "b"}) for _ in range(3))
    assert bench.turn() == [a1, a2, b1]
    assert bench.ledger.why(a3) == ("db", "db by host = a")
    assert bench.finish(a1, a2, b1) == [a3], "one token was left"
    assert bench.ledger.why(b2) == ("db/s",)
    assert bench.at(15 * SECOND) == [b2]
    assert bench.at(30 * SECOND) == [b3]


def test_a_rate_of_zero_admits_nothing_until_there_is_another() -> None:
    bench = Bench()
    bench.spend(FETCH, 0, SECOND, burst=5)
    node = bench.queue()
    assert bench.turn() == []
    assert bench.ledger.due() is None
    assert not bench.ledger.can_ever_start()
    bench.spend(FETCH, 1, MINUTE)
    assert bench.turn() == [node]


def test_a_rate_that_is_raised_lowered_or_taken_back_moves_the_wake_up() -> None:
    bench = Bench()
    bench.spend(FETCH, 1, MINUTE, layer=Layer.FILE)
    nodes = [bench.queue() for _ in range(5)]
    bench.turn()
    assert bench.at(30 * SECOND) == []
    bench.spend(FETCH, 2, MINUTE, layer=Layer.LIVE)
    assert bench.turn() == []
    assert bench.ledger.due() == 45 * SECOND, "half a token is there"
    bench.spend(FETCH, 1, DAY, layer=Layer.LIVE)
    assert bench.turn() == []
    assert bench.ledger.due() == 30 * SECOND + DAY // 2
    bench.ledger.drop_word(Layer.LIVE, FETCH)
    assert bench.turn() == []
    assert bench.ledger.due() == MINUTE, "as if the others had never been"
    bench.ledger.drop_word(Layer.FILE, FETCH)
    assert bench.turn() == nodes[1:]
    assert bench.ledger.due() is None


def test_hold_and_rate_of_one_scope_are_two_things() -> None:
    bench = Bench()
    bench.limit(FETCH, 1)
    bench.spend(FETCH, 1, SECOND, burst=2)
    nodes = [bench.queue() for _ in range(4)]
    assert bench.turn() == nodes[:1]
    assert bench.ledger.due() is None, "tokens are there: it is the end of a node that is waited for"
    assert bench.finish(nodes[0]) == nodes[1:2]
    assert bench.finish(nodes[1]) == []
    assert bench.ledger.due() == SECOND
    assert bench.at(SECOND) == nodes[2:3]


def test_a_pause_asks_for_no_wake_up() -> None:
    bench = Bench()
    bench.spend(FETCH, 1, SECOND)
    bench.queue()
    waiting = bench.queue()
    bench.turn()
    assert bench.ledger.due() == SECOND
    bench.ledger.pause(FETCH)
    assert bench.at(SECOND) == []
    assert bench.ledger.due() is None
    assert bench.at(5 * SECOND) == []
    bench.ledger.resume(FETCH)
    assert bench.turn() == [waiting]


def test_of_two_rates_the_later_wakes() -> None:
    bench = Bench()
    bench.spend(FETCH, 1, SECOND)
    bench.spend(Scope("global"), 1, MINUTE)
    first, second = bench.queue(), bench.queue()
    assert bench.turn() == [first]
    assert bench.ledger.due() == MINUTE, "one wake-up, not sixty"
    assert bench.at(MINUTE) == [second]


def test_nodes_that_two_rates_refuse_together_wake_when_the_first_of_them_is_covered_by_both() -> None:
    bench = Bench()
    bench.spend(DB, 1, SECOND, burst=10)
    bench.spend(MEM, 1, SECOND, burst=10)
    drain = bench.queue(db=10, mem=10)
    much_db, even, much_mem = (bench.queue("both", db=d, mem=m) for d, m in ((9, 1), (5, 6), (1, 8)))
    assert bench.turn() == [drain]
    assert bench.ledger.due() == SECOND, "the least need of each is covered"
    assert bench.at(SECOND) == []
    assert bench.ledger.due() == 6 * SECOND, "then the instant of a node is known"
    assert bench.at(6 * SECOND) == [even]
    assert bench.at(7 * SECOND) == []
    assert bench.ledger.due() == 14 * SECOND
    assert bench.at(14 * SECOND) == [much_db]
    assert bench.ledger.why(much_mem) == ("db/s", "mem/s")
    assert bench.at(15 * SECOND) == [much_mem]


def test_a_node_that_others_pass_has_tokens_gathered_for_it() -> None:
    bench = Bench()
    bench.spend(DB, 1, SECOND, burst=20)
    spent = bench.queue("first", db=20)
    assert bench.turn() == [spent]
    large = bench.queue("large", db=20)
    for second in range(1, 19 + 64 + 1):
        small = bench.queue("small", db=1)
        assert bench.at(second * SECOND) == [small], "the first 19 take nothing for which it would not wait anyway"
    later = bench.queue("small", rank=(-9,), db=1)
    assert bench.at(84 * SECOND) == [], "from now on tokens gather, whatever the priority of others"
    assert bench.ledger.due() == 103 * SECOND, "the instant at which it has them all"
    assert bench.at(102 * SECOND) == []
    assert bench.at(103 * SECOND) == [large]
    assert bench.at(104 * SECOND) == [later]


def test_who_waits_for_the_next_token_of_its_own_rate_keeps_no_core_idle() -> None:
    bench = Bench()
    bench.limit(CPU, 1)
    bench.spend(FETCH, 1, DAY)
    slow = bench.queue(cpu=1)
    assert bench.turn() == [slow]
    waiting = bench.queue(cpu=1)
    running = bench.finish(slow)
    for _ in range(200):
        small = bench.queue("small", cpu=1)
        assert (bench.finish(*running) if running else bench.turn()) == [small]
        running = [small]
    assert bench.at(DAY) == []
    assert bench.finish(*running) == [waiting]


def test_two_streams_on_two_rates_do_not_keep_a_node_of_both_from_starting() -> None:
    bench = Bench()
    bench.spend(DB, 1, SECOND, burst=4)
    bench.spend(MEM, 1, SECOND, burst=4)
    drain = bench.queue("drain", db=4, mem=4)
    assert bench.turn() == [drain]
    both = bench.queue("both", db=4, mem=4)
    for second in range(1, 400):
        bench.queue("a", db=1)
        bench.queue("b", mem=1)
        if both in bench.at(second * SECOND):
            return
    pytest.fail("it never started")


def test_a_word_that_is_no_rate_and_no_capacity_is_a_fault() -> None:
    bench = Bench()

    def refused(kind: PoolKind = "spend", per_ns: int | None = None, burst: int | None = None, by: str = "") -> str:
        limit = Limit(scope=FETCH, amount=1, kind=kind, per_ns=per_ns, burst=burst, by_text=by)
        with pytest.raises(LedgerFault) as fault:
            bench.ledger.set_word(Word(Layer.LIVE, limit))
        return str(fault.value)

    shape = "`limit task:fetch` is no rate, or a rate without a time"
    assert refused() == refused("hold", SECOND) == refused("hold", burst=3) == shape
    least = "the time and the burst of `limit task:fetch` must be at least 1"
    assert refused(per_ns=0) == refused(per_ns=SECOND, burst=0) == least
    assert refused("hold", by="host") == "`by` of `limit task:fetch` is a text and an expression, or neither"
    assert bench.ledger.pools() == ()


# ---- the bound ------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7),
    st.sampled_from([1, 7, 30]),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 25), st.integers(1, 6)), min_size=5, max_size=60),
)
def test_no_window_has_more_than_burst_and_rate(
    amount: int, per_ns: int, burst: int, life: list[tuple[int, int, int]]
) -> None:
    """Whatever comes, goes, is passed or reserved: of each key, in every window."""
    bench = Bench()
    bench.spend(DB, amount, per_ns, burst, by="host")
    spent: dict[str, list[tuple[int, int]]] = {"a": [], "b": []}
    asked: dict[NodeKey, tuple[str, int]] = {}
    now = 0
    for kind, passed, need in life:
        key = "ab"[kind % 2]
        asked[bench.queue(db=need, keys={"host": key})] = key, need
        now = now + passed if kind else bench.ledger.due() or now
        for node in bench.at(now):
            of, need = asked[node]
            spent[of].append((now, need))
    for starts in spent.values():
        for first in range(len(starts)):
            total = 0
            for at, need in starts[first:]:
                total += need
                assert total * per_ns <= burst * per_ns + amount * (at - starts[first][0])
