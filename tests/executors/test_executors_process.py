from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from executors_work import ENV, Working, is_alive, state_of, until

from cascade_dsl.executors import logs, process
from cascade_dsl.executors.protocol import StartFailed

pytestmark = pytest.mark.trio
MIB = 1 << 20


async def test_output_goes_to_the_log_in_the_order_of_writing(working: Working) -> None:
    async with working() as work:
        await work.run("sh", "-c", "echo one; echo two >&2; echo three")
        assert work.log() == "one\ntwo\nthree\n"


async def test_a_value_has_a_file_of_its_own(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        (tmp_path / "value").write_text("of an attempt before")
        await work.run("sh", "-c", "echo value; echo noise >&2", stdout="value")
        assert (tmp_path / "value").read_text() == "value\n"
        assert work.log() == "noise\n"


async def test_what_a_body_sees(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        await work.run(
            "sh", "-c", "pwd; cat; ls /proc/self/fd | tr '\\n' ' '; env | sort | grep -v ^_= | grep -v ^PWD="
        )
        shown = f"{tmp_path}\n0 1 2 3 HOME=/\nPATH={ENV['PATH']}\n"
        assert work.log().replace("OLDPWD=\n", "").replace("SHLVL=0\n", "").replace("SHLVL=1\n", "") == shown


async def test_it_leads_a_session(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        id = work.start(sys.executable, "-c", "import os; print(os.getsid(0), os.getpgrp(), os.getpid())", stdout="ids")
        pid = work.commands.pid(id)
        await work.exited(id)
        assert (tmp_path / "ids").read_text() == f"{pid} {pid} {pid}\n"


async def test_usage_is_told(working: Working) -> None:
    async with working() as work:
        ended = await work.run(sys.executable, "-c", "x = bytearray(60_000_000)\nfor _ in range(10**6): pass")
        assert ended.used.cpu_ms > 0
        assert ended.used.peak_bytes > 60_000_000


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "the command is empty"),
        (("",), "the command is empty"),
        (("no-such-command",), "command not found: no-such-command"),
        (("./missing",), "command not found: ./missing"),
        (("./plain",), "cannot start ./plain: it is not executable"),
        (("./orphan",), "cannot start ./orphan: the interpreter in its first line does not exist"),
        (("./noise",), "cannot start ./noise: it is neither a program nor a script with a #! line"),
        (("sh", "-c", "x" * 200_000), "the arguments and environment of sh are too long for the system"),
        (("sh", "a\0b"), "cannot start sh: embedded null byte"),
    ],
)
async def test_a_start_that_is_refused(working: Working, tmp_path: Path, argv: tuple[str, ...], message: str) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    for name, text in (("orphan", "#!/no/such/interpreter\n"), ("noise", "\1\2")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    async with working() as work:
        assert await work.outcome(work.start(*argv)) == StartFailed(id="1", message=message)


async def test_what_is_left_in_the_group_is_killed_after_success(working: Working) -> None:
    async with working() as work:
        ended = await work.run("sh", "-c", "sleep 60 & echo $! > pid")
        assert ended.code == 0
        assert not is_alive(int(await work.seen("pid")))


async def test_a_daemon_in_its_own_session_is_left_for_the_warden(working: Working) -> None:
    async with working() as work:
        ended = await work.run("sh", "-c", "setsid sleep 60 & echo $! > pid; sleep 0.05")
        pid = int(await work.seen("pid"))
        assert ended.code == 0
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)


async def test_a_stopped_body_obeys_term(working: Working) -> None:
    async with working() as work:
        id = work.start("sh", "-c", "echo $$ > pid; kill -STOP $$; sleep 60")
        pid = int(await work.seen("pid"))
        await until(lambda: state_of(pid) == "T")
        work.commands.stop(id, 60)
        assert (await work.exited(id)).signal == signal.SIGTERM


async def test_a_flooded_log_keeps_its_head_and_tail(working: Working, tmp_path: Path) -> None:
    flood = 300 * MIB
    async with working() as work:
        ended = await work.run("sh", "-c", f"echo first; head -c {flood} /dev/zero; echo; echo last")
        assert ended.code == 0
        assert ended.message == ""
    log = tmp_path / "1.log"
    kept = logs.KEPT_BYTES
    total = len("first\n") + flood + len("\nlast\n")
    note = f"\n[… {total - 2 * kept} bytes left out here …]\n".encode()
    text = log.read_bytes()
    assert text[:kept] == b"first\n" + bytes(kept - 6)
    assert text[kept:-kept] == note
    assert text[-kept:] == bytes(kept - 6) + b"\nlast\n"
    assert log.stat().st_blocks * 512 < 20 * MIB


async def test_while_it_floods_the_middle_is_given_back(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        id = work.start("sh", "-c", "head -c 100000000 /dev/zero; echo done > ready; sleep 60")
        await work.seen("ready")
        await until(lambda: (tmp_path / "1.log").stat().st_blocks * 512 < 40 * MIB)
        assert (tmp_path / "1.log").stat().st_size == 100_000_000
        work.commands.stop(id, 0)
        await work.exited(id)


async def test_a_log_of_just_what_is_kept_is_left_alone(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        await work.run("head", "-c", str(2 * logs.KEPT_BYTES), "/dev/zero")
        assert (tmp_path / "1.log").read_bytes() == bytes(2 * logs.KEPT_BYTES)


TOO_LARGE = "the value on standard output is larger than 64 MiB; write it to a file output"


async def test_a_value_that_is_too_large_ends_its_body(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        ended = await work.run("sh", "-c", "head -c 80000000 /dev/zero; sleep 60", stdout="value")
        assert (ended.signal, ended.message) == (signal.SIGKILL, TOO_LARGE)
        assert (tmp_path / "value").stat().st_size == 0


async def test_a_value_too_large_is_seen_at_the_end_too(
    working: Working, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "VALUE_BYTES_MAX", 1000)
    async with working() as work:
        ended = await work.run("head", "-c", "1001", "/dev/zero", stdout="value")
        assert (ended.code, ended.message) == (0, TOO_LARGE)
        ended = await work.run("head", "-c", "1000", "/dev/zero", stdout="value")
        assert (ended.code, ended.message) == (0, "")


async def test_five_hundred_short_processes_leave_no_descriptor(working: Working) -> None:
    async with working() as work:
        await work.run("true")
        before = len(os.listdir("/proc/self/fd"))
        for id in [work.start("true") for _ in range(100)]:
            await work.exited(id)
        assert len(os.listdir("/proc/self/fd")) == before


ORPHANS = """
import ctypes, os, sys, time
import trio
sys.path.insert(0, sys.argv[1])
from executors_work import Work
from pathlib import Path

async def main():
    work = Work(Path(sys.argv[2]))
    async with trio.open_nursery() as nursery:
        await nursery.start(work.commands.serve)
        work.start("sleep", "60")
        for _ in range(5):
            await work.run("sh", "-c", "setsid sh -c 'exec sleep 0.05' & sleep 0.02")
        with trio.fail_after(20):
            while True:  # what is left below is the first sleep alone: the daemons were reaped, not only dead
                children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
                if len(children) == 1:
                    break
                await trio.sleep(0.01)
        print("reaped")
        nursery.cancel_scope.cancel()

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
trio.run(main)
"""


async def test_in_a_subreaper_ended_daemons_are_reaped(tmp_path: Path) -> None:
    done = await trio.run_process(
        [sys.executable, "-W", "error", "-c", ORPHANS, str(Path(__file__).parent), str(tmp_path)],
        capture_stdout=True,
        stderr=subprocess.STDOUT,
    )
    assert done.stdout.decode() == "reaped\n"
