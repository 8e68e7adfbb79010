"""Words and pauses that end by themselves, windows that turn, a clock that was set: in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphs import Table, call, fan, graph, param, scope_of, task, word

from cascade_dsl.engine.inputs import LimitGiven, LimitTaken, TimeReached, WallStepped, WindowEdge
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import State
from cascade_dsl.engine.step import is_stalled, next_due, replay
from cascade_dsl.ir.events import (
    AttemptStarted,
    ClockStepped,
    Event,
    RunContinued,
    RunStarted,
    ScopePaused,
    ScopeResumed,
    WindowTurned,
    Word,
    WordExpired,
    WordSet,
)
from cascade_dsl.ir.requirement import Layer, Window
from cascade_dsl.testing.simulate import Simulation

DAY = Window(start_minute=540, end_minute=1080)


def check(state: State) -> None:
    state.ledger.check()


def crawl(words: tuple[Word, ...] = (), takes_ns: int = 10_000, count: int = 6) -> Simulation:
    program = graph([task("fetch")], [param(1), fan(2, 1, 3, [call(4, "fetch", 3)], 4)])
    return Simulation(program, Table(lengths={1: count}, takes_ns=takes_ns), words=words, check=check)


def limited(amount: int, layer: Layer = Layer.LIVE, **more: Any) -> Word:
    plain = word("task:fetch", amount, layer)
    return replace(plain, limit=replace(plain.limit, **more))


def give(run: Simulation, amount: int, **more: Any) -> list[Event]:
    return run.turn(LimitGiven(word=limited(amount, **more), who="ada"))


def starts(run: Simulation) -> list[int]:
    return [t_ns for t_ns, e in run.events if isinstance(e, AttemptStarted)]


def kinds(events: list[Event]) -> list[str]:
    return [type(e).__name__ for e in events]


def test_a_limit_that_runs_out_starts_what_it_held_at_that_instant_and_asks_for_one_wake_up() -> None:
    run = crawl((limited(0, Layer.FILE),))
    assert starts(run) == []
    assert next_due(run.state) is None
    assert is_stalled(run.state)
    run.now_ns = 100
    events = give(run, 2, for_ns=700)
    assert isinstance(events[0], WordSet)
    assert (events[0].word.limit.until_ns, events[0].word.since_ns, events[0].word.who) == (800, 100, "ada")
    assert starts(run) == [100, 100]
    give(run, 0, for_ns=300)
    assert next_due(run.state) == 400, "the nearest of both ends, and nothing before it"
    assert not is_stalled(run.state)
    assert run.advance()
    assert run.now_ns == 400
    assert [type(e) for t, e in run.events if t == 400] == [WordExpired]
    run = crawl((limited(4, Layer.FILE),))
    run.now_ns = 5
    give(run, 4, for_ns=1)
    assert next_due(run.state) == 6


def test_words_of_the_file_and_the_command_line_count_from_the_start_and_give_way_at_once() -> None:
    run = crawl((limited(1, Layer.FILE, for_ns=500), limited(3, Layer.FILE)))
    begun = run.events[0][1]
    assert isinstance(begun, RunStarted)
    assert [w.limit.until_ns for w in begun.words] == [500, None]
    assert starts(run) == [0]
    assert run.advance()
    assert starts(run) == [0, 500, 500], "two more, at the instant at which the word ends"
    assert kinds([e for t, e in run.events if t == 500]) == ["WordExpired", "AttemptStarted", "AttemptStarted"]
    assert run.play() == "done"
    assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)


def test_an_end_is_told_before_whatever_else_the_turn_hears() -> None:
    run = crawl((limited(5, Layer.FILE),))
    give(run, 1, for_ns=50)
    run.now_ns = 50
    events = run.turn(LimitTaken(layer=Layer.LIVE, scope=scope_of("task:fetch")))
    assert kinds(events)[:2] == ["WordExpired", "WordDropped"]
    run.now_ns = 60
    give(run, 1, for_ns=50)
    run.now_ns = 109
    assert kinds(run.turn(TimeReached())) == [], "a nanosecond before its end"
    run.now_ns = 110
    assert kinds(run.turn(TimeReached())) == ["WordExpired"]


def test_after_a_crash_a_word_has_the_time_that_it_has_left() -> None:
    run = crawl((limited(6, Layer.FILE),))
    run.now_ns = 100
    give(run, 1, for_ns=500)
    run.now_ns = 300
    run.crash()
    assert run.state.ledger.capacities(scope_of("task:fetch")) == (("hold", 1),)
    assert next_due(run.state) == 600


def test_a_word_that_ran_out_while_the_engine_was_dead_is_over_before_anything_starts() -> None:
    run = crawl((limited(1, Layer.FILE),))
    give(run, 6, for_ns=500)
    run.now_ns = 9000
    before = len(run.events)
    run.crash()
    after = [e for _, e in run.events[before:]]
    assert isinstance(after[0], WordExpired)
    assert RunContinued in [type(e) for e in after]
    assert len([e for e in after if isinstance(e, AttemptStarted)]) == 1, "the file's limit of 1 is in force"
    assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)


def test_a_pause_ends_the_same_way() -> None:
    run = crawl((limited(2, Layer.FILE),))
    from cascade_dsl.engine.apply import apply

    paused = ScopePaused(scope=scope_of("task:fetch"), until_ns=20_000)
    apply(run.state, paused, run.now_ns)
    run.events.append((run.now_ns, paused))
    assert next_due(run.state) == 20_000
    while run.now_ns < 20_000:
        assert run.advance()
    resumed = [(t, e) for t, e in run.events if isinstance(e, ScopeResumed)]
    assert resumed == [(20_000, ScopeResumed(scope=scope_of("task:fetch"), expired=True))]
    assert starts(run) == [0, 0, 20_000, 20_000]


def test_a_window_is_closed_until_somebody_says_that_it_is_open() -> None:
    run = crawl((limited(4, Layer.FILE),))
    events = run.turn(LimitGiven(word=limited(1, window=DAY)), WindowEdge(window=DAY, is_open=False, until_ns=15_000))
    assert kinds(events) == ["WordSet", "WindowTurned"]
    assert len(starts(run)) == 4
    assert next_due(run.state) == 15_000
    run.at(15_000, WindowEdge(window=DAY, is_open=True, until_ns=35_000))
    run.at(35_000, WindowEdge(window=DAY, is_open=False, until_ns=95_000))
    assert run.play() == "done"
    turned = [(t, e.is_open) for t, e in run.events if isinstance(e, WindowTurned)]
    assert turned == [(0, False), (15_000, True)]
    assert starts(run) == [0, 0, 0, 0, 10_000, 10_000]
    again = run.state.seq
    run = crawl((limited(4, Layer.FILE),))
    edge = WindowEdge(window=DAY, is_open=True, until_ns=15_000)
    run.turn(LimitGiven(word=limited(1, window=DAY)), edge)
    assert kinds(run.turn(edge)) == [], "what is known is no news"
    assert again


def test_in_an_open_window_the_word_holds_and_at_its_end_what_waits_starts() -> None:
    run = crawl((limited(5, Layer.FILE), limited(1, Layer.COMMAND_LINE, window=DAY)), takes_ns=100_000)
    assert len(starts(run)) == 5, "nobody has said that it is open"
    run = crawl((limited(1, Layer.FILE), limited(5, Layer.COMMAND_LINE, window=DAY)), takes_ns=100_000)
    run.at(7, WindowEdge(window=DAY, is_open=True, until_ns=10))
    assert run.advance()
    assert starts(run) == [0, 7, 7, 7, 7]


def test_the_clock_is_set_before_anything_is_found_to_be_over() -> None:
    run = crawl((limited(2, Layer.FILE), limited(1, Layer.COMMAND_LINE, for_ns=1000)), takes_ns=100_000)
    run.turn(WallStepped(by_ns=400))
    assert next_due(run.state) == 600, "the wall is ahead: its instants come sooner"
    run.now_ns = 600
    events = run.turn(WallStepped(by_ns=-900))
    assert events == [ClockStepped(by_ns=-900)]
    assert next_due(run.state) == 1500
    assert run.state.wall_ahead_ns == -500
    run.now_ns = 700
    events = run.turn(WallStepped(by_ns=5000))
    assert kinds(events) == ["ClockStepped", "WordExpired", "AttemptStarted"]
    assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)


def test_a_text_that_is_read_again_brings_no_word_back_whose_time_is_over() -> None:
    run = crawl((limited(3, Layer.FILE), limited(1, Layer.FILE, for_ns=500)), takes_ns=100_000)
    assert run.advance()
    assert len(starts(run)) == 3
    run.now_ns = 900
    run.reload(run.graph, (limited(4, Layer.FILE), limited(1, Layer.FILE, for_ns=500)))
    assert len(starts(run)) == 4, "it counts from the start of the run"
    run.reload(run.graph, (limited(5, Layer.FILE), limited(2, Layer.FILE, for_ns=1500)))
    assert run.state.ledger.due() == 1500
    assert len(starts(run)) == 4
