"""The texts of a run: the graph that it began with, those that it took while it was on, and whether its file has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from ..base.diagnostics import CascadeError, fail
from ..ir.codec import graph_from_text, graph_to_json
from ..ir.events import Event, Reloaded
from ..ir.graph import Graph
from ..store.runs import Run


@dataclass(frozen=True, slots=True)
class Texts:
    """`later` are by digest, as `Reloaded` names them."""

    first: Graph
    later: Mapping[str, Graph]


def texts_of(run: Run) -> Texts:
    """Every text that a run has; one that it was about to take, and that cannot be read, is left out."""
    later: dict[str, Graph] = {}
    for path in run.later_texts():
        try:
            text = path.read_text("utf-8")
            later[digest_of(text)] = graph_from_text(text)
        except (OSError, ValueError, CascadeError):
            continue
    return Texts(graph_from_text(run.graph.read_text("utf-8")), later)


def check_texts(run: Run, texts: Texts, events: Sequence[Event]) -> None:
    """CSC552 where a text is gone that the run has taken."""
    for event in events:
        if isinstance(event, Reloaded) and event.graph_digest not in texts.later:
            raise fail(
                "CSC552",
                f"a text that the run {run.id} took while it was on is gone or damaged: {run.text(event.number)}",
                help="run its file again",
            )


def text_of(graph: Graph) -> str:
    """A graph as a run keeps it."""
    return json.dumps(graph_to_json(graph), ensure_ascii=False)


def digest_of(text: str) -> str:
    """The digest under which events name a graph."""
    return blake2b(text.encode(), digest_size=32).hexdigest()


def changed_files(graph: Graph, folder: Path) -> list[str]:
    """The files of a graph that are not any more what it was compiled from; one that is gone is left out."""
    found: list[str] = []
    for source in graph.sources:
        try:
            data = (folder / source.path).read_bytes()
        except OSError:
            continue
        if blake2b(data, digest_size=16).hexdigest() != source.digest:
            found.append(source.path)
    return found
