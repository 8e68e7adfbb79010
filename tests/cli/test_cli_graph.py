"""`cascade graph`: the picture of a program, and of a run that lives, has ended, or was killed."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from graphs import call, graph, param, task
from live_runs import Project

from cascade_dsl.ir.codec import graph_to_json
from cascade_dsl.ir.expr import Ref
from cascade_dsl.ir.graph import Flow, Item
from cascade_dsl.ir.types import JSON

PROGRAM = """\
## Three pages.

param names: list[str] = ["a", "b", "c"]   ## what to read

limit task:fetch 2 because "it is small"

task fetch(name: str) -> int {
  sh \"\"\"
    n={{name}}
    cat "gate/$n"
    test "$n" != b
    echo 1
  \"\"\"
}
task sum_up(ns: list[int]) -> int { python "return sum(ns)" }

pages = [fetch(n) for n in names]
output total = sum_up(pages)
"""
PLAIN = """\
---
title: "pages.csc"
---
flowchart LR
  accTitle: pages.csc
  accDescr: Three pages.
  n1[/"names<br/>list[str]"\\]
  n2[["pages<br/>fetch ×3"]]
  n5["total<br/>sum_up"]
  n6>"total<br/>int"]
  p0{{"task:fetch<br/>≤ 2"}}
  n1 --> n2
  n2 --> n5
  n5 --> n6
  n2 -.- p0
  linkStyle 3 stroke:#bf3989,stroke-dasharray:1 4
"""


@pytest.fixture
def pages(project: Project) -> Project:
    project.write("pages.csc", PROGRAM)
    return project


def boxes(text: str) -> list[str]:
    """The lines that are boxes, of a picture as Mermaid text."""
    return [line.strip() for line in text.splitlines() if line.startswith(("  n", "  p"))]


def test_the_picture_of_a_program(pages: Project) -> None:
    done = pages.cascade("graph", "pages.csc")
    assert (done.code, done.err) == (0, "")
    assert done.out.partition("  classDef")[0] == PLAIN
    assert not (pages.folder / ".cascade").exists()


@pytest.mark.parametrize(("form", "starts"), [("mermaid", "---\n"), ("dot", 'digraph "pages.csc" {'), ("svg", "<?xml")])
def test_forms_and_a_file(pages: Project, form: str, starts: str) -> None:
    done = pages.cascade("graph", "pages.csc", "--format", form, "-o", "picture")
    assert (done.code, done.out, done.err) == (0, "", "")
    written = (pages.folder / "picture").read_text()
    assert written.startswith(starts)
    assert pages.cascade("graph", "pages.csc", f"--format={form}").out == written
    for name in ("names", "pages", "total", "sum_up", "task:fetch"):
        assert name in written


def test_a_graph_as_json_is_drawn_as_its_program(pages: Project) -> None:
    pages.write("pages.json", pages.cascade("compile", "pages.csc", "--format", "json").out)
    assert pages.cascade("graph", "pages.json").out == pages.cascade("graph", "pages.csc").out


def test_what_is_not_built_yet_is_drawn_but_not_run(project: Project) -> None:
    flow = Flow(
        id=2, name="tidy", flow="tidy", args=(("x", Ref(1)),), items=(Item(id=3, name="x", type=JSON),),
        body=(call(4, "t", 3, name="wash"),), result=4, type=JSON,
    )  # fmt: skip
    made = replace(graph([task("t")], [param(1), flow, call(5, "t", 2, name="dry")]), file="flow.json")
    project.write("flow.json", json.dumps(graph_to_json(made)))
    drawn = project.cascade("graph", "flow.json")
    assert drawn.code == 0
    assert '  subgraph r2["tidy"]\n    n4["wash<br/>t"]\n  end\n' in drawn.out
    assert "  n1 --> r2\n  r2 --> n5\n" in drawn.out
    assert project.cascade("run", "flow.json").code == 2


def test_a_target_is_drawn_with_what_it_needs(pages: Project) -> None:
    assert boxes(pages.cascade("graph", "pages.csc", "pages").out)[:3] == [
        'n1[/"names<br/>list[str]"\\]', 'n2[["pages<br/>fetch ×3"]]', 'p0{{"task:fetch<br/>≤ 2"}}',
    ]  # fmt: skip


def test_pools_are_chosen(pages: Project) -> None:
    assert "p0" not in pages.cascade("graph", "pages.csc", "--pools", "none").out
    assert 'p1{{"cpu<br/>no limit"}}' in pages.cascade("graph", "pages.csc", "--pools", "all").out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.csc"], "error[CSC010]: there is no file none.csc"),
        (["pages.csc", "pagse"], "error[CSC407]: nothing in this program is called `pagse`\n  help: did you mean `pages`?"),
        (["pages.csc", "--format", "png"], "error[CSC504]: `--format` is one of mermaid, dot, svg, not `png`"),
        (["pages.csc", "-o", "no/such/folder"], "error[CSC504]: `no/such/folder` cannot be written: No such file"),
        ([], "error[CSC504]: `cascade graph` needs FILE"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_exit_2(pages: Project, args: list[str], message: str) -> None:
    done = pages.cascade("graph", *args)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(message), done.err


def test_a_broken_program_is_exit_2(project: Project) -> None:
    project.write("bad.csc", "output x = nothing\n")
    done = project.cascade("graph", "bad.csc")
    assert (done.code, done.out) == (2, "")
    assert "error[CSC101]" in done.err


def test_a_run_that_lives_then_has_failed(pages: Project) -> None:
    pages.fifos("abc")
    pages.start("run", "pages.csc", "--keep-going")
    pages.wait_live()
    pages.wait_running(2)
    live = pages.cascade("graph", "pages.csc", "--run", "last")
    assert live.code == 0, live.err
    assert 'n2[["pages<br/>fetch ×3<br/>2 running, 1 waiting"]]' in boxes(live.out)
    assert 'n5["total<br/>sum_up<br/>waiting"]' in boxes(live.out)
    assert "class n2 is_running" in live.out
    assert ': running"\n' in live.out
    pages.open_gates()
    ended = pages.finish()
    assert ended.code == 1
    (run,) = [folder.name for folder in (pages.folder / ".cascade" / "runs").iterdir()]
    for name in (run, run[-3:], "last"):
        shown = pages.cascade("graph", "pages.csc", "--run", name)
        assert 'n2[["pages<br/>fetch ×3<br/>1 failed, 2 done"]]' in boxes(shown.out)
        assert 'n5["total<br/>sum_up<br/>skipped"]' in boxes(shown.out)
        assert f'title: "pages.csc \\u00b7 run {run}: failed"' in shown.out
    drawn = pages.cascade("graph", "pages.csc", "--run", "last", "--format", "svg")
    words = {one.text for one in ElementTree.fromstring(drawn.out).iter("{http://www.w3.org/2000/svg}text")}
    assert {"1 failed, 2 done", "skipped", f"run {run}: failed"} <= words


def test_a_run_that_was_killed_runs_no_more(pages: Project) -> None:
    pages.fifos("abc")
    run = pages.start("run", "pages.csc")
    pages.wait_live()
    pages.wait_running(2)
    os.kill(pages.ps()["pid"], signal.SIGKILL)
    run.finish()
    shown = pages.cascade("graph", "pages.csc", "--run", "last").out
    assert 'n2[["pages<br/>fetch ×3<br/>3 cancelled"]]' in boxes(shown)
    assert ': interrupted"\n' in shown


def test_a_run_is_shown_as_it_was_though_the_program_has_changed(pages: Project) -> None:
    pages.fifos("abc")
    pages.start("run", "pages.csc", "--names", "a", "--names", "c")
    pages.open_gates()
    assert pages.finish().code == 0
    pages.write("pages.csc", PROGRAM.replace("pages", "leaves"))
    shown = pages.cascade("graph", "pages.csc", "--run", "last")
    assert shown.err.startswith("the program has changed since the run ")
    assert 'n2[["pages<br/>fetch ×2<br/>2 done"]]' in boxes(shown.out)


def test_a_run_of_another_program_is_refused(pages: Project) -> None:
    pages.write("other.csc", "output x = 1\n")
    assert pages.cascade("run", "other.csc").code == 0
    done = pages.cascade("graph", "pages.csc", "--run", next((pages.folder / ".cascade" / "runs").iterdir()).name)
    assert done.code == 2
    assert pages.shown(done.err) == (
        "error[CSC410]: the run RUN was of `other.csc`, not of `pages.csc`\n"
        "  help: `cascade graph other.csc --run RUN` draws it\n"
    )


def test_more_edges_than_mermaid_draws_are_told(project: Project) -> None:
    nodes: list[Any] = [call(at, "t", at - 1 if at > 1 else None) for at in range(1, 503)]
    project.write("long.json", json.dumps(graph_to_json(graph([task("t")], nodes))))
    done = project.cascade("graph", "long.json")
    assert done.code == 0
    assert done.err.startswith("the picture has 501 edges, and Mermaid draws at most 500")
    assert project.cascade("graph", "long.json", "--format", "dot").err == ""


def test_the_picture_in_the_guide_is_up_to_date(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    project = Project(root / "examples" / "stdlib", tmp_path)
    drawn = project.cascade("graph", "stdlib.csc", "--format", "svg").out
    assert drawn == (root / "docs" / "guides" / "stdlib.svg").read_text("utf-8"), (
        "draw it again: cascade graph examples/stdlib/stdlib.csc --format svg -o docs/guides/stdlib.svg"
    )
