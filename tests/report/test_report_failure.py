"""How a failure is told: whole, in one line, and a hundred of one cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from statuses import FAILURE, SCRIPT

from cascade_dsl.engine.status import Ran
from cascade_dsl.report.cells import cut, cut_middle, pad, printable, width
from cascade_dsl.report.command import command_line
from cascade_dsl.report.failure import failure_lines, failure_short
from cascade_dsl.report.groups import SHORT_MOST, WHOLE_MOST, Failures, cause
from cascade_dsl.report.logtail import log_tail
from cascade_dsl.report.paint import text_of

COMPLAINT = "/usr/bin/bash: line 2: frobnicate: command not found"


def test_a_failure_is_told_like_a_compile_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "a.log"
    log.write_text(f"a b;c\n\x1b[31mred\x1b[0m\n{COMPLAINT}\n")
    failure = replace(
        FAILURE,
        log=str(log),
        file="crawl.csc",
        line=12,
        source="output pages = [fetch(u) for u in urls]",
        task_line=5,
        ran=SCRIPT,
        skipped=5,
        skipped_names=("counts[oslo]", "total", "report"),
    )
    assert failure_lines(failure) == [
        "failed: pages[oslo] (fetch): exit 127 (`frobnicate` was not found) after 4 attempts",
        "  --> crawl.csc:12: output pages = [fetch(u) for u in urls]",
        "  sh crawl.csc:21: frobnicate 'x y' -o \"prex y\"",
        "  | a b;c",
        "  | red",
        f"  | {COMPLAINT}",
        "  log: a.log",
        "  skipped: 5 that need it: counts[oslo], total, report, …",
        "  help: is it installed, and in a folder of PATH?",
    ]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"exit": 7, "message": "exit 7", "attempts": 1, "allowed": 1}, ["exit 7"]),
        (
            {"exit": 7, "message": "exit 7", "attempts": 1, "allowed": 4},
            ["exit 7, not tried again after attempt 1 of 4"],
        ),
        (
            {"exit": -9, "message": "killed by SIGKILL", "attempts": 1, "allowed": 1},
            [
                "killed by SIGKILL (by hand, or by the system for want of memory)",
                "  help: where memory was short, `requires mem = …` keeps fewer of them at once",
            ],
        ),
        (
            {"exit": -15, "message": "took longer than its timeout of 2s", "reason": "timeout", "attempts": 2},
            [
                "took longer than its timeout of 2s, not tried again after attempt 2 of 4",
                "  help: where it needs more time, raise `timeout` of the task",
            ],
        ),
        (
            {"exit": 1, "message": "ValueError: no\x1b[31m", "attempts": 4, "ran": Ran(kind="python", text="a.py:f")},
            ["ValueError: no after 4 attempts", "  python: a.py:f"],
        ),
        (
            {"exit": 0, "message": "output page was not written", "reason": "result", "attempts": 4},
            ["output page was not written after 4 attempts"],
        ),
        (
            {"exit": None, "message": "no such command", "attempts": 4, "ran": Ran(kind="exec", text="a 'b c'")},
            ["no such command after 4 attempts", "  exec: a 'b c'"],
        ),
        (
            {"exit": 22, "message": "exit 22", "attempts": 4, "skipped_names": ("rest[…]",)},
            ["exit 22 after 4 attempts", "  skipped: what needs it: rest[…]"],
        ),
    ],
)
def test_kinds_of_failure(changes: dict[str, object], lines: list[str]) -> None:
    told = failure_lines(replace(FAILURE, **changes))  # pyright: ignore[reportArgumentType]
    assert told == [f"failed: pages[oslo] (fetch): {lines[0]}", *lines[1:]]


@pytest.mark.parametrize(
    ("log", "text", "line", "is_whole"),
    [
        ((), "echo a 'b;c' …", 20, False),
        ((COMPLAINT,), "frobnicate 'x y' -o \"prex y\"", 21, True),
        (("sh: 1: echo: bad",), "echo a 'b;c'", 20, True),
        (("bash: line 99: x",), "echo a 'b;c' …", 20, False),
        (("not bash: line 3: a",), "echo a 'b;c' …", 20, False),
    ],
)
def test_the_line_that_failed(log: tuple[str, ...], text: str, line: int, is_whole: bool) -> None:
    shown = command_line(SCRIPT, log)
    assert (shown.text + ("" if shown.is_whole else " …"), shown.line, shown.is_whole) == (text, line, is_whole)


def test_a_script_that_names_no_values_and_long_ones() -> None:
    assert command_line(Ran(kind="sh", text="# why\n\n  frob\n", line=4)) == ("frob", 6, True)
    assert command_line(Ran(kind="sh", text="", line=4)).text == ""
    long = command_line(Ran(kind="sh", text=f"echo {'x' * 500}\n", line=1)).text
    assert (long[:6], long[-1], width(long)) == ("echo x", "…", 320)


def test_a_log_is_shown_by_its_clean_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(5000)))
    assert log_tail(str(log)) == [f"line {n}" for n in range(4990, 5000)]
    log.write_bytes(b"10%\r20%\rdone\n\n   \nx\by\x1b]0;title\x07\xff\x00" + b"z" * 1000)
    done, rest = log_tail(str(log))
    assert done == "done"
    assert (width(rest), rest[:5], rest[-1]) == (400, "y\ufffd\ufffdzz", "…")
    assert log_tail(str(tmp_path / "none")) == []


def told(failures: Failures, *names: str, **changes: object) -> list[str]:
    """What is said of failures of these names."""
    lines: list[str] = []
    for name in names:
        failure = replace(FAILURE, name=name, attempts=1, allowed=1, **changes)  # pyright: ignore[reportArgumentType]
        lines += [text_of(each) for each in failures.rows(failure)]
    return lines


def test_a_hundred_failures_of_one_cause_are_told_once(tmp_path: Path) -> None:
    failures = Failures()
    lines: list[str] = []
    for number in range(100):
        log = tmp_path / f"{number}.log"
        log.write_text(f"page {number}: error 404 at 0x{number:08x}\n")
        lines += told(failures, f"pages[{number}]", exit=22, message="exit 22", log=str(log))
    assert lines[:3] == [
        "failed: pages[0] (fetch): exit 22",
        "  | page 0: error 404 at 0x00000000",
        f"  log: {tmp_path}/0.log",
    ]
    assert lines[3:-1] == [
        f"failed: pages[{n}] (fetch): exit 22: page {n}: error 404 at 0x{n:08x}" for n in range(1, SHORT_MOST + 1)
    ]
    assert lines[-1] == "failed: more of fetch like pages[0] are counted and not shown"
    assert [text_of(each) for each in failures.rest()] == ["failed: 89 more of fetch like pages[0]"]
    assert told(failures, "pages[x]", exit=6, message="exit 6") == ["failed: pages[x] (fetch): exit 6"]


def test_other_causes_are_not_hidden_and_are_bounded() -> None:
    failures = Failures()
    first = told(failures, "a", message="no such key: a", exit=1)
    assert told(failures, "b", message="no such host", exit=1) == ["failed: b (fetch): no such host"]
    assert first == ["failed: a (fetch): no such key: a"]
    many = [told(failures, f"n{word}", message=f"cause {word}", exit=1) for word in map(chr, range(97, 123))]
    assert [len(lines) for lines in many] == [1] * 26
    logs = [
        told(failures, f"m{word}", message=f"{word} cause", skipped=1, skipped_names=("x",))
        for word in map(chr, range(97, 123))
    ]
    assert [len(lines) for lines in logs] == [2] * (WHOLE_MOST - 28) + [1] * (26 + 28 - WHOLE_MOST)


def test_a_cause_leaves_out_what_differs() -> None:
    one = replace(FAILURE, name="pages[oslo]", message="oslo: no file /a/b/1.txt")
    two = replace(FAILURE, name="pages[rome]", message="rome: no file /a/c/22.txt")
    assert cause(one, ["at 12"]) == cause(two, ["at 13"])
    assert cause(one, ["at 12"]) != cause(two, ["beside 13"])
    assert cause(one, []) != cause(replace(two, task="count"), [])


def test_one_line_says_the_last_that_was_said() -> None:
    value = replace(FAILURE, message="ValueError: no, at a.py:3", exit=1)
    assert (
        failure_short(value, ["Traceback", "ValueError: no"])
        == "failed: pages[oslo] (fetch): ValueError: no, at a.py:3"
    )
    assert failure_short(FAILURE, ["  x"]) == "failed: pages[oslo] (fetch): exit 127: x"


def test_cells() -> None:
    assert [width(t) for t in ("abc", "日本", "e\u0301", "a\tb")] == [3, 4, 1, 5]
    assert [cut("日本語", n) for n in (6, 5, 4, 1, 0)] == ["日本語", "日本…", "日…", "…", ""]
    assert cut_middle("x" * 60 + "[12]", 20) == "x" * 9 + "…" + "x" * 6 + "[12]"
    assert (pad("日", 4), pad("a", 3, right=True)) == ("日  ", "  a")
    assert printable("a\tb\r") == "a   b"
    assert printable("ab\b\bcd \x1b[1;31mx\x1b[K\x1b(B") == "cd x"
