"""The whole program with real runs: output, exit codes, and an operator at a second terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """\
## Doubles numbers.

param ns: list[int] = [1, 2]   ## what to double
param fail: bool = false

limit task:double 10

task double(n: int, fail: bool) -> int {
  sh \"\"\"
    n={{n}}
    echo "doubling $n" >&2
    [ {{fail}} = false ] || exit 7
    echo "$((n * 2))"
  \"\"\"
}

task total(xs: list[int]) -> int { python "return sum(xs)" }

doubled = [double(n, fail) for n in ns]
output doubled = doubled
output total = total(doubled)
"""


def cascade(folder: Path, *args: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "cascade_dsl", *args],
        cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environ(folder), timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def environ(folder: Path) -> dict[str, str]:
    return {**os.environ, "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder), "CASCADE_RUN": "", "COLUMNS": "100"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "double.csc").write_text(PROGRAM)
    return tmp_path


def without_times(text: str) -> str:
    return re.sub(r"in [\d.]+s", "in TIME", re.sub(r"\d{8}-\d{6}-\w{3}", "RUN", text))


def test_outputs_are_lines_and_a_summary_is_on_stderr(folder: Path) -> None:
    code, out, err = cascade(folder, "run", "double.csc", "--ns", "3", "--ns=4")
    assert (code, out, without_times(err)) == (0, "doubled = [6, 8]\ntotal = 14\n", "done: 3 tasks done in TIME\n")


def test_a_failure_shows_its_log_and_log_prints_it(folder: Path) -> None:
    code, out, err = cascade(folder, "run", "double.csc", "--fail", "--ns", "[5]", "--json")
    assert code == 1
    assert without_times(err).splitlines() == [
        "failed: doubled[5] (double): exit 7",
        "  --> double.csc:19: doubled = [double(n, fail) for n in ns]",
        "  sh double.csc:10: n=5 …",
        "  | doubling 5",
        "  log: .cascade/runs/RUN/logs/000/1.log",
        "  skipped: 1 that needs it: total",
        "failed: 0 tasks done, 1 failed, 1 skipped in TIME; `cascade log doubled[5]` shows more",
    ]
    document = json.loads(out)
    assert document["status"] == "failed"
    assert document["outputs"] == {}
    assert document["nodes"] == {"done": 0, "cached": 0, "failed": 1, "skipped": 1, "cancelled": 0, "held": 0}
    (failure,) = document["failures"]
    assert (failure["node"], failure["task"], failure["exit"], failure["attempts"]) == ("doubled[5]", "double", 7, 1)
    assert cascade(folder, "log", "doubled.5") == (0, "doubling 5\n", "")


def test_verbose_shows_what_tasks_print(folder: Path) -> None:
    _, out, err = cascade(folder, "run", "double.csc", "--ns", "1", "-v")
    assert out == "doubled = [2]\ntotal = 2\n"
    assert without_times(err).splitlines() == [
        "run RUN of double.csc",
        "start  doubled[1]",
        "doubled[1] | doubling 1",
        "done   doubled[1]",
        "start  total",
        "done   total",
        "done: 2 tasks done in TIME",
    ]


def test_targets_dry_run_and_a_graph_as_json(folder: Path) -> None:
    assert cascade(folder, "run", "double.csc", "doubled", "--ns", "2")[:2] == (0, "doubled = [4]\n")
    assert cascade(folder, "run", "double.csc", "--dry-run") == (
        0,
        "doubled  double  2 times  1 runs, 1 cached\ntotal    total   once     depends on doubled[1]\n",
        "1 task would run, 1 is up to date, 1 depends on what runs\n",
    )
    code, out, err = cascade(folder, "run", "double.csc", "--dry-run", "--json")
    document = json.loads(out)
    runs, cached = document["calls"][0].pop("instances")
    assert (runs["node"], runs["state"], [r["reason"] for r in runs["reasons"]]) == (
        "doubled[1]",
        "runs",
        ["never-ran"],
    )
    assert (cached["node"], cached["state"]) == ("doubled[2]", "cached")
    counts = {"runs": 0, "cached": 0, "depends": 0, "fails": 0, "skipped": 0}
    awaits = {"reason": "awaits", "text": "`doubled[1]` runs first, its result is not known yet"}
    assert (code, err, document) == (
        0,
        "",
        {
            "run": None,
            "status": "dry",
            "outputs": {},
            "nodes": {"done": 0, "cached": 0, "failed": 0, "skipped": 0, "cancelled": 0, "held": 0},
            "failures": [],
            "diagnostics": [],
            "would": {**counts, "runs": 1, "cached": 1, "depends": 1},
            "calls": [
                {
                    "node": "doubled",
                    "task": "double",
                    "times": "2 times",
                    **counts,
                    "runs": 1,
                    "cached": 1,
                    "open": None,
                },
                {
                    "node": "total",
                    "task": "total",
                    "times": "once",
                    **counts,
                    "depends": 1,
                    "open": None,
                    "instances": [
                        {
                            "node": "total",
                            "state": "depends",
                            "reasons": [{**awaits, "node": "doubled[1]", "by": "value"}],
                        }
                    ],
                },
            ],
            "faults": [],
        },
    )
    code, graph, _ = cascade(folder, "compile", "double.csc", "--format", "json")
    assert code == 0
    (folder / "graph.json").write_text(graph)
    assert cascade(folder, "run", "graph.json")[:2] == (0, "doubled = [2, 4]\ntotal = 6\n")
    text = cascade(folder, "compile", "double.csc")[1]
    assert text == cascade(folder, "compile", "graph.json")[1]
    assert text.startswith("graph double of double.csc\n## Doubles numbers.\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.csc"], "CSC010"),
        (["double.csc", "--ns", "x"], "CSC502"),
        (["double.csc", "--nss", "1"], "CSC500"),
        (["double.csc", "tootal"], "CSC407"),
        (["double.csc", "--limit", "task:duoble 3"], "CSC302"),
        (["double.csc", "--params", "none.json"], "CSC503"),
        (["double.csc", "--limit", "cpu 0.5"], "CSC507"),
    ],
)
def test_what_is_refused_before_anything_runs(folder: Path, args: list[str], message: str) -> None:
    code, out, err = cascade(folder, "run", *args, "--json")
    assert code == 2
    assert f"error[{message}]" in err
    document = json.loads(out)
    assert document["status"] == "refused"
    assert document["diagnostics"][0]["code"] == message


def test_garbage_for_a_graph_is_refused(folder: Path) -> None:
    (folder / "graph.json").write_text('{"cascade_graph": 2, "graph": {"_": "Graph"}}')
    assert cascade(folder, "run", "graph.json") == (
        2,
        "",
        "error[CSC400]: not a graph that Cascade wrote: at $: a Graph has no `name`\n",
    )


def test_what_the_machine_has_none_of_is_taken_away_or_given(folder: Path) -> None:
    (folder / "gpu.csc").write_text('task t() { requires gpu; sh "true" }\nt()\n')
    assert cascade(folder, "run", "gpu.csc") == (
        2,
        "",
        "error[CSC507]: `t` needs gpu 1, the limit is 0\n"
        ' --> gpu.csc:1:6\n  |\n1 | task t() { requires gpu; sh "true" }\n  |      ^\n  |\n'
        '  = help: take `requires gpu` from `t`, or raise it with `--limit "gpu 1"`\n',
    )


def test_check_says_what_is_wrong(folder: Path) -> None:
    assert cascade(folder, "check", ".") == (0, "", "1 program, no errors\n")
    (folder / "bad.csc").write_text("output x = dubble(1)\n")
    code, out, _ = cascade(folder, "check", "bad.csc", "--format", "json")
    assert code == 2
    (found,) = json.loads(out)
    assert (found["file"], found["line"], found["column"], found["severity"]) == ("bad.csc", 1, 12, "error")


# ---- a second terminal ------------------------------------------------------------------------------------------

SLOW = """\
task slow(n: int) {
  requires cpu = 0.1
  sh "while [ ! -e go ]; do sleep 0.05; done"
}
for n in range(8) { slow(n) }
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Path]:
    """A folder with a run of eight slow tasks, two of them at once."""
    (tmp_path / "slow.csc").write_text(SLOW)
    running = subprocess.Popen(
        [sys.executable, "-m", "cascade_dsl", "run", "slow.csc", "--limit", "task:slow 2"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ(tmp_path),
    )  # fmt: skip
    try:
        wait_for_running(tmp_path, 2)
        yield tmp_path
        (tmp_path / "go").touch()
        assert running.wait(60) == 0
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            running.wait(30)


def status(folder: Path) -> dict[str, Any] | None:
    runs = json.loads(cascade(folder, "ps", "--json")[1])["runs"]
    return runs[0] if runs else None


def wait_for_running(folder: Path, count: int) -> None:
    """Until so many run; ends with an error after a bound that no machine needs."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        run = status(folder)
        if run is not None and run["nodes"]["running"] == count:
            return
    raise AssertionError("the run did not get there")


def test_an_operator_steers_a_run(live: Path) -> None:
    code, out, err = cascade(live, "limit", "task:slow", "4", "because", "it can bear it")
    assert (code, err) == (0, "")
    assert out.startswith("task:slow 2 → 4: ")
    wait_for_running(live, 4)
    code, out, _ = cascade(live, "limit", "task:slow", "1", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["scope"], answer["applied"], answer["running"]) == ("task:slow", True, 4)
    assert (answer["before"], answer["after"]) == ({"hold": 4}, {"hold": 1})
    assert "drains to 1" in answer["effect"]
    assert cascade(live, "unlimit", "task:slow")[1].startswith("task:slow 1 → 2: ")
    assert cascade(live, "pause", "--because", "lunch")[0] == 0
    shown = cascade(live, "ps")[1].splitlines()
    assert re.fullmatch(r"\S+  slow\.csc  running [\d.]+s, pid \d+", shown[0])
    assert shown[1].startswith("  0/8")
    assert any(re.fullmatch(r"  paused everything by \S+( 0)?: lunch; \d slow waiting", line) for line in shown)
    assert cascade(live, "resume")[0] == 0


def test_a_bad_sentence_changes_nothing(live: Path) -> None:
    code, out, err = cascade(live, "limit", "task:slwo", "3")
    assert (code, out) == (2, "")
    assert err.startswith("error[CSC302]")
    assert "task:slow" in err
    assert cascade(live, "limit", "task:slow", "-1")[0] == 2
    run = status(live)
    assert run is not None
    (pool,) = [pool for pool in run["pools"] if pool["pool"] == "task:slow"]
    assert (pool["kind"], pool["capacity"], pool["taken"], pool["waiting"]) == ("hold", 2, 2, 6)


@pytest.mark.parametrize("line", ["limit task:slow 2", "unlimit task:slow", "pause tag:x", "resume", "ps"])
def test_control_verbs_load_nothing_heavy(live: Path, line: str) -> None:
    script = (
        "import sys\nfrom cascade_dsl.cli.main import main\nmain(sys.argv[1:])\n"
        "print('LOADED', [m for m in ('lark', 'trio', 'typer', 'rich', 'click', 'sqlite3') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *line.split()], cwd=live, capture_output=True, text=True, env=environ(live)
    )
    assert done.stdout.rstrip().endswith("LOADED []"), done.stderr


def test_continue_has_nothing_to_go_on_with(folder: Path) -> None:
    code, out, err = cascade(folder, "continue")
    assert (code, out) == (2, "")
    assert err == (
        "error[CSC506]: no run in this folder was interrupted: there is nothing to go on with\n"
        "  help: `cascade continue` goes on with a run that was killed or drained; start a new one with `cascade run FILE`\n"
    )


def test_continue_after_the_engine_was_killed(tmp_path: Path) -> None:
    (tmp_path / "slow.csc").write_text(SLOW + "output all = [1]\n")
    running = subprocess.Popen(
        [sys.executable, "-m", "cascade_dsl", "run", "slow.csc"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ(tmp_path),
    )  # fmt: skip
    try:
        wait_for_running(tmp_path, 8)
        run = status(tmp_path)
        assert run is not None
        assert cascade(tmp_path, "limit", "task:slow", "3")[0] == 0
        os.kill(run["pid"], signal.SIGKILL)
        err = running.communicate(timeout=60)[1].decode()
    finally:
        running.kill()
    assert running.returncode == 128 + signal.SIGKILL
    assert "cascade continue" in err
    (tmp_path / "go").touch()
    code, out, err = cascade(tmp_path, "continue")
    assert (code, out) == (0, "all = [1]\n")
    assert without_times(err).splitlines()[-1] == "done: 8 tasks done in TIME"


def test_a_path_whose_name_alone_is_used_need_not_be_there(folder: Path) -> None:
    (folder / "names.csc").write_text(
        'output there = exists(file("none.txt"))\noutput name = stem(file("a/none.txt"))\n'
        'output text = "{{file("none.txt")}}.gz"\n'
    )
    code, out, err = cascade(folder, "run", "names.csc")
    assert (code, out, without_times(err)) == (
        0,
        "there = false\nname = none\ntext = none.txt.gz\n",
        "done: 0 tasks done in TIME\n",
    )
    (folder / "names.csc").write_text('output text = read(file("none.txt"))\n')
    assert cascade(folder, "run", "names.csc") == (
        2,
        "",
        "error[CSC509]: there is no file `none.txt`\n"
        ' --> names.csc:1:26\n  |\n1 | output text = read(file("none.txt"))\n  |                          ^^^^^^^^\n  |\n'
        "  = help: paths in a program are relative to the folder of the file that is run\n",
    )


def test_a_folder_is_not_published_over_what_another_node_published(folder: Path) -> None:
    (folder / "over.csc").write_text(
        'task leaf(n: str) -> f: file = "{{n}}/deep/leaf.txt" { sh "echo > {{f}}" }\n'
        'task tree(n: str) -> d: dir = "{{n}}" { sh "mkdir {{d}}" }\n'
        'task name() -> str { sh "echo out" }\n'
        "n = name()\nf = leaf(n)\nd = tree(n) after f\noutput f = f\n"
    )
    code, out, err = cascade(folder, "run", "over.csc")
    assert (code, out, without_times(err).splitlines()) == (
        1,
        "f = out/deep/leaf.txt\n",
        [
            "failed: d (tree): it would publish out, which f publishes too",
            "  --> over.csc:6: d = tree(n) after f",
            "failed: 2 tasks done, 1 failed in TIME",
        ],
    )
    assert (folder / "out/deep/leaf.txt").read_text() == "\n"


def test_a_call_may_name_a_file_that_what_it_waits_for_makes(folder: Path) -> None:
    (folder / "made.csc").write_text(
        'task make() { sh "echo made > made.txt" }   # allow: relative-write\n'
        'task show(f: file) -> str { sh "cat {{f}}" }\n'
        'm = make()\noutput text = show(file("made.txt")) after m\n'
    )
    code, out, err = cascade(folder, "run", "made.csc")
    assert (code, out, without_times(err)) == (0, "text = made\n", "done: 2 tasks done in TIME\n")
