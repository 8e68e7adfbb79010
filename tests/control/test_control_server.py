"""The control socket under good and bad clients, on real sockets."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic, fail
from cascade_dsl.control import server as server_module
from cascade_dsl.control.client import ask
from cascade_dsl.control.protocol import VERBS
from cascade_dsl.control.server import serve_control
from cascade_dsl.store.live import LiveRun


class Desk:
    """Answers like a run: counts what reaches it."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(request)
        await trio.lowlevel.checkpoint()
        match request.get("text"):
            case "refuse":
                raise fail("CSC301", "a limit must not be negative", help="0 lets nothing start")
            case "break":
                raise ZeroDivisionError("by zero")
            case "large":
                return {"text": "x" * 8_000_000}
            case text:
                return {"text": text, "seen": len(self.seen)}


def live(path: Path) -> LiveRun:
    return LiveRun(run="r1", folder=str(path.parent), file="main.csc", pid=1, warden=None, started_ns=0)


@asynccontextmanager
async def serving(path: Path) -> AsyncGenerator[Desk]:
    desk = Desk()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, path, desk.handle)
        yield desk
        nursery.cancel_scope.cancel()


async def limit(path: Path, text: str) -> dict[str, Any]:
    request = {"verb": "limit", "text": text}
    return await trio.to_thread.run_sync(ask, live(path), request)


async def dial(path: Path) -> trio.SocketStream:
    return await trio.open_unix_socket(str(path))


async def read_lines(stream: trio.SocketStream, count: int | None = None) -> list[dict[str, Any]]:
    """That many answers, or all until the server closes."""
    data = b""
    while count is None or data.count(b"\n") < count:
        try:
            piece = await stream.receive_some()
        except trio.BrokenResourceError:  # closed with our bytes unread
            break
        if not piece:
            break
        data += piece
    return [json.loads(line) for line in data.splitlines()]


def status(number: int) -> bytes:
    return b'{"v":1,"id":%d,"verb":"status"}\n' % number


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def run(test: Callable[[], Any]) -> None:
    """Run an async test to its end; a hang is the end of it."""

    async def bounded() -> None:
        with trio.fail_after(60):
            await test()

    trio.run(bounded)


def test_a_request_is_answered(path: Path) -> None:
    async def main() -> None:
        async with serving(path) as desk:
            answer = await limit(path, "task:fetch 3")
            assert answer == {"v": 1, "id": os.getpid(), "ok": True, "text": "task:fetch 3", "seen": 1}
            assert desk.seen == [{"v": 1, "id": os.getpid(), "verb": "limit", "text": "task:fetch 3"}]

    run(main)


def test_many_requests_on_one_connection_are_answered_in_order(path: Path) -> None:
    async def main() -> None:
        async with serving(path), await dial(path) as stream:
            await stream.send_all(b"".join(status(n) for n in range(50)))
            assert [answer["id"] for answer in await read_lines(stream, 50)] == list(range(50))

    run(main)


def test_the_socket_is_its_owners_and_goes_with_the_run(path: Path) -> None:
    async def main() -> None:
        old = os.umask(0)
        try:
            async with serving(path):
                found = os.stat(path)
                assert stat.S_ISSOCK(found.st_mode)
                assert stat.S_IMODE(found.st_mode) == 0o600
        finally:
            os.umask(old)
        assert os.listdir(path.parent) == []

    run(main)


def test_the_socket_of_a_dead_run_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def main() -> None:
        async with serving(path):
            assert (await limit(path, "x"))["ok"] is True

    run(main)


def test_a_path_of_any_length_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("ü" * 60)
    folder.mkdir(parents=True)

    async def main() -> None:
        async with serving(folder / "control.sock"):
            assert (folder / "control.sock").exists()
            assert (await limit(folder / "control.sock", "x"))["ok"] is True
        assert list(folder.iterdir()) == []

    run(main)


def test_a_socket_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(CascadeError) as caught:
            await serve_control(tmp_path / "none" / "control.sock", Desk().handle)
        assert caught.value.diagnostics == (
            Diagnostic(
                code="CSC608",
                message=f"the control socket `{tmp_path / 'none' / 'control.sock'}` cannot be opened: "
                "No such file or directory",
                help="put the project's folder on a local disk that you may write",
            ),
        )

    run(main)


def test_a_refusal_travels_whole(path: Path) -> None:
    async def main() -> None:
        async with serving(path):
            with pytest.raises(CascadeError) as caught:
                await limit(path, "refuse")
            assert caught.value.diagnostics == (
                Diagnostic(code="CSC301", message="a limit must not be negative", help="0 lets nothing start"),
            )

    run(main)


def test_a_fault_of_ours_is_an_answer_and_the_run_goes_on(path: Path) -> None:
    async def main() -> None:
        async with serving(path):
            with pytest.raises(CascadeError) as caught:
                await limit(path, "break")
            assert caught.value.diagnostics == (
                Diagnostic(
                    code="CSC900",
                    message="`limit` could not be answered: ZeroDivisionError: by zero",
                    help="the run goes on; please report this with the message above",
                ),
            )
            assert (await limit(path, "x"))["seen"] == 2

    run(main)


def test_garbage_is_answered_and_has_no_effect(path: Path) -> None:
    async def main() -> None:
        async with serving(path) as desk, await dial(path) as stream:
            await stream.send_all(b'\x00\xff\n\n{"v":9,"id":1}\n{"v":1,"id":2,"verb":"rm"}\n' + status(3))
            answers = await read_lines(stream, 5)
            codes = [a["diagnostics"][0]["code"] if not a["ok"] else "ok" for a in answers]
            assert codes == ["CSC600", "CSC600", "CSC601", "CSC602", "ok"]
            assert [a["id"] for a in answers] == [None, None, 1, 2, 3]
            assert [request["id"] for request in desk.seen] == [3]

    run(main)


def test_half_a_line_has_no_effect(path: Path) -> None:
    async def main() -> None:
        async with serving(path) as desk:
            for half in (b"", b'{"v":1,"id":1,"verb":"status"}', b'{"v":1,'):
                async with await dial(path) as stream:
                    await stream.send_all(half)
                    await stream.send_eof()
                    assert await read_lines(stream) == []
            assert desk.seen == []
            assert (await limit(path, "x"))["seen"] == 1

    run(main)


def test_a_line_in_pieces_is_one_line(path: Path) -> None:
    async def main() -> None:
        async with serving(path), await dial(path) as stream:
            for byte in status(5):
                await stream.send_all(bytes([byte]))
            assert [answer["id"] for answer in await read_lines(stream, 1)] == [5]

    run(main)


def test_a_line_of_ten_megabytes_closes_the_connection(path: Path) -> None:
    async def main() -> None:
        async with serving(path) as desk, await dial(path) as stream:

            async def send() -> None:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(b'{"v":1,"id":1,"verb":"limit","text":"' + b"x" * 10_000_000 + b'"}\n')

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                answers = await read_lines(stream)
            assert answers == [
                {
                    "v": 1,
                    "id": None,
                    "ok": False,
                    "diagnostics": [
                        {
                            "code": "CSC603",
                            "severity": "error",
                            "message": "a request is longer than 65536 bytes",
                            "notes": [],
                            "help": "a request may take 65536 bytes; the connection is closed",
                        }
                    ],
                }
            ]
            assert desk.seen == []
            assert (await limit(path, "x"))["seen"] == 1

    run(main)


def test_the_longest_line_is_read(path: Path) -> None:
    head, tail = b'{"v":1,"id":1,"verb":"status","more":"', b'"}'
    longest = head + b"x" * (65536 - len(head) - len(tail)) + tail

    async def main() -> None:
        async with serving(path), await dial(path) as stream:
            await stream.send_all(longest + b"\n")
            assert [answer["ok"] for answer in await read_lines(stream, 1)] == [True]
            await stream.send_all(longest[:-2] + b'x"}\n')
            (answer,) = await read_lines(stream)
            assert answer["diagnostics"][0]["code"] == "CSC603"

    run(main)


@pytest.mark.parametrize("line", [status(1), b"garbage\n", b"\n"])
def test_a_million_lines_slow_only_their_sender(path: Path, line: bytes) -> None:
    """One client sends a million lines and reads the answers; what another one asks is answered between them."""
    flood = socket.socket(socket.AF_UNIX)
    answers: list[int] = []
    past_the_burst = threading.Event()

    def send() -> None:
        with suppress(OSError):
            flood.sendall(line * 1_000_000)

    def receive() -> None:
        with suppress(OSError):
            while piece := flood.recv(1 << 16):
                answers.append(piece.count(b"\n"))
                if sum(answers) > server_module.BURST:
                    past_the_burst.set()

    threads = [threading.Thread(target=send), threading.Thread(target=receive)]

    async def main() -> None:
        async with serving(path) as desk:
            flood.connect(str(path))
            for thread in threads:
                thread.start()
            assert await trio.to_thread.run_sync(past_the_burst.wait, 50)
            mine = 0
            for number in range(20):
                answer = await limit(path, f"{number}")
                mine += answer["text"] == f"{number}"
            assert mine == 20
            # Paced: far from a million were read meanwhile, whatever the speed of the machine.
            assert len(desk.seen) < 100_000
            assert sum(answers) < 100_000

    try:
        run(main)
    finally:
        flood.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        flood.close()


def test_after_a_burst_a_connection_is_read_at_a_pace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "BURST", 5)
    monkeypatch.setattr(server_module, "PACE_S", 1e6)

    async def main() -> None:
        async with serving(path) as desk, await dial(path) as stream:
            await stream.send_all(b"".join(status(n) for n in range(20)))
            assert len(await read_lines(stream, 6)) == 6
            for number in range(3):
                assert (await limit(path, "x"))["seen"] == 7 + number
            assert len(desk.seen) == 9

    run(main)


def test_a_client_that_does_not_read_is_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "WRITE_S", 0.05)
    request = b'{"v":1,"id":1,"verb":"limit","text":"large"}\n'

    async def main() -> None:
        async with serving(path) as desk, await dial(path) as stream:
            # More than the socket holds, so that this ends only when the server gives the connection up.
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(request * 100_000)
            assert len(desk.seen) == 1
            assert (await limit(path, "x"))["seen"] == 2

    run(main)


def test_a_client_that_says_nothing_is_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_S", 0.05)

    async def main() -> None:
        async with serving(path), await dial(path) as stream:
            assert await read_lines(stream) == []

    run(main)


def test_the_connections_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SILENT_S", 1e6)

    async def main() -> None:
        async with serving(path), AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(await dial(path)) for _ in range(64)]
            for stream in streams:
                await stream.send_all(status(1))
                assert len(await read_lines(stream, 1)) == 1
            async with await dial(path) as one_more:
                (answer,) = await read_lines(one_more)
                assert answer["diagnostics"] == [
                    {
                        "code": "CSC607",
                        "severity": "error",
                        "message": "the run has 64 control connections already",
                        "notes": [],
                        "help": "close one of the others",
                    }
                ]
            with pytest.raises(CascadeError) as caught:
                await limit(path, "x")
            assert caught.value.diagnostics[0].code == "CSC607"
            for stream in streams:
                await stream.send_eof()
                assert await read_lines(stream) == []
            assert (await limit(path, "x"))["ok"] is True

    run(main)


def test_a_new_connection_takes_the_place_of_the_one_that_is_silent_longest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SILENT_S", 0.0)

    async def main() -> None:
        async with serving(path), AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(await dial(path)) for _ in range(64)]
            for stream in streams:
                await stream.send_all(status(1))
                assert len(await read_lines(stream, 1)) == 1
            # Half a line, byte by byte, keeps no place either.
            await streams[0].send_all(b'{"v":1,')
            await streams[1].send_all(status(2))
            assert len(await read_lines(streams[1], 1)) == 1
            assert (await limit(path, "x"))["ok"] is True
            assert await read_lines(streams[0]) == []
            await streams[1].send_all(status(3))
            assert [answer["id"] for answer in await read_lines(streams[1], 1)] == [3]

    run(main)


def test_changes_of_all_connections_come_at_one_pace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve changes by four connections: three go at once, then one a pace, and who only reads does not wait."""
    monkeypatch.setattr(server_module, "CHANGES_BURST", 3)
    monkeypatch.setattr(server_module, "CHANGE_PACE_S", 10.0)
    clock = trio.testing.MockClock(autojump_threshold=0.05)
    at_s: list[float] = []

    async def change(number: int) -> None:
        async with await dial(path) as stream:
            for _ in range(3):
                await stream.send_all(b'{"v":1,"id":1,"verb":"limit","text":"x"}\n')
                await read_lines(stream, 1)
                at_s.append(trio.current_time())

    async def main() -> None:
        async with serving(path) as desk:
            begin_s = trio.current_time()
            async with trio.open_nursery() as nursery:
                for number in range(4):
                    nursery.start_soon(change, number)
            assert sorted(round(s - begin_s) for s in at_s) == [0, 0, 0, *range(10, 100, 10)]
            async with await dial(path) as stream:
                await stream.send_all(status(1) * 100)
                assert len(await read_lines(stream, 100)) == 100
            assert len(desk.seen) == 112

    trio.run(main, clock=clock)


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\n", b"{", b"[" * 2000, b'{"v":1,"id":', b"\x00\n", b"9" * 5000 + b"\n", b"x" * 70_000]),
    st.sampled_from([status(7), status(7)[:-1], b'{"v":1,"id":7,"verb":"limit","text":"\\ud800"}\n']),
    st.builds(
        lambda verb, text, more: json.dumps({"v": 1, "id": 7, "verb": verb, "text": text, **more}).encode() + b"\n",
        st.sampled_from(["limit", "status", "pause", "rm"]),
        st.text(max_size=5) | st.none() | st.integers(),
        st.dictionaries(st.sampled_from(["must", "who", "scope", "v", "id"]), st.none() | st.text(max_size=3) | st.lists(st.integers(), max_size=2), max_size=2),
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(PIECES, max_size=6), min_size=1, max_size=4))
def test_nothing_that_is_sent_harms_the_run(path: Path, clients: list[list[bytes]]) -> None:
    """Each of several clients sends anything: every answer has the documented form, the run still answers an honest one."""
    answers: list[dict[str, Any]] = []

    async def client(pieces: list[bytes]) -> None:
        async with await dial(path) as stream, trio.open_nursery() as nursery:

            async def send() -> None:
                with suppress(trio.BrokenResourceError):
                    for piece in pieces:
                        await stream.send_all(piece)
                    await stream.send_eof()

            nursery.start_soon(send)
            answers.extend(await read_lines(stream))

    async def main() -> None:
        async with serving(path) as desk:
            async with trio.open_nursery() as nursery:
                for pieces in clients:
                    nursery.start_soon(client, pieces)
            for request in desk.seen:
                assert request["verb"] in VERBS
                for name, needed in VERBS[request["verb"]].items():
                    text = request.get(name, None if needed else "")
                    assert isinstance(text, str)
                    assert "\0" not in text
                    text.encode()
            assert (await limit(path, "x"))["ok"] is True
        for answer in answers:
            assert answer["v"] == 1
            assert (answer["ok"] is True) != bool(answer.get("diagnostics"))

    run(main)


def test_another_user_gets_no_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def nobody(uid: int) -> bool:
        asked.append(uid)
        return False

    async def main() -> None:
        async with serving(path) as desk:
            monkeypatch.setattr(server_module, "_may_speak", nobody)
            async with await dial(path) as stream:
                assert await read_lines(stream) == []
            assert asked == [os.geteuid()]
            monkeypatch.undo()
            assert (await limit(path, "x"))["ok"] is True
            assert len(desk.seen) == 1

    run(main)


def test_the_owner_and_root_may_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert [uid for uid in (0, 1, 999, 1000, 1001, 65534) if server_module._may_speak(uid)] == [0, 1000]


def test_the_end_of_the_run_closes_open_connections(path: Path) -> None:
    async def main() -> None:
        async with serving(path):
            stream = await dial(path)
            await stream.send_all(status(1) + b'{"v":1,')
            assert len(await read_lines(stream, 1)) == 1
        assert await read_lines(stream) == []
        await stream.aclose()

    run(main)
