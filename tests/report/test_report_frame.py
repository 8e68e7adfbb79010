"""The picture at given sizes, the pace, and what a terminal is sent; from statuses made by hand, without a clock."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statuses import FAILURE, MANY, RESULT, STATUS, S
from syrupy.assertion import SnapshotAssertion
from terminal import Terminal

from cascade_dsl.engine.status import NodeCounts, RunningView, Status, WaitView
from cascade_dsl.report.cells import width
from cascade_dsl.report.frame import frame
from cascade_dsl.report.live import LiveView
from cascade_dsl.report.pace import Pace
from cascade_dsl.report.paint import fit, in_ascii, painted, row, text_of
from cascade_dsl.report.screen import Screen

STALLED = replace(STATUS, phase="stalled", nodes=NodeCounts(ready=16, done=3), running=(), running_total=0, retries=())
DRAINING = replace(STATUS, phase="draining", waits=(), changes=())
SMALL = replace(
    STATUS,
    nodes=NodeCounts(running=1, waiting=2, done=1),
    running=(RunningView(name="total", task="total", attempt=1, since_ns=95 * S),),
    running_total=1,
    pools=(),
    waits=(),
    changes=(),
    retries=(),
)


def pace_of(*seen: tuple[int, int]) -> Pace:
    """A pace that has seen so many ends at these seconds."""
    pace = Pace()
    for second, done in seen:
        pace.look(second * S, NodeCounts(done=done))
    return pace


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 12), (40, 10), (20, 4), (80, 1)], ids=str)
@pytest.mark.parametrize("name", ["small", "usual", "many", "stalled", "draining"])
def test_pictures(name: str, size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    status = {"small": SMALL, "usual": STATUS, "many": MANY, "stalled": STALLED, "draining": DRAINING}[name]
    pace = pace_of(*((second, 680 * second) for second in range(30, 61)))
    rows = [text_of(each) for each in frame(status, pace, *size)]
    assert max(map(width, rows)) < size[0]
    assert len(rows) <= max(1, size[1] - 1)
    assert "\n".join(rows) == snapshot


STATES = ("waiting", "ready", "running", "backoff", "done", "cached", "failed", "skipped", "cancelled")
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=70)


@st.composite
def statuses(draw: st.DrawFn) -> Status:
    running = tuple(
        RunningView(name=draw(names), task=draw(names), attempt=draw(st.integers(1, 9)), since_ns=draw(st.integers(0, 100 * S)))
        for _ in range(draw(st.integers(0, 20)))
    )  # fmt: skip
    return replace(
        STATUS,
        nodes=draw(st.builds(NodeCounts, **dict.fromkeys(STATES, st.integers(0, 200_000)), open_ended=st.booleans())),
        running=running,
        running_total=len(running) + draw(st.sampled_from([0, 500])) if running else 0,
        waits=tuple(WaitView(task=draw(names), pool="mem", count=1, starved=draw(names)) for _ in range(draw(st.integers(0, 9)))),
        phase=draw(st.sampled_from(["running", "draining", "cancelling", "stalled", "ended"])),
    )  # fmt: skip


@given(statuses(), st.integers(1, 250), st.integers(1, 80))
def test_a_picture_always_fits_its_terminal(status: Status, columns: int, lines: int) -> None:
    rows = [text_of(each) for each in frame(status, Pace(), columns, lines)]
    assert 1 <= len(rows) <= max(1, lines - 1)
    assert all(width(text) <= max(columns - 1, 1) and "\n" not in text for text in rows)


@given(statuses(), st.integers(5, 80))
def test_what_runs_is_named_or_counted(status: Status, lines: int) -> None:
    rows = [text_of(each) for each in frame(replace(status, waits=()), Pace(), 300, lines)]
    named = sum(1 for each in status.running if any(f"{each.name} " in text and "s  " in text + "  " for text in rows))
    counted = [
        int(match[1])
        for text in rows
        for match in [re.fullmatch(r"  (?:and )?(\d+) (?:more|running|begun).*", text)]
        if match
    ]
    assert named + sum(counted) >= status.running_total or not status.running_total


def test_no_bar_where_the_total_is_not_known() -> None:
    assert "━" in text_of(frame(MANY, Pace(), 80, 24)[0])
    opened = replace(MANY, nodes=replace(MANY.nodes, open_ended=True))
    assert text_of(frame(opened, Pace(), 80, 24)[0]) == "t.csc  1m00s  40000/100000+ done"


def test_the_pace_is_said_where_it_is_honest() -> None:
    nodes = NodeCounts(done=500, ready=500)
    steady = pace_of(*((second, 10 * second) for second in range(51)))
    assert (steady.rate(), steady.left(nodes, True)) == ("10/s", "about 50s left")
    assert steady.left(nodes, False) == ""
    assert steady.left(replace(nodes, open_ended=True), True) == ""
    slowing = pace_of(*((second, 10 * second) for second in range(51)), *((second, 500) for second in range(51, 75)))
    assert slowing.left(nodes, True) == ""
    assert pace_of((0, 0), (5, 60)).left(nodes, True) == ""
    assert pace_of((0, 0), (60, 5)).rate() == ""
    assert pace_of((0, 0), (60, 20)).rate() == "20/min"
    assert pace_of((0, 0), (10, 42)).rate() == "4.2/s"
    assert Pace().rate() == Pace().left(nodes, True) == ""
    far = pace_of(*((second, second) for second in range(100)))
    assert far.left(NodeCounts(done=99, ready=9000), True) == "about 2h30m left"


def test_rows_are_cut_and_painted() -> None:
    pieces = (("ab", "bold"), ("cdef", ""))
    assert [text_of(fit(pieces, n)) for n in (6, 5, 3, 2, 1)] == ["abcdef", "abcd…", "ab…", "a…", "…"]  # pyright: ignore[reportArgumentType]
    assert painted(row("x", "bad"), True) == "\x1b[1;31mx\x1b[0m"
    assert painted(row("x", "bad"), False) == "x"
    assert in_ascii("a → b … ━─") == "a -> b ~ =-"


# ---- a terminal -------------------------------------------------------------------------------------------------


def terminal(columns: int = 60, lines: int = 20) -> tuple[Terminal, Screen]:
    made = Terminal(columns, lines)
    return made, Screen(made, lambda: (made.columns, made.lines), {"NO_COLOR": "1"})


def test_a_block_is_drawn_over_and_what_is_said_stays_above() -> None:
    screen_of, screen = terminal()
    screen.draw([row("one"), row("two"), row("three")])
    screen.say([row("said")])
    screen.draw([row("four")])
    assert screen_of.rows == ["said", "four", ""]
    screen.say([row("more"), row("yet more")])
    screen.draw([row("five"), row("six")])
    assert screen_of.rows == ["said", "more", "yet more", "five", "six", ""]
    screen.close()
    assert screen_of.rows == ["said", "more", "yet more", ""]


def test_the_same_picture_is_not_sent_twice() -> None:
    screen_of, screen = terminal()
    screen.draw([row("one")])
    sent = screen_of.sent
    screen.draw([row("one")])
    assert screen_of.sent == sent


@pytest.mark.parametrize("columns", [7, 20, 33, 59, 120])
def test_after_a_resize_nothing_of_the_old_picture_is_left(columns: int) -> None:
    screen_of, screen = terminal(60)
    screen.say([row("above")])
    screen.draw([row("x" * 80), row("short"), row("y" * 40)])
    screen_of.resize(columns)
    screen.draw([row("new")])
    assert screen_of.rows == ["above", "new", ""]


def test_a_stopped_process_draws_below_what_the_shell_wrote() -> None:
    screen_of, screen = terminal()
    screen.draw([row("one")])
    screen_of.write("[1]+ Stopped\n$ fg\n")
    screen.begin_anew()
    screen.draw([row("two")])
    assert screen_of.rows == ["one", "[1]+ Stopped", "$ fg", "two", ""]


def test_the_whole_view() -> None:
    screen_of = Terminal(60, 20)
    live = LiveView(screen_of, folder=Path(), size=lambda: (60, 20))
    live.start("words.csc", "r1")
    live.status(STATUS)
    live.failed(FAILURE)
    live.changed("ann", "task:fetch 10 → 3: 9 running, drains to 3", "the API complains")
    live.stalled(STALLED)
    live.status(STALLED)
    live.note("interrupted: what runs ends")
    live.finish(replace(RESULT, status="failed", failures=(FAILURE,), nodes=NodeCounts(done=1, failed=1, cancelled=2)))
    live.close()
    assert screen_of.rows == [
        "failed: pages[oslo] (fetch): exit 127 (a command was not found) after 4 attempts",
        "  help: is it installed, and in a folder of PATH?",
        "ann: task:fetch 10 → 3: 9 running, drains to 3 (the API complains)",
        "stalled: nothing runs and nothing can start",
        "  starved: 1 big: big needs mem 64GB, the limit is 16GB",
        "  waiting for mem (12GB of 16GB): 4 align",
        "  paused task:count: 2 count waiting",
        "  waiting for task:fetch (3 of 3): 9 fetch",
        "  help: `cascade limit SCOPE AMOUNT` from another terminal raises a limit; Ctrl-C ends the run",
        "interrupted: what runs ends",
        "failed: 1 task done, 1 failed, 2 not run in 3.4s",
        "  `--on-failure continue` would have run what does not need what failed",
        "",
    ]


def test_a_mute_view_says_nothing_any_more() -> None:
    screen_of = Terminal(60, 20)
    live = LiveView(screen_of, folder=Path(), size=lambda: (60, 20))
    live.mute()
    live.status(STATUS)
    live.failed(FAILURE)
    live.finish(RESULT)
    assert screen_of.sent == 0
