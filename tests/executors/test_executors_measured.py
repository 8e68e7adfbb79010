"""What attempts used: memory of all their processes, CPU, bytes, of commands and of calls in workers."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import pytest
import trio
from executors_work import Working, is_alive, on_disk, text_of, until

from cascade_dsl.executors import monitor
from cascade_dsl.executors.protocol import AttemptExited

pytestmark = pytest.mark.trio
MB = 1_000_000
HOLD = "import os, time; {}\nwhile not os.path.exists('go'): time.sleep(0.01)"
"""A program that does something, then waits for the file `go`."""


def holding(what: str) -> tuple[str, ...]:
    return sys.executable, "-c", HOLD.format(what)


def quoted(argv: tuple[str, ...]) -> str:
    import shlex

    return shlex.join(argv)


async def test_the_peak_is_of_all_processes_also_of_those_in_sessions_of_their_own(
    working: Working, tmp_path: Path
) -> None:
    one = quoted(holding("x = bytearray(70_000_000)"))
    async with working() as work:
        id = work.start("sh", "-c", f"setsid {one} & {one}; wait")
        await until(lambda: work.monitor.all[0].peak > 140 * MB)
        (tmp_path / "go").touch()
        used = (await work.exited(id)).used
        assert 140 * MB < used.peak_bytes < 200 * MB
        assert used.peak_from == "sampled"


async def test_what_a_dead_parent_leaves_behind_still_counts(working: Working, tmp_path: Path) -> None:
    # The one in the middle is killed when its child has been seen: the child then belongs to nobody.
    child = "while not os.path.exists('seen'): time.sleep(0.01)\nx = bytearray(70_000_000)\ntime.sleep(600)"
    middle = f"import os, time\nos.setsid()\nif os.fork():\n  time.sleep(600)\n{child}"
    async with working() as work:
        id = work.start(
            "sh", "-c", f"{quoted((sys.executable, '-c', middle))} & while [ ! -e go ]; do sleep 0.01; done"
        )
        watch = work.monitor.all[0]
        await until(lambda: any(parent_of(pid) in watch.known for pid in list(watch.known)))
        middle_pid = next(p for p in (parent_of(pid) for pid in list(watch.known)) if p in watch.known)
        os.kill(middle_pid, 9)
        (tmp_path / "seen").touch()
        await until(lambda: watch.peak > 70 * MB)
        (tmp_path / "go").touch()
        assert (await work.exited(id)).used.peak_bytes > 70 * MB


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


async def test_memory_that_forked_processes_share_counts_once(working: Working, tmp_path: Path) -> None:
    forks = "x = bytearray(b'1') * 100_000_000\nfor _ in range(5):\n  if os.fork() == 0: break"
    async with working() as work:
        id = work.start(*holding(forks), mem=200 * MB)
        await until(lambda: len(work.monitor.all[0].known) == 5 and work.monitor.all[0].looks > 8)
        (tmp_path / "go").touch()
        ended = await work.exited(id)
        assert ended.over_bytes == 0
        assert 100 * MB < ended.used.peak_bytes < 200 * MB


async def test_a_process_that_is_being_started_does_not_double_its_parent(working: Working, tmp_path: Path) -> None:
    # Until it begins a program of its own it runs in its parent's memory: held there by a pipe that nobody writes to.
    spawns = (
        "import os; x = bytearray(b'1') * 100_000_000\n"
        "opens = [(os.POSIX_SPAWN_OPEN, 0, 'pipe', os.O_RDONLY, 0)]\n"
        "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}, file_actions=opens), 0)"
    )
    os.mkfifo(tmp_path / "pipe")
    async with working() as work:
        id = work.start(sys.executable, "-c", spawns, mem=150 * MB)
        watch = work.monitor.all[0]
        await until(lambda: bool(watch.known))
        looks = watch.looks
        await until(lambda: watch.looks > looks + 3 or not watch.wanted)
        writer = os.open(tmp_path / "pipe", os.O_RDWR)  # never blocks
        ended = await work.exited(id)
        os.close(writer)
        assert (ended.code, ended.over_bytes) == (0, 0)
        assert 100 * MB < ended.used.peak_bytes < 150 * MB


async def test_files_that_are_read_or_mapped_do_not_count(working: Working, tmp_path: Path) -> None:
    file = on_disk(tmp_path) / f"big-{os.getpid()}"
    file.write_bytes(bytes(120 * MB))
    maps = f"import mmap; f = open({str(file)!r}, 'rb'); m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ); sum(m[::4096])"
    try:
        async with working() as work:
            id = work.start(*holding(maps), mem=60 * MB)
            await until(lambda: work.monitor.all[0].mapped > 120 * MB)
            (tmp_path / "go").touch()
            ended = await work.exited(id)
    finally:
        file.unlink()
    assert (ended.code, ended.over_bytes) == (0, 0)
    assert ended.used.peak_bytes < 60 * MB


async def test_a_short_one_is_said_to_have_used_no_more_than_its_parent_had(working: Working) -> None:
    async with working() as work:
        work.monitor.close()  # nobody looks
        used = (await work.run("true")).used
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert used.peak_from == "atmost"
        assert 0 < used.peak_bytes <= own + MB
        size = own + 60 * MB
        used = (await work.run(sys.executable, "-c", f"x = bytearray(b'1') * {size}")).used
        assert used.peak_from == "process"
        assert size < used.peak_bytes < size + 30 * MB


async def test_cpu_and_bytes_are_those_of_the_whole_tree(working: Working, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(bytes(5 * MB))
    busy = quoted((sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"))
    async with working() as work:
        ended = await work.run("sh", "-c", f"{busy}; cat in > out; exit 3", cwd=tmp_path)
        used = ended.used
        assert ended.code == 3
        assert used.cpu_ms >= 300
        assert 5 * MB <= used.read_bytes < 15 * MB
        assert 5 * MB <= used.written_bytes < 6 * MB
        assert used.wall_ms >= used.cpu_ms // (2 * (os.cpu_count() or 1))


async def test_cpu_of_what_is_killed_with_the_group_counts(working: Working, tmp_path: Path) -> None:
    busy = quoted((sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass\nopen('done', 'w').write('1')\ntime.sleep(60)"))  # fmt: skip
    async with working() as work:
        ended = await work.run("sh", "-c", f"{busy} & while [ ! -e done ]; do sleep 0.01; done", cwd=tmp_path)
        assert ended.code == 0
        # Without being their subreaper we may not wait for them: then only what the leader waited for counts.
        if os.environ.get("CASCADE_TEST_SUBREAPER"):
            assert ended.used.cpu_ms >= 200


# ---- held to a demand -------------------------------------------------------------------------------------------

BIG = "import time; x = bytearray(b'1') * 150_000_000; time.sleep(600)"


def state_of(pid: int) -> str:
    return text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]


def is_over(ended: AttemptExited) -> bool:
    bound = monitor.bound_of(60 * MB)
    return ended.over_bytes >= bound and ended.used.peak_bytes >= ended.over_bytes and ended.code != 0


async def test_who_uses_more_than_it_asked_for_is_ended(working: Working) -> None:
    async with working() as work:
        ended = await work.run(sys.executable, "-c", BIG, mem=60 * MB)
        assert is_over(ended)
        assert ended.signal == 9


async def test_a_command_of_a_shell_that_goes_on_is_ended_too(working: Working, tmp_path: Path) -> None:
    big = quoted((sys.executable, "-c", BIG))
    async with working() as work:
        ended = await work.run("sh", "-c", f"{big} || true; touch went-on; sleep 600", mem=60 * MB)
        assert is_over(ended)
        assert not (tmp_path / "went-on").exists()


async def test_what_left_the_group_is_counted_and_ended(working: Working, tmp_path: Path) -> None:
    big = quoted((sys.executable, "-c", f"import os; open('pid', 'w').write(str(os.getpid())); {BIG}"))
    async with working() as work:
        ended = await work.run("sh", "-c", f"setsid {big} & wait; sleep 600", mem=60 * MB)
        assert is_over(ended)
        pid = int((tmp_path / "pid").read_text())
        await until(lambda: not is_alive(pid))


@pytest.mark.parametrize("strays", [False, True], ids=["group", "strays"])
async def test_what_is_found_to_use_too_much_while_it_is_frozen_is_ended(
    working: Working, tmp_path: Path, strays: bool
) -> None:
    big = quoted((sys.executable, "-c", f"import os; open('pid', 'w').write(str(os.getpid())); {BIG}"))
    async with working() as work:
        id = work.start("sh", "-c", f"{'setsid ' if strays else ''}{big} & wait; sleep 600", mem=600 * MB)
        pid = int(await work.seen("pid"))
        (watch,) = work.monitor.all
        await until(lambda: watch.peak > 60 * MB)
        work.commands.freeze(id)
        await until(lambda: state_of(pid) == "T")
        looks = watch.looks
        await until(lambda: watch.looks > looks + 2)
        watch.bound = monitor.bound_of(60 * MB)
        assert is_over(await work.exited(id))
        await until(lambda: not is_alive(pid))


async def test_several_small_ones_are_too_much_together(working: Working) -> None:
    small = quoted((sys.executable, "-c", "import time; x = bytearray(b'1') * 40_000_000; time.sleep(600)"))
    async with working() as work:
        assert is_over(await work.run("sh", "-c", f"{small} & {small} & {small}", mem=60 * MB))


async def test_who_asked_for_nothing_is_held_to_nothing(working: Working, tmp_path: Path) -> None:
    async with working() as work:
        id = work.start(*holding("x = bytearray(b'1') * 150_000_000"))
        await until(lambda: work.monitor.all[0].peak > 150 * MB)
        (tmp_path / "go").touch()
        ended = await work.exited(id)
        assert (ended.code, ended.over_bytes) == (0, 0)


async def test_a_twentieth_more_is_borne(working: Working, tmp_path: Path) -> None:
    assert monitor.bound_of(100 * MB) == 105 * MB
    async with working() as work:
        small = work.start(*holding("x = b''"))
        await until(lambda: work.monitor.all[0].looks > 3)
        (tmp_path / "go").touch()
        bare = (await work.exited(small)).used.peak_bytes
        (tmp_path / "go").unlink()
        demand = int((bare + 100 * MB) * 0.975)
        large = work.start(*holding("x = bytearray(b'1') * 100_000_000"), mem=demand)
        await until(lambda: work.monitor.all[1].looks > 3 and work.monitor.all[1].peak > demand)
        (tmp_path / "go").touch()
        assert (await work.exited(large)).over_bytes == 0


# ---- calls ------------------------------------------------------------------------------------------------------


async def test_a_call_answers_for_itself_and_not_for_those_before_it(working: Working) -> None:
    async with working() as work:
        busy = "import time\nx = bytearray(b'1') * 150_000_000\nopen('f', 'wb').write(x[:5_000_000])\nwhile time.process_time() < 0.5: pass\nimport os; return os.getpid()"  # fmt: skip
        first = await work.call(busy)
        second = await work.call("import os; return os.getpid()")
        assert first.result == second.result  # one worker
        assert first.used.peak_bytes > 150 * MB
        assert 1 * MB < second.used.peak_bytes < 100 * MB
        assert first.used.cpu_ms > 300 > second.used.cpu_ms
        assert first.used.written_bytes >= 5 * MB > second.used.written_bytes


async def test_a_call_that_dies_answers_for_itself(working: Working) -> None:
    async with working() as work:
        busy = "import time\nwhile time.process_time() < 0.5: pass\nopen('f', 'wb').write(bytes(5_000_000))"
        await work.call(busy)
        dead = await work.call("import os; os.kill(os.getpid(), 9)")
        assert dead.signal == 9
        assert dead.used.cpu_ms < 400
        assert dead.used.written_bytes < 5 * MB


async def test_children_of_a_call_count(working: Working) -> None:
    child = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', \"x = bytearray(b'1') * 400_000_000\"], check=True)"
    async with working() as work:
        assert (await work.call(child)).used.peak_bytes > 400 * MB
        assert (await work.call("return 1")).used.peak_bytes < 400 * MB


async def test_a_call_that_uses_more_than_it_asked_for_is_ended(working: Working) -> None:
    async with working() as work:
        pid = (await work.call("import os; return os.getpid()")).result
        ended = await work.call(BIG, mem=60 * MB)
        assert is_over(ended)
        assert ended.signal == 9
        again = await work.call("import os; return os.getpid()", mem=60 * MB)
        assert again.code == 0
        assert again.result != pid


async def test_a_child_of_a_call_in_a_session_of_its_own_is_ended_too(working: Working, tmp_path: Path) -> None:
    child = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {BIG!r}], start_new_session=True)\n"
        "open('pid', 'w').write(str(p.pid))\np.wait()"
    )
    async with working() as work:
        assert is_over(await work.call(child, mem=60 * MB))
        pid = int((tmp_path / "pid").read_text())
        await until(lambda: not is_alive(pid))


async def test_what_earlier_calls_left_in_a_worker_is_not_put_down_to_a_later_one(working: Working) -> None:
    hoards = "import os, sys\nsys.hoard = bytearray(b'1') * 150_000_000\nreturn os.getpid()"
    async with working() as work:
        first = await work.call(hoards)
        later = await work.call("import os, time\ntime.sleep(0.3)\nreturn os.getpid()", mem=60 * MB)
        assert later.code == 0
        assert later.result != first.result
        free = await work.call("import os; return os.getpid()")
        assert free.result in (first.result, later.result)


async def test_nothing_is_left_of_the_monitor(working: Working) -> None:
    async with working() as work:
        await work.run("true")
        await work.call("return 1")
        with trio.fail_after(60):
            await until(lambda: all(not w.wanted for w in work.monitor.all))
