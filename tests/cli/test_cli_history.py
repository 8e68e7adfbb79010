"""`history`, `show` and `log` of real runs: over, failed, cached, steered, live; and what is said where there is nothing."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_runs import COMMAND, Project
from syrupy.assertion import SnapshotAssertion

PROGRAM = """\
param who: str = "oslo"
param top: int = 3
task say(n: int) -> str { retry 1 backoff 1ms..2ms; sh "echo try {{attempt}} of {{n}} >&2; test {{n}} -lt 2 || test {{attempt}} = 2; echo {{n}}" }
task use(s: list[str], who: str) -> out: file = "out/{{who}}.txt" { sh "echo {{s}} > {{out}}" }
task bad(who: str) { sh "echo no luck >&2; exit 3" }
task never(x: str) -> str { sh "echo {{x}}" }
xs = [say(n) for n in range(top)]
used = use(xs, who)
ruin = bad(who)
late = never("a") after ruin
output o = used
"""
_WHEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\b\d\d:\d\d:\d\d\b")


def masked(project: Project, text: str) -> str:
    """What differs from run to run; a time keeps its width, since it stands in columns."""
    text = re.sub(r" +\d+\.\d+s| +\d+s", lambda found: " " * (len(found[0]) - 4) + "TIME", text)
    return project.shown(_WHEN.sub(lambda found: "WHEN".ljust(len(found[0])), text))


def masked_json(text: str) -> Any:
    """A document without instants and lengths of time."""
    return json.loads(
        re.sub(r'("(?:started|seconds|at|queued)": )[\d.e-]+|("(?:versions|used)": )\{[^}]*\}', r'\1\2"T"', text)
    )


def test_runs_that_are_over(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("p.csc", PROGRAM)
    first = project.cascade("run", "p.csc", "-k", "--json").json
    second = project.cascade("run", "p.csc", "--json", "--top", "2", "--keep-going").json
    assert masked(project, project.cascade("history").out) == snapshot(name="history")
    rows = project.cascade("history", "--json").json["runs"]
    assert [row["run"] for row in rows] == [second["run"], first["run"]], "the newest first"
    for row, result in zip(rows, (second, first), strict=True):
        assert row["status"] == result["status"] == "failed"
        assert row["nodes"] == {k: result["nodes"][k] for k in ("done", "cached", "failed")}
        assert 0 < row["seconds"] < 60
    assert len(project.cascade("history", "-n", "1").out.splitlines()) == 2
    assert masked(project, project.cascade("show", first["run"]).out) == snapshot(name="show the first")
    assert masked(project, project.cascade("show").out) == snapshot(name="show the newest, with cached ones")
    document = project.cascade("show", first["run"][-3:], "--json")
    assert masked_json(project.shown(document.out)) == snapshot(name="show as json")
    shown = document.json
    assert {k: shown["nodes"][k] for k in first["nodes"]} == first["nodes"]
    assert shown["outputs"] == first["outputs"]
    assert shown["failures"] == [{**f, "log": shown["failures"][n]["log"]} for n, f in enumerate(first["failures"])]


def test_names_of_logs(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("p.csc", PROGRAM)
    assert project.cascade("run", "p.csc", "-k").code == 1
    assert project.cascade("log", "xs[2]").out == project.cascade("log", "xs.2").out == "try 2 of 2\n"
    assert project.cascade("log", "xs.2", "--attempt", "1").out == "try 1 of 2\n"
    followed = project.cascade("log", "xs.2", "-f")
    assert (followed.code, followed.out, followed.err) == (0, "try 2 of 2\n", "xs[2]: attempt 2: done\n")
    followed = project.cascade("log", "ruin", "--follow")
    assert (followed.code, followed.out, followed.err) == (0, "no luck\n", "ruin: attempt 1: exit 3\n")
    first = project.runs()[-1]
    assert project.cascade("run", "p.csc", "-k").code == 1
    said: list[str] = []
    for words in (["xs"], ["say"], ["xs.9"], ["usd"], ["late"], ["xs.1"], ["used"], ["bad"], ["ruin", "--attempt", "4"],
                  ["o"], ["a.b.c.d"], ["ruin", "--attempt", "x"], ["-f", "xs"], ["-f", "nothing"]):  # fmt: skip
        done = project.cascade("log", *words)
        assert (done.code, done.out) == (2, ""), words
        said.append(f"$ cascade log {' '.join(words)}\n{project.shown(done.err)}")
    assert "\n".join(said) == snapshot
    assert project.cascade("log", "xs.2", "--run", first).out == "try 2 of 2\n"


STEERED = """\
task wait(n: int) -> str { sh "echo begun {{n}} >&2; cat gate/{{n}} >&2; echo {{n}}" }
xs = [wait(n) for n in range(3)]
output o = xs
"""


def test_what_was_done_to_a_run(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("p.csc", STEERED)
    project.fifos(range(3))
    run = project.start("run", "p.csc", "-j", "2", "--limit", "task:wait 2")
    project.wait_started(2)
    for words in (["limit", "task:wait", "1", "because", "they asked"], ["pause", "--because", "lunch"], ["resume"], ["unlimit", "task:wait"], ["limit", "mem", "3GB"]):  # fmt: skip
        done = project.cascade(*words)
        assert done.code == 0, done.err
    live = project.cascade("history", "--json").json["runs"]
    assert [(row["status"], row["live"]) for row in live] == [("running", True)]
    shown = project.cascade("show", "--json").json
    assert [(n["node"], n["state"]) for n in shown["instances"]] == [("xs[0]", "running"), ("xs[1]", "running")]
    project.open_gates("gate")
    assert run.finish().code == 0
    assert masked(project, project.cascade("show").out) == snapshot


# ---- following --------------------------------------------------------------------------------------------------


class Followed:
    """`cascade log -f`, its output read as it comes."""

    def __init__(self, project: Project, *args: str) -> None:
        self.project = project
        self.out, self.err = project.folder / "followed.out", project.folder / "followed.err"
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "log", "-f", *args], cwd=project.folder, env=project.env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=err,
            )  # fmt: skip

    def wait_for(self, text: str, where: str = "out") -> None:
        path = self.out if where == "out" else self.err

        def came() -> bool:
            assert self.process.poll() is None or text in path.read_text(), self.err.read_text()
            return text in path.read_text()

        from live_runs import wait_until

        wait_until(came, f"{text!r} in {path.read_text()!r}")


@pytest.fixture
def follow(project: Project) -> Any:
    begun: list[Followed] = []

    def start(*args: str) -> Followed:
        begun.append(Followed(project, *args))
        return begun[-1]

    yield start
    for each in begun:
        each.process.kill()
        each.process.wait()


RETRIED = """\
task first() { sh "cat gate/first" }
task say() { retry 2 backoff 1ms..2ms; sh "echo begun {{attempt}}; cat gate/{{attempt}}; test {{attempt}} = 3" }
f = first()
say() after f
"""


def test_following_goes_through_all_attempts(project: Project, follow: Callable[..., Followed]) -> None:
    project.write("p.csc", RETRIED)
    project.fifos(["first", 1, 2, 3])
    run = project.start("run", "p.csc")
    project.wait_started(1)
    tail = follow("say")
    tail.wait_for("say has not been started yet\n", "err")
    assert tail.out.read_text() == ""
    project.open_gate("first")
    for attempt in (1, 2, 3):
        tail.wait_for("".join(f"begun {n}\n" for n in range(1, attempt + 1)))
        project.open_gate(attempt)
    assert run.finish().code == 0
    assert tail.process.wait(20) == 0
    assert tail.out.read_text() == "begun 1\nbegun 2\nbegun 3\n"
    assert re.sub(r"0\.0s", "TIME", tail.err.read_text()) == (
        "say has not been started yet\nsay: attempt 1: exit 1; again in TIME\nsay: attempt 2: exit 1; again in TIME\n"
        "say: attempt 3: done\n"
    )


def test_ctrl_c_leaves_and_the_run_goes_on(project: Project, follow: Callable[..., Followed]) -> None:
    project.write("p.csc", STEERED)
    project.fifos(range(3))
    run = project.start("run", "p.csc")
    project.wait_live()
    tail = follow("xs.1")
    tail.wait_for("begun 1\n")
    used = _cpu_s(tail.process.pid)
    time.sleep(1.0)  # what it costs to wait is what is measured
    assert _cpu_s(tail.process.pid) - used < 0.2, "it does not spin"
    tail.process.send_signal(signal.SIGINT)
    assert tail.process.wait(20) == 130
    assert tail.err.read_text() == ""
    project.open_gates()
    assert run.finish().code == 0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_following_ends_with_a_run_that_is_stopped(project: Project, follow: Callable[..., Followed]) -> None:
    project.write("p.csc", RETRIED)
    project.fifos(["first", 1, 2, 3])
    run = project.start("run", "p.csc")
    project.wait_started(1)
    tail = follow("say")
    tail.wait_for("say has not been started yet\n", "err")
    run.warden.send_signal(signal.SIGTERM)
    assert run.finish().code == 130
    assert tail.process.wait(20) == 2
    assert "`say` has not been started: it has no log in the run" in tail.err.read_text()


FLOOD = """\
task flood() { sh "head -c 30000000 /dev/zero | tr '\\\\0' x; echo; echo end; cat gate/go; echo last" }
flood()
"""


def test_a_log_that_was_cut_in_the_middle_is_followed(project: Project, follow: Callable[..., Followed]) -> None:
    project.write("p.csc", FLOOD)
    project.fifos(["go"])
    run = project.start("run", "p.csc")
    project.wait_live()
    tail = follow("flood")
    tail.wait_for("\nend\n")
    project.open_gate("go")
    assert run.finish().code == 0
    assert tail.process.wait(20) == 0
    text = tail.out.read_text()
    assert text.endswith("x\nend\nlast\n")
    assert "\0" not in text, "no hole is printed"
    assert text.count("\nlast\n") == text.count("\nend\n") == 1
    printed = project.cascade("log", "flood").out
    assert re.fullmatch(r"x{8388608}\n\[… \d+ bytes left out here …\]\nx+\nend\nlast\n", printed)


# ---- nothing there ----------------------------------------------------------------------------------------------


def test_where_nothing_was_run(project: Project) -> None:
    assert project.cascade("history") == (0, "", "no program was run in this folder yet\n")
    assert project.cascade("history", "--json").json == {"project": None, "runs": []}
    assert project.cascade("show") == (
        4, "", "error[CSC708]: no program was run in this folder yet\n  help: go to the folder of the program that was run\n"
    )  # fmt: skip
    assert project.cascade("clean", "--all") == (0, "", "no program was run in this folder yet\n")
    assert project.cascade("cache", "ls") == (0, "", "no program was run in this folder yet\n")
    assert not (project.folder / ".cascade").exists()


def test_a_damaged_journal_does_not_hide_the_others(project: Project) -> None:
    project.write("p.csc", 'task t() -> str { sh "echo 1" }\nx = t()\n')
    for _ in range(2):
        assert project.cascade("run", "p.csc").code == 0
    journal = project.folder / ".cascade" / "runs" / project.runs()[0] / "journal.db"
    data = bytearray(journal.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    journal.write_bytes(data)
    done = project.cascade("history")
    assert done.code == 0
    assert [line.split()[4] for line in done.out.splitlines()[1:]] == ["done", "damaged"]
    assert "is damaged" in done.err
    assert project.cascade("show", project.runs()[0]).code == 2
    assert project.cascade("show", "zzz").code == 4
    assert project.cascade("history", "-n", "0").code == 2
