"""The limit sentence with the real program: what is typed stands in the journal as the file would have said it."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from live_runs import Project

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.ir.events import RunStarted, WordSet
from cascade_dsl.ir.requirement import Layer, Limit
from cascade_dsl.lang.compile import compile_source

PROGRAM = """\
{top}
task work(i: int, host: str) -> str {{
  requires cpu = 0.01, tokens = 5
  sh "cat gate/{{{{i}}}}; echo done"
}}
output items = [work(i, "h") for i in range(3)]
"""
TYPED = [
    ("task:work 2 by host", ["task:work", "2", "--by", "host"]),
    ("task:work 0.5/s burst 20", ["task:work", "0.5/s", "burst", "20"]),
    ("tokens 90000/m burst 500", ["tokens", "90000/m", "--burst", "500"]),
    ('global 1 for 10m because "they \\"asked\\" {{twice}}"'.replace("{{", "\\{{"), ["global", "1", "for", "10m", "because", 'they "asked" {{twice}}']),
    ("mem 1GiB until 08:00", ["mem", "1GiB", "--until", "08:00"]),
    ("task:w* 3 from 22:00 to 06:00 fri-sun,wed", ["task:w*", "3", "--from", "22:00", "--to", "06:00", "--days", "fri-sun,wed"]),
]  # fmt: skip
REFUSED = [
    (["task:work", "10/sec"], "error[CSC324]: `/sec` is no unit of a rate\n --> <limit>:1:14\n"),
    (["task:work", "2", "by", "hots"], "error[CSC317]: `by` uses `hots`, which is no input of `work`\n --> <limit>:1:16\n"),
    (["gpu", "0.5"], "error[CSC304]: `gpu` counts in whole units\n --> <limit>:1:5\n"),
    (["task:work", "none", "for", "1m"], "error[CSC322]: `none` sets no limit, and `for` is about one\n --> <limit>:1:20\n"),
    (["task:work", "3", "because", "x" * 5000], "error[CSC611]: `text` of `limit` has 5022 characters\n"),
]  # fmt: skip


def of_file(sentence: str) -> Limit:
    graph = compile_source(Source("a.csc", PROGRAM.format(top=f"limit {sentence}")), folder=Path(".")).graph
    assert graph is not None
    return replace(graph.limits[0], line=0)


@pytest.fixture
def held(project: Project) -> Project:
    """A run whose tasks wait at their gates, with two words of its command line."""
    project.write("work.csc", PROGRAM.format(top=""))
    project.fifos(range(3))
    project.start("run", "work.csc", "--limit", "limit task:work 100/s burst 9 by host", "--limit", "tokens 50")
    project.wait_live()
    project.wait_running(3)
    return project


def test_what_is_typed_is_what_a_file_would_say(held: Project) -> None:
    (started,) = [event for _, event in held.of(RunStarted)]
    assert isinstance(started, RunStarted)
    on_command_line = [word.limit for word in started.words if word.layer == Layer.COMMAND_LINE]
    assert on_command_line == [of_file("task:work 100/s burst 9 by host"), of_file("tokens 50")]
    for sentence, words in TYPED:
        done = held.cascade("limit", *words)
        assert (done.code, done.err) == (0, ""), words
        _, event = held.of(WordSet)[-1]
        assert isinstance(event, WordSet)
        assert replace(event.word.limit, until_ns=None) == of_file(sentence)
    known = len(held.of(WordSet))
    for words, message in REFUSED:
        done = held.cascade("limit", *words)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(message), done.err
    assert len(held.of(WordSet)) == known, "what is refused changes nothing"


def test_the_door_is_for_its_owner_alone(held: Project) -> None:
    (socket,) = Path(held.folder).glob(".cascade/runs/*/control.sock")
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
