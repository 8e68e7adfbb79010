"""The judge of the scenario judges right: made-up journals and logs that obey pass, and each planted violation is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from obeyed import Arrival, History, Seen, follow, held_to, read_log

from cascade_dsl.ir.events import (
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    Event,
    RunStarted,
    ScopePaused,
    ScopeResumed,
    Undone,
    Word,
    WordDropped,
    WordSet,
)
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Limit, Scope

S = 10**9
FETCH = Scope("task", "fetch")
Rows = list[tuple[int, Event]]


def rate(amount: int, burst: int = 1, *, layer: Layer = Layer.LIVE, until: int | None = None) -> Word:
    """So many a second, for each host."""
    limit = Limit(
        scope=FETCH, amount=amount, kind="spend", per_ns=S, burst=burst, by_text="host", until_ns=until
    )  # fmt: skip
    return Word(layer, limit)


def hold(amount: int, layer: Layer = Layer.FILE) -> Word:
    return Word(layer, Limit(scope=FETCH, amount=amount, by_text="host"))


def begun(*words: Word) -> tuple[int, Event]:
    return 0, RunStarted(run="r", graph_digest="", on_failure="finish", words=words)


def start(at: float, number: int, host: int = 1) -> tuple[int, Event]:
    return round(at * S), AttemptStarted(key=(host, number), epoch=0, attempt=1, serial=1)


def end(at: float, number: int, host: int = 1) -> tuple[int, Event]:
    return round(at * S), AttemptFinished(key=(host, number), epoch=0, attempt=1, value=None)


def request_of(key: NodeKey) -> tuple[str, str] | None:
    host, number = key
    return (f"host-{host}", f"/{number}") if host else None


def judged(rows: Sequence[tuple[int, Event]]) -> History:
    rows = sorted(rows, key=lambda row: row[0])
    return follow(rows, request_of, task="fetch", by="host")


def arrivals(*seen: tuple[float, int, int]) -> list[Arrival]:
    """(when, number, in flight)."""
    found: list[Arrival] = []
    peak = 0
    for at, number, in_flight in seen:
        peak = max(peak, in_flight)
        found.append(Arrival(round(at * S), f"/{number}", 200, in_flight, peak))
    return found


# ---- the journal


def test_even_starts_at_the_rate_obey() -> None:
    history = judged(
        [begun(rate(10, 3)), *(start(0, n) for n in range(3)), *(start(n / 10, n + 3) for n in range(1, 20))]
    )
    assert len(history.of("host-1")) == 22


def test_each_host_has_a_bucket_of_its_own() -> None:
    judged([begun(rate(1)), start(0, 0, 1), start(0, 0, 2), start(1, 1, 1), start(1, 1, 2), start(0, 5, 0)])


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([begun(rate(10)), start(0, 0), start(0.0999, 1)], id="too soon"),
        pytest.param([begun(rate(10)), start(0, 0), (10**8 - 1, start(0, 1)[1])], id="by a nanosecond"),
        pytest.param([begun(rate(10, 3)), *(start(0, n) for n in range(4))], id="over the burst"),
        pytest.param([begun(rate(10, 5)), *(start(n / 20, n) for n in range(12))], id="faster for long"),
        pytest.param([begun(rate(0)), start(5, 0)], id="under a rate of nothing"),
        pytest.param(
            [begun(), (0, WordSet(word=rate(10))), start(1, 0), (S, WordSet(word=rate(2))), start(1.4, 1)],
            id="after it was lowered",
        ),
        pytest.param(
            [begun(rate(1)), start(0, 0), (S // 2, WordSet(word=rate(10, 20))), start(0.54, 1)],
            id="a raised burst is not full at once",
        ),
        pytest.param(
            [begun(rate(1, 9, until=S)), (2 * S, WordSet(word=rate(1))), *(start(3, n) for n in range(2))],
            id="after one that ended",
        ),
    ],
)
def test_a_start_that_the_rate_does_not_allow_is_named(rows: Rows) -> None:
    with pytest.raises(AssertionError):
        judged(rows)


def test_a_word_that_ends_by_itself_or_is_dropped_says_nothing_any_more() -> None:
    judged([begun(rate(1, until=S)), start(0, 0), *(start(1, n) for n in range(1, 9))])
    dropped = (S, WordDropped(layer=Layer.LIVE, scope=FETCH))
    judged([begun(), (0, WordSet(word=rate(1))), start(0, 0), dropped, *(start(1.1, n) for n in range(1, 9))])


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([begun(hold(2)), *(start(n, n) for n in range(3))], id="three of two"),
        pytest.param([begun(hold(2)), start(0, 0), start(0, 1), (1, WordSet(word=hold(1, Layer.LIVE))), end(1, 0), start(2, 2)], id="lowered"),
        pytest.param([begun(), (0, ScopePaused(scope=FETCH)), start(1, 0)], id="paused"),
        pytest.param([begun(), (0, ScopePaused(scope=Scope("global"), until_ns=2 * S)), start(1, 0)], id="paused for a time"),
    ],
)  # fmt: skip
def test_a_start_without_room_or_in_a_pause_is_named(rows: Rows) -> None:
    with pytest.raises(AssertionError):
        judged(rows)


def test_what_was_before_a_change_that_is_undone_is_in_force_again() -> None:
    lowered: Rows = [begun(hold(3)), (S, WordSet(word=hold(1, Layer.LIVE))), (2 * S, Undone(row=2))]
    judged([*lowered, *(start(3, n) for n in range(3))])
    with pytest.raises(AssertionError):
        judged([*lowered[:2], *(start(3, n) for n in range(3))])
    raised: Rows = [begun(hold(1)), (S, WordSet(word=hold(3, Layer.LIVE))), (2 * S, Undone(row=2))]
    with pytest.raises(AssertionError):
        judged([*raised, *(start(3, n) for n in range(3))])
    paused: Rows = [begun(), (S, ScopePaused(scope=FETCH)), (2 * S, ScopeResumed(scope=None)), (3 * S, Undone(row=3))]
    with pytest.raises(AssertionError, match="is paused"):
        judged([*paused, start(4, 0)])


def test_what_is_lost_holds_nothing_and_a_pause_ends() -> None:
    lost: Callable[[float, int], tuple[int, Event]] = lambda at, n: (  # noqa: E731
        round(at * S),
        AttemptLost(key=(1, n), epoch=0, attempt=1, why="stopped"),
    )
    judged([begun(hold(1)), start(0, 0), lost(1, 0), start(2, 1), end(3, 1), start(4, 0)])
    judged([begun(), (0, ScopePaused(scope=FETCH)), (S, ScopeResumed(scope=None)), start(2, 0)])
    judged([begun(), (0, ScopePaused(scope=FETCH, until_ns=S)), start(1, 0)])


# ---- the servers


def even(count: int, every: float, begin: float = 0) -> Rows:
    return [row for n in range(count) for row in (start(begin + n * every, n), end(begin + n * every + 0.5, n))]


def test_what_a_server_saw_is_held_to_the_rate_and_the_delay() -> None:
    history = judged([begun(rate(10), hold(9)), *even(20, 0.1)])
    on_time = arrivals(*((n / 10 + 0.02, n, 1) for n in range(20)))
    assert held_to(history, "host-1", on_time) == Seen(delay_ns=20_000_000, windows=20 * 21 // 2, peak=1)
    bunched = arrivals(*((n / 10 + (0.25 if n == 3 else 0.02), n, 1) for n in range(20)))
    assert held_to(history, "host-1", sorted(bunched, key=lambda a: a.at_ns)).delay_ns == 250_000_000


def test_more_than_the_rate_and_the_delay_is_named() -> None:
    history = judged([begun(rate(10)), *even(20, 0.1)])
    history.starts = [start for start in history.starts if start.path != "/7"]
    with pytest.raises(AssertionError, match=r"/7 was asked for at 720000000, and no start says so"):
        held_to(history, "host-1", arrivals(*((n / 10 + 0.02, n, 1) for n in range(20))))
    # a journal that tells of starts at a time at which they were not: every one a second early
    history = judged([begun(rate(10)), *even(20, 0.1, 100)])
    for one in history.starts:
        one.at_ns, one.ended_ns = 200 * S, None
    faster = arrivals(*((200 + 0.001 * n, n, 1) for n in range(20)))
    with pytest.raises(
        AssertionError, match=r"2 arrived in 0.001 s from 200000000000, 1.200 may have with a delay of 0.019 s"
    ):
        held_to(history, "host-1", faster)


def test_a_window_that_touches_a_time_without_a_rate_is_held_to_none() -> None:
    history = judged([begun(rate(10, until=S)), *even(10, 0.1), *(start(1.5, n) for n in range(10, 20))])
    seen = arrivals(*((n / 10 + 0.01, n, 1) for n in range(10)), *((1.51, n, 1) for n in range(10, 20)))
    assert held_to(history, "host-1", seen).windows == 10 * 11 // 2


def test_a_peak_above_the_limit_is_named() -> None:
    history = judged([begun(hold(2)), start(0, 0), start(0, 1), end(3, 0), start(3, 2)])
    assert held_to(history, "host-1", arrivals((0.1, 0, 1), (0.2, 1, 2), (3.1, 2, 2))).peak == 2
    with pytest.raises(AssertionError, match="3 in flight at 200000000, 2 run"):
        held_to(history, "host-1", arrivals((0.1, 0, 1), (0.2, 1, 3)))
    for one in history.starts:
        one.most = 1
    with pytest.raises(AssertionError, match="2 in flight at 200000000, 1 may run"):
        held_to(history, "host-1", arrivals((0.1, 0, 1), (0.2, 1, 2)))


def test_an_arrival_after_its_attempt_ended_is_named() -> None:
    history = judged([begun(), start(0, 0), end(1, 0)])
    with pytest.raises(AssertionError, match="/0 arrived after its attempt ended"):
        held_to(history, "host-1", arrivals((1.1, 0, 1)))


def test_a_log_is_read_in_the_order_of_arrival() -> None:
    text = "1795660623.119843721 /river/alde.html 200 2 2\n1795660622.000000001 /sitemap.xml 429 1 1\n"
    assert read_log(text) == [
        Arrival(1795660622000000001, "/sitemap.xml", 429, 1, 1),
        Arrival(1795660623119843721, "/river/alde.html", 200, 2, 2),
    ]
