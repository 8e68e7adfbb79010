"""The view on a real terminal (a pty): resized, without colour, interrupted, killed; what is left there afterwards."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from live_runs import BOUND_S, COMMAND, Project, wait_until
from terminal import Terminal

PROGRAM = """\
task work(i: int) -> int {
  requires cpu = 0.1
  sh "echo {{i}} >> up; cat gate/{{i}}; [ {{i}} != 2 ] || { echo sorry >&2; exit 3; }; echo {{i}}"
}
done = [work(i) for i in range(4)]
output sum = sum(done)
"""
SGR = re.compile(r"\x1b\[[\d;]*m")
PLAIN = {"TERM": "xterm", "CI": "", "GITHUB_ACTIONS": "", "NO_COLOR": ""}


class OnTerminal:
    """`cascade` whose stderr is a terminal of its own; what it sends is kept, and shown by a `Terminal`."""

    def __init__(self, project: Project, *args: str, size: tuple[int, int] = (80, 24), **env: str) -> None:
        self.master, slave = pty.openpty()
        self._set_size(*size)
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.shown = Terminal(*size)
        self.sent = ""
        self.process = subprocess.Popen(
            [*COMMAND, *args], cwd=project.folder, env={**project.env, **PLAIN, **env}, stdin=slave,
            stdout=subprocess.PIPE, stderr=slave, start_new_session=True, text=True,
        )  # fmt: skip

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        """Another size, at a moment when all that was sent is there."""
        self.read()
        self._set_size(columns, lines)
        self.shown.resize(columns)

    def read(self) -> None:
        """What has been sent meanwhile."""
        while select.select([self.master], [], [], 0)[0]:
            self._take()

    def _take(self) -> None:
        text = os.read(self.master, 65536).decode()
        self.sent += text
        self.shown.write(text.replace("\r\n", "\n"))

    def wait_for(self, text: str) -> None:
        """Until it stands on the terminal."""

        def is_there() -> bool:
            if select.select([self.master], [], [], 0.1)[0]:
                self._take()
            return any(text in row for row in self.shown.rows)

        wait_until(is_there, f"{text!r} on the terminal")

    def finish(self) -> int:
        """Wait for its end."""
        out, _ = self.process.communicate(timeout=BOUND_S)
        self.out = out
        self.read()
        return self.process.returncode

    @property
    def is_as_before(self) -> bool:
        """The modes of the terminal are what they were; no mode was set by an escape, the cursor is not hidden."""
        return termios.tcgetattr(self._slave) == self.before and "\x1b[?" not in self.sent

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def started(project: Project) -> Iterator[Any]:
    made: list[OnTerminal] = []

    def start(*args: str, **options: Any) -> OnTerminal:
        made.append(OnTerminal(project, *args, **options))
        return made[-1]

    project.write("p.csc", PROGRAM)
    project.fifos(range(4))
    yield start
    for each in made:
        each.close()


def last_rows(project: Project, on: OnTerminal) -> list[str]:
    return [project.shown(row) for row in on.shown.rows]


def test_a_view_is_drawn_resized_and_taken_away(project: Project, started: Any) -> None:
    on: OnTerminal = started("run", "p.csc", "--on-failure", "continue")
    on.wait_for("4 running")
    assert "0/4 done" in on.shown.rows[0]
    on.wait_for("work")  # has run for a second: it is named
    on.resize(40, 12)
    project.open_gate(0)
    on.wait_for("1/4 done")
    assert max(map(len, on.shown.rows)) < 40
    on.resize(100, 30)
    project.open_gate(2)
    on.wait_for("sorry")
    on.wait_for("1 failed")
    project.open_gates()
    assert on.finish() == 1
    assert on.out == ""
    assert last_rows(project, on) == [
        "failed: done[2] (work): exit 3",
        "  --> p.csc:5: done = [work(i) for i in range(4)]",
        "  sh p.csc:3: echo 2 >> up; cat gate/2; [ 2 != 2 ] || { echo sorry >&2; exit 3; }; echo 2",
        "  | sorry",
        "  log: LOG",
        "failed: 3 tasks done, 1 failed in TIMEs; `cascade log done[2]` shows more",
        "",
    ]
    assert on.is_as_before


@pytest.mark.parametrize(
    ("env", "moves", "colours"),
    [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, False, False), ({"CI": "true"}, False, False),
     ({"GITHUB_ACTIONS": "true"}, False, False), ({"CI": "false"}, True, True)],
)  # fmt: skip
def test_what_the_environment_says_of_terminals(
    project: Project, started: Any, env: dict[str, str], moves: bool, colours: bool
) -> None:
    on: OnTerminal = started("run", "p.csc", **env)
    if moves:
        on.wait_for("4 running")
    project.open_gates()
    assert on.finish() == 1
    assert (SGR.sub("", on.sent).count("\x1b") > 0, SGR.search(on.sent) is not None) == (moves, colours)
    assert on.shown.rows[-1] == ""


def test_verbose_lines_stand_above_the_view(project: Project, started: Any) -> None:
    on: OnTerminal = started("run", "p.csc", "-v")
    on.wait_for("start  done[3]")
    on.wait_for("4 running")
    on.wait_for("work")
    at = [row.startswith("p.csc  ") for row in on.shown.rows].index(True)
    assert sorted(on.shown.rows[1:at]) == [f"start  done[{n}]" for n in range(4)]
    project.open_gates()
    assert on.finish() == 1
    assert not any(row.startswith("p.csc  ") for row in on.shown.rows)


@pytest.mark.parametrize("how", ["ctrl-c once", "ctrl-c twice", "term"])
def test_an_interrupted_run_leaves_the_terminal_as_it_was(project: Project, started: Any, how: str) -> None:
    on: OnTerminal = started("run", "p.csc")
    on.wait_for("4 running")
    if how == "term":
        os.kill(on.process.pid, signal.SIGTERM)
        on.wait_for("what runs is stopped")
    else:
        os.killpg(on.process.pid, signal.SIGINT)
        on.wait_for("ending: nothing new starts")
        if how == "ctrl-c twice":
            os.killpg(on.process.pid, signal.SIGINT)
        else:
            project.open_gate(0)
            project.open_gate(1)
            project.open_gate(3)
            on.wait_for("1 running")
            project.open_gate(2)
    code = on.finish()
    assert code == 130
    assert on.is_as_before
    assert on.shown.rows[-1] == ""
    assert not any(row.startswith("p.csc  ") for row in on.shown.rows)


def test_a_killed_engine_leaves_a_picture_and_a_usable_terminal(project: Project, started: Any) -> None:
    on: OnTerminal = started("run", "p.csc")
    on.wait_for("4 running")
    os.kill(project.ps()["pid"], signal.SIGKILL)
    assert on.finish() == 128 + signal.SIGKILL
    assert on.is_as_before
    assert on.shown.rows[0].startswith("p.csc  ")
    assert "CSC520" in on.shown.rows[-2]
    assert on.shown.rows[-1] == ""
