"""Rates in the engine, in virtual time: when starts come, what wakes the engine for them, and what a crash leaves."""

from __future__ import annotations

import pytest
from graphs import Table, call, fan, graph, output, param, scope_of, task

from cascade_dsl.engine.inputs import DrainAsked, LimitGiven, LimitTaken, PauseAsked, ResumeAsked
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.step import next_due, replay
from cascade_dsl.ir.events import AttemptLost, AttemptStarted, RunEnded, Word
from cascade_dsl.ir.requirement import Layer, Limit
from cascade_dsl.testing.simulate import Simulation

SECOND = 10**9
MINUTE = 60 * SECOND


def rate(scope: str, amount: int, per_ns: int, burst: int | None = None, layer: Layer = Layer.LIVE) -> Word:
    return Word(layer, Limit(scope=scope_of(scope), amount=amount, kind="spend", per_ns=per_ns, burst=burst))


def wide(count: int, *words: Word, takes_ns: int = 100) -> Simulation:
    """A fan-out of `count` equal nodes of task t."""
    program = graph([task("t", requires={"cpu": 0})], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), output(5, 2)])
    return Simulation(
        program, Table(lengths={1: count}, takes_ns=takes_ns), words=words, check=lambda s: s.ledger.check()
    )


def starts(run: Simulation) -> list[int]:
    """Instants of starts, from the first on."""
    instants = [t for t, event in run.events if isinstance(event, AttemptStarted)]
    return [t - instants[0] for t in instants]


def test_below_one_a_second_the_first_starts_at_once_and_each_next_costs_one_turn() -> None:
    run = wide(5, rate("task:t", 10, MINUTE))
    began = run.now_ns
    turns = 0
    while run.advance():
        turns += 1
    assert next(t for t, e in run.events if isinstance(e, AttemptStarted)) == began
    assert starts(run) == [n * 6 * SECOND for n in range(5)]
    assert turns <= 5 + 4 + 3, "an end of each, a wake-up for each but the first, and what begins and ends the list"
    assert run.status == "done"


def test_a_fast_rate_wakes_the_engine_once_for_each_start() -> None:
    run = wide(1000, rate("task:t", 100_000, SECOND), takes_ns=3)
    turns = 0
    while run.advance():
        turns += 1
    assert starts(run) == [n * 10_000 for n in range(1000)]
    assert turns <= 1000 + 999 + 3, (
        "an end of each, a wake-up for each but the first, and what begins and ends the list"
    )
    assert run.status == "done"


def test_what_a_burst_allows_starts_in_one_turn() -> None:
    run = wide(1000, rate("task:t", 100_000, SECOND, burst=250), takes_ns=SECOND)
    assert starts(run) == [0] * 250, "with the word, before time goes on"
    run.turn(PauseAsked(scope=scope_of("task:t")))
    run.now_ns += SECOND // 2
    before = len(run.events)
    run.turn(ResumeAsked(scope=scope_of("task:t")))
    assert len([e for _, e in run.events[before:] if isinstance(e, AttemptStarted)]) == 250
    turns = 0
    while len(starts(run)) < 1000:
        assert run.advance()
        turns += 1
    assert turns == 500, "one wake-up for each start"


def test_a_live_rate_is_in_force_at_once_and_its_end_wakes_all() -> None:
    run = wide(30, rate("task:t", 1, MINUTE, layer=Layer.FILE))
    assert starts(run) == [0]
    run.turn(LimitGiven(word=rate("task:t", 60, MINUTE)))
    while run.now_ns < 5 * SECOND:
        assert run.advance()
    assert starts(run) == [n * SECOND for n in range(6)]
    run.turn(LimitTaken(layer=Layer.LIVE, scope=scope_of("task:t")))
    assert len(starts(run)) == 6, "a minute is what the file says"
    run.turn(LimitTaken(layer=Layer.FILE, scope=scope_of("task:t")))
    assert len(starts(run)) == 30


def test_a_paused_rate_wakes_nobody_and_gathers_no_more_than_its_burst() -> None:
    run = wide(9, rate("task:t", 1, SECOND, burst=2))
    run.turn(PauseAsked(scope=scope_of("task:t")))
    while run.advance():
        pass
    assert run.play() == "stalled"
    assert next_due(run.state) is None
    run.now_ns += 100 * SECOND
    run.turn(ResumeAsked(scope=scope_of("task:t")))
    assert starts(run) == [0, 0, 100 * SECOND + 100, 100 * SECOND + 100]


def test_what_is_left_in_a_bucket_survives_a_crash() -> None:
    run = wide(8, rate("task:t", 1, SECOND, burst=3))
    assert starts(run) == [0, 0, 0]
    while run.now_ns < 2 * SECOND:
        assert run.advance()
    assert len(starts(run)) == 5
    assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)
    run.crash()
    lost = sum(isinstance(e, AttemptLost) for _, e in run.events)
    assert run.play() == "done"
    instants = starts(run)
    assert instants[:5] == [0, 0, 0, SECOND, 2 * SECOND]
    assert instants[5:] == [(3 + n) * SECOND for n in range(3 + lost)], (
        "the new engine does not start with a full bucket"
    )


def test_a_run_that_drains_is_not_kept_awake_by_tokens() -> None:
    run = wide(5, rate("task:t", 1, SECOND), takes_ns=20 * SECOND)
    run.turn(DrainAsked(why="enough"))
    turns = 0
    while run.advance():
        turns += 1
    assert turns <= 3, "the end of what runs, and at most the one wake-up that was asked for"
    assert isinstance(run.events[-1][1], RunEnded)


@pytest.mark.parametrize("burst", [None, 4])
def test_each_attempt_spends_and_no_window_has_too_many(burst: int | None) -> None:
    run = wide(40, rate("task:t", 7, SECOND, burst))
    run.turn(PauseAsked(scope=scope_of("global")))
    run.now_ns += 3 * SECOND
    run.turn(ResumeAsked(scope=None))
    assert run.play() == "done"
    instants = starts(run)
    for first in range(len(instants)):
        for last in range(first, len(instants)):
            count, width = last - first + 1, instants[last] - instants[first]
            assert count * SECOND <= (burst or 1) * SECOND + 7 * width


def test_a_rate_of_the_file_keeps_its_tokens_when_another_text_says_the_same() -> None:
    run = wide(8, rate("task:t", 1, SECOND, burst=3, layer=Layer.FILE))
    assert starts(run) == [0, 0, 0]
    run.reload(run.graph, [rate("task:t", 1, SECOND, burst=3, layer=Layer.FILE)])
    assert starts(run) == [0, 0, 0], "the new text gives no second burst"
    assert run.play() == "done"
    assert starts(run) == [0, 0, 0, *(n * SECOND for n in range(1, 6))]
