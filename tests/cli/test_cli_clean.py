"""`clean` and `cache`: what they say and do with real runs, beside live ones, and the bound that runs keep to."""

from __future__ import annotations

import os
import re
from pathlib import Path

from live_runs import Project, wait_until
from syrupy.assertion import SnapshotAssertion

PROGRAM = """\
param k: int = 1
task big(n: int) -> list[int] { python "return list(range(n))" }
task mk(n: int) -> page: file { sh "head -c 100000 /dev/zero > {{page}}; echo {{n}} >> {{page}}" }
task pub(p: file, k: int) -> out: file = "out/x.txt" { sh "tail -c 4 {{p}} > {{out}}; echo {{k}} >> {{out}}" }
b = big(5000 + k)
ms = [mk(n + 10 * k) for n in range(3)]
output x = pub(ms[0], k)
output n = len(b)
"""


def stored(project: Project) -> dict[str, int]:
    """Values and kept files, with their sizes."""
    state = project.folder / ".cascade"
    return {
        f"{folder}/{path.name}": path.stat().st_size
        for folder in ("blobs", "store")
        if (state / folder).is_dir()
        for path in (state / folder).iterdir()
    }


def masked(project: Project, text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", project.shown(text))
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    return re.sub(r"\d+\.\dKB", "N.NKB", re.sub(r"\b[0-9a-f]{12}\b", "RECIPE", text))


def ran(project: Project, *args: str) -> tuple[int, int]:
    """Run it; how many nodes ran, and how many were cached."""
    done = project.cascade("run", "p.csc", "--json", *args)
    assert done.code == 0, done.err
    return done.json["nodes"]["done"], done.json["nodes"]["cached"]


def test_clean_says_what_it_does_and_leaves_results(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("p.csc", PROGRAM)
    assert ran(project) == (5, 0)
    assert ran(project, "--k", "2") == (5, 0)
    said = [project.cascade("clean"), project.cascade("clean", "--all", "--keep", "1"), project.cascade("clean", "--older", "3"),
            project.cascade("clean", "--keep", "1", "--dry-run"), project.cascade("clean", "--keep", "1"),
            project.cascade("clean", "--older", "1d")]  # fmt: skip
    assert [masked(project, done.out + done.err) for done in said] == snapshot
    assert [done.code for done in said] == [2, 2, 2, 0, 0, 0]
    assert len(project.runs()) == 1
    assert len(stored(project)) == 8, "kept results stay"
    document = project.cascade("clean", "--all", "--json").json
    assert (len(document["runs"]), document["objects"], document["live"]) == (1, [], [])
    assert project.runs() == []
    assert (project.folder / "out" / "x.txt").read_text().endswith("2\n")
    assert ran(project, "--k", "2") == (0, 5), "results outlive the runs that made them"


def test_clean_beside_live_runs_takes_nothing_of_theirs(project: Project) -> None:
    project.write("p.csc", PROGRAM)
    project.write(
        "live.csc",
        'task big() -> list[int] { cache off; python "return list(range(6000))" }\n'
        'task kept() -> page: file { cache off; sh "echo mine > {{page}}" }\n'
        'task waits(ns: list[int], page: file) -> str { sh "cat gate/go; cat {{page}}" }\n'
        "a = big()\nb = kept()\noutput n = waits(a, b)\n",
    )
    assert ran(project) == (5, 0)
    project.fifos(["go"])
    live = project.start("run", "live.csc")
    project.wait_live()
    project.wait_started(3)
    done = project.cascade("clean", "--all")
    assert done.code == 0
    assert project.shown(done.err) == "kept RUN: it is live\n"
    assert len(project.runs()) == 1
    for command in (("cache", "rm", "mk", "big", "pub"), ("cache", "gc", "--max-size", "0B"), ("cache", "verify")):
        assert project.cascade(*command).code == 0
    project.open_gate("go")
    assert live.finish()[:2] == (0, "n = mine\n")
    assert project.cascade("clean", "--all").code == 0
    assert project.cascade("cache", "gc", "--max-size", "0B").code == 0
    assert stored(project) == {}


def test_a_new_run_waits_for_a_clean_that_has_the_state_alone(project: Project) -> None:
    import fcntl

    project.write("p.csc", PROGRAM)
    assert ran(project) == (5, 0)
    lock = os.open(project.folder / ".cascade" / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    run = project.start("run", "p.csc")
    try:
        project.wait(
            lambda: any("lock" in os.readlink(fd) for fd in _descriptors(project)), "a run that wants the lock"
        )
        assert len(project.runs()) == 1, "it has made nothing yet"
    finally:
        os.close(lock)
    assert run.finish().code == 0
    assert len(project.runs()) == 2


def _descriptors(project: Project) -> list[Path]:
    """Of the engine that was started last: the child of its warden."""
    found: list[Path] = []
    warden = project._started[-1].warden.pid
    for child in Path(f"/proc/{warden}/task/{warden}/children").read_text().split():
        found += [path for path in Path(f"/proc/{child}/fd").iterdir() if path.is_symlink()]
    return found


def test_the_cache_is_listed_and_forgotten(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("p.csc", PROGRAM)
    assert ran(project) == (5, 0)
    lines = project.cascade("cache", "ls").out.splitlines()
    assert sorted(line.split()[:2] for line in lines[1:]) == [["b", "big"], ["ms[0]", "mk"], ["ms[1]", "mk"], ["ms[2]", "mk"], ["x", "pub"]]  # fmt: skip
    rows = project.cascade("cache", "ls", "ms.1", "--json").json["results"]
    assert [(row["node"], row["task"], row["run"], row["bytes"]) for row in rows] == [
        ("ms[1]", "mk", project.runs()[0], 100003)
    ]
    recipe = rows[0]["recipe"]
    assert len(project.cascade("cache", "ls", recipe[:8]).out.splitlines()) == 2
    said = [project.cascade(*words) for words in (
        ("cache", "rm", "mk", "-n"), ("cache", "rm", recipe[:10]), ("cache", "rm", recipe[:10]), ("cache", "rm", "msx"),
        ("cache", "rm"), ("cache", "gc"), ("cache", "lst"), ("cache", "ls", "--older", "3d"), ("cache", "verify", "x"),
        ("cache", "ls", "-n"), ("cache", "gc", "--max-size", "3"), ("cache",),
    )]  # fmt: skip
    assert [
        masked(project, f"{done.code}: {done.out}{done.err}").replace(recipe[:10], "RECIPE") for done in said
    ] == snapshot
    assert ran(project) == (1, 4), "one was forgotten"
    assert project.cascade("cache", "rm", "ms").code == 0
    assert ran(project) == (3, 2), "a list is all of its nodes"


def test_what_is_wanted_least_goes_first(project: Project) -> None:
    project.write("p.csc", PROGRAM)
    for k in (1, 2, 3):
        assert ran(project, "--k", str(k)) == (5, 0)
    total = sum(stored(project).values())
    done = project.cascade("cache", "gc", "--max-size", "450KB", "--json").json
    assert {row["run"] for row in done["results"]} <= set(project.runs()[:2])
    assert sum(stored(project).values()) == done["left"] <= 450_000
    assert done["freed"] == total - done["left"]
    assert ran(project, "--k", "3")[1] >= 4
    assert project.cascade("cache", "gc", "--older", "1d", "--json").json["results"] == []
    assert len(project.cascade("cache", "gc", "--older", "0s", "--json").json["results"]) >= 4
    assert ran(project, "--k", "3") == (5, 0)


def test_runs_keep_to_the_bound(project: Project) -> None:
    project.write("p.csc", PROGRAM)
    assert ran(project) == (5, 0)
    done = project.cascade("run", "p.csc", "--k", "2", env={"CASCADE_CACHE_MAX": "350KB"})
    assert (done.code, done.out) == (0, "x = out/x.txt\nn = 5002\n")
    assert "cache: over 350KB: forgot" in done.err
    assert sum(stored(project).values()) <= 350_000
    assert ran(project, "--k", "2", "--cache-max", "1GB")[1] >= 3, "what the run had just made is the last to go"
    for words, env in ((("--cache-max", "much"), {}), ((), {"CASCADE_CACHE_MAX": "much"})):
        refused = project.cascade("run", "p.csc", *words, env=env)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith(
            "error[CSC504]: `--cache-max` is a size" if words else "error[CSC504]: CASCADE_CACHE_MAX is a size"
        )


def test_the_bound_of_the_project_counts_where_neither_the_option_nor_the_environment_says_one(
    project: Project,
) -> None:
    project.write("p.csc", PROGRAM)
    project.write("cascade.toml", '[cache]\nmax_size = "350KB"\n')
    large = {"CASCADE_CACHE_MAX": "1GB"}
    for words, env in (
        (("--cache-max", "1GB"), {}),
        ((), large),
        (("--cache-max", "1GB"), {"CASCADE_CACHE_MAX": "1KB"}),
    ):
        done = project.cascade("run", "p.csc", "--k", str(len(project.runs()) + 1), *words, env=env)
        assert (done.code, "cache:" in done.err) == (0, False)
    assert sum(stored(project).values()) > 350_000
    done = project.cascade("run", "p.csc", "--k", "3")
    assert done.code == 0
    assert "cache: over 350KB: forgot" in done.err
    assert sum(stored(project).values()) <= 350_000
    project.write("cascade.toml", '[cache]\nmax_size = "much"\n')
    runs = project.runs()
    refused = project.cascade("run", "p.csc")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith('error[CSC583]: `max_size` is a size, not `"much"`\n --> cascade.toml:2:1\n')
    assert project.runs() == runs


def test_what_a_stopped_run_needs_is_not_taken_from_it(project: Project) -> None:
    project.write(
        "p.csc",
        'task kept() -> page: file { sh "head -c 9000 /dev/zero > {{page}}" }\n'
        'task waits(page: file) -> str { sh "cat gate/go; wc -c < {{page}}" }\n'
        "output n = waits(kept())\n",
    )
    project.fifos(["go"])
    run = project.start("run", "p.csc")
    project.wait_started(2)
    live = project.wait_live()[0]
    os.kill(live["pid"], 9)
    run.warden.wait()
    wait_until(lambda: not project.alive(), "the end of what it had started")
    done = project.cascade("cache", "gc", "--max-size", "1KB")
    assert done.code == 0
    assert "are needed by runs that are live or can be gone on with" in done.err
    project.cascade("cache", "rm", "kept")
    (project.folder / "gate" / "go").unlink()
    project.write("gate/go", "")
    done = project.cascade("continue")
    assert done[:2] == (0, "n = 9000\n"), done


def test_verify_names_and_drops_what_is_damaged(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("p.csc", PROGRAM)
    assert ran(project) == (5, 0)
    assert ran(project, "--k", "2") == (5, 0)
    whole = project.cascade("cache", "verify")
    assert (whole.code, whole.out) == (0, "10 results with 8 stored and 1 published file: none wrong\n")
    state = project.folder / ".cascade"
    rows = {row["node"]: row for row in project.cascade("cache", "ls", "--json").json["results"][:5]}
    (damaged,) = rows["ms[1]"]["stored"]
    os.chmod(project.folder / damaged, 0o600)
    with open(project.folder / damaged, "r+b") as file:
        file.write(b"x")
    (gone,) = rows["b"]["stored"]
    (project.folder / gone).unlink()
    (project.folder / "out" / "x.txt").write_text("mine\n")
    done = project.cascade("cache", "verify")
    assert (done.code, done.err) == (1, "")
    assert sorted(masked(project, done.out).splitlines()) == snapshot
    assert not (project.folder / damaged).exists()
    assert (project.folder / "out" / "x.txt").read_text() == "mine\n", "published files are never removed"
    again = project.cascade("cache", "verify", "--json")
    assert (again.code, again.json["wrong"]) == (0, [])
    assert ran(project, "--k", "2") == (3, 2)
    assert state.is_dir()


def test_an_index_that_cannot_be_read_is_said(project: Project) -> None:
    import sqlite3

    project.write("p.csc", PROGRAM)
    assert ran(project) == (5, 0)
    index = project.folder / ".cascade" / "cache.db"
    db = sqlite3.connect(index)
    db.execute("PRAGMA user_version = 99")
    db.close()
    for words in (("ls",), ("gc", "--max-size", "1KB", "-n")):
        done = project.cascade("cache", *words)
        assert (done.code, done.out) == (2, "")
        assert project.shown(done.err) == (
            "error[CSC734]: `HERE/.cascade/cache.db` was written by another version of Cascade\n"
            "  help: `cascade run` makes an index of the cache that cannot be read anew\n"
        )
    assert len(stored(project)) == 4, "nothing is removed where it is not known what is needed"
    assert ran(project) == (0, 5), "it is made anew from the journals"
    refused = project.cascade("cache", "ls", "pup")
    assert refused.err.startswith("error[CSC735]: no result is kept of `pup`\n  help: near to it: `pub`")


def test_a_result_whose_temporary_file_is_gone_is_whole(project: Project) -> None:
    project.write(
        "t.csc",
        'task mk() -> page: temp file { sh "echo 1 > {{page}}" }\n'
        'task named() -> page: temp file = "out/n.txt" { sh "echo 2 > {{page}}" }\n'
        'task use(a: file, b: file) -> str { sh "cat {{a}} {{b}} | wc -l" }\n'
        "output n = use(mk(), named())\n",
    )
    first = project.cascade("run", "t.csc", "--json")
    assert (first.code, first.json["outputs"]) == (0, {"n": "2"})
    done = project.cascade("cache", "verify")
    assert (done.code, done.out) == (0, "3 results with 0 stored and 0 published files: none wrong\n"), done
    assert project.cascade("run", "t.csc", "--json").json["nodes"]["cached"] == 3
