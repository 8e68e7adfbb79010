"""Spend pools: rates, bursts, weights, and the one wake-up that is asked for."""

from __future__ import annotations

from ledger_bench import FETCH, MINUTE, SECOND, Bench


def test_the_first_starts_at_once_then_evenly() -> None:
    bench = Bench()
    bench.spend(FETCH, 10, MINUTE)
    nodes = [bench.queue() for _ in range(3)]
    assert bench.turn() == nodes[:1]
    assert bench.ledger.due() == 6 * SECOND
    assert bench.at(6 * SECOND - 1) == []
    assert bench.ledger.due() == 6 * SECOND
    assert bench.at(6 * SECOND) == nodes[1:2]
    assert bench.ledger.due() == 12 * SECOND
    bench.finish(*nodes[:2])
    assert bench.ledger.due() == 12 * SECOND, "nothing comes back at an end"
    assert bench.at(12 * SECOND) == nodes[2:]
    assert bench.ledger.due() is None
