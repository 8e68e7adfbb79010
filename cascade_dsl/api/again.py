"""What the newest run of a project was given, so that a question about it need not say it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base.diagnostics import CascadeError, fail
from ..ir.codec import graph_from_text
from ..ir.events import ParamBound, RunStarted
from ..ir.graph import Graph, Json, Param
from ..store.blobs import Blobs
from ..store.journal import JournalReader
from ..store.runs import Project, Run
from ..values.typing import strict_json
from .params import ParamValue, bind_params


@dataclass(frozen=True, slots=True)
class Past:
    """A run that was: its program, and those of its params that were given and not left to their defaults."""

    run: str
    file: Path
    given: Mapping[str, ParamValue]


def newest(folder: Path, file: Path | None = None) -> Past | None:
    """The newest run of a project, of one program where `file` is given; None where there is none that can be read."""
    project = Project(folder)
    for run in project.runs():
        known = run.info().file
        if not known or (file is not None and (folder / known).resolve() != file.resolve()):
            continue
        try:
            return Past(run.id, folder / known, _given(run, folder, project.blobs))
        except (CascadeError, OSError, ValueError):
            continue
    return None


def _given(run: Run, folder: Path, blobs: Blobs) -> dict[str, ParamValue]:
    graph = graph_from_text(run.graph.read_text("utf-8"))
    bound = _bound(run, graph, blobs)
    given = {name: ParamValue(value, folder) for name, value in bound.items()}
    optional = {node.name for node in graph.nodes if isinstance(node, Param) and node.default is not None}
    try:
        defaults = bind_params(graph, {n: v for n, v in given.items() if n not in optional}, folder, folder)
    except CascadeError:  # a default that has no value now: what the run had is what it is asked for
        return given
    return {name: value for name, value in given.items() if name not in optional or defaults[name] != value.value}


def _bound(run: Run, graph: Graph, blobs: Blobs) -> dict[str, Json]:
    names = {node.id: node.name for node in graph.nodes if isinstance(node, Param)}
    found: dict[str, Json] = {}
    with JournalReader(run.journal) as journal:
        for _, _, event in journal.events():
            if isinstance(event, ParamBound):
                text = blobs.text(event.blob) if event.blob is not None else event.value
                found[names[event.node]] = strict_json(text or "null")
            elif not isinstance(event, RunStarted):
                break
    if len(found) < len(names):
        raise fail("CSC701", f"the run {run.id} had not begun")
    return found
