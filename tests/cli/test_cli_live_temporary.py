"""Temporary files by the real program: there as long as somebody reads them, gone then, made again where they are needed."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest
from live_runs import Project, wait_until

from cascade_dsl.ir.events import AttemptFinished, Discarded, Revived

CHAIN = """\
limit cpu 1

task make(i: int) -> bam: temp file = "out/{{i}}.bam" { sh "echo {{i}} > {{bam}}; echo make {{i}} >> log" }
task sort(bam: file) -> temp file { sh "cat {{bam}} > {{out}}; ls out | wc -l >> most; echo sort >> log" }
task count(sorted: file) -> int { sh "cat {{sorted}}; ls out | wc -l >> most; echo count >> log" }

mades = [make(i) for i in range(12)]
sorteds = [sort(m) for m in mades]
output counts = [count(s) for s in sorteds]
"""


def left(project: Project) -> list[str]:
    """Temporary files that are there."""
    folders = [project.folder / "out", project.folder / ".cascade" / "temp"]
    return sorted(p.name for folder in folders if folder.is_dir() for p in folder.iterdir())


def log(project: Project) -> Counter[str]:
    """How often each body wrote its line, since this was asked last."""
    found = Counter(project.lines("log"))
    project.write("log", "")
    return found


def test_a_chain_over_many_items_needs_room_for_those_under_way(project: Project) -> None:
    project.write("p.csc", CHAIN)
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, f"counts = {list(range(12))}\n")
    assert max(map(int, project.lines("most"))) <= 2
    assert left(project) == []
    discarded = [event.key for _, event in project.of(Discarded)]
    assert len(discarded) == len(set(discarded)) == 24
    again = project.cascade("run", "p.csc")
    assert again.out == done.out
    assert "done: 36 tasks cached" in again.err
    assert left(project) == []


READERS = """\
task make() -> (bam: temp file = "out/x.bam", n: int) { sh "echo body > {{bam}}; echo 1 > {{n}}; echo make >> log" }
task first(bam: file) -> int { sh "cat {{bam}} > /dev/null; echo first >> log; echo 1" }
task second(bam: file, n: int) -> int { sh "cat {{bam}} > /dev/null; echo second >> log; echo 2" }
task other(n: int) -> int { sh "echo other >> log; test ! -e out/x.bam; echo 3" }

x = make()
a = first(x.bam)
b = second(x.bam, a)
output result = [a, b, other(x.n) after b]
"""


def test_it_is_there_for_the_last_reader_and_gone_for_what_comes_next(project: Project) -> None:
    project.write("p.csc", READERS)
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, "result = [1, 2, 3]\n"), done.err
    assert left(project) == []
    events, names = project.events(), project.names()
    order = [
        (type(e).__name__, names[e.key]) for _, e in events if isinstance(e, AttemptFinished | Discarded)
    ]  # `n` is read by `other`, which does not hold the file
    assert order.index(("Discarded", "x")) == order.index(("AttemptFinished", "b")) + 1


def test_it_is_made_again_once_for_all_who_read_it_again(project: Project) -> None:
    project.write("p.csc", READERS)
    project.cascade("run", "p.csc")
    assert log(project) == {"make": 1, "first": 1, "second": 1, "other": 1}
    edited = READERS.replace("> /dev/null;", "> /dev/null; :;")
    project.write("p.csc", edited)
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, "result = [1, 2, 3]\n")
    assert log(project) == {"make": 1, "first": 1, "second": 1}
    assert "x runs again: what it made is gone, and is needed" in done.err
    assert len(project.of(Revived)) == 1
    assert left(project) == []
    # One reader alone: the other, and what does not read the file, stand.
    project.write("p.csc", edited.replace("echo 2", "echo 2 | cat"))
    project.cascade("run", "p.csc")
    assert log(project) == {"make": 1, "second": 1}
    project.cascade("run", "p.csc")
    assert log(project) == {}


def test_what_it_is_made_from_is_made_again_before_it(project: Project) -> None:
    project.write("p.csc", CHAIN.replace("range(12)", "range(3)"))
    project.cascade("run", "p.csc")
    log(project)
    project.write("p.csc", CHAIN.replace("range(12)", "range(3)").replace("cat {{sorted}}", "cat < {{sorted}}"))
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, "counts = [0, 1, 2]\n")
    assert log(project) == {"make 0": 1, "make 1": 1, "make 2": 1, "sort": 3, "count": 3}
    assert left(project) == []


def test_what_is_made_again_and_differs_is_said_and_seen_by_the_next_run(project: Project) -> None:
    text = READERS.replace("echo body > {{bam}}", "cat seed > {{bam}}")
    project.write("seed", "one\n")
    project.write("p.csc", text)
    project.cascade("run", "p.csc")
    log(project)
    project.write("seed", "two\n")  # `make` does not say that it reads it
    project.write("p.csc", text.replace("echo 2", "echo 2 | cat"))
    done = project.cascade("run", "p.csc")
    assert log(project) == {"make": 1, "second": 1}
    assert "x was made again and differs from before (x.bam)" in done.err
    project.cascade("run", "p.csc")
    assert log(project) == {"make": 1, "first": 1}


def test_keep_temp_leaves_all_and_the_next_run_uses_and_removes_it(project: Project) -> None:
    text = CHAIN.replace("range(12)", "range(2)")
    project.write("p.csc", text)
    done = project.cascade("run", "p.csc", "--keep-temp")
    assert done.code == 0
    assert len(left(project)) == 4
    assert project.of(Discarded) == []
    log(project)
    project.write("p.csc", text.replace("cat {{sorted}}", "cat < {{sorted}}"))
    project.cascade("run", "p.csc")
    assert log(project) == {"count": 2}
    assert left(project) == []


def test_what_somebody_has_changed_is_not_removed(project: Project) -> None:
    text = READERS.replace("echo second >> log;", "echo second >> log; echo mine > out/x.bam;")
    project.write("p.csc", text.replace("test ! -e out/x.bam; ", ""))
    done = project.cascade("run", "p.csc")
    assert done.code == 0
    assert (project.folder / "out" / "x.bam").read_text() == "mine\n"


def test_a_file_that_is_a_result_of_the_run_stays(project: Project) -> None:
    project.write("p.csc", READERS + "output bam = x.bam\n".replace("x.bam", "x.bam"))
    done = project.cascade("run", "p.csc")
    assert "kept-temp" in project.cascade("check", "p.csc", "--format", "json").out
    assert left(project) == ["x.bam"]
    assert done.code == 1, "`other` wants it gone"


FAILING = """\
task make(i: int) -> bam: temp file = "out/{{i}}.bam" { sh "echo {{i}} > {{bam}}" }
task use(bam: file, i: int) -> int {
  RETRY
  sh "cat {{bam}}; if [ {{i}} = 1 ] && [ ! -e well ]; then exit 3; fi"
}
task all(ns: list[int], bams: list[file]) -> int { sh "cat {{bams}} | wc -l" }

bams = [make(i) for i in range(3)]
ns = [use(b, i) for i, b in enumerate(bams)]
output total = all(ns, bams)
"""


def failing(retry: str = "") -> str:
    return FAILING.replace("RETRY", retry)


@pytest.mark.parametrize(("policy", "kept"), [("finish", 3), ("continue", 0), ("cancel", 3)])
def test_who_has_failed_for_good_reads_no_more(project: Project, policy: str, kept: int) -> None:
    """`all` is skipped only under `continue`; else it has not ended when the run has, and its files stay for the next."""
    project.write("p.csc", "limit cpu 1\n" + failing())
    done = project.cascade("run", "p.csc", "--on-failure", policy)
    assert done.code == 1
    assert policy == "cancel" or len(left(project)) == kept
    project.write("well", "")
    again = project.cascade("run", "p.csc")
    assert (again.code, again.out) == (0, "total = 3\n"), again.err
    assert left(project) == []


def test_who_is_tried_again_finds_its_file(project: Project) -> None:
    text = failing("retry 2 backoff 1ms..2ms").replace("exit 3", "touch well; exit 3")
    project.write("p.csc", text)
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, "total = 3\n")
    assert left(project) == []


# ---- killed runs ------------------------------------------------------------------------------------------------

KILLED = """\
task make(i: int) -> bam: temp file = "out/{{i}}.bam" { sh "echo {{i}} > {{bam}}; echo make {{i}} >> log" }
task use(bam: file) -> int { sh "cat {{bam}}; echo use >> log" }
task late(bam: file, n: int) -> int { sh "cat gate/late > /dev/null; cat {{bam}}; echo late >> log" }

a = make(1)
b = make(2)
used = use(a)
output one = used
output two = late(b, used)
"""


def killed(project: Project) -> None:
    """A run that was killed when `a` had been read and removed, and `late` was about to read `b`."""
    project.write("p.csc", KILLED)
    project.fifos(["late"])
    run = project.start("run", "p.csc")
    project.wait(lambda: len(project.of(Discarded)) == 1 and project.started()["two"] == 1, "the last task")
    os.kill(run.warden.pid, signal.SIGKILL)
    run.warden.wait()
    wait_until(lambda: not project.alive(), "the end of the run")
    project.open_gates()


def test_what_was_to_go_when_the_run_was_killed_goes_when_it_goes_on(project: Project) -> None:
    killed(project)
    project.write("out/1.bam", "1\n")  # as if the kill had come between the commit and the removal
    done = project.cascade("continue")
    assert (done.code, done.out) == (0, "one = 1\ntwo = 2\n"), done.err
    assert left(project) == []
    assert log(project) == {"make 1": 1, "make 2": 1, "use": 1, "late": 1}


@pytest.mark.parametrize("lost", ["removed", "changed"])
def test_what_was_lost_meanwhile_and_is_needed_is_made_again(project: Project, lost: str) -> None:
    killed(project)
    if lost == "removed":
        (project.folder / "out" / "2.bam").unlink()
    else:
        project.write("out/2.bam", "7\n")
    done = project.cascade("continue")
    assert (done.code, done.out) == (0, "one = 1\ntwo = 2\n"), done.err
    assert "b runs again: what it made is gone, and is needed" in done.err
    assert log(project) == {"make 1": 1, "make 2": 2, "use": 1, "late": 1}
    assert left(project) == []


def test_a_run_goes_on_without_removing_anything(project: Project) -> None:
    killed(project)
    done = project.cascade("continue", "--keep-temp")
    assert done.code == 0
    assert left(project) == ["2.bam"]


@pytest.mark.parametrize("kind", ["file", 'file = "out/{{i}}.txt"'])
def test_results_of_any_kind_that_were_lost_are_made_again(project: Project, kind: str) -> None:
    text = KILLED.replace('temp file = "out/{{i}}.bam"', kind)
    project.write("p.csc", text)
    project.fifos(["late"])
    run = project.start("run", "p.csc")
    project.wait(lambda: project.started()["two"] == 1, "the last task")
    os.kill(run.warden.pid, signal.SIGKILL)
    run.warden.wait()
    wait_until(lambda: not project.alive(), "the end of the run")
    for folder in (project.folder / "out", project.folder / ".cascade" / "store"):
        for path in folder.iterdir() if folder.is_dir() else ():
            path.unlink()
    project.open_gates()
    done = project.cascade("continue")
    assert (done.code, done.out) == (0, "one = 1\ntwo = 2\n"), done.err
    assert log(project) == {"make 1": 1, "make 2": 2, "use": 1, "late": 1}, "`a` has been read: nobody needs it"


def test_what_is_removed_while_the_run_goes_on_is_made_again(project: Project) -> None:
    text = KILLED.replace("cat {{bam}}; echo use", "rm out/2.bam; cat {{bam}}; echo use")
    project.write(
        "p.csc",
        text.replace("cat gate/late > /dev/null; ", "").replace(
            "a = make(1)\nb = make(2)", "b = make(2)\na = make(1) after b"
        ),
    )
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, "one = 1\ntwo = 2\n"), done.err
    assert log(project) == {"make 1": 1, "make 2": 2, "use": 1, "late": 1}


def test_two_live_runs_do_not_take_each_others_files(project: Project) -> None:
    """Both make the same files without a path: each has its own."""
    text = (
        (
            'task make() -> temp file { sh "echo 1 > {{out}}" }\n'
            'task wait(f: file, gate: str) -> int { sh "cat gate/{{gate}} > /dev/null; cat {{f}}" }\n'
            "param gate: str\n"
            "output n = wait(make(), gate)\n"
        )
        .replace("-> int { in", "-> int { cache off; in")
        .replace("file { in", "file { cache off; in")
    )
    project.write("p.csc", text)
    project.fifos(["one", "two"])
    project.start("run", "p.csc", "--gate", "one")
    project.wait(lambda: len(left(project)) == 1, "the first file")
    project.wait_started(2)
    project.start("run", "p.csc", "--gate", "two")
    project.wait(lambda: len(left(project)) == 2, "the second file")
    project.open_gate("one")
    project.wait(lambda: len(left(project)) == 1, "the end of the first")
    project.open_gate("two")
    assert project.finish()[:2] == (0, "n = 1\n")
    assert left(project) == []


def test_folders_and_patterns_go_as_wholes(project: Project) -> None:
    project.write(
        "p.csc",
        'task split() -> (parts: temp list[file] = "parts/*.txt", site: temp dir, note: temp file?) {\n'
        "  in scratch\n"
        '  sh "mkdir parts; echo 1 > parts/a.txt; echo 2 > parts/b.txt; mkdir {{site}}; echo 3 > {{site}}/c"\n'
        "}\n"
        "task sum(parts: list[file], site: dir) -> str { sh \"cat {{parts}} {{site}}/c | tr -d '\\n'\" }\n"
        "x = split()\n"
        "output total = sum(x.parts, x.site)\n",
    )
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, "total = 123\n"), done.err
    assert left(project) == []
    assert list((project.folder / "parts").iterdir()) == []
