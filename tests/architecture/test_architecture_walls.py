"""The house rules that no single room can test: walls, codes, sizes, and what starts fast."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cascade_dsl.base.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cascade_dsl"
PAGES = ROOT / "docs" / "codes"
HARD_LIMIT_LINES = 600
BANNED = {"manager", "helper", "helpers", "utils", "common", "misc"}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_imports_keep_to_the_contracts() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_files_stay_readable() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in sources()}
    assert {str(path): n for path, n in lengths.items() if n > HARD_LIMIT_LINES} == {}


def test_no_room_is_a_drawer_for_everything() -> None:
    assert [str(path) for path in sources() if path.stem in BANNED] == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_has_a_page_with_its_title(code: str) -> None:
    lines = (PAGES / f"{code}.md").read_text("utf-8").splitlines()
    assert lines[0].startswith(f"# {code}: ")
    assert len(lines[0]) > len(f"# {code}: ")
    assert 5 <= len(lines) <= 60


def test_every_page_is_of_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(CODES)


def test_every_code_that_is_raised_is_registered() -> None:
    used: dict[str, str] = {}
    for path in sources():
        if path.name != "codes.py":
            for code in re.findall(r'"(CSCW?\d{2,3})"', path.read_text("utf-8")):
                used.setdefault(code, str(path.relative_to(ROOT)))
    assert {code: where for code, where in used.items() if code not in CODES} == {}


def test_every_code_is_provoked_by_a_test() -> None:
    """By a test that names it, or by a program whose expected message holds it."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("*"):
        if path.is_file() and path.suffix in (".py", ".ambr", ".raw", ".txt", ".out", ".csc", ".md"):
            found.update(re.findall(r"CSCW?\d{2,3}", path.read_text("utf-8", "replace")))
    assert sorted(set(CODES) - found) == []


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"]])
def test_help_loads_neither_the_compiler_nor_the_interpreter(words: list[str]) -> None:
    script = (
        "import sys, io\nfrom cascade_dsl.cli.main import main\nout, sys.stdout = sys.stdout, io.StringIO()\n"
        "main(sys.argv[1:])\nprint([m for m in ('lark', 'trio', 'sqlite3') if m in sys.modules], file=out)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_OF_FEW_RUNS = ("explaining", "forecast", "mending", "modules", "dotenv")
"""Rooms of `runtime` that serve reasons, repair, python code and secrets: a run that has none of these loads none of them."""


def loaded_by_a_run(folder: Path, program: str, *words: str) -> set[str]:
    """The modules of a process that has run a program."""
    (folder / "a.csc").write_text(program)
    script = (
        "import os, sys\nfrom cascade_dsl.cli.run import read_words, run_engine\nfrom cascade_dsl.cli.options import VERBS\n"
        "code = run_engine(read_words(VERBS['run'], sys.argv[1:]), os.pipe()[0])\n"
        "print('LOADED', code, *sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "a.csc", *words], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    _, code, *modules = line.split()
    assert code == "0", done.stderr
    return set(modules)


def few(modules: set[str]) -> list[str]:
    rooms = [f"cascade_dsl.runtime.{name}" for name in _OF_FEW_RUNS]
    others = ["cascade_dsl.store.reasons", "cascade_dsl.ir.compare", "cascade_dsl.executors.masking", "difflib"]
    return [name for name in (*rooms, *others) if name in modules]


@pytest.mark.parametrize(
    "program",
    [
        'task t() {\n  sh "true"\n}\nt()\n',
        'task t() -> o: file = "o.txt" {\n  sh "echo 1 > {{o}}"\n}\nr = t()\n',
    ],
)
def test_a_run_loads_nothing_of_reasons_repair_and_python_code(tmp_path: Path, program: str) -> None:
    assert few(loaded_by_a_run(tmp_path, program)) == []


def test_a_run_loads_what_it_needs(tmp_path: Path) -> None:
    """The test above looks for names that there are."""
    program = 'task t() -> int {\n  python "return 1"\n}\nr = t()\n'
    found = few(loaded_by_a_run(tmp_path, program, "--explain"))
    expected = ["cascade_dsl.runtime.explaining", "cascade_dsl.runtime.forecast", "cascade_dsl.runtime.modules"]
    assert found == [*expected, "cascade_dsl.store.reasons", "difflib"]


def test_every_class_of_data_that_a_run_loads_has_a_docstring() -> None:
    """Where there is none, `dataclass` works out the signature of the class at every start."""
    found: list[str] = []
    for room in ("base", "ir", "values", "limits", "engine", "executors", "store", "runtime"):
        for path in sorted((PACKAGE / room).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef) and ast.get_docstring(node) is None:
                    decorated = [ast.unparse(each) for each in node.decorator_list]
                    if any(name.startswith("dataclass") for name in decorated):
                        found.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert found == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_nothing_skips_the_type_checker_wholesale() -> None:
    pattern = re.compile(r"#\s*type:\s*ignore|#\s*pyright:\s*basic|#\s*pyright:\s*strict\s*=\s*false")
    assert [str(path) for path in sources() if pattern.search(path.read_text("utf-8"))] == []
