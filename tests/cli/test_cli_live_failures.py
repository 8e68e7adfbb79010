"""What is said of a failure: its place, its meaning, what is skipped because of it; and `log` for what has none."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from live_runs import Project

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.ir.codec import graph_from_json, graph_to_json
from cascade_dsl.ir.graph import Call, Compute, FanOut, ShellBody, walk
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.runtime.ran import OutOfMemory

PLACES = """\
limit task:get 3

task get(n: int) -> int {
  sh \"\"\"

    echo {{n}}
  \"\"\"
}
task one() -> int { limit 2; sh "echo 1" }

first = get(
  one())
xs = [1 // n
      for n in [1, 0]]
got = [
  get(n)
  for n in xs if n > 0
]
output x = got
"""


def test_a_graph_knows_the_lines_of_what_it_was_compiled_from() -> None:
    graph = compile_source(Source("p.csc", PLACES), folder=Path()).graph
    assert graph is not None
    lines = [
        (type(node).__name__, node.name, node.line)
        for node in walk(graph.nodes)
        if isinstance(node, Call | Compute | FanOut)
    ]
    assert sorted(lines) == sorted(
        [
            ("Call", "first.one", 12),
            ("Call", "first", 11),
            ("Compute", "xs", 13),
            ("FanOut", "got", 17),
            ("Compute", "got.if", 17),
            ("Call", "got", 16),
        ]
    )
    assert [(task.name, task.line) for task in graph.tasks] == [("get", 3), ("one", 9)]
    assert [body.line for body in (task.body for task in graph.tasks) if isinstance(body, ShellBody)] == [5, 9]
    assert [(str(limit.scope), limit.line) for limit in graph.limits] == [("task:get", 1), ("task:one", 9)]
    assert graph_from_json(json.loads(json.dumps(graph_to_json(graph)))) == graph


SKIPS = """\
task load(i: int) -> int { requires cpu = 0.1; sh "i={{i}}; [ $((i % 4)) != 1 ] || exit 3; echo $i" }
task double(i: int) -> int { requires cpu = 0.1; sh "i={{i}}; [ $i != 2 ] || exit 4; echo $((2 * i))" }
task bad() -> int { exec ["false"] }
task with_bad(i: int, b: int) -> int { sh "echo {{i}} {{b}}" }
task total(xs: list[int]) -> int { python "return sum(xs)" }
task last(n: int) { sh "echo {{n}}" }
pages = [load(i) for i in range(12)]
twice = [double(p) for p in pages]
chain = [double(load(i)) for i in range(5, 9)]
b = bad()
all = [with_bad(i, b) for i in range(6)]
t = total(twice)
u = total(all)
last(t)
last(u)
output o = t
"""


def test_what_is_skipped_is_put_down_to_one_failure_each(project: Project) -> None:
    project.write("skips.csc", SKIPS)
    done = project.cascade("run", "skips.csc", "-k", "--json")
    document = done.json
    failures = {failure["node"]: failure for failure in document["failures"]}
    assert (done.code, document["nodes"]["failed"]) == (1, len(failures))
    skipped = {name: failure["skipped"] for name, failure in failures.items()}
    # Whether the items of `all` are known when `b` fails is a matter of luck; all others are told exactly, each once.
    assert skipped.pop("b") in (2, 8)
    assert sum(skipped.values()) == document["nodes"]["skipped"] - 8
    assert {name for name, number in skipped.items() if number == 0} == {"twice[2]"}
    assert Counter(f["task"] for f in failures.values()) == {"load": 4, "double": 1, "bad": 1}
    assert (failures["b"]["line"], failures["b"]["meaning"]) == (10, "`false` exits with 1")


FAILS = """\
task py(n: int) -> int { python "return helper.go(n)" }
task call(n: int) -> int { python "helper.py:go" }
task grep() -> int { sh "echo a | grep b" }
task pipe() -> int { sh "yes | true" }
task argv(x: str) -> int { exec ["sh", "-c", "exit 126", x] }
task term() -> int { sh "kill -TERM $$" }
task segv() -> int { sh "kill -SEGV $$" }
task late() -> int { timeout 100ms; exec ["sleep", "30"] }
a = call(0)
c = grep()
d = pipe()
e = argv("it's")
f = term()
g = segv()
h = late()
v = 1 // len([x for x in [1] if x > 1])
output o = v
"""


def test_kinds_of_failure_with_real_processes(project: Project) -> None:
    project.write("fails.csc", FAILS)
    project.write("helper.py", "def go(n):\n    return inner(n)\n\ndef inner(n):\n    return 1 // n\n")
    done = project.cascade("run", "fails.csc", "-k")
    assert done.code == 1
    blocks = sorted("failed: " + part for part in project.shown(done.err).split("failed: ")[1:])
    first = {block.split(":")[1].split()[0]: block.splitlines() for block in blocks}
    assert first["a"][:3] == [
        "failed: a (call): ZeroDivisionError: integer division or modulo by zero, at helper.py:5 in inner",
        "  --> fails.csc:9: a = call(0)",
        "  python fails.csc:2: helper.py:go",
    ]
    assert first["c"][0] == "failed: c (grep): exit 1 (grep exits with 1 where no line matches)"
    assert first["d"][0].startswith("failed: d (pipe): exit 141 (SIGPIPE: the reader of a pipe closed it")
    assert first["e"][:3] == [
        "failed: e (argv): exit 126 (a command was found but may not be run)",
        '  --> fails.csc:12: e = argv("it\'s")',
        "  exec fails.csc:5: sh -c 'exit 126' 'it'\"'\"'s'",
    ]
    assert first["f"][0] == "failed: f (term): killed by SIGTERM (it was asked to end)"
    assert first["g"][0] == "failed: g (segv): killed by SIGSEGV (it touched memory that is not its own)"
    assert first["h"][0] == "failed: h (late): took longer than its timeout of 100ms"
    assert first["v"] == [
        "failed: v: division by zero, in `1 // len([x for x in [1] if x > 1])`",
        "  --> fails.csc:16: v = 1 // len([x for x in [1] if x > 1])",
    ]


def test_a_program_that_changed_meanwhile_shows_no_line_of_it(project: Project) -> None:
    project.write("p.csc", 'task t() -> int { sh "echo up >> up; cat gate/0; exit 3" }\nx = t()\noutput o = x\n')
    project.fifos([0])
    run = project.start("run", "p.csc")
    project.wait_for("up")
    project.write("p.csc", "# other\n# words\n")
    project.open_gates()
    assert "  --> p.csc:2\n" in run.finish().err


LOGS = """\
task get(n: int) -> int { sh "echo said {{n}} >&2; exit {{n}}" }
task never(n: int) -> int { sh "echo {{n}}" }
pages = [get(n) for n in range(3)]
bad = 1 // len(pages[0:0])
rest = never(bad)
output o = rest
"""


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            "pages",
            "error[CSC508]: `pages` is a list in the run RUN: each of its items has a log\n"
            "  help: `pages[0]`, `pages[1]`, `pages[2]`\n",
        ),
        (
            "pagse[1]",
            "error[CSC508]: nothing in the run RUN has a log as `pagse[1]`\n"
            "  help: near to it: `pages[1]`, `pages[2]`, `pages[0]`\n",
        ),
        ("rest", "error[CSC508]: `rest` was skipped: what it needs has failed: it has no log in the run RUN\n"),
        (
            "quite else",
            "error[CSC508]: nothing in the run RUN has a log as `quite else`\n"
            "  help: this run has logs of `pages[2]` and 3 more\n",
        ),
    ],
)
def test_log_says_why_there_is_none(project: Project, node: str, message: str) -> None:
    project.write("logs.csc", LOGS)
    assert project.cascade("run", "logs.csc", "-k").code == 1
    done = project.cascade("log", node)
    assert (done.code, done.out, project.shown(done.err)) == (2, "", message)
    assert project.cascade("log", "pages.2").out == "said 2\n"


def test_log_of_a_value_and_of_a_live_node(project: Project) -> None:
    project.write(
        "v.csc",
        'task t() -> int { sh "echo before >&2; echo up >> up; cat gate/0; echo 1" }\nparam z: int = 0\nv = 1 // z\nx = t()\noutput o = x\noutput p = v\n',
    )
    project.fifos([0])
    run = project.start("run", "v.csc", "-k")
    project.wait_for("up")
    assert project.cascade("log", "x").out == "before\n"
    project.open_gates()
    assert run.finish().code == 1
    assert project.shown(project.cascade("log", "v").err) == (
        "error[CSC508]: `v` is a value of the program, no task: it has no log in the run RUN\n"
        "  help: it failed: division by zero, in `1 // z`\n"
    )


def test_memory_that_was_short_is_counted(tmp_path: Path) -> None:
    own, group, vmstat = tmp_path / "own", tmp_path / "a" / "memory.events", tmp_path / "vmstat"
    own.write_text("0::/a\n")
    vmstat.write_text("pgfault 1\noom_kill 7\n")
    group.parent.mkdir()
    group.write_text("low 0\noom_kill 1\n")
    watch = OutOfMemory(tmp_path, vmstat, own)
    assert not watch.happened()
    group.write_text("low 0\noom_kill 2\n")
    assert (watch.happened(), watch.happened()) == (True, False)
    own.write_text("0::/nowhere\n")
    machine = OutOfMemory(tmp_path, vmstat, own)
    vmstat.write_text("oom_kill 8\n")
    assert machine.happened()
    assert not OutOfMemory(tmp_path, tmp_path / "none", tmp_path / "none").happened()
