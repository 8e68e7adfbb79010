"""Progress lines, the live view at two widths, the last line and the JSON document."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.engine.status import FailureView, NodeCounts, RunningView, Status, WaitView
from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, AttemptLost, AttemptStarted
from cascade_dsl.limits.views import PoolView
from cascade_dsl.report.lines import Lines
from cascade_dsl.report.live import LiveView, view
from cascade_dsl.report.result import RunResult, last_line, output_lines, refusal_json, result_json
from cascade_dsl.report.words import exit_meaning, failure_lines, log_tail, printable, progress, show_seconds

S = 1_000_000_000


def pool(name: str, capacity: int | None, taken: int, waiting: int = 0, dimension: Any = "count") -> PoolView:
    return PoolView(
        pool=name, kind="hold", dimension=dimension, capacity=capacity, taken=taken, holders=taken, waiting=waiting
    )


FAILURE = FailureView(name="pages[oslo]", task="fetch", exit=127, attempts=4, message="exit 127", log="")
STATUS = Status(
    run="20261123-215501-k3f",
    file="words.csc",
    now_ns=100 * S,
    started_ns=5 * S,
    nodes=NodeCounts(waiting=20, ready=9, running=3, done=12, failed=1, skipped=2, open_ended=True),
    running=(
        RunningView(name="pages[oslo]", task="fetch", attempt=2, since_ns=97 * S, pid=7),
        RunningView(
            name="pages[a-page-with-a-very-long-name-indeed-too-long]", task="fetch", attempt=1, since_ns=20 * S
        ),
        RunningView(name="rank", task="rank", attempt=1, since_ns=100 * S),
    ),
    running_total=3,
    pools=(pool("task:fetch", 3, 3, 9), pool("mem", 16 * 10**9, 12 * 10**9, 4, "bytes")),
    waits=(
        WaitView(task="align", pool="mem", count=4),
        WaitView(task="fetch", pool="task:fetch", count=9),
        WaitView(task="big", pool="mem", count=1, starved="big needs mem 64GB, the limit is 16GB"),
        WaitView(task="count", pool="pause task:count", count=2),
    ),
    paused=("task:count",),
    failures=(FAILURE,),
    phase="running",
)
RESULT = RunResult(
    run="r1",
    status="done",
    interrupted=False,
    outputs={
        "words": "out/words.csv",
        "n": 3,
        "all": ["a", 1.5, None],
        "text": "two\nlines",
        "none": None,
        "yes": True,
    },
    nodes=NodeCounts(done=12),
    failures=(),
    seconds=3.44,
)
LOGGED = replace(FAILURE, log="logs/1.log")
FAILED = replace(RESULT, status="failed", failures=(LOGGED,), nodes=NodeCounts(done=1, failed=1, skipped=2))


@pytest.mark.parametrize("width", [80, 40])
def test_the_live_view(width: int, snapshot: SnapshotAssertion) -> None:
    lines = [line.plain for line in view(STATUS, width, 24)]
    assert max(map(len, lines)) <= width
    assert "\n".join(lines) == snapshot


def test_a_low_terminal_shows_fewer_that_run() -> None:
    shown = [line.plain for line in view(replace(STATUS, waits=(), paused=(), running_total=90), 80, 4)]
    assert shown == ["words.csc 1m35s  12/47+ done, 3 running, 1 failed, 2 skipped", *shown[1:2], "  and 89 more"]
    assert shown[1].startswith("  pages[oslo]")


def test_long_names_keep_the_end_that_tells_them_apart() -> None:
    rows = tuple(RunningView(name=f"{'x' * 60}[{i}]", task="t", attempt=1, since_ns=97 * S) for i in range(2))
    shown = [line.plain for line in view(replace(STATUS, running=rows, waits=(), paused=()), 60, 24)]
    assert [line.split()[0] for line in shown[1:3]] == [f"{'x' * 16}…{'x' * 14}[{i}]" for i in range(2)]


def test_the_last_line_names_a_failure_only_where_there_is_a_log() -> None:
    value = FailureView(name="x", task="", exit=None, attempts=0, message="division by zero", log="")
    assert last_line(replace(FAILED, failures=(value,), nodes=NodeCounts(done=2))) == "failed: 2 tasks done in 3.4s"
    both = replace(FAILED, failures=(value, LOGGED))
    assert last_line(both) == "failed: 1 task done, 1 failed, 2 skipped in 3.4s; `cascade log pages[oslo]` shows more"


def test_failures_stay_above_the_live_view_and_the_last_line_says_what_happened() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=60, height=20, color_system=None, legacy_windows=False)
    live = LiveView(console)
    live.start("words.csc", "r1")
    live.status(STATUS)
    live.failed(FAILURE)
    live.status(STATUS)
    live.finish(FAILED)
    text = out.getvalue()
    said = "failed: pages[oslo] (fetch): exit 127 (a command was not found) after 4 attempts"
    assert text.count(said) == 1
    assert text.rstrip().endswith(
        "failed: 1 task done, 1 failed, 2 skipped in 3.4s; `cascade log pages[oslo]` shows more"
    )
    assert "\x1b[?25h" in text  # the cursor is back


def test_a_mute_view_draws_nothing_any_more() -> None:
    out = StringIO()
    live = LiveView(Console(file=out, force_terminal=False, width=60))
    live.mute()
    live.status(STATUS)
    live.failed(FAILURE)
    live.finish(RESULT)
    assert out.getvalue() == ""


def started(key: tuple[int, ...], serial: int, attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(key=key, epoch=0, attempt=attempt, serial=serial)


def test_lines_are_quiet_without_verbose(tmp_path: Path) -> None:
    out = StringIO()
    lines = Lines(out, folder=tmp_path)
    assert lines.wants == ()
    lines.start("words.csc", "r1")
    lines.failed(FAILURE)
    lines.status(STATUS)
    lines.stalled(STATUS)
    lines.note("interrupted")
    lines.finish(RESULT)
    assert out.getvalue().splitlines() == [
        "failed: pages[oslo] (fetch): exit 127 (a command was not found) after 4 attempts",
        "stalled: nothing runs and nothing can start",
        "  starved: big needs mem 64GB, the limit is 16GB",
        "  9 fetch for task:fetch (3 of 3 taken)",
        "  4 align for mem (12GB of 16GB taken)",
        "  2 count paused",
        "interrupted",
        "done: 12 tasks done in 3.4s",
    ]


def test_verbose_lines_show_starts_ends_and_output(tmp_path: Path) -> None:
    logs = tmp_path / ".cascade" / "runs" / "r1" / "logs" / "000"
    logs.mkdir(parents=True)
    (logs / "1.log").write_text("10%\r20%\rdone\nthen \x1b[31mred\n")
    out = StringIO()
    lines = Lines(out, folder=tmp_path, verbose=True)
    lines.start("words.csc", "r1")
    lines.event(0, started((1, 0), 1), "pages[oslo]")
    lines.event(0, AttemptFinished(key=(1, 0), epoch=0, attempt=1, value="1"), "pages[oslo]")
    lines.event(0, started((1, 1), 2), "pages[rome]")
    failed = AttemptFailed(key=(1, 1), epoch=0, attempt=1, reason="exit", exit=1, message="exit 1", retry_at_ns=2 * S)
    lines.event(S // 2, failed, "pages[rome]")
    lines.event(S, started((1, 1), 3, 2), "pages[rome]")
    lines.event(S, AttemptLost(key=(1, 1), epoch=0, attempt=2, why="the engine died"), "pages[rome]")
    assert out.getvalue().splitlines() == [
        "run r1 of words.csc",
        "start  pages[oslo]",
        "pages[oslo] | done",
        "pages[oslo] | then \ufffd[31mred",
        "done   pages[oslo]",
        "start  pages[rome]",
        "retry  pages[rome] in 1.5s: exit 1",
        "start  pages[rome] (attempt 2)",
        "lost   pages[rome]: the engine died",
    ]


def test_nobody_reading_does_not_stop_the_run(tmp_path: Path) -> None:
    class Gone(StringIO):
        def write(self, s: str) -> int:
            raise BrokenPipeError

    lines = Lines(Gone(), folder=tmp_path)
    lines.note("one")
    lines.note("two")


def test_a_failure_shows_the_end_of_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {n}\n" for n in range(5000)))
    monkeypatch.chdir(tmp_path)
    shown = list(
        failure_lines(replace(FAILURE, log=str(log), attempts=1, task="pages[oslo]", exit=1, message="exit 1"))
    )
    assert shown == ["failed: pages[oslo]: exit 1", *(f"  | line {n}" for n in range(4990, 5000)), "  log: a.log"]
    assert log_tail(str(tmp_path / "none")) == []


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (0, ""),
        (1, ""),
        (None, ""),
        (126, "it was found but may not be run"),
        (127, "a command was not found"),
        (137, "killed by SIGKILL: by hand, or by the system for want of memory"),
        (-9, "killed by SIGKILL: by hand, or by the system for want of memory"),
        (-6, "killed by SIGABRT"),
        (255, ""),
    ],
)
def test_exit_codes_are_explained(code: int | None, meaning: str) -> None:
    assert exit_meaning(code) == meaning


def test_a_signal_is_not_said_twice() -> None:
    killed = replace(FAILURE, exit=-9, message="killed by SIGKILL", attempts=1)
    assert list(failure_lines(killed)) == [
        "failed: pages[oslo] (fetch): killed by SIGKILL (by hand, or by the system for want of memory)"
    ]


def test_small_texts() -> None:
    assert [show_seconds(s) for s in (0.04, 9.96, 12.9, 185, 7800)] == ["0.0s", "10.0s", "12s", "3m05s", "2h10m"]
    assert progress(NodeCounts(done=1, cached=2, waiting=1)) == "3/4 done"
    assert printable("a\tb\r") == "a   b"


def test_output_lines() -> None:
    assert output_lines(RESULT.outputs) == [
        "words = out/words.csv",
        "n = 3",
        'all = ["a", 1.5, null]',
        'text = "two\\nlines"',
        "none = none",
        "yes = true",
    ]


def test_the_document_of_a_run() -> None:
    assert json.loads(json.dumps(result_json(FAILED))) == {
        "run": "r1",
        "status": "failed",
        "outputs": RESULT.outputs,
        "nodes": {"done": 1, "cached": 0, "failed": 1, "skipped": 2, "cancelled": 0},
        "failures": [
            {
                "node": "pages[oslo]",
                "task": "fetch",
                "exit": 127,
                "attempts": 4,
                "log": "logs/1.log",
                "message": "exit 127",
            }
        ],
        "diagnostics": [],
    }
    assert set(refusal_json(())) == set(result_json(FAILED))


@pytest.mark.parametrize(
    ("changes", "line", "code"),
    [
        ({}, "done: 12 tasks done in 3.4s", 0),
        ({"status": "stalled"}, "stalled: 12 tasks done in 3.4s; nothing could start any more", 3),
        ({"status": "drained", "interrupted": True}, "stopped: 12 tasks done in 3.4s; `cascade continue` goes on", 130),
        ({"status": "cancelled"}, "stopped: 12 tasks done in 3.4s; `cascade continue` goes on", 130),
        ({"status": "failed", "nodes": NodeCounts(failed=1, cancelled=2)}, "failed: 0 tasks done, 1 failed, 2 not run in 3.4s", 1),
    ],
)  # fmt: skip
def test_the_last_line_and_the_exit_code(changes: dict[str, Any], line: str, code: int) -> None:
    result = replace(RESULT, **changes)
    assert (last_line(result), result.exit_code) == (line, code)
