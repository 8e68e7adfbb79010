"""The client of the control verbs, against runs that are gone, hang, or speak nonsense."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.control import client as client_module
from cascade_dsl.control.client import UNREACHABLE, ask, the_live_run
from cascade_dsl.control.protocol import answer_line
from cascade_dsl.store.live import LiveRun

STATUS: dict[str, Any] = {"verb": "status"}
MEND = "`cascade ps` shows whether it is still there; `cascade continue` goes on with a run that died"


def live(folder: Path, run: str = "r1", file: str = "main.csc") -> LiveRun:
    return LiveRun(run=run, folder=str(folder), file=file, pid=1, warden=None, started_ns=0)


@contextmanager
def peer(folder: Path, talk: Callable[[socket.socket], None]) -> Generator[LiveRun]:
    """A socket at which one connection is taken and handed to `talk`."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "control.sock"))
        listener.listen(1)
        listener.settimeout(50)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(50)
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield live(folder)
        finally:
            thread.join()


def saying(text: bytes) -> Callable[[socket.socket], None]:
    """Read the request, say this, and hang up."""

    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(text)

    return talk


def unanswered(run: LiveRun, why: str, timeout_s: float = 50) -> None:
    with pytest.raises(CascadeError) as caught:
        ask(run, STATUS, timeout_s)
    assert caught.value.diagnostics == (
        Diagnostic(code="CSC606", message=f"the run r1 does not answer: {why}", help=MEND),
    )


def test_the_answer_comes_back_whole_however_it_is_cut(tmp_path: Path) -> None:
    large = {"text": "x" * 300_000}
    line = answer_line(os.getpid(), large)
    request: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        request.append(connection.recv(1 << 16))
        for start in range(0, len(line), 7919):
            connection.sendall(line[start : start + 7919])

    with peer(tmp_path, talk) as run:
        assert ask(run, STATUS) == {"v": 1, "id": os.getpid(), "ok": True, **large}
    assert request == [b'{"v":1,"id":%d,"verb":"status"}\n' % os.getpid()]
    assert STATUS == {"verb": "status"}


def test_no_socket(tmp_path: Path) -> None:
    unanswered(live(tmp_path), "No such file or directory")
    unanswered(live(tmp_path / ("x" * 200)), "No such file or directory")


def test_a_socket_that_nobody_listens_at(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    unanswered(live(tmp_path), "Connection refused")


def test_a_run_that_hangs(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control.sock"))
        listener.listen(1)
        unanswered(live(tmp_path), "it said nothing for 0.05 s", 0.05)


def test_a_run_that_hangs_in_its_answer(tmp_path: Path) -> None:
    """Bytes that trickle do not put the deadline off."""

    def trickle(connection: socket.socket) -> None:
        connection.settimeout(0.001)
        while True:
            connection.sendall(b" ")
            with suppress(TimeoutError):
                if connection.recv(1 << 16) == b"":
                    return

    with peer(tmp_path, trickle) as run:
        unanswered(run, "it said nothing for 0.1 s", 0.1)


def test_each_wait_is_for_what_is_left_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1.0, 4.0, 9.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))

    class Peer(socket.socket):
        waits: ClassVar[list[float | None]] = []
        pieces: ClassVar[list[bytes]] = [b"{", b"}", b"\n"]

        def settimeout(self, value: float | None, /) -> None:
            self.waits.append(value)

        def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
            return self.pieces.pop(0)

    with Peer() as connection:
        assert client_module._receive(connection, 10.0) == b"{}\n"
    assert Peer.waits == [9.0, 6.0, 0.5]


@pytest.mark.parametrize("half", [b"", b'{"v":1,"id":'])
def test_a_run_that_dies_in_its_answer(tmp_path: Path, half: bytes) -> None:
    with peer(tmp_path, saying(half)) as run:
        unanswered(run, "it closed the connection")


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"\xff\n",
        b"[]\n",
        b"{}\n",
        b"[" * 50000 + b"\n",
        b'{"v":"2","id":null,"ok":true}\n',
        b'{"v":1,"id":0,"ok":true}\n',
        b'{"v":1,"id":null,"ok":false}\n',
        b'{"v":1,"id":null,"ok":1}\n',
        b'{"v":1,"id":null,"ok":false,"diagnostics":[{"code":1}]}\n',
        b'{"v":1,"id":null,"ok":false,"diagnostics":{"a":1}}\n',
    ],
)
def test_a_run_that_speaks_another_protocol(tmp_path: Path, line: bytes) -> None:
    with peer(tmp_path, saying(line)) as run:
        unanswered(run, "it speaks another protocol")


@pytest.mark.parametrize(
    ("more", "which"),
    [
        ("", "the version of Cascade that began it"),
        (',"cascade":"9.1.0"', "Cascade 9.1.0"),
        (',"cascade":7', "the version of Cascade that began it"),
        (',"cascade":"\\u001b[31m"', "the version of Cascade that began it"),
    ],
)
def test_a_newer_run_says_which_version_speaks_with_it(tmp_path: Path, more: str, which: str) -> None:
    line = f'{{"v":2,"id":null,"ok":false{more}}}\n'.encode()
    with peer(tmp_path, saying(line)) as run, pytest.raises(CascadeError) as caught:
        ask(run, STATUS)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC601",
            message="the run r1 speaks version 2 of the control protocol, this program speaks 1",
            help=f"steer it with {which}",
        ),
    )


def test_what_changes_the_meaning_is_named_in_the_request(tmp_path: Path) -> None:
    """A run that does not know `dry` refuses, where it would else have done it."""
    seen: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        seen.append(connection.recv(1 << 16))

    with peer(tmp_path, refuse) as run, suppress(CascadeError):
        ask(run, {"verb": "reload", "dry": "yes", "who": "me"})
    assert json.loads(seen[0])["must"] == ["dry"]


def test_which_run_is_meant(tmp_path: Path) -> None:
    first, second = live(tmp_path / "p/.cascade/runs/a", "a"), live(tmp_path / "q/.cascade/runs/b", "b", "")
    assert the_live_run([first], None) is first
    assert the_live_run([first, second], "b") is second
    for found, wanted, expected in (
        ([], None, Diagnostic(code="CSC604", message="there is no live run", help="start one with `cascade run`")),
        (
            [first],
            "b",
            Diagnostic(code="CSC604", message="there is no live run `b`", help="`cascade ps` lists the live runs"),
        ),
        (
            [first, second],
            None,
            Diagnostic(
                code="CSC605",
                message="there are 2 live runs",
                notes=("a: main.csc", f"b: {tmp_path / 'q'}"),
                help="say which one is meant: --run ID",
            ),
        ),
    ):
        with pytest.raises(CascadeError) as caught:
            the_live_run(found, wanted)
        assert caught.value.diagnostics == (expected,)
    assert sorted(UNREACHABLE) == ["CSC604", "CSC606"]


def test_the_client_is_light() -> None:
    """Its whole process is to cost hardly more than the start of Python."""
    code = (
        "import sys\nimport cascade_dsl.control.client, cascade_dsl.store.live\n"
        "heavy = {'pathlib', 'typing', 'dataclasses', 'sqlite3', 'trio', 'lark', 'typer', 'rich', 'inspect', 'ctypes'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "[]\n"


def test_a_verb_that_goes_well_loads_no_more_than_its_client() -> None:
    """Diagnostics, and the dataclasses under them, are for what goes wrong."""
    code = (
        "import sys\nfrom cascade_dsl.cli import steer\nfrom cascade_dsl.cli.main import main\n"
        "steer.find_live = lambda *_, **__: [None]\n"
        "steer.ask = lambda run, request, **_: {'effect': request['text']}\n"
        "assert main(['limit', 'task:f', '10/s', '--burst', '3', 'because', 'x']) == 0\n"
        "heavy = {'cascade_dsl.base.diagnostics', 'dataclasses', 'typing', 'inspect', 'pathlib', 'trio', 'cascade_dsl.lang'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == 'task:f 10/s because "x" burst 3\n[]\n'
