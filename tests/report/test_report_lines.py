"""Progress as plain lines, the words that `ps` shares, the last line and the JSON document of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from statuses import FAILURE, MANY, RESULT, STATUS, S, pool

from cascade_dsl.engine.status import FailureView, NodeCounts
from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, AttemptLost, AttemptStarted
from cascade_dsl.report.lines import Lines, heartbeat
from cascade_dsl.report.result import closing_lines, last_line, output_lines, refusal_json, result_json
from cascade_dsl.report.words import change_text, changes, pool_rows, progress, show_seconds, waits_of

LOGGED = replace(FAILURE, log="logs/1.log")
FAILED = replace(RESULT, status="failed", failures=(LOGGED,), nodes=NodeCounts(done=1, failed=1, skipped=2))


class Utf8(StringIO):
    encoding = "utf-8"


def started(key: tuple[int, ...], serial: int, attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(key=key, epoch=0, attempt=attempt, serial=serial)


def test_lines_are_quiet_without_verbose(tmp_path: Path) -> None:
    out = Utf8()
    lines = Lines(out, folder=tmp_path)
    lines.start("words.csc", "r1")
    lines.status(replace(STATUS, now_ns=STATUS.started_ns + 9 * S))
    lines.failed(FAILURE)
    lines.stalled(STATUS)
    lines.changed("ann", "task:fetch 10 → 3: 9 running", "")
    lines.note("interrupted")
    lines.resumed()
    lines.finish(RESULT)
    assert out.getvalue().splitlines() == [
        "failed: pages[oslo] (fetch): exit 127 (a command was not found) after 4 attempts",
        "  help: is it installed, and in a folder of PATH?",
        "stalled: nothing runs and nothing can start",
        "  starved: 1 big: big needs mem 64GB, the limit is 16GB",
        "  waiting for mem (12GB of 16GB): 4 align",
        "  paused task:count: 2 count waiting",
        "  waiting for task:fetch (3 of 3): 9 fetch",
        "  help: `cascade limit SCOPE AMOUNT` from another terminal raises a limit; Ctrl-C ends the run",
        "ann: task:fetch 10 → 3: 9 running",
        "interrupted",
        "done: 12 tasks done in 3.4s",
    ]


def test_a_long_run_says_how_far_it_is_ever_more_rarely(tmp_path: Path) -> None:
    out = Utf8()
    lines = Lines(out, folder=tmp_path)
    lines.start("t.csc", "r1")
    for second in range(0, 3601, 5):
        lines.status(replace(MANY, now_ns=second * S, running=(), waits=()))
    first, *beats = out.getvalue().splitlines()
    assert first == "run r1 of t.csc"
    said = "40000/100000 done, 200 running, 700 failed, 100 skipped, 1000 ready, 58000 waiting"
    minutes = [f"{n}m00s" for n in (*range(1, 10), *range(10, 60, 5))]
    assert beats == [f"{time}: {said}" for time in ("10s", "30s", *minutes, "1h00m")]


def test_a_beat_says_who_waits_and_what_is_longest() -> None:
    assert heartbeat(STATUS) == (
        "1m35s: 12/48+ done, 3 running, 1 failed, 1 retrying, 2 skipped, 9 ready, 20 waiting; "
        "task:fetch 3 of 3, 9 fetch waiting; mem 12GB of 16GB, 4 align waiting; "
        "starved: 1 big: big needs mem 64GB, the limit is 16GB; paused task:count by ann: lunch; 2 count waiting; "
        "limit task:fetch 3 by ann: the API complains; longest pages[a-page-with-a-very-long-name-indeed-too-long] 1m20s"
    )


def test_lost_attempts_are_told_and_bounded(tmp_path: Path) -> None:
    out = Utf8()
    lines = Lines(out, folder=tmp_path)
    for number in range(20):
        lines.event(0, AttemptLost(key=(1, number), epoch=0, attempt=1, why="its worker died"), f"x[{number}]")
    lines.event(0, AttemptLost(key=(1, 0), epoch=0, attempt=1, why="stopped"), "x[0]")
    assert out.getvalue().splitlines() == [f"lost: x[{n}]: its worker died; it is started again" for n in range(5)]


def test_an_ascii_stream_gets_ascii(tmp_path: Path) -> None:
    out = StringIO()  # its encoding is None
    lines = Lines(out, folder=tmp_path)
    lines.changed("ann", "task:fetch 10 → 3", "…")
    assert out.getvalue() == "ann: task:fetch 10 -> 3 (~)\n"


def test_verbose_lines_show_starts_ends_and_output(tmp_path: Path) -> None:
    logs = tmp_path / ".cascade" / "runs" / "r1" / "logs" / "000"
    logs.mkdir(parents=True)
    (logs / "1.log").write_text("10%\r20%\rdone\nthen \x1b[31mred\n")
    out = Utf8()
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
        "pages[oslo] | then red",
        "done   pages[oslo]",
        "start  pages[rome]",
        "retry  pages[rome] in 1.5s: exit 1",
        "start  pages[rome] (attempt 2)",
        "lost   pages[rome]: the engine died",
    ]


def test_nobody_reading_does_not_stop_the_run(tmp_path: Path) -> None:
    class Gone(StringIO):
        def write(self, s: str, /) -> int:
            raise BrokenPipeError

    lines = Lines(Gone(), folder=tmp_path)
    lines.note("one")
    lines.note("two")


def test_words() -> None:
    assert [show_seconds(s) for s in (0.04, 9.94, 9.96, 12.9, 59.99, 185, 7800, -1)] == [
        "0.0s", "9.9s", "10s", "12s", "1m00s", "3m05s", "2h10m", "0.0s",
    ]  # fmt: skip
    assert progress(NodeCounts(done=1, cached=2, waiting=1)) == "3/4 done, 2 cached, 1 waiting"
    assert change_text("", "task:x 3", "why\x1b[31m") == "an operator: task:x 3 (why)"
    assert waits_of(replace(STATUS, waits=())) == []
    assert changes(replace(STATUS, waits=()))[0] == "paused task:count by ann: lunch"
    limits = (pool("cpu", 2000, 1500, 0, "millicpu"), pool("db", 1, 1), pool("free", None, 3), pool("idle", 4, 0))
    assert pool_rows(replace(STATUS, pools=limits, waits=())) == [("db", "1 of 1", "")]
    assert pool_rows(replace(STATUS, pools=limits, waits=()), everything=True) == [
        ("db", "1 of 1", ""),
        ("cpu", "1.5 of 2", ""),
    ]


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
    failure = replace(LOGGED, file="a.csc", line=3, skipped=2)
    assert json.loads(json.dumps(result_json(replace(FAILED, failures=(failure,))))) == {
        "run": "r1",
        "status": "failed",
        "outputs": RESULT.outputs,
        "nodes": {"done": 1, "cached": 0, "failed": 1, "skipped": 2, "cancelled": 0, "held": 0},
        "failures": [
            {
                "node": "pages[oslo]",
                "task": "fetch",
                "exit": 127,
                "attempts": 4,
                "log": "logs/1.log",
                "message": "exit 127",
                "file": "a.csc",
                "line": 3,
                "meaning": "a command was not found",
                "skipped": 2,
                "held": False,
            }
        ],
        "diagnostics": [],
    }
    assert set(refusal_json(())) == set(result_json(FAILED))


def test_the_last_line_names_a_failure_only_where_there_is_a_log() -> None:
    value = FailureView(name="x", task="", exit=None, attempts=0, message="division by zero", log="")
    assert last_line(replace(FAILED, failures=(value,), nodes=NodeCounts(done=2))) == "failed: 2 tasks done in 3.4s"
    both = replace(FAILED, failures=(value, LOGGED))
    assert last_line(both) == "failed: 1 task done, 1 failed, 2 skipped in 3.4s; `cascade log pages[oslo]` shows more"


def test_what_to_type_next() -> None:
    hint = "  `--on-failure continue` would have run what does not need what failed"
    left = replace(FAILED, nodes=NodeCounts(failed=1, cancelled=3))
    assert closing_lines(left)[1:] == [hint]
    assert closing_lines(FAILED)[1:] == []
    assert closing_lines(replace(left, on_failure="continue"))[1:] == []
    assert closing_lines(RESULT)[1:] == []


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
