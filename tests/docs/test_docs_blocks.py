"""Every block of code in the papers is run: programs are compiled, shell lines executed in a copy of the project."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from cascade_dsl.lang.compile import compile_source, read_source
from cascade_dsl.report.plain import render_all
from cascade_dsl.values.functions import UNBUILT, visible_functions

ROOT = Path(__file__).resolve().parents[2]
PAPERS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(language: str) -> list[tuple[str, str]]:
    """(paper and number, text) of the blocks of a language."""
    found: list[tuple[str, str]] = []
    for paper in PAPERS:
        texts = [text for kind, text in BLOCK.findall(paper.read_text("utf-8")) if kind == language]
        found += [(f"{paper.stem}-{number}", text) for number, text in enumerate(texts, 1)]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that programs of the papers name."""
    (tmp_path / "helpers.py").write_text("def rank(counts, top, table):\n    open(table, 'w').close()\n")
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("some words\n")
    return tmp_path


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in blocks("csc")])
def test_a_program_of_the_papers_compiles(text: str, folder: Path) -> None:
    path = folder / "program.csc"
    path.write_text(text)
    compiled = compile_source(read_source(path), folder=folder)
    assert compiled.graph is not None, "\n" + render_all(compiled.diagnostics)
    assert compiled.diagnostics == (), "\n" + render_all(compiled.diagnostics)


def test_the_papers_have_programs() -> None:
    assert len(blocks("csc")) >= 10


def test_blocks_are_of_a_known_kind() -> None:
    kinds = {kind for paper in PAPERS for kind, _ in BLOCK.findall(paper.read_text("utf-8"))}
    assert kinds <= {"csc", "sh", "json", ""}


@pytest.mark.parametrize("name", visible_functions())
def test_the_reference_has_every_function(name: str) -> None:
    assert f"| `{name}(" in (ROOT / "docs" / "language.md").read_text("utf-8")


def test_the_reference_says_what_is_not_built() -> None:
    last = (ROOT / "docs" / "language.md").read_text("utf-8").rpartition("## Not built yet")[2]
    for name in UNBUILT:
        assert f"`{name}`" in last


@pytest.mark.parametrize("program", sorted((ROOT / "examples").rglob("*.csc")), ids=lambda path: path.stem)
def test_an_example_compiles(program: Path, tmp_path: Path) -> None:
    shutil.copytree(program.parent, tmp_path / "example")
    compiled = compile_source(read_source(tmp_path / "example" / program.name), folder=tmp_path / "example")
    assert compiled.diagnostics == (), "\n" + render_all(compiled.diagnostics)


LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.stem)
def test_links_lead_somewhere(paper: Path) -> None:
    prose = BLOCK.sub("", paper.read_text("utf-8"))
    broken = [target for target, _ in LINK.findall(prose) if not (paper.parent / target).exists()]
    assert broken == []
