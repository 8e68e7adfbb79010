"""What the clock on the wall tells the engine: instants for times of the day, turns of windows, and that it was set."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from graphs import Table, call, fan, graph, param, task, word

from cascade_dsl.engine.inputs import (
    DrainAsked,
    Input,
    LimitGiven,
    LimitTaken,
    PauseAsked,
    TimeReached,
    WallStepped,
    WindowEdge,
)
from cascade_dsl.engine.step import next_due
from cascade_dsl.ir.events import ClockStepped, Word, WordExpired
from cascade_dsl.ir.requirement import Layer, Scope, Window
from cascade_dsl.runtime.clock import Clock
from cascade_dsl.runtime.wall import Wall
from cascade_dsl.testing.simulate import Simulation

S = 10**9
MIN = 60 * S
HOUR = 60 * MIN
BERLIN = "Europe/Berlin"
DAY = Window(start_minute=9 * 60, end_minute=18 * 60)
NIGHT = Window(start_minute=22 * 60, end_minute=6 * 60)


def berlin(text: str, fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN), fold=fold).timestamp()) * S


class Bench:
    """A wall, a steady clock and a run that listens to them."""

    def __init__(self, at: str, *, zone: str = BERLIN, fold: int = 0) -> None:
        self.wall_ns = berlin(at, fold)
        self.steady_ns = 7 * S
        self.notes: list[str] = []
        clock = Clock(wall=lambda: self.wall_ns, steady=lambda: self.steady_ns)
        self.clock = clock
        self.wall = Wall(clock, zone, self.notes.append)
        program = graph([task("fetch")], [param(1), fan(2, 1, 3, [call(4, "fetch", 3)], 4)])
        self.run = Simulation(program, Table(lengths={1: 6}, takes_ns=1000 * HOUR))

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    def passes(self, ns: int, *, sleeps: bool = False) -> None:
        """Time goes on; where the machine sleeps it does for the wall alone."""
        self.wall_ns += ns
        self.steady_ns += 0 if sleeps else ns

    def heard(self, *inputs: Input) -> list[Input]:
        return self.wall.heard(inputs, self.run.state, self.now_ns)


def limited(amount: int = 1, **more: object) -> Word:
    plain = word("task:fetch", amount, Layer.LIVE)
    return replace(plain, limit=replace(plain.limit, **more))  # pyright: ignore[reportArgumentType]


# ---- times of the day -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "fold", "time", "expected", "expected_fold"),
    [
        ("2025-06-03T07:59:59", 0, "08:00", "2025-06-03T08:00", 0),
        ("2025-06-03T08:00", 0, "08:00", "2025-06-04T08:00", 0),
        ("2025-03-29T12:00", 0, "02:30", "2025-03-30T03:00", 0),  # the hour is left out: when the clock jumps over it
        ("2025-10-25T12:00", 0, "02:30", "2025-10-26T02:30", 0),  # the first of the two
        ("2025-10-26T02:45", 0, "02:30", "2025-10-26T02:30", 1),  # then the second
    ],
)
def test_until_is_an_instant_of_local_time(at: str, fold: int, time: str, expected: str, expected_fold: int) -> None:
    bench = Bench(at, fold=fold)
    hour, minute = map(int, time.split(":"))
    (given,) = bench.heard(LimitGiven(word=limited(until_minute=60 * hour + minute)))
    assert isinstance(given, LimitGiven)
    assert given.word.limit.until_ns == berlin(expected, expected_fold)
    (paused,) = bench.heard(PauseAsked(scope=Scope("global"), until_minute=60 * hour + minute))
    assert isinstance(paused, PauseAsked)
    assert paused.until_ns == berlin(expected, expected_fold)


def test_an_unknown_zone_is_said_once_and_taken_as_utc() -> None:
    bench = Bench("2025-06-03T12:00", zone="Middle/Earth")  # 10:00 UTC
    for _ in range(2):
        (given,) = bench.heard(LimitGiven(word=limited(until_minute=11 * 60)))
        assert isinstance(given, LimitGiven)
        assert given.word.limit.until_ns == bench.now_ns + HOUR
    assert bench.notes == ["the time zone `Middle/Earth` is not known here: times of the day are taken as UTC"]


# ---- windows ----------------------------------------------------------------------------------------------------


def test_a_window_is_told_with_the_word_that_brings_it_and_when_it_turns() -> None:
    bench = Bench("2025-06-03T08:00")
    given = LimitGiven(word=limited(window=DAY))
    told = bench.heard(given)
    assert told == [given, WindowEdge(window=DAY, is_open=False, until_ns=berlin("2025-06-03T09:00"))]
    bench.run.turn(*told)
    bench.passes(30 * MIN)
    assert bench.heard(TimeReached()) == [TimeReached()], "it has not turned"
    assert bench.heard(DrainAsked(why="")) == [DrainAsked(why="")]
    bench.passes(30 * MIN)
    assert bench.heard(TimeReached()) == [
        TimeReached(),
        WindowEdge(window=DAY, is_open=True, until_ns=berlin("2025-06-03T18:00")),
    ]


@pytest.mark.parametrize(
    ("day", "hours"), [("2025-03-29", 7), ("2025-10-25", 9), ("2025-06-03", 8)], ids=["spring", "autumn", "any night"]
)
def test_a_night_is_as_long_as_it_is(day: str, hours: int) -> None:
    bench = Bench(f"{day}T22:00")
    edge = bench.wall.edge(NIGHT, bench.now_ns)
    assert edge == WindowEdge(window=NIGHT, is_open=True, until_ns=bench.now_ns + hours * HOUR)


# ---- a clock that was set ---------------------------------------------------------------------------------------


def test_a_step_of_a_second_or_less_is_none() -> None:
    bench = Bench("2025-06-03T12:00")
    for step in (S, -2 * S, S):
        bench.wall_ns += step
        assert not bench.wall.has_stepped()
    assert bench.heard(LimitTaken(layer=Layer.LIVE, scope=Scope("global"))) == [
        LimitTaken(layer=Layer.LIVE, scope=Scope("global"))
    ]


@pytest.mark.parametrize("step", [20 * MIN, -20 * MIN], ids=["forward", "back"])
def test_a_clock_that_was_set_moves_ends_and_windows_once(step: int) -> None:
    bench = Bench("2025-06-03T08:30")
    bench.run.turn(*bench.heard(LimitGiven(word=limited(2, window=DAY))))
    bench.run.turn(*bench.heard(LimitGiven(word=limited(1, until_minute=10 * 60))))
    before = bench.now_ns
    bench.wall_ns += step
    assert bench.now_ns == before, "the clock of the engine never jumps"
    told = bench.heard(TimeReached())
    opens = berlin("2025-06-03T09:00") - step
    assert told == [
        WallStepped(by_ns=step),
        TimeReached(),
        WindowEdge(window=DAY, is_open=False, until_ns=opens),
    ]
    assert not bench.wall.has_stepped()
    assert bench.heard(TimeReached()) == [TimeReached()], "a step is told once"


def test_after_a_machine_slept_a_word_has_ended_at_its_time_of_the_wall() -> None:
    bench = Bench("2025-06-03T08:30")
    run = bench.run
    run.now_ns = bench.now_ns
    run.turn(*bench.heard(LimitGiven(word=limited(0, until_minute=9 * 60))))
    assert next_due(run.state) == berlin("2025-06-03T09:00")
    bench.passes(HOUR, sleeps=True)
    stepped = run.turn(*bench.heard(TimeReached()))
    assert [event for event in stepped if isinstance(event, ClockStepped)] == [ClockStepped(by_ns=HOUR)]
    assert run.state.wall_ahead_ns == HOUR
    ended = stepped + run.turn(*bench.heard(TimeReached()))
    (expired,) = [event for event in ended if isinstance(event, WordExpired)]
    assert expired.until_ns == berlin("2025-06-03T09:00") - HOUR, "in the time of the engine, which slept too"
    assert run.state.ledger.words.terms(expired.identity) is None
