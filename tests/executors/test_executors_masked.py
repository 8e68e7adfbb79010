"""Bodies that know secrets: what they write is masked on its way, and what they give is looked at."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from executors_work import ENV, Work, Working, is_alive, text_of, until

from cascade_dsl.executors import logs
from cascade_dsl.executors.masked import Masks
from cascade_dsl.executors.masking import Secrets, Stream
from cascade_dsl.executors.protocol import AttemptExited, AttemptSpec, CommandSpec, PythonSpec

pytestmark = pytest.mark.trio

SECRET = "correct horse battery"
MASKS = Secrets({"TOKEN": SECRET.encode()})
GIVEN = (("T", "TOKEN"),)


def command(work: Work, script: str, stdout: str | None = None) -> str:
    work.count += 1
    spec = AttemptSpec(
        id=str(work.count),
        work=CommandSpec(argv=("bash", "-c", script), stdout_path=stdout and str(work.folder / stdout)),
        cwd=str(work.folder),
        env={**ENV, "T": SECRET},
        log_path=str(work.folder / f"{work.count}.log"),
        secrets=GIVEN,
        masks=MASKS,
    )
    work.commands.start(spec)
    return spec.id


def python(work: Work, source: str, **fields: Any) -> str:
    work.count += 1
    result = str(work.folder / "results" / f"{work.count}.json")
    spec = AttemptSpec(
        id=str(work.count),
        work=PythonSpec(source=source, outputs={}, result_path=result, **fields),
        cwd=str(work.folder),
        env={**ENV, "T": SECRET},
        log_path=str(work.folder / f"{work.count}.log"),
        secrets=GIVEN,
        masks=MASKS,
    )
    work.python.start(spec)
    return spec.id


# ---- commands


async def test_both_streams_go_through_one_mask_in_their_order(working: Working) -> None:
    async with working() as work:
        ended = await work.exited(command(work, 'echo "a $T"; echo "b $T" >&2; printf "c ${T:0:5}"; printf "${T:5} d"'))
        assert (ended.code, ended.message) == (0, "")
        assert work.log() == "a ***\nb ***\nc *** d"


async def test_a_trace_of_the_shell_is_masked(working: Working) -> None:
    async with working() as work:
        await work.exited(command(work, 'set -x; : "u:$T"; printf %q "$T"; declare -p T'))
        assert work.log() == "+ : 'u:***'\n+ printf %q '***'\n***+ declare -p T\ndeclare -x T=\"***\"\n"


async def test_a_prompt_shows_while_the_body_waits(working: Working) -> None:
    async with working() as work:
        os.mkfifo(work.folder / "gate")
        id = command(work, 'printf "$T? Name: "; read x < gate')
        await until(lambda: (work.folder / "1.log").exists() and work.log(id) == "***? Name: ")
        (work.folder / "gate").write_text("go\n")
        assert (await work.exited(id)).code == 0


async def test_a_part_of_a_secret_waits_for_the_rest(working: Working) -> None:
    async with working() as work:
        os.mkfifo(work.folder / "gate")
        id = command(work, 'printf "> ${T:0:9}"; read x < gate; printf "${T:9}<"')
        await until(lambda: (work.folder / "1.log").exists() and work.log(id) != "")
        assert work.log(id) == "> "
        (work.folder / "gate").write_text("go\n")
        await work.exited(id)
        assert work.log(id) == "> ***<"


async def test_what_is_frozen_is_masked_up_to_where_it_stands_and_whole_when_it_goes_on(working: Working) -> None:
    async with working() as work:
        os.mkfifo(work.folder / "gate")
        script = 'exec 3<> gate; printf "x $T y ${T:0:9}"; touch written; read x <&3; head -c 300000 /dev/zero | tr "\\0" x; echo "${T:9} z"'
        id = command(work, script)
        await until(lambda: (work.folder / "written").exists())
        work.commands.freeze(id)
        await until(lambda: work.log(id) == "x *** y ")
        (work.folder / "gate").write_text("go\n")
        await trio.sleep(0.05)
        assert (work.log(id), work.outcomes) == ("x *** y ", {})
        work.commands.thaw(id)
        assert (await work.exited(id)).code == 0
        assert work.log(id) == "x *** y correct h" + "x" * 300_000 + "orse battery z\n", "no whole secret was written"


async def test_what_is_killed_while_it_is_frozen_has_its_whole_log(working: Working) -> None:
    async with working() as work:
        id = command(work, 'head -c 60000 /dev/zero | tr "\\0" x; printf "$T ${T:0:9}"; touch written; sleep 600')
        await until(lambda: (work.folder / "written").exists())
        work.commands.freeze(id)
        work.commands.stop(id, 0)
        assert (await work.exited(id)).signal == 9
        assert work.log(id)[-14:] == "x*** correct h", "as of one that ends so by itself"


async def test_a_value_comes_through_byte_for_byte(working: Working) -> None:
    data = bytes(range(256)) * 1000 + b"correct horse batter"
    async with working() as work:
        (work.folder / "data").write_bytes(data)
        ended = await work.exited(command(work, 'cat data; echo "$T" >&2', stdout="value"))
        assert (ended.code, ended.message) == (0, "")
        assert (work.folder / "value").read_bytes() == data
        assert work.log() == "***\n"


async def test_a_value_with_a_secret_is_none(working: Working) -> None:
    async with working() as work:
        ended = await work.exited(command(work, 'printf "x$T" | base64', stdout="value"))
        assert ended.message == ("its standard output contains the secret TOKEN: a result is kept, a secret is not")
        assert b"***" in (work.folder / "value").read_bytes()
        ended = await work.exited(command(work, 'echo "$T"; exit 3', stdout="value"))
        assert (ended.code, ended.message) == (3, "")


async def test_a_daemon_that_keeps_the_pipe_does_not_hold_up_the_end(working: Working) -> None:
    async with working() as work:
        script = (
            "setsid bash -c 'echo $$ > pid; while [ ! -e go ]; do read -t 0.01 < quiet || :; done; echo \"late $T\"' & "
        )
        os.mkfifo(work.folder / "quiet")
        keep = os.open(work.folder / "quiet", os.O_RDWR)
        id = command(work, script + "while [ ! -s pid ]; do :; done; echo done")
        assert (await work.exited(id)).code == 0
        assert work.log(id) == "done\n"
        pid = int((work.folder / "pid").read_text())
        assert is_alive(pid)
        (work.folder / "go").touch()
        await until(lambda: work.log(id) == "done\nlate ***\n")
        os.close(keep)


async def test_the_log_is_whole_when_the_outcome_is_known(working: Working) -> None:
    async with working() as work:
        for _ in range(10):
            await work.exited(command(work, 'head -c 500000 /dev/zero | tr "\\0" x; printf "end $T"'))
            assert work.log() == "x" * 500_000 + "end ***"


async def test_what_is_in_the_pipe_is_read_before_the_end_is_told(tmp_path: Path) -> None:
    """Also where the thread is behind."""
    masks, behind, drained = Masks(), threading.Event(), trio.Event()
    log = logs.open_log(str(tmp_path / "log"))
    (pipe,), (end,) = masks.through(MASKS, (log,))
    masks._order(lambda: [None, None][behind.wait(10)])  # pyright: ignore[reportPrivateUsage]
    os.write(end, b"the end: correct horse battery")
    os.close(end)
    masks.drain([pipe], drained.set)
    behind.set()
    with trio.fail_after(30):
        await drained.wait()
    assert text_of(tmp_path / "log") == "the end: ***"
    assert pipe.seen == {"TOKEN"}
    masks.close()
    os.close(log)


async def test_what_cannot_be_masked_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Stream, data: bytes) -> bytes:
        raise RecursionError

    monkeypatch.setattr(Stream, "feed", broken)
    masks, drained = Masks(), trio.Event()
    log = logs.open_log(str(tmp_path / "log"))
    (pipe,), (end,) = masks.through(MASKS, (log,))
    os.write(end, SECRET.encode())
    os.close(end)
    masks.drain([pipe], drained.set)
    with trio.fail_after(30):
        await drained.wait()
    assert text_of(tmp_path / "log") == "[21 bytes could not be masked: RecursionError]\n"
    assert pipe.fault == "it could not be masked"
    masks.close()
    os.close(log)


async def test_a_body_that_closes_its_streams_goes_on(working: Working) -> None:
    async with working() as work:
        ended = await work.exited(command(work, 'echo "$T"; exec >&- 2>&-; echo more > file; exit 4'))
        assert ended.code == 4
        assert work.log() == "***\n"
        assert (work.folder / "file").read_text() == "more\n"


async def test_a_flood_keeps_its_head_and_its_tail(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "KEPT_BYTES", 1 << 20)
    async with working() as work:
        await work.exited(command(work, 'echo "head $T"; yes "line $T" | head -c 8000000; echo "tail $T"'))
        log = work.log()
        assert log.startswith("head ***\nline ***\n")
        assert log.endswith("tail ***\n")
        assert "bytes left out here" in log
        assert SECRET not in log


async def test_a_body_that_cannot_start_leaves_no_pipe(working: Working) -> None:
    async with working() as work:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            work.count += 1
            spec = AttemptSpec(
                id=str(work.count), work=CommandSpec(argv=("/no/such",)), cwd="/", env={}, masks=MASKS,
                log_path=str(work.folder / "x.log"),
            )  # fmt: skip
            work.commands.start(spec)
            await work.outcome(spec.id)
        await work.exited(command(work, "true"))
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)  # the bell and the epoll of the thread


async def test_the_secret_is_in_no_command_line(working: Working) -> None:
    async with working() as work:
        os.mkfifo(work.folder / "gate")
        id = command(work, "read x < gate")
        assert not any(SECRET.encode() in line for line in _command_lines())
        (work.folder / "gate").write_text("go\n")
        await work.exited(id)


def _command_lines() -> list[bytes]:
    found: list[bytes] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


# ---- python


async def test_what_a_body_prints_and_raises_is_masked_in_its_log(working: Working) -> None:
    async with working() as work:
        ended = await work.exited(
            python(work, "import os\nprint(os.environ['T'])\nos.system('echo $T')\nraise ValueError(os.environ['T'])")
        )
        assert ended.code == 1
        log = work.log()
        assert log.startswith("***\n***\nTraceback")
        assert log.endswith("ValueError: ***\n")


async def test_a_worker_does_not_have_secrets_between_calls(working: Working) -> None:
    async with working() as work:
        look = "import os; return [os.getpid(), 'T' in os.environ, open('/proc/self/environ').read().count('horse')]"
        first = _value(await work.exited(python(work, look)))
        again = _value(await work.exited(python(work, look)))
        other = _value(await work.call(look))
        assert first == again
        assert first[1:] == [True, 0]
        assert other[0] != first[0], "what a module remembers of a secret stays with those that are given it"
        assert other[1:] == [False, 0]
        assert "horse" not in text_of(f"/proc/{first[0]}/environ")


async def test_a_long_call_has_its_log_too(working: Working) -> None:
    async with working() as work:
        ended = await work.exited(
            python(work, "import os; print(os.environ['T']); return len(x)", inputs='{"x": "%s"}' % ("y" * 100_000))
        )
        assert ended.result == "100000"
        assert work.log() == "***\n"


def _value(ended: AttemptExited) -> Any:
    import json

    assert ended.result is not None, ended
    return json.loads(ended.result)
