"""What the ledger says of itself: acknowledgements, pools, waits."""

from __future__ import annotations

from ledger_bench import CPU, EVERYTHING, FETCH, GB, MEM, Bench

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.requirement import Layer, Limit, Scope


def test_the_answer_to_each_change_of_a_limit() -> None:
    bench = Bench()
    for _ in range(7):
        bench.queue()
    bench.turn()
    for _ in range(5):
        bench.queue()

    def limit(amount: int) -> str:
        return bench.change(FETCH, "set_word", Word(Layer.LIVE, Limit(scope=FETCH, amount=amount)))

    assert limit(10) == "task:fetch no limit → 10: 7 running, 3 more may start, 5 waiting"
    assert limit(3) == "task:fetch 10 → 3: 7 running, drains to 3"
    assert limit(7) == "task:fetch 3 → 7: 7 running, 0 more may start, 5 waiting"
    assert limit(7) == "task:fetch stays at 7: 7 running, 0 more may start, 5 waiting"
    assert limit(0) == "task:fetch 7 → 0: 7 running, nothing new starts"
    assert bench.change(FETCH, "drop_word", Layer.LIVE, FETCH) == "task:fetch 0 → no limit: 7 running, 5 waiting"
    assert bench.change(FETCH, "pause", FETCH) == "task:fetch paused: 7 running go on, 5 waiting"
    assert limit(9) == "task:fetch no limit → 9: 7 running, 2 more may start, 5 waiting; it is paused"
    resumed = "task:fetch resumed: 7 running, 5 waiting, its limit of 9 stands"
    assert bench.change(FETCH, "resume", FETCH) == resumed
    assert bench.change(EVERYTHING, "pause", EVERYTHING) == "global paused: 7 running go on, 5 waiting"
    assert bench.change(None, "resume", None) == "resumed: global"
    assert bench.change(None, "resume", None) == "nothing was paused"


def test_the_answer_to_a_change_of_a_resource_is_in_its_unit() -> None:
    bench = Bench()
    bench.limit(CPU, 4000, Layer.MACHINE)
    for _ in range(3):
        bench.queue(cpu=1000, mem=4 * GB)
    bench.turn()

    def limit(scope: Scope, amount: int) -> str:
        return bench.change(scope, "set_word", Word(Layer.LIVE, Limit(scope=scope, amount=amount)))

    assert limit(MEM, 32 * GB) == "mem no limit → 32GB: 3 running hold 12GB, 20GB free"
    assert limit(MEM, 8 * GB) == "mem 32GB → 8GB: 3 running hold 12GB, drains to 8GB"
    assert limit(CPU, 3500) == "cpu 4 → 3.5: 3 running hold 3, 0.5 free"
    assert bench.change(CPU, "drop_layer", Layer.LIVE) == "cpu 3.5 → 4: 3 running hold 3, 1 free"


def test_an_effect_carries_its_figures() -> None:
    bench = Bench()
    bench.queue()
    bench.turn()
    bench.queue()
    before = bench.ledger.capacities(FETCH)
    bench.limit(FETCH, 1)
    effect = bench.ledger.effect(FETCH, before)
    assert (effect.scope, effect.before, effect.after) == ("task:fetch", (), (("hold", 1),))
    assert (effect.running, effect.waiting) == (1, 1)


def test_pools_are_shown_with_their_use() -> None:
    bench = Bench()
    bench.limit(CPU, 2000, Layer.MACHINE)
    bench.limit(FETCH, 5)
    for _ in range(3):
        bench.queue(cpu=1000)
    bench.turn()
    bench.ledger.pause(EVERYTHING)
    rows = [(v.pool, v.dimension, v.capacity, v.taken, v.holders, v.waiting) for v in bench.ledger.pools()]
    assert rows == [
        ("cpu", "millicpu", 2000, 2000, 2, 1),
        ("task:fetch", "count", 5, 2, 2, 1),
        ("pause global", "count", 0, 2, 2, 1),
    ]


def test_waits_are_gathered_by_task_and_pool() -> None:
    bench = Bench()
    bench.limit(CPU, 2000, Layer.MACHINE)
    bench.limit(MEM, 64 * GB, Layer.MACHINE)
    bench.limit(FETCH, 1)
    for _ in range(4):
        bench.queue(cpu=1000)
    for rank in range(3):
        bench.queue("store", rank=(rank,), cpu=1000)
    bench.queue("align", mem=64 * GB)
    bench.ledger.pause(Scope("task", "align"))
    bench.turn()
    assert bench.ledger.waits() == (
        ("align", "pause task:align", 1, ""),
        ("fetch", "task:fetch", 3, ""),
        ("store", "cpu", 2, ""),
    )
    bench.ledger.resume(None)
    bench.limit(MEM, 32 * GB)
    assert bench.ledger.waits()[0] == ("align", "mem", 1, "align needs mem 64GB, the limit is 32GB")
    assert bench.ledger.can_ever_start()
