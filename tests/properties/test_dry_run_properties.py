"""A dry run foresees what the run then does: over sequences of edits to a program, its files, its helpers and its outputs.

`CASCADE_SEQUENCES=1000` plays it at full size. What a run decides is asked of the run itself, in this process, with bodies that
pass every change on; what must not and what must make a difference is said by the edits, apart from both.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bodies_at_hand import Recorder, Workflow, at_hand, names_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade_dsl.runtime.forecast import Forecast
from cascade_dsl.store.reasons import (
    BodyChanged,
    CodeChanged,
    FileChanged,
    NeverRan,
    Reason,
    ValueChanged,
)

SEQUENCES = int(os.environ.get("CASCADE_SEQUENCES", "25"))
ALWAYS = {"noted", "told"}
"""Nodes without outputs, or with `cache off`."""
CONTENT = (BodyChanged, CodeChanged, FileChanged, NeverRan, ValueChanged)
"""Reasons after which a body of this program gives something that it has never given."""

PROGRAM = """\
{comment}
param files: list[str] = {files}
param depth: int = {depth}
k = {k}
limit task:a {limit}

task a(x: file) -> file = "{folder}/{{{{stem(x)}}}}.a" {{
  requires cpu = 0.{cpu}
  timeout {timeout}s; priority {priority}; retry {retry}
  env {{ THREADS = "{threads}" }}
  cache by "{by}"
  sh \"\"\"
    cat {{{{x}}}} > {{{{out}}}}
    echo {script}
  \"\"\"
}}
{gap}
task b(x: file, n: int) -> str {{ env {{ MODE = str(k) }}; python "return ({python}, depth)" }}
task c(y: str) -> str {{ python "helpers.py:rank" }}
task pick(y: str) -> list[int] {{ python "return [{python}]" }}
task merge(ys: list[str], n: int) -> (table: file = "out/all.txt", log: file = "out/all.log") {{
  python "return {merge}"
}}
task note(n: int) -> str {{ cache off; python "return 1" }}
task tell(t: file) {{ sh "echo {{{{t}}}}" }}

as = [a(file(p)) for p in files]
bs = [b(x, depth) for x in as]
cs = [c(y) for y in bs if y != "{never}"]
first = merge(cs, k)
alone = c("alone")
picked = pick(alone)
more = [c(str(i)) for i in picked]
noted = note(k)
told = tell(first.table)
output table = first.table
"""
HELPERS = """\
{comment}
import math
FACTOR = {factor}
def base(y):
    return FACTOR
def rank(y):
    {gap}return base(y) + {rank}
def unused():
    return {unused}
"""


@dataclass
class Sources:
    """All that the edits turn; each number is one place of the program, the helpers or the inputs."""

    files: list[str] = field(default_factory=lambda: ["in/f0.txt", "in/f1.txt"])
    contents: dict[str, int] = field(default_factory=lambda: {"in/f0.txt": 0, "in/f1.txt": 1})
    at: dict[str, int] = field(default_factory=dict[str, int])
    ran: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    """What of each has been run."""

    def value(self, kind: str) -> int:
        return self.at.get(kind, 1 if kind in ("depth", "k") else 0)

    contents_ran: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def unread(self) -> list[str]:
        """Listed files whose content no run has seen."""
        return [name for name in self.files if (name, self.contents[name]) not in self.contents_ran]

    def note_run(self) -> None:
        self.contents_ran |= {(name, self.contents[name]) for name in self.files}
        for kind in TURNED:
            self.ran.setdefault(kind, set()).add(self.value(kind))

    def program(self) -> str:
        at = self.at.get
        return PROGRAM.format(
            comment=f"# version {at('comment', 0)}" + "\n" * at("gap", 0),
            files=json.dumps(self.files),
            depth=at("depth", 1),
            k=at("k", 1),
            limit=at("limit", 0) + 1,
            folder=f"out{at('folder', 0) or ''}",
            cpu=at("cpu", 0) + 1,
            timeout=at("timeout", 0) + 60,
            priority=at("priority", 0),
            retry=at("retry", 0),
            threads=at("threads", 0),
            by=at("by", 0),
            script=at("script", 0),
            gap="\n" * at("gap", 0),
            python=at("python", 0),
            merge=at("merge", 0),
            never="x",
        )

    def helpers(self) -> str:
        at = self.at.get
        return HELPERS.format(
            comment=f"# helpers {at('helper comment', 0)}" + "\n" * at("helper gap", 0),
            factor=at("factor", 0),
            gap="# why\n    " * at("helper gap", 0),
            rank=at("rank", 0),
            unused=at("unused", 0),
        )


NEUTRAL = ("comment", "gap", "limit", "cpu", "timeout", "priority", "retry", "helper comment", "helper gap", "unused")
"""What must make no difference."""
TURNED: dict[str, tuple[str, ...]] = {
    "depth": ("bs",),
    "k": ("first", "bs"),
    "folder": ("as",),
    "threads": ("as",),
    "by": ("as",),
    "script": ("as",),
    "python": ("bs", "picked"),
    "merge": ("first",),
    "factor": ("cs", "alone", "more"),
    "rank": ("cs", "alone", "more"),
}
"""What must make a difference, and for which lists and nodes."""

edits = st.one_of(
    st.tuples(st.sampled_from(NEUTRAL), st.integers(0, 3)),
    st.tuples(st.sampled_from(sorted(TURNED)), st.integers(0, 2)),
    st.tuples(st.sampled_from(("content", "touch", "rewrite")), st.integers(0, 5)),
    st.tuples(st.sampled_from(("remove output", "alter output", "touch output")), st.integers(0, 5)),
    st.tuples(st.sampled_from(("add item", "drop item", "turn items")), st.integers(0, 3)),
)
steps = st.lists(st.tuples(st.lists(edits, min_size=1, max_size=2), st.booleans()), min_size=1, max_size=4)


def _apply(edit: tuple[str, int], sources: Sources, work: Workflow) -> bool:
    """Make an edit; whether it must make no difference."""
    kind, n = edit
    if kind in NEUTRAL or kind in TURNED:
        before = sources.value(kind)
        sources.at[kind] = n
        return kind in NEUTRAL or before == n
    outputs = sorted(str(p.relative_to(work.folder)) for p in work.folder.glob("out*/*"))
    inputs = sorted(sources.contents)
    match kind:
        case "content":
            name = inputs[n % len(inputs)]
            sources.contents[name] += 10
            work.write(name, f"content {sources.contents[name]}")
            return name not in sources.files
        case "touch":
            os.utime(work.folder / inputs[n % len(inputs)])
            return True
        case "rewrite":
            name = inputs[n % len(inputs)]
            work.write(name, f"content {sources.contents[name]}")
            return True
        case "touch output" if outputs:
            os.utime(work.folder / outputs[n % len(outputs)])
            return True
        case "remove output" if outputs:
            (work.folder / outputs[n % len(outputs)]).unlink()
        case "alter output" if outputs:
            work.write(outputs[n % len(outputs)], "altered")
        case "add item":
            name = f"in/f{n}.txt"
            sources.contents.setdefault(name, n)
            work.write(name, f"content {sources.contents[name]}")
            if name not in sources.files:
                sources.files.insert(n % (len(sources.files) + 1), name)
        case "drop item" if len(sources.files) > 1:
            sources.files.pop(n % len(sources.files))
        case "turn items":
            sources.files.reverse()
        case _:
            return True
    return False


@contextmanager
def folder() -> Generator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
        yield Path(made)


def _reasons(found: Forecast) -> list[Reason]:
    return [
        reason
        for row in found.rows
        for each in row.instances
        if each.fate == "runs"
        for reason in each.reasons
        if each.name not in ALWAYS
    ]


def _check(found: Forecast, done: Recorder) -> None:
    """The run did what was foreseen."""
    started, recalled = set(done.started), set(done.recalled)
    runs, cached, depends = (names_of(found, fate) for fate in ("runs", "cached", "depends"))
    assert not names_of(found, "fails")
    assert not names_of(found, "skipped")
    assert runs <= started, "what would run has run"
    assert cached <= recalled, "what was up to date has not"
    foreseen = runs | cached | depends
    assert foreseen <= started | recalled
    unknown = {row.node for row in found.rows if row.cause is not None}
    assert {name.partition("[")[0] for name in (started | recalled) - foreseen} <= unknown
    reasons = _reasons(found)
    if all(isinstance(reason, CONTENT) and getattr(reason, "kind", "") != "by" for reason in reasons):
        new = depends - ALWAYS
        if reasons:
            assert new <= started, "every body passes every change on"


def _apart(found: Forecast, is_neutral: bool, sources: Sources) -> None:
    """What the edits since the last run must and must not do."""
    runs, cached, depends = (names_of(found, fate) for fate in ("runs", "cached", "depends"))
    if is_neutral:
        assert runs <= ALWAYS
        assert depends <= ALWAYS
    for kind, names in TURNED.items():
        if sources.value(kind) not in sources.ran[kind]:
            assert not {each for each in cached if each.partition("[")[0] in names}, kind
    assert len({each for each in runs if each.startswith("as[")}) >= len(sources.unread())
    if all(sources.value(kind) in sources.ran[kind] for kind in ("factor", "rank")) and is_neutral:
        assert "alone" in cached


@settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_the_dry_run_foresees_the_run(sequence: list[tuple[list[tuple[str, int]], bool]]) -> None:
    with at_hand(), folder() as here:
        work, sources = Workflow(here), Sources()
        for name, number in sources.contents.items():
            work.write(name, f"content {number}")
        work.write("p.csc", sources.program())
        work.write("helpers.py", sources.helpers())
        first = work.foresee()
        assert not (here / ".cascade").exists()
        assert names_of(first, "cached") == set()
        _check(first, work.run())
        sources.note_run()
        is_neutral = True
        for some, runs in sequence:
            for edit in some:
                is_neutral = _apply(edit, sources, work) and is_neutral
            work.write("p.csc", sources.program())
            work.write("helpers.py", sources.helpers())
            found = work.foresee()
            _apart(found, is_neutral, sources)
            if runs:
                _check(found, work.run())
                sources.note_run()
                is_neutral = True
        _check(work.foresee(), work.run())
        again = work.foresee()
        assert names_of(again, "runs") <= ALWAYS, "after a run all is up to date"
        _check(again, work.run())
