"""Values that arrive: each wrong one fails its own node, told by its place; and what bodies see of their file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ARRIVALS = """type Item = {name: str, n: int}
task source() -> json {
  python "return {'items': [{'name': 'a', 'n': 1}, {'name': 7, 'n': 'x'}], 'cpu': 'lots', 'flag': 'yes', 'n': 3}"
}
task take(item: Item) -> str { sh "echo {{item.name}}" }
task whole(items: list[Item]) -> int { python "return len(items)" }
task greedy(n: json) -> int {
  requires cpu = n
  python "return 1"
}
task same(x: int) -> int { python "return x" }
task wrong() -> list[Item] { python "return [{'name': 'a', 'n': 'no'}]" }

d = source()
a = [take(i) for i in d.items]
b = whole(d.items)
c = greedy(d.cpu)
e = [same(i.n + 1) for i in d.items]
f = [same(1) for i in d.n]
g = [same(k) for k, v in d.items]
h = wrong()
i = "yes" if d.flag else "no"
j = d.itms[0]
k = whole([i for i in d.items if i.n > 0])
l = [same(1) for i in d.items if i.n]
m = sum([i.n for i in d.items])
n = matches(d.items[0].name, d.flag + "(")
output good = same(d.n)
output i = i
output j = j
output m = m
output n = n
"""

FAILURES = {
    'a[7] (take): input item.name: expected str, found the number 7',
    'b (whole): input items[1].name: expected str, found the number 7',
    'c (greedy): requires cpu: an amount must be a number, found the text "lots"',
    'e[7] (same): input x: `+` does not take the text "x" and the number 1, in `i.n + 1`',
    "f: `for` wants a list, found the number 3",
    "g[a] (same): input x: `for` unpacks each item into 2 names, found a record",
    "g[7] (same): input x: `for` unpacks each item into 2 names, found a record",
    'h (wrong): the returned value does not fit list[Item]: expected int, found the text "no" at [0].n',
    'i: a condition must be true or false, found the text "yes", in `d.flag`',
    "j: there is no key `itms` (did you mean `items`?), in `d.itms`",
    'k (whole): input items: `>` does not take the text "x" and the number 0, in `i.n > 0`',
    "l.if[a]: a condition must be true or false, found the number 1",
    'l.if[7]: a condition must be true or false, found the text "x"',
    'm: `sum` wants a list of numbers, found the text "x" at [1], in `sum([i.n for i in d.items])`',
    'n: the text "yes(" is no regular expression: missing ), unterminated subpattern at position 3, '
    'in `matches(d.items[0].name, d.flag + "(")`',
}  # fmt: skip


def run(folder: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "p.csc").write_text(program)
    return subprocess.run(
        [sys.executable, "-m", "cascade_dsl", "run", "p.csc", *words],
        cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_wrong_value_fails_its_node_alone_and_is_told_by_its_place(tmp_path: Path) -> None:
    done = run(tmp_path, ARRIVALS, "--keep-going")
    lines = done.stderr.splitlines()
    assert {
        line.removeprefix("failed: ") for line in lines if line.startswith("failed: ") and "tasks" not in line
    } == FAILURES
    assert done.stdout == "good = 3\n"
    assert done.returncode == 1


BODIES = """param top: int = 3
param ref: file = file("genome.fa")
param unused: int = 1
label = "top {{top}}"

task text(n: int) -> json {
  requires cpu = 2, mem = 64MB, slots = n
  env { MEM = str(need.mem), SLOTS = "{{need.slots + 1}}" }
  python \"\"\"
    import os
    unused = 4
    return [label, top, ref, need.mem, need["cpu"], need.slots, os.environ["MEM"], os.environ["SLOTS"], sorted(vars())]
  \"\"\"
}
task named(n: int) -> json { python "values.py:named" }
task decorated(n: int) -> json { python "values.py:decorated" }
task shell() -> str {
  requires mem = 2MB
  sh "echo {{label}} {{top}} {{need.mem}} {{ref}}"
}
task words() -> str { exec ["echo", label, "{{need.cpu}}", ref] }
output text = text(1)
output named = named(1)
output decorated = decorated(1)
output shell = shell()
output words = words()
"""

FUNCTIONS = """import functools

def named(n, top, *, label="none", need, other=1, **rest):
    return [n, top, label, need.cpu, other, rest]

def twice(f):
    @functools.wraps(f)
    def inner(**given):
        return [f(**given), sorted(given)]
    return inner

@twice
def decorated(n, top):
    return n + top
"""


def test_bodies_see_the_params_and_constants_that_they_use(tmp_path: Path) -> None:
    (tmp_path / "values.py").write_text(FUNCTIONS)
    (tmp_path / "genome.fa").write_text("")
    done = run(tmp_path, BODIES, "--top", "5", "--json")
    assert done.returncode == 0, done.stderr
    genome = str(tmp_path / "genome.fa")
    assert json.loads(done.stdout)["outputs"] == {
        "text": [
            "top 5", 5, genome, 64000000, 2, 1, "64000000", "2",
            ["attempt", "label", "n", "need", "os", "ref", "top", "unused"],
        ],
        "named": [1, 5, "top 5", 1, 1, {}],
        "decorated": [6, ["n", "top"]],
        "shell": f"top 5 5 2000000 {genome}",
        "words": f"top 5 1 {genome}",
    }  # fmt: skip


def test_params_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.fq").write_text("")
    (tmp_path / "in" / "p.yaml").write_text("samples:\n- {id: no, reads: [a.fq], wait: 1m}\n")
    program = "type S = {id: str, reads: list[file], wait: duration, depth: int?}\nparam samples: list[S]\noutput s = samples\n"
    done = run(tmp_path, program, "--params", "in/p.yaml")
    assert done.stdout == 's = [{"id": "no", "reads": ["in/a.fq"], "wait": 60, "depth": null}]\n'
