"""What a second run does again, by the real program: what it was made from decides, and what stands."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from live_runs import Project

PROGRAM = """\
param depth: int = 3
conf = file("conf.txt")
mode = "m{{depth}}"

task mk(u: str) -> page: file = "out/{{u}}.txt" {
  env { MODE = mode }
  sh "echo ran mk >> $RAN; echo {{u}} $MODE > {{page}}"
}
task count(page: file) -> int {
  python \"\"\"
    import os, helpers
    print("ran count", file=open(os.environ["RAN"], "a"))
    return helpers.size(page)
  \"\"\"
}
task rank(counts: list[int], depth: int) -> str {
  python "helpers.py:rank"
}
task total(counts: list[int], c: file) -> sum: file {
  sh "echo ran total >> $RAN; cat {{c}} > {{sum}}; echo {{counts}} >> {{sum}}"
}
pages = [mk(u) for u in ["a", "b"]]
counts = [count(p) for p in pages]
r = rank(counts, 1)
t = total(counts, conf)
output out = read(t)
output ranked = r
"""
HELPERS = """\
import os

LIMIT = 1000

def size(page):
    return min(len(open(page).read()), LIMIT)

def rank(counts, depth):
    print("ran rank", file=open(os.environ["RAN"], "a"))
    return order(counts)[0]

def order(counts):
    return [str(c) for c in sorted(counts)]

def unrelated():
    return 1
"""
ALL = {"mk": 2, "count": 2, "rank": 1, "total": 1}


class Story:
    """A project whose bodies write down that they ran, beside it."""

    def __init__(self, project: Project, *, new: bool = True) -> None:
        self.project = project
        self.folder = project.folder
        self.log = project.folder.parent / "ran"
        project.env["RAN"] = str(self.log)
        if not new:
            return
        project.write("p.csc", PROGRAM)
        project.write("helpers.py", HELPERS)
        project.write("conf.txt", "one\n")

    def ran(self, *args: str, code: int = 0) -> dict[str, int]:
        """Run, and say which bodies ran how often."""
        log = self.log
        log.unlink(missing_ok=True)
        done = self.project.cascade("run", "p.csc", "--json", *args)
        assert done.code == code, done.err
        self.done: Any = done.json
        ran: dict[str, int] = {}
        for line in log.read_text().splitlines() if log.exists() else []:
            name = line.removeprefix("ran ")
            ran[name] = ran.get(name, 0) + 1
        assert self.done["nodes"]["done"] == sum(ran.values())
        return ran

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has been run once, to be copied."""
    base = tmp_path_factory.mktemp("made")
    (base / "project").mkdir()
    (base / "runtime").mkdir(mode=0o700)
    story = Story(Project(base / "project", base / "runtime"))
    assert story.ran() == ALL
    return story.folder


@pytest.fixture
def story(made: Path, project: Project) -> Story:
    shutil.copytree(made, project.folder, symlinks=True, dirs_exist_ok=True)
    return Story(project, new=False)


EDITS: list[tuple[str, str, str, str, dict[str, int]]] = [
    ("a comment in the file", "p.csc", "param depth", "# hello\nparam depth", {}),
    ("a comment in an inline python body", "p.csc", "    import os, helpers", "    import os, helpers  # why", {}),
    ("a comment in a helper", "helpers.py", "def size(page):", "# said\ndef size(page):  # x", {}),
    ("an unrelated function", "helpers.py", "    return 1\n", "    return 2\n", {}),
    ("a new task", "p.csc", "pages =", "task new() { sh \"true\" }\npages =", {}),
    ("a demand, a retry, a timeout, a priority, a tag", "p.csc", "  env {", "  requires mem = 1MB\n  retry 2\n  timeout 1h\n  priority 3\n  tag x\n  env {", {}),
    ("a limit", "p.csc", "pages =", "limit task:mk 1\npages =", {}),
    ("a binding's name", "p.csc", "counts = [count(p) for p in pages]\nr = rank(counts, 1)\nt = total(counts, conf)\n", "cs = [count(p) for p in pages]\nr = rank(cs, 1)\nt = total(cs, conf)\n", {}),
    ("what a function calls", "helpers.py", "sorted(counts)", "sorted(counts, reverse=True)", {"rank": 1}),
    ("a function itself", "helpers.py", "[0]", "[-1]", {"rank": 1}),
    ("a global that is used", "helpers.py", "LIMIT = 1000", "LIMIT = 4", {"count": 2, "rank": 1, "total": 1}),
    ("a script", "p.csc", "cat {{c}}", "cat {{c}} {{c}}", {"total": 1}),
    ("an input file", "conf.txt", "one", "two", {"total": 1}),
    ("an argument", "p.csc", "rank(counts, 1)", "rank(counts, 2)", {"rank": 1}),
    ("a declared variable", "p.csc", 'mode = "m', 'mode = "n', {"mk": 2, "count": 2}),
    ("an output path", "p.csc", '"out/', '"made/', {"mk": 2, "count": 2}),
    ("an item more", "p.csc", '["a", "b"]', '["a", "b", "cc"]', {"mk": 1, "count": 1, "rank": 1, "total": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "runs"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_an_edit_runs_again_what_it_changes_and_nothing_else(
    story: Story, file: str, old: str, new: str, runs: dict[str, int]
) -> None:
    story.edit(file, old, new)
    assert story.ran() == runs
    assert sum(runs.values()) + story.done["nodes"]["cached"] == 6 + 2 * (
        file == "p.csc" and "cc" in new and '"b"' in new
    )


def test_what_is_not_edited_does_not_run(story: Story) -> None:
    first = story.ran(), story.done["outputs"]
    assert first[0] == {}
    assert story.done["nodes"]["cached"] == 6
    assert (story.ran(), story.done["outputs"]) == first


def test_a_param_that_is_used(story: Story) -> None:
    assert story.ran("--depth", "4") == {"mk": 2, "count": 2}
    # The published files are those of depth 4 now; the counts are the same values.
    assert story.ran("--depth", "3") == {"mk": 2}
    assert story.ran() == {}


def test_a_file_that_is_touched_costs_no_run(story: Story) -> None:
    os.utime(story.folder / "conf.txt", ns=(1, 1))
    os.utime(story.folder / "out" / "a.txt", ns=(1, 1))
    assert story.ran() == {}


@pytest.mark.parametrize("how", ["gone", "changed", "a link"])
def test_an_output_that_does_not_stand_is_made_again(story: Story, how: str) -> None:
    path = story.folder / "out" / "a.txt"
    text = path.read_text()
    path.unlink()
    if how == "changed":
        path.write_text("!" * len(text))
    elif how == "a link":
        path.symlink_to(story.folder / "out" / "b.txt")
    assert story.ran() == {"mk": 1}
    assert path.read_text() == text
    assert story.ran() == {}


def test_a_stored_output_that_is_gone_is_made_again(story: Story) -> None:
    (stored,) = (story.folder / ".cascade" / "store").iterdir()
    stored.unlink()
    assert story.ran() == {"total": 1}


def test_a_project_that_is_moved_keeps_its_results(story: Story) -> None:
    moved = story.folder.with_name("moved")
    story.folder.rename(moved)
    story.project.folder = story.folder = moved
    assert story.ran() == {}


def test_another_program_of_the_folder_has_the_results_too(story: Story) -> None:
    (story.folder / "p.csc").rename(story.folder / "q.csc")
    (story.folder / "p.csc").write_text((story.folder / "q.csc").read_text())
    done = story.project.cascade("run", "q.csc", "--json")
    assert done.json["nodes"]["cached"] == 6


def test_force(story: Story) -> None:
    assert story.ran("--force") == ALL
    assert story.ran("--force", "t") == {"total": 1}
    assert story.ran("--force", "mk") == {"mk": 2}
    assert story.ran("--force=counts", "--force=r") == {"count": 2, "rank": 1}
    refused = story.project.cascade("run", "p.csc", "--force", "totall")
    assert refused.code == 2
    assert refused.err == ("error[CSC407]: nothing in this program is called `totall`\n  help: did you mean `total`?\n")
    both = story.project.cascade("run", "p.csc", "--force", "--touch")
    assert (both.code, both.err) == (
        2,
        "error[CSC504]: `--touch` and `--force` contradict each other: one runs nothing, the other all\n"
        "  help: `cascade run --help` shows how it is used\n",
    )


def test_paranoid_reads_every_file(story: Story) -> None:
    path = story.folder / "conf.txt"
    before = path.stat()
    db = story.folder / ".cascade" / "hashes.db"
    assert db.stat().st_mode & 0o777 == 0o600
    path.write_text("two\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert story.ran("--paranoid") == {"total": 1}
    assert story.ran("--paranoid") == {}


def test_the_summary_says_what_was_cached(story: Story) -> None:
    (story.folder / "conf.txt").write_text("two\n")
    assert story.project.shown(story.project.cascade("run", "p.csc").err) == "done: 1 task done, 5 cached in TIMEs\n"
    assert story.project.shown(story.project.cascade("run", "p.csc").err) == "done: 6 tasks cached in TIMEs\n"
    graph = story.project.cascade("graph", "p.csc", "--run", "last").out
    assert "2 cached" in graph
    assert "1 done" not in graph


def test_the_index_is_private_and_made_anew(story: Story) -> None:
    for name in ("cache.db", "hashes.db"):
        path = story.folder / ".cascade" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.write_bytes(b"no database at all" * 100)
    assert story.ran() == {}
    (story.folder / ".cascade" / "cache.db").unlink()
    assert story.ran() == {}


# ---- clauses ----------------------------------------------------------------------------------------------------

CLAUSES = """\
param tag: str = "x"
task always() -> int { cache off; sh "echo ran always >> $RAN; echo 1" }
task hourly() -> int { cache 1h; sh "echo ran hourly >> $RAN; echo 2" }
task never_old() -> int { cache 1ms; sh "echo ran old >> $RAN; echo 3" }
task by() -> int { cache by tag; sh "echo ran by >> $RAN; echo 4" }
task reading() -> str { sh "echo ran reading >> $RAN; echo {{read("note.txt")}}" }
task effect(n: int) { sh "echo ran effect >> $RAN" }
a = always()
b = hourly()
c = never_old()
d = by()
e = reading()
effect(b)
"""


def test_clauses(project: Project) -> None:
    story = Story(project)
    project.write("p.csc", CLAUSES)
    project.write("note.txt", "hi")
    everything = {"always": 1, "hourly": 1, "old": 1, "by": 1, "reading": 1, "effect": 1}
    assert story.ran() == everything
    again = {"always": 1, "old": 1, "effect": 1}
    assert story.ran() == again
    assert story.ran("--tag", "y") == again | {"by": 1}
    assert story.ran() == again
    project.write("note.txt", "ho")
    assert story.ran() == again | {"reading": 1}


# ---- outputs of every form --------------------------------------------------------------------------------------

FORMS = """\
task t(id: str) -> (
  kept: file, site: dir = "site/", n: int, words: list[str], note: file? = "out/{{id}}.note", nix: file? = "out/nix",
  parts: list[file] = "parts/{{id}}/*.csv"
) {
  in scratch
  sh \"\"\"
    echo ran t >> $RAN
    echo k > {{kept}}; mkdir {{site}}; echo s > {{site}}/i.html; echo 3 > {{n}}; echo '["w"]' > {{words}}
    echo n > {{note}}; : {{nix}} > /dev/null; mkdir -p parts/{{id}}; echo 1 > parts/{{id}}/a.csv; echo 2 > parts/{{id}}/b.csv
  \"\"\"
}
task use(parts: list[file], site: dir, note: file?, kept: file) -> str {
  sh "echo ran use >> $RAN; cat {{parts}} {{site}}/i.html {{kept}} | tr '\\n' ' '"
}
x = t("q")
y = use(x.parts, x.site, x.note, x.kept)
output o = y
output n = x.n
output nix = x.nix == none
"""


@pytest.mark.parametrize("lost", ["", "site/i.html", "parts/q/b.csv", "out/q.note"])
def test_outputs_of_every_form(project: Project, lost: str) -> None:
    story = Story(project)
    project.write("p.csc", FORMS)
    assert story.ran() == {"t": 1, "use": 1}
    outputs = story.done["outputs"]
    assert outputs == {"o": "1 2 s k ", "n": 3, "nix": True}
    if lost:
        (project.folder / lost).unlink()
    assert story.ran() == ({"t": 1} if lost else {})
    assert story.done["outputs"] == outputs


# ---- while it runs ----------------------------------------------------------------------------------------------

GATED = """\
task slow(c: file) -> str { sh "echo ran slow >> $RAN; : < gate/one; cat {{c}}" }
x = slow(file("conf.txt"))
output o = x
"""


def test_an_input_that_is_edited_while_the_body_runs_is_not_recorded(project: Project) -> None:
    story = Story(project)
    project.write("p.csc", GATED)
    project.fifos(["one"])
    project.start("run", "p.csc", "--json")
    project.wait_live()
    project.wait_running(1)
    project.write("conf.txt", "later\n")
    project.open_gate("one")
    assert project.finish().json["outputs"] == {"o": "later"}
    project.write("conf.txt", "one\n")
    project.open_gates()
    assert story.ran() == {"slow": 1}
    assert story.done["outputs"] == {"o": "one"}
    assert story.ran() == {}


def test_what_a_killed_run_finished_is_known_to_the_next(project: Project) -> None:
    story = Story(project)
    project.write(
        "p.csc",
        'task quick(i: int) -> f: file = "out/{{i}}" { sh "echo ran quick >> $RAN; echo {{i}} > {{f}}" }\n'
        + GATED
        + "q = [quick(i) for i in range(5)]\n",
    )
    project.fifos(["one"])
    run = project.start("run", "p.csc")
    project.wait_live()
    project.wait_running(1)
    project.wait(lambda: project.ps()["nodes"].get("done") == 5, "five that are done")
    engine = project.ps()["pid"]
    os.kill(engine, signal.SIGKILL)
    run.finish()
    # As if it had been killed before it wrote the index: the journal alone says what was finished.
    (project.folder / ".cascade" / "cache.db").unlink(missing_ok=True)
    project.start("run", "p.csc", "--json")
    project.wait_live()
    project.wait_running(1)
    project.open_gate("one")
    assert project.finish().json["nodes"] | {"failed": 0} == {
        "done": 1, "cached": 5, "failed": 0, "skipped": 0, "cancelled": 0, "held": 0
    }  # fmt: skip
    assert story.ran() == {}


def test_two_nodes_with_one_path_are_an_error_although_one_is_recalled(project: Project) -> None:
    project.write(
        "p.csc",
        'param both: bool = false\ntask w(x: str, at: str) -> f: file = "out/{{at}}" { sh "echo {{x}} > {{f}}" }\n'
        'a = w("one", "same")\nb = [w(x, "sa{{"me" if x == "two" else x}}") for x in (["two"] if both else ["three"])]\n',
    )
    assert project.cascade("run", "p.csc").code == 0
    done = project.cascade("run", "p.csc", "--both", "--json")
    assert done.code == 1
    (failure,) = done.json["failures"]
    assert failure["message"] == "it would publish out/same, which a publishes too"


# ---- adopting ---------------------------------------------------------------------------------------------------

ADOPTED = """\
task mk(i: int) -> page: file = "out/{{i}}.txt" { sh "echo ran mk >> $RAN; echo {{i}} > {{page}}" }
task both(xs: list[file]) -> (all: file = "out/all.txt", site: dir = "out/site", opt: file? = "out/opt") {
  sh "echo ran both >> $RAN; cat {{xs}} > {{all}}; mkdir {{site}}; : {{opt}}"
}
task say(x: file) { sh "echo ran say >> $RAN" }
pages = [mk(i) for i in [1, 2]]
x = both(pages)
say(x.all)
output o = x.all
"""


def test_touch_adopts_what_is_there(project: Project) -> None:
    story = Story(project)
    project.write("p.csc", ADOPTED)
    for name in ("out/1.txt", "out/2.txt", "out/all.txt", "out/site/index"):
        project.write(name, "by hand\n")
    done = project.cascade("run", "p.csc", "--touch")
    assert (done.code, project.shown(done.err)) == (
        0,
        "say is not run: it has no outputs\ndone: 1 task done, 3 cached in TIMEs\n",
    )
    assert not story.log.exists()
    assert story.ran() == {"say": 1}
    assert (project.folder / "out" / "1.txt").read_text() == "by hand\n"
    story.edit("p.csc", "echo {{i}}", "echo {{i}} {{i}}")
    assert story.ran() == {"mk": 2, "both": 1, "say": 1}


def test_touch_says_what_it_cannot_adopt(project: Project) -> None:
    project.write(
        "p.csc",
        'task a() -> f: file = "out/a" { sh "echo > {{f}}" }\ntask b() -> int { sh "echo 1" }\n'
        'task c() -> file { sh "echo > {{out}}" }\ntask d() -> list[file] = "o/*.csv" { sh "mkdir -p o; > o/x.csv" }\n'
        'task e() -> f: file = "out/e" { cache off; sh "echo > {{f}}" }\n'
        "u = a()\nv = b()\nw = c()\nx = d()\ny = e()\n",
    )
    done = project.cascade("run", "p.csc", "--touch", "--json")
    assert done.code == 1
    assert {f["node"]: f["message"] for f in done.json["failures"]} == {
        "u": "it is not adopted: out/a is not there",
        "v": "it is not adopted: its output out is a value, which only its body can give",
        "w": "it is not adopted: its output out has no path in the project",
        "x": "it is not adopted: its output out is what matches a pattern and was written by its body",
        "y": "it is not adopted: its results are never kept (`cache off`)",
    }
    assert not (project.folder / "out").exists()


def test_what_is_removed_is_nothing_that_a_recalled_node_stands_for(project: Project) -> None:
    """A node that publishes less than before leaves what another, recalled, now has."""
    story = Story(project)
    project.write(
        "p.csc",
        'param n: int = 2\ntask parts(n: int) -> list[file] = "out/*.txt" {\n  in scratch\n'
        '  sh "echo ran parts >> $RAN; mkdir out; for i in $(seq {{n}}); do echo $i > out/$i.txt; done"\n}\n'
        "p = parts(n)\noutput o = p\n",
    )
    assert story.ran() == {"parts": 1}
    assert story.ran("--n", "1") == {"parts": 1}
    assert sorted(p.name for p in (project.folder / "out").iterdir()) == ["1.txt"]
    assert story.ran("--n", "1") == {}
    assert story.ran() == {"parts": 1}
    # The result of 1 stands whole, but so does a file that only the result of 2 has: it must go.
    assert story.ran("--n", "1") == {"parts": 1}
    assert sorted(p.name for p in (project.folder / "out").iterdir()) == ["1.txt"]
    assert story.ran("--n", "1") == {}


def test_force_of_everything_is_kept_for_the_next_run(project: Project) -> None:
    story = Story(project)
    assert story.ran("--force") == ALL
    assert story.ran() == {}
    journals = list((project.folder / ".cascade" / "runs").glob("*/journal.db"))
    assert len(journals) == 2


def nodes(project: Project, *words: str) -> dict[str, int]:
    done = project.cascade("run", "p.csc", "--json", *words)
    assert done.code == 0, done.err
    return {state: number for state, number in done.json["nodes"].items() if number}


def test_a_file_that_the_newest_result_left_is_not_kept_beside_an_older_one(project: Project) -> None:
    project.write(
        "p.csc",
        "param both: bool = false\n"
        'task make(both: bool) -> (a: file = "out/a", b: file? = "out/b") {\n'
        '  sh "echo a > {{a}}; if {{both}}; then echo b > {{b}}; fi"\n'
        "}\n"
        "x = make(both)\n",
    )
    assert nodes(project) == {"done": 1}
    assert nodes(project, "--both") == {"done": 1}
    why = project.cascade("why-run", "x", "p.csc", "--both=false")
    assert "`out/b`, which its newest result published, is no part of the older one that fits" in why.out
    assert nodes(project) == {"done": 1}
    assert not (project.folder / "out/b").exists()
    assert nodes(project) == {"cached": 1}


def test_items_that_move_up_and_down_a_list_keep_their_results(project: Project) -> None:
    project.write(
        "p.csc",
        'param files: list[str] = ["in/a.txt", "in/b.txt"]\n'
        'task copy(x: file) -> file = "out/{{stem(x)}}" { sh "cat {{x}} > {{out}}" }\n'
        "ys = [copy(file(f)) for f in files]\n",
    )
    for name in "abc":
        project.write(f"in/{name}.txt", name)
    assert nodes(project) == {"done": 2}
    for files, states in (("cab", {"done": 1, "cached": 2}), ("bca", {"cached": 3}), ("abc", {"cached": 3})):
        text = str([f"in/{name}.txt" for name in files]).replace("'", '"')
        assert nodes(project, "--files", text) == states
        assert nodes(project, "--files", text) == {"cached": 3}
