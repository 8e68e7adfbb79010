"""What comes from outside and makes no sense: on the control socket of a live run, and in place of a program."""

from __future__ import annotations

import json
import os
import random
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from live_runs import Project

from cascade_dsl.control.protocol import Unreadable, refusal_line

PROGRAM = """\
limit task:work 2
task work(i: int) -> int { requires cpu = 0.1; sh "cat gate/{{i}}; echo {{i}}" }
got = [work(i) for i in range(4)]
output sum = sum(got)
"""


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    here = os.open(path.parent, os.O_PATH)  # the path may be longer than an address of a socket can be
    try:
        connection.connect(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)
    connection.settimeout(20)
    return connection


def ask(path: Path, data: bytes) -> list[dict[str, Any]]:
    """What is answered to all of this, up to the end."""
    with connect(path) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            return [json.loads(line) for line in answers]


def codes(answers: list[dict[str, Any]]) -> list[str]:
    return [answer["diagnostics"][0]["code"] for answer in answers]


def garbage(path: Path) -> None:
    noise = random.Random(7).randbytes(20_000).replace(b"\n", b"\0") + b"\n"
    assert codes(ask(path, noise)) == ["CSC600"]
    assert codes(ask(path, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")) == ["CSC600"] * 3
    assert codes(ask(path, b'{"v": 1, "id": 1, "verb": "limit"}\n')) == ["CSC600"]
    assert codes(ask(path, b'{"v": 1, "id": 1, "verb": "launch"}\n')) == ["CSC602"]
    assert codes(ask(path, b'{"v": 9, "id": 1, "verb": "status"}\n')) == ["CSC601"]
    assert codes(ask(path, b'{"v": 1, "id": 1, "verb": "limit", "text": "limit everything now"}\n'))[0][:3] == "CSC"
    assert codes(ask(path, b'{"v": 1, "id": 1, "verb": "limit", "text": "task:work 1\\n)"}\n'))[0][:3] == "CSC"
    assert codes(ask(path, b"[" * 60_000 + b"\n")) == ["CSC600"]


def half_a_line(path: Path) -> None:
    assert ask(path, b'{"v": 1, "id": 1, "verb": "limit", "text": "task:work 1"}') == []
    assert codes(ask(path, b"x" * 70_000)) == ["CSC603"]


def a_reset(path: Path) -> None:
    with connect(path) as connection:
        connection.sendall(b'{"v": 1, "id": 1, "verb": "status"}\n' * 50)


def many_connections(path: Path) -> None:
    opened = [connect(path) for _ in range(70)]
    try:
        with opened[-1].makefile("rb") as answers:
            assert codes([json.loads(answers.readline())]) == ["CSC607"]
    finally:
        for connection in opened:
            connection.close()


@pytest.mark.parametrize("client", [garbage, half_a_line, a_reset, many_connections])
def test_a_bad_client_does_not_harm_the_run(project: Project, client: Callable[[Path], None]) -> None:
    project.write("work.csc", PROGRAM)
    project.fifos(range(4))
    run = project.start("run", "work.csc")
    project.wait_started(2)
    journal = project.events()
    before = project.ps()
    client(project.folder / ".cascade" / "runs" / before["run"] / "control.sock")
    assert project.events() == journal
    assert project.wait_live() == [before]
    assert project.cascade("limit", "task:work", "3").out == "task:work 2 → 3: 2 running, 1 more may start, 2 waiting\n"
    project.open_gates()
    assert run.finish()[:2] == (0, "sum = 6\n")
    assert project.shown(run.err) == (
        "tester: task:work 2 → 3: 2 running, 1 more may start, 2 waiting\ndone: 4 tasks done in TIMEs\n"
    )


class Flood(threading.Thread):
    """A client that sends 100 000 lines as fast as they are taken, and reads its answers or does not."""

    def __init__(self, path: Path, *, reads: bool) -> None:
        super().__init__(daemon=True)
        self.sent_bytes = self.read_bytes = 0
        self.is_stuck = False
        self._connection = connect(path)
        self._reads = reads

    def run(self) -> None:
        """Until all is sent or the connection is closed."""
        data = b"nonsense\n" * 100_000
        with self._connection as connection, suppress(ConnectionError):
            connection.setblocking(False)
            while self.sent_bytes < len(data):
                readable, writable, _ = select.select([connection] * self._reads, [connection], [], 0.1)
                self.is_stuck = not readable and not writable
                if readable:
                    got = connection.recv(65536)
                    if not got:
                        break
                    self.read_bytes += len(got)
                if writable:
                    self.sent_bytes += connection.send(data[self.sent_bytes : self.sent_bytes + 65536])


@pytest.mark.parametrize("reads", [True, False])
def test_a_flood_of_lines_slows_only_its_sender(project: Project, reads: bool) -> None:
    project.write("work.csc", PROGRAM)
    project.fifos(range(4))
    run = project.start("run", "work.csc")
    project.wait_started(2)
    journal = project.events()
    before = project.ps()
    flood = Flood(project.folder / ".cascade" / "runs" / before["run"] / "control.sock", reads=reads)
    flood.start()
    if reads:  # more than may come in one burst
        one = len(refusal_line(None, Unreadable(None, "CSC600", "the request is not JSON").diagnostics))
        project.wait(lambda: flood.read_bytes > 300 * one, "more answers")
    else:
        project.wait(lambda: flood.is_stuck, "a client that can send no more")
    assert project.ps() == before
    assert project.events() == journal
    assert project.cascade("limit", "task:work", "3").out == "task:work 2 → 3: 2 running, 1 more may start, 2 waiting\n"
    project.open_gates()
    assert run.finish()[:2] == (0, "sum = 6\n")
    flood.join(20)
    assert not flood.is_alive()


# ---- instead of a program ---------------------------------------------------------------------------------------


T = 'task t(x: str) -> str { sh "touch ran; echo {{len(x)}}" }\n'
REFUSED: dict[str, tuple[str | bytes | None, str]] = {
    "nothing there": (None, "error[CSC010]: there is no file bad.csc\n"),
    "a folder": ("", "error[CSC011]: bad.csc is a folder, not a program\n  help: name a `.csc` file in it\n"),
    "empty": (
        b"",
        """\
error[CSC014]: bad.csc holds no program
 --> bad.csc:1:1
  |
1 |
  | ^
  |
  = help: write a task and a call of it
""",
    ),
    "not UTF-8": (
        b'a = "\xff"\n',
        """\
error[CSC012]: bad.csc is not UTF-8: byte 0xff
 --> bad.csc:1:6
  |
1 | a = "\ufffd"
  |      ^
  |
  = help: it looks like Latin-1 or Windows-1252; save it as UTF-8
""",
    ),
    "a NUL": (
        b"a = 1\0\n",
        "error[CSC013]: bad.csc holds a NUL byte on line 1\n  help: a program is plain text\n",
    ),
    "deep nesting": (
        f"output a = {'(' * 10_000}1{')' * 10_000}\n",
        f"""\
error[CSC009]: this is nested more than 200 deep
 --> bad.csc:1:212
  |
1 | …{"(" * 114}…
  |{" " * 58}^
  |
  = help: bind an inner part to a name of its own
""",
    ),
    "a string of 1 MB that is not closed": (
        T + f'a = t("{"x" * 1_000_000})\n',
        f"""\
error[CSC004]: the string is not closed on its line
 --> bad.csc:2:7
  |
2 | …("{"x" * 112}…
  |   {"^" * 115}
  |
  = help: close it with `"`; a string of several lines stands in `\"\"\"`
""",
    ),
    "a brace that is not closed": (
        'task t() { sh "true"\n',
        """\
error[CSC002]: `{` is not closed
 --> bad.csc:1:10
  |
1 | task t() { sh "true"
  |          ^
2 |
  | - `}` belongs before this
  |
  = help: add the missing `}`
""",
    ),
    "demands that can never be met": (
        """\
limit gpu 1
limit mem 1GB
task t(n: int) -> int { requires gpu = 2, mem = 2GB, cpu = 0; sh "touch ran; echo {{n}}" }
task u() { requires cpu = 0; sh "touch ran" }
u()
a = [t(i) for i in range(3)]
output b = a
""",
        """\
error[CSC507]: `t` needs gpu 2, the limit is 1
 --> bad.csc:3:6
  |
1 | limit gpu 1
  | ----- the limit
...
3 | task t(n: int) -> int { requires gpu = 2, mem = 2GB, cpu = 0; sh "touch ran; echo {{n}}" }
  |      ^
  |
  = help: lower `requires gpu` of `t` to 1 or less, or raise it with `--limit "gpu 2"`

error[CSC507]: `t` needs mem 2GB, the limit is 1GB
 --> bad.csc:3:6
  |
2 | limit mem 1GB
  | ----- the limit
3 | task t(n: int) -> int { requires gpu = 2, mem = 2GB, cpu = 0; sh "touch ran; echo {{n}}" }
  |      ^
  |
  = help: lower `requires mem` of `t` to 1GB or less, or raise it with `--limit "mem 2GB"`

2 errors
""",
    ),
    "files that are not there": (
        """\
task t(p: file) -> str { sh "cat {{p}}; touch ran" }
a = t(file("nowhere.txt"))
b = [t(p) for p in [file("nowhere.txt"), file("gate")]]
""",
        """\
error[CSC509]: there is no file `nowhere.txt`
 --> bad.csc:2:13
  |
2 | a = t(file("nowhere.txt"))
  |             ^^^^^^^^^^^
  |
  = help: paths in a program are relative to the folder of the file that is run

error[CSC509]: `gate` is a folder, the program wants a file
 --> bad.csc:3:48
  |
3 | b = [t(p) for p in [file("nowhere.txt"), file("gate")]]
  |                                                ^^^^
  |
  = help: paths in a program are relative to the folder of the file that is run

error[CSC509]: there is no file `nowhere.txt`
 --> bad.csc:3:27
  |
3 | b = [t(p) for p in [file("nowhere.txt"), file("gate")]]
  |                           ^^^^^^^^^^^
  |
  = help: paths in a program are relative to the folder of the file that is run

3 errors
""",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_program_is_refused_before_anything_runs(project: Project, what: str) -> None:
    program, message = REFUSED[what]
    (project.folder / "gate").mkdir()
    if program is not None:
        if what == "a folder":
            (project.folder / "bad.csc").mkdir()
        else:
            (project.folder / "bad.csc").write_bytes(program if isinstance(program, bytes) else program.encode())
    done = project.cascade("run", "bad.csc")
    assert (done.code, done.out, done.err) == (2, "", message)
    refused = project.cascade("run", "bad.csc", "--json")
    assert (refused.code, refused.err) == (2, message)
    assert (refused.json["status"], refused.json["run"]) == ("refused", None)
    assert len(refused.json["diagnostics"]) == message.count("error[")
    assert not (project.folder / "ran").exists()
    assert project.runs() == []


def test_a_string_of_a_megabyte_is_a_value(project: Project) -> None:
    project.write("big.csc", T + f'a = t("{"x" * 1_000_000}")\noutput n = a\n')
    assert project.cascade("run", "big.csc")[:2] == (0, "n = 1000000\n")
