"""Every block of code in the papers is run: programs are compiled, shell lines executed in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as tree
from pathlib import Path

import pytest

from cascade_dsl.ir.codec import graph_from_text, graph_to_json
from cascade_dsl.ir.graph import Graph
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.ir.text import graph_text
from cascade_dsl.ir.verify import verify
from cascade_dsl.lang.compile import compile_source, read_source
from cascade_dsl.lang.sentence import parse_sentence
from cascade_dsl.report.plain import render_all
from cascade_dsl.runtime.configuration import configuration_of, limits_of
from cascade_dsl.values.functions import FUNCTIONS, NAMES, UNBUILT, visible_functions

ROOT = Path(__file__).resolve().parents[2]
PAPERS = [
    *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING")),
    *(
        paper
        for where in ("docs/*.md", "docs/guides/*.md", "examples/*/README.md")
        for paper in sorted(ROOT.glob(where))
    ),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(language: str) -> list[tuple[str, str]]:
    """(paper and number, text) of the blocks of a language."""
    found: list[tuple[str, str]] = []
    for paper in PAPERS:
        texts = [text for kind, text in BLOCK.findall(paper.read_text("utf-8")) if kind == language]
        found += [(f"{_called(paper)}-{number}", text) for number, text in enumerate(texts, 1)]
    return found


def _called(paper: Path) -> str:
    return paper.stem if paper.parent == ROOT else f"{paper.parent.name}/{paper.stem}"


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
    assert verify(compiled.graph, NAMES) == []
    assert graph_text(graph_from_text(json.dumps(graph_to_json(compiled.graph)))) == graph_text(compiled.graph)


def test_the_papers_have_programs() -> None:
    assert len(blocks("csc")) >= 10


def test_blocks_are_of_a_known_kind() -> None:
    kinds = {kind for paper in PAPERS for kind, _ in BLOCK.findall(paper.read_text("utf-8"))}
    assert kinds <= {"csc", "sh", "json", "toml", ""}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in blocks("toml")])
def test_a_configuration_of_the_papers_is_one(text: str) -> None:
    anything = Graph(name="", file="", tasks=(), resources=(), limits=(), nodes=())
    configuration = configuration_of(text)
    found = limits_of(configuration, lambda said: parse_sentence(said, anything, layer=Layer.CONFIG))
    assert len(found) == len(configuration.limits) > 0


@pytest.mark.parametrize("name", visible_functions())
def test_the_reference_has_every_function(name: str) -> None:
    row = FUNCTIONS[name]
    shown = row.signature_text.replace(" | ", "/")  # a table's cell holds no bar
    assert f"| `{name}{shown}` | {row.doc} |\n" in (ROOT / "docs" / "language.md").read_text("utf-8")


def test_the_reference_says_what_is_not_built() -> None:
    last = (ROOT / "docs" / "language.md").read_text("utf-8").rpartition("## Not built yet")[2]
    for name in UNBUILT:
        assert f"`{name}`" in last


@pytest.mark.parametrize("program", sorted((ROOT / "examples").rglob("*.csc")), ids=lambda path: path.stem)
def test_an_example_compiles(program: Path, tmp_path: Path) -> None:
    shutil.copytree(program.parent, tmp_path / "example")
    compiled = compile_source(read_source(tmp_path / "example" / program.name), folder=tmp_path / "example")
    assert compiled.diagnostics == (), "\n" + render_all(compiled.diagnostics)


INSTALLS = "python3 -m venv"
"""A block that begins so installs from the package index: those of the README are run by `.ci/run`."""


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name) for name, text in blocks("sh") if not text.startswith(INSTALLS)]
)
def test_a_shell_block_runs(text: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".cascade", "out"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


SHOWN = re.compile(r"^```sh\n((?:(?!```).*\n)*)```\n\n```\n((?:(?!```).*\n)*)```$", re.M)
"""A block of shell lines, and right after it what the last of them print."""


@pytest.mark.parametrize(("text", "shown"), SHOWN.findall((ROOT / "docs/guides/why-it-runs.md").read_text("utf-8")))
def test_a_shell_block_prints_what_the_guide_shows(text: str, shown: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".cascade", "out"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, "PATH": path},
    )  # fmt: skip
    printed = re.sub(r"\(\d[\ddhms]* ago\)", "(AGE ago)", re.sub(r"\d{8}-\d{6}-\w{3}", "RUN", done.stdout))
    assert printed.endswith(shown), printed + done.stderr


def test_the_readme_has_its_two_commands() -> None:
    lines = [line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith(INSTALLS)]
    assert len(lines) == 2
    assert lines[0].endswith("cascade run examples/stdlib/stdlib.csc")
    assert lines[1].endswith("pytest -q -n 4")


def test_the_main_example_draws_its_chart(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "stdlib", tmp_path / "e", ignore=shutil.ignore_patterns(".cascade", "out"))
    done = subprocess.run(
        [sys.executable, "-m", "cascade_dsl", "run", "stdlib.csc", "--top", "5"],
        cwd=tmp_path / "e", capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table, chart, lines = done.stdout.splitlines()
    assert (table, chart) == ("table = out/packages.csv", "chart = out/packages.svg")
    assert int(lines.removeprefix("lines = ")) > 50_000
    drawn = tree.parse(tmp_path / "e" / "out" / "packages.svg").getroot()
    bars = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if len(one)]
    assert len(bars) == 5


LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")


@pytest.mark.parametrize("paper", PAPERS, ids=_called)
def test_links_lead_somewhere(paper: Path) -> None:
    prose = BLOCK.sub("", paper.read_text("utf-8"))
    broken = [target for target, _ in LINK.findall(prose) if not (paper.parent / target).exists()]
    assert broken == []
