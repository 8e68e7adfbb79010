"""Programs with what they compile to beside them: graphs for the good ones, whole messages for the bad ones.

To take what is there for right after a change: `pytest tests/golden --snapshot-update`, then read the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from cascade_dsl.base.codes import CODES, WARNINGS
from cascade_dsl.ir.codec import graph_from_json, graph_to_json
from cascade_dsl.ir.text import graph_text
from cascade_dsl.ir.verify import verify
from cascade_dsl.lang.compile import Compiled, compile_file
from cascade_dsl.report.plain import render
from cascade_dsl.values.functions import NAMES

HERE = Path(__file__).parent
OK = sorted(p.stem for p in (HERE / "ok").glob("*.csc"))
BAD = sorted(p.stem for p in (HERE / "bad").glob("*.csc"))
WARN = sorted(p.stem for p in (HERE / "warn").glob("*.csc"))


class Beside(SingleFileSnapshotExtension):
    """A text file beside the program."""

    file_extension = "txt"
    _write_mode = WriteMode.TEXT
    folder = ""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(HERE / cls.folder)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        return test_location.snapshot_name.split("[", 1)[1].removesuffix("]")

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        return Path(snapshot_location).parent == HERE / cls.folder


class BesideOk(Beside):
    """The print of a graph."""

    folder = "ok"


class BesideBad(Beside):
    """The messages."""

    folder = "bad"


class BesideWarn(Beside):
    """The warnings of a program that is good."""

    folder = "warn"


def compiled(folder: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    monkeypatch.chdir(HERE / folder)
    return compile_file(Path(f"{name}.csc"))


@pytest.mark.parametrize("name", OK)
def test_ok(name: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    result = compiled("ok", name, monkeypatch)
    assert [render(d) for d in result.diagnostics] == []
    assert result.graph is not None
    assert verify(result.graph, NAMES) == []
    assert graph_from_json(graph_to_json(result.graph)) == result.graph
    text = "".join(line for line in graph_text(result.graph).splitlines(True) if not line.startswith("source "))
    assert text == snapshot(extension_class=BesideOk)


@pytest.mark.parametrize("name", BAD)
def test_bad(name: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    result = compiled("bad", name, monkeypatch)
    assert result.graph is None
    assert any(d.severity == "error" for d in result.diagnostics)
    places = [(d.primary.line, d.primary.column) for d in result.diagnostics if d.primary is not None]
    assert places == sorted(places)
    text = "\n\n".join(render(d) for d in result.diagnostics) + "\n"
    assert text == snapshot(extension_class=BesideBad)


@pytest.mark.parametrize("name", WARN)
def test_warn(name: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    result = compiled("warn", name, monkeypatch)
    assert result.graph is not None
    assert {d.severity for d in result.diagnostics} == {"warning"}
    text = "\n\n".join(render(d) for d in result.diagnostics) + "\n"
    assert text == snapshot(extension_class=BesideWarn)


def test_every_warning_of_the_compiler_has_a_provoking_program() -> None:
    texts = "".join(p.read_text() for p in (HERE / "warn").glob("*.txt"))
    assert [code for code in WARNINGS if code < "CSCW020" and f"[{code}]" not in texts] == []


def test_each_program_has_its_snapshot_and_each_snapshot_its_program() -> None:
    for folder, names in (("ok", OK), ("bad", BAD), ("warn", WARN)):
        assert sorted(p.stem for p in (HERE / folder).glob("*.txt")) == names


def test_the_corpus_is_large_enough() -> None:
    assert len(OK) >= 30
    assert len(BAD) >= 45


def test_good_programs_say_what_they_show() -> None:
    for name in OK:
        assert (HERE / "ok" / f"{name}.csc").read_text().startswith("## ")


ELSEWHERE = {
    "CSC010": "a file that is not there",
    "CSC011": "a folder",
    "CSC311": "a sentence from outside",
    "CSC312": "a sentence that is not built yet in files",
    "CSC313": "a sentence that is not built yet in files",
    "CSC314": "a sentence that is not built yet in files",
    "CSC315": "a sentence that is not built yet in files",
    "CSC316": "a sentence that is not built yet in files",
}
"""Codes of the compiler that no file in `bad` can provoke."""


def test_every_code_of_the_compiler_has_a_provoking_program() -> None:
    ours = {c for c in CODES if c[3] in "012" or "CSC300" <= c < "CSC350" or "CSC420" <= c < "CSC500"}
    shown: set[str] = set()
    for name in BAD:
        text = (HERE / "bad" / f"{name}.txt").read_text()
        shown.update(code for code in ours if f"[{code}]" in text)
    assert sorted(ours - shown - set(ELSEWHERE)) == []


def test_ids_are_in_pre_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from cascade_dsl.ir.graph import walk
    from cascade_dsl.ir.text import bound_items

    for name in OK:
        graph: Any = compiled("ok", name, monkeypatch).graph
        ids = [i.id for node in walk(graph.nodes) for i in (node, *bound_items(node))]
        assert ids == list(range(1, len(ids) + 1))


def test_compiling_twice_gives_the_same_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OK:
        assert compiled("ok", name, monkeypatch).graph == compiled("ok", name, monkeypatch).graph
