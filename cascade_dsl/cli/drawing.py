"""`graph`: the picture of a program, or of what became of it in a run."""

from __future__ import annotations

import sys
from pathlib import Path

from .. import api
from ..base.diagnostics import fail
from ..ir.graph import Graph
from ..ir.select import select
from ..report.diagram.build import build
from ..report.diagram.lengths import Lengths
from ..report.diagram.model import Diagram
from ..report.diagram.pools import Want
from ..report.diagram.progress import progress
from ..runtime.texts import texts_of
from ..store.journal import JournalReader
from ..store.runs import Project, Run
from .parse import Parsed
from .run import load

_LAST = "last"


def graph(parsed: Parsed) -> int:
    """Print a picture, or write it to a file."""
    path = Path(parsed.args[0])
    program = api.load_graph(path, drawn=True) if path.suffix == ".json" else load(path)
    want: Want = "limited"
    if parsed.values.get("--pools") in ("all", "none"):
        want = "all" if parsed.values["--pools"] == "all" else "none"
    run = _run(path, program, parsed.values.get("--run"))
    diagram = _of_program(program, parsed, want) if run is None else _of_run(run, program, parsed, want)
    text = _drawn(diagram, parsed)
    target = parsed.values.get("--output")
    if target is None:
        sys.stdout.write(text)
        return 0
    try:
        Path(target).write_text(text, "utf-8")
    except OSError as error:
        raise fail("CSC504", f"`{target}` cannot be written: {error.strerror}") from None
    return 0


def _of_program(program: Graph, parsed: Parsed, want: Want) -> Diagram:
    return build(select(program, parsed.args[1:]), pools=want)


def _of_run(run: Run, program: Graph, parsed: Parsed, want: Want) -> Diagram:
    """The picture of what was run: the run keeps its graph, the file may have changed."""
    live = run.is_live
    texts = texts_of(run)
    with JournalReader(run.journal) as reader:
        events = ((t_ns, event) for _, t_ns, event in reader.events())
        known = progress(texts.first, events, live=live, graphs=texts.later)
    ran = known.graph
    if ran.sources != program.sources:
        print(f"the program has changed since the run {run.id}: this is what was run", file=sys.stderr)
    state = known.status or ("running" if live else "interrupted")
    shown = select(ran, parsed.args[1:])
    lengths = Lengths(ran, known.lengths)
    return build(
        shown,
        tallies=known.tallies,
        elements=known.elements,
        lengths=lengths,
        pools=want,
        note=f"run {run.id}: {state}",
    )


def _run(path: Path, program: Graph, wanted: str | None) -> Run | None:
    if wanted is None:
        return None
    project = Project(path.resolve().parent)
    if wanted != _LAST:
        run = project.run(wanted)
        if run.info().file not in ("", program.file):
            raise fail(
                "CSC410",
                f"the run {run.id} was of `{run.info().file}`, not of `{program.file}`",
                help=f"`cascade graph {run.info().file} --run {run.id}` draws it",
            )
        return run
    found = next((run for run in project.runs() if run.info().file == program.file), None)
    if found is None:
        raise fail(
            "CSC708",
            f"`{program.file}` was not run in this folder yet",
            help=f"`cascade run {path}` runs it; without `--run` the picture shows no states",
        )
    return found


def _drawn(diagram: Diagram, parsed: Parsed) -> str:
    match parsed.values.get("--format", "mermaid"):
        case "svg":
            from ..report.diagram.layout import place
            from ..report.diagram.packing import packed
            from ..report.diagram.svg import svg

            return svg(place(diagram if "--expand" in parsed.flags else packed(diagram)))
        case "dot":
            from ..report.diagram.dot import dot

            return dot(diagram)
        case _:
            from ..report.diagram.mermaid import EDGES_AT_MOST, mermaid

            if len(diagram.edges) > EDGES_AT_MOST:
                print(
                    f"the picture has {len(diagram.edges)} edges, and Mermaid draws at most {EDGES_AT_MOST} unless it is "
                    "told otherwise: `--format svg` has no such bound",
                    file=sys.stderr,
                )
            return mermaid(diagram)
