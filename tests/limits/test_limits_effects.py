"""What an operator is answered: the acknowledgement of every form of a word, whole."""

from __future__ import annotations

from typing import Any

from ledger_bench import CPU, FETCH, Bench

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.expr import Var
from cascade_dsl.ir.requirement import Identity, Layer, Limit, Scope, Window

S = 10**9
MIN = 60 * S
TOKENS = Scope("resource", "net")
NIGHT = Window(start_minute=18 * 60, end_minute=6 * 60)
WEEK = Window(start_minute=9 * 60, end_minute=18 * 60, days=(0, 4))
HOST: dict[str, Any] = {"by": Var("host"), "by_text": "host"}


def rate(amount: int, per_ns: int = S, burst: int = 1, scope: Scope = FETCH, **more: Any) -> Limit:
    return Limit(scope=scope, amount=amount, kind="spend", per_ns=per_ns, burst=burst, **more)


def at_most(amount: int, scope: Scope = FETCH, **more: Any) -> Limit:
    return Limit(scope=scope, amount=amount, **more)


def say(bench: Bench, limit: Limit, layer: Layer = Layer.LIVE) -> str:
    return bench.change(limit.scope, "set_word", Word(layer, limit))


def busy(running: int = 7, waiting: int = 5) -> Bench:
    bench = Bench()
    bench.ledger.at(1000 * S)
    for _ in range(running):
        bench.queue()
    bench.turn()
    for _ in range(waiting):
        bench.queue()
    return bench


def test_words_with_a_time_say_for_how_long_and_what_is_then() -> None:
    bench = busy()
    bench.limit(FETCH, 10, Layer.FILE)
    assert say(bench, at_most(3, until_ns=1000 * S + 10 * MIN)) == (
        "task:fetch 10 → 3: 7 running, drains to 3, for 10 min, then 10 again"
    )
    assert say(bench, at_most(5, until_ns=1000 * S + 90 * S)) == (
        "task:fetch 3 → 5: 7 running, drains to 5, for 1 min 30 s, then 3 again"
    )
    assert say(bench, at_most(8, until_ns=1000 * S + 125 * MIN)) == (
        "task:fetch 5 → 8: 7 running, 1 more may start, 5 waiting, for 2 h 5 min, then 10"
    )
    bench = busy()
    assert say(bench, at_most(3, until_ns=1000 * S + 400 * 10**6)) == (
        "task:fetch no limit → 3: 7 running, drains to 3, for 400 ms, then no limit again"
    )


def test_a_plain_word_under_one_with_a_time_says_when_it_will_be_in_force() -> None:
    bench = busy()
    say(bench, at_most(3, until_ns=1000 * S + 7 * MIN))
    assert say(bench, at_most(20)) == "task:fetch stays at 3: 7 running, drains to 3; in force in 7 min"
    assert bench.ledger.due() == 1000 * S + 7 * MIN


def test_windows_say_when_they_open_and_close() -> None:
    bench = busy()
    bench.limit(FETCH, 10, Layer.FILE)
    assert say(bench, at_most(2, window=NIGHT)) == (
        "task:fetch stays at 10: 7 running, 3 more may start, 5 waiting; outside its window, in force from 18:00"
    )
    assert say(bench, at_most(2, window=WEEK)) == (
        "task:fetch stays at 10: 7 running, 3 more may start, 5 waiting; outside its window, in force from 09:00 on mon, fri"
    )
    bench.ledger.turn_window(NIGHT, True, 2000 * S)
    assert say(bench, at_most(4, window=NIGHT)) == ("task:fetch 2 → 4: 7 running, drains to 4, until 06:00, then 10")
    assert say(bench, at_most(6)) == "task:fetch stays at 4: 7 running, drains to 4; in force in 16 min 40 s"


def test_a_word_of_a_lower_layer_is_told_who_stands_over_it() -> None:
    bench = busy()
    bench.limit(FETCH, 3, Layer.LIVE)
    before = bench.ledger.capacities(FETCH)
    word = Word(Layer.FLEET, at_most(9))
    bench.ledger.set_word(word)
    from cascade_dsl.limits.effects import _remark  # pyright: ignore[reportPrivateUsage]

    assert _remark(bench.ledger._words, word, "count", dict(before), 0) == "; the operator's 3 stands over it"


def test_a_hard_word_that_comes_into_force_later_caps_what_stands() -> None:
    bench = busy()
    bench.ledger.set_word(Word(Layer.FILE, at_most(2, hard=True, window=NIGHT)))
    assert bench.ledger.refusal(Word(Layer.LIVE, at_most(5))) is None, "outside its window it says nothing"
    say(bench, at_most(5))
    bench.ledger.turn_window(NIGHT, True, None)
    assert bench.pool("task:fetch").capacity == 2
    refused = "the file limits `task:fetch` to 2 hard: it can be lowered, not raised"
    assert bench.ledger.refusal(Word(Layer.LIVE, at_most(5))) == refused
    assert [(one.word.layer, one.standing) for one in bench.ledger._words.said(Identity(FETCH))] == [
        (Layer.LIVE, "in force"),
        (Layer.FILE, "caps"),
    ]


def test_rates_are_answered_in_tokens() -> None:
    bench = busy(0, 5)
    assert say(bench, rate(10)) == "task:fetch no limit → 10/s: 1 may start at once, 5 waiting"
    assert say(bench, rate(5, burst=3)) == "task:fetch 10/s → 5/s burst 3: 1 may start at once, 5 waiting"
    bench.turn()
    assert say(bench, rate(10, MIN)) == "task:fetch 5/s burst 3 → 10/m: the next may start in 6 s, 4 waiting"
    assert say(bench, rate(0)) == "task:fetch 10/m → 0/s: nothing new starts"
    assert say(bench, rate(1, 2 * S, until_ns=1000 * S + MIN)) == (
        "task:fetch 0/s → 0.5/s: the next may start in 2 s, 4 waiting, for 1 min, then 0/s again"
    )
    bench = busy(0, 0)
    assert say(bench, rate(90000, MIN, 90000, TOKENS)) == ("net no limit → 90000/m burst 90000: 90000 left, 0 waiting")
    assert bench.change(TOKENS, "drop_word", Layer.LIVE, TOKENS) == (
        "net 90000/m burst 90000 → no limit: 0 running hold 0, 0 waiting"
    )


def test_a_limit_by_key_is_another_thing_than_one_without() -> None:
    bench = busy(0, 0)
    bench.limit(FETCH, 9, Layer.FILE)
    assert say(bench, at_most(2, **HOST)) == "task:fetch by host no limit → 2: 0 keys, 0 running, 0 waiting"
    for number in range(4):
        shape = bench.ledger.add_shape(task="fetch", tags=(), flows=(), resources=())
        bench.ledger.enqueue((100 + number,), shape, (0,), (), {"host": "a" if number < 3 else "b"})
    bench.turn()
    assert say(bench, at_most(1, **HOST)) == (
        "task:fetch by host 2 → 1: 2 keys, 3 running, 1 of the keys drains to 1, 1 waiting"
    )
    assert dict(bench.ledger.capacities(FETCH)) == {"hold": 9, "hold by host": 1}
    assert (
        bench.change(FETCH, "drop_word", Layer.LIVE, FETCH) == "task:fetch by host 1 → no limit: 3 running, 1 waiting"
    )


def test_the_hard_refusal_is_of_rates_and_bursts_too_and_compares_exactly() -> None:
    bench = busy(0, 0)
    bench.ledger.set_word(Word(Layer.CONFIG, rate(1, 3 * S, 4, hard=True)))

    def refusal(limit: Limit) -> str | None:
        return bench.ledger.refusal(Word(Layer.LIVE, limit))

    refused = "the project's configuration limits `task:fetch` to 20/m burst 4 hard: it can be lowered, not raised"
    assert refusal(rate(20, MIN)) is None, "the same rate in another unit"
    assert refusal(rate(333333333, 1000000000 * S)) is None
    assert refusal(rate(333333334, 1000000000 * S)) == refused
    assert refusal(rate(1, MIN, 5)) == refused
    assert refusal(at_most(99)) is None, "another kind"
    assert refusal(rate(99, **HOST)) is None, "another `by`"
    bench.ledger.set_word(Word(Layer.LIVE, rate(99, burst=2)))
    assert dict(bench.ledger.capacities(FETCH)) == {"spend": "20/m burst 2"}


def test_amounts_are_in_their_unit() -> None:
    bench = busy(0, 0)
    bench.limit(CPU, 4000, Layer.MACHINE)
    assert say(bench, at_most(2500, CPU, until_ns=1000 * S + 3 * 24 * 60 * MIN)) == (
        "cpu 4 → 2.5: 0 running hold 0, 2.5 free, for 3 d, then 4 again"
    )
