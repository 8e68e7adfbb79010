"""Real processes, really killed: whichever of warden and engine dies, nothing of the run lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from executors_work import is_alive

from cascade_dsl.runtime.warden import sweep

PROGRAM = """
import os, signal, sys, time
from cascade_dsl.runtime.warden import start_death_watch, supervise

def run_tasks(folder, ready):
    import trio
    from cascade_dsl.executors.process import ProcessExecutor
    from cascade_dsl.executors.protocol import AttemptSpec, CommandSpec, PythonSpec
    from cascade_dsl.executors.python import PythonExecutor

    env = {"PATH": os.environ["PATH"], "CASCADE_RUN": os.environ["MARK"]}
    shell = {
        "plain": "touch plain; exec sleep 300",
        "background": "sleep 300 & sleep 300 & touch background; wait",
        "stubborn": "trap '' TERM HUP INT; touch stubborn; while :; do sleep 300; done",
        "daemon": "setsid sh -c 'sleep 300 & sleep 300' > /dev/null 2>&1 & sleep 0.1; touch daemon",
    }
    double = (
        "import os, time\\n"
        "if os.fork() == 0:\\n"
        "    os.setsid()\\n"
        "    if os.fork() == 0:\\n"
        "        open('double', 'w').close()\\n"
        "        time.sleep(300)\\n"
        "    os._exit(0)\\n"
        "time.sleep(300)\\n"
    )

    async def main():
        commands, python = ProcessExecutor(print), PythonExecutor(print)
        async with trio.open_nursery() as nursery:
            await nursery.start(commands.serve)
            await nursery.start(python.serve)
            for name, script in shell.items():
                commands.start(AttemptSpec(
                    id=name, work=CommandSpec(argv=("sh", "-c", script)), cwd=folder, env=env, log_path=folder + "/log"))
            python.start(AttemptSpec(
                id="py", work=PythonSpec(source=double, outputs={}, result_path=folder + "/r"), cwd=folder, env=env,
                log_path=folder + "/log"))
            names = [*shell, "double"]
            while not all(os.path.exists(f"{folder}/{name}") for name in names):
                await trio.sleep(0.005)
            ready()
            if MODE == "busy":
                while True:
                    pass
            await trio.sleep_forever()

    trio.run(main)

def ready():
    print(os.getpid(), flush=True)

def engine(fd):
    start_death_watch(fd)
    if MODE == "end":
        os.system("setsid sleep 300 & sleep 300 &")
        return 7
    if MODE == "raise":
        raise ValueError("a fault")
    if MODE == "exit":
        sys.exit("sentence")
    if MODE == "signals":
        got = []
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda number, frame: got.append(number))
        ready()
        while sorted(got) != [signal.SIGHUP, signal.SIGTERM]:
            time.sleep(0.001)
        return 0
    if MODE == "early":
        ready()
        time.sleep(300)
    os.chdir(sys.argv[2])
    run_tasks(sys.argv[2], ready)

MODE = sys.argv[1]
sys.exit(supervise(engine))
"""


class Run:
    """A warden with its engine and what they started, all known by a mark in their environment."""

    def __init__(self, mark: str, mode: str, folder: Path, *, before: str = "") -> None:
        self.mark = mark
        env = {**os.environ, "MARK": mark}
        argv = [sys.executable, "-W", "error", "-c", PROGRAM, mode, str(folder)]
        if before:
            argv = ["sh", "-c", before + ' exec "$@"', "sh", *argv]
        self.warden = subprocess.Popen(
            argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def wait_ready(self) -> int:
        """The engine's pid, once all tasks run."""
        assert self.warden.stdout is not None
        line = ""
        while not line.strip().isdigit():  # outcomes of tasks that ended are printed too
            line = self.warden.stdout.readline()
            assert line, self.warden.communicate()
        return int(line)

    def alive(self) -> list[int]:
        """What lives of the tasks."""
        return marked(f"CASCADE_RUN={self.mark}")


def marked(entry: str) -> list[int]:
    found: list[int] = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            environ = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if entry.encode() in environ and is_alive(int(name)):
            found.append(int(name))
    return found


def gone(run: Run, *pids: int) -> bool:
    """Wait until nothing of a run lives; False where that takes far too long."""
    for _ in range(2000):
        if not run.alive() and not any(is_alive(pid) for pid in pids):
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def mark() -> Iterator[str]:
    name = f"test-{uuid4().hex}"
    yield name
    for entry in (f"CASCADE_RUN={name}", f"MARK={name}"):
        for pid in marked(entry):
            os.kill(pid, signal.SIGKILL)


def test_the_engine_killed(mark: str, tmp_path: Path) -> None:
    run = Run(mark, "tasks", tmp_path)
    engine = run.wait_ready()
    assert len(run.alive()) >= 8
    os.kill(engine, signal.SIGKILL)
    _, errors = run.warden.communicate()
    assert run.warden.returncode == 128 + signal.SIGKILL
    assert errors == (
        "cascade: the engine was killed by SIGKILL (CSC520); finished work is kept: go on with `cascade continue`\n"
    )
    assert run.alive() == []


@pytest.mark.parametrize("mode", ["tasks", "busy"])
def test_the_warden_killed(mark: str, tmp_path: Path, mode: str) -> None:
    run = Run(mark, mode, tmp_path)
    engine = run.wait_ready()
    assert len(run.alive()) >= 8
    run.warden.kill()
    run.warden.communicate()
    assert gone(run, engine)
    assert marked(f"MARK={mark}") == []


def test_both_killed_then_swept(mark: str, tmp_path: Path) -> None:
    run = Run(mark, "tasks", tmp_path)
    engine = run.wait_ready()
    os.kill(run.warden.pid, signal.SIGSTOP)  # so that neither can act on the other's death
    os.kill(engine, signal.SIGSTOP)
    os.kill(engine, signal.SIGKILL)
    run.warden.kill()
    run.warden.communicate()
    while is_alive(engine):
        time.sleep(0.001)
    left = run.alive()
    assert len(left) >= 7  # idle workers may have read end-of-file
    assert sweep([mark, "another"]) >= 7
    assert run.alive() == []
    assert sweep([mark]) == 0


def test_a_killed_engine_that_had_begun_nothing(mark: str, tmp_path: Path) -> None:
    run = Run(mark, "early", tmp_path)
    os.kill(run.wait_ready(), signal.SIGTERM)
    _, errors = run.warden.communicate()
    assert run.warden.returncode == 128 + signal.SIGTERM
    assert errors == (
        "cascade: the engine was killed by SIGTERM (CSC520); finished work is kept: go on with `cascade continue`\n"
    )


def test_an_end_leaves_nothing_and_passes_its_code(mark: str, tmp_path: Path) -> None:
    run = Run(mark, "end", tmp_path)
    output, errors = run.warden.communicate()
    assert (run.warden.returncode, output, errors) == (7, "", "")
    assert marked(f"MARK={mark}") == []


def test_an_engine_that_raises(mark: str, tmp_path: Path) -> None:
    run = Run(mark, "raise", tmp_path)
    _, errors = run.warden.communicate()
    assert run.warden.returncode == 70
    assert errors.endswith("\nValueError: a fault\n")


def test_an_engine_that_exits_with_a_sentence(mark: str, tmp_path: Path) -> None:
    run = Run(mark, "exit", tmp_path)
    _, errors = run.warden.communicate()
    assert (run.warden.returncode, errors) == (1, "sentence\n")


def test_term_and_hup_are_passed_on_and_int_is_the_engines_own(mark: str, tmp_path: Path) -> None:
    run = Run(mark, "signals", tmp_path)
    run.wait_ready()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        run.warden.send_signal(number)
    _, errors = run.warden.communicate()
    assert (run.warden.returncode, errors) == (0, "")


def test_children_of_the_shell_that_became_the_warden_are_spared(mark: str, tmp_path: Path) -> None:
    run = Run(
        mark, "end", tmp_path, before="sleep 300 > /dev/null 2>&1 & echo $! > pid;".replace("pid", f"{tmp_path}/pid")
    )
    run.warden.communicate()
    assert run.warden.returncode == 7
    own = int((tmp_path / "pid").read_text())
    assert is_alive(own)
    assert marked(f"MARK={mark}") == [own]


SWEEPER = """
import os, subprocess, sys
from cascade_dsl.runtime.warden import sweep
child = subprocess.Popen(["sleep", "300"])
stranger = subprocess.Popen(["sleep", "300"], env={**os.environ, "CASCADE_RUN": "live"})
print(sweep([]), sweep([os.environ["CASCADE_RUN"]]), child.wait(), stranger.poll())
stranger.kill()
stranger.wait()
"""


def test_a_sweep_spares_itself_its_ancestors_and_other_runs(mark: str) -> None:
    inner = [sys.executable, "-c", SWEEPER]
    outer = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    done = subprocess.run(
        [sys.executable, "-c", outer, *inner], env={**os.environ, "CASCADE_RUN": mark}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 1 -9 None\n", "")


def test_the_warden_is_light() -> None:
    code = "import sys, cascade_dsl.runtime.warden; print([m for m in sys.modules if m.startswith(('trio', 'cascade_dsl.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['cascade_dsl.runtime', 'cascade_dsl.runtime.warden']\n"
