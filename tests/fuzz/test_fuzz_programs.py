"""The fuzzer of programs: a short run of it, and that it finds what is planted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import checks
import programs
import pytest
from checks import Checked, check
from mutants import Mutants, corpus

from cascade_dsl.base.diagnostics import Diagnostic, Label, Source
from cascade_dsl.lang.compile import Compiled

MUTANTS = Mutants(corpus(), seed=0)
HERE = Path(__file__).parent


@pytest.mark.parametrize("tenth", range(10))
def test_mutated_programs_are_refused_in_order_or_hold_together(tenth: int, tmp_path: Path) -> None:
    done: list[Checked] = []
    for number in range(tenth, 600, 10):
        try:
            done.append(check(MUTANTS.bytes(number), tmp_path, twice=number % 4 == 0))
        except Exception as error:
            error.add_note(f"mutant {number}: python tests/fuzz/programs.py --seed 0 --one {number}")
            raise
    assert len({code for one in done for code in one.codes}) > 15


def test_real_programs_are_among_the_mutants_kin() -> None:
    names = [name for name, _ in corpus()]
    assert len(names) > 250
    assert any(name.startswith("docs/language.md") for name in names)


def test_a_number_gives_the_same_mutant_in_every_process() -> None:
    script = "from mutants import *; import hashlib; m = Mutants(corpus(), 0); "
    script += "print(hashlib.sha256(b''.join(m.bytes(i) for i in range(200))).hexdigest())"
    found: set[str] = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=HERE, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        found.add(done.stdout.decode())
    assert len(found) == 1


def planted(monkeypatch: pytest.MonkeyPatch, diagnostic: Diagnostic | Exception) -> None:
    """The compiler gives that for every text with a Q in it."""
    real = checks.compile_source

    def compile_source(source: Source, *, folder: Path) -> Compiled:
        if "Q" not in source.text:
            return real(source, folder=folder)
        if isinstance(diagnostic, Exception):
            raise diagnostic
        return Compiled(graph=None, diagnostics=(diagnostic,))

    monkeypatch.setattr(checks, "compile_source", compile_source)


def at(line: int, column: int, end_line: int, end_column: int, *source: str) -> Label:
    return Label(file="x.csc", line=line, column=column, end_line=end_line, end_column=end_column, source=source)


def error(primary: Label | None = None, code: str = "CSC001", message: str = "something else") -> Diagnostic:
    return Diagnostic(code=code, message=message, primary=primary)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (error(at(1, 1, 1, 2, "x = Q")), ""),
        (RuntimeError("boom"), "RuntimeError at test_fuzz_programs.py"),
        (error(at(3, 1, 3, 1, "")), "broken: CSC at "),
        (error(at(1, 7, 1, 7, "x = Q")), "broken: CSC at "),
        (error(at(1, 3, 1, 2, "x = Q")), "broken: CSC at "),
        (error(at(1, 1, 1, 2, "x = P")), "broken: CSC at "),
        (error(at(1, 1, 1, 2)), "broken: CSC at "),
        (error(code="CSC999"), "broken: CSC is not in the registry"),
        (error(code="CSC900"), "broken: a fault of Cascade"),
        (error(message=" "), "broken: CSC says ' '"),
        (error(message="A sentence."), "broken: CSC ends in a full stop"),
        (Diagnostic(code="CSC001", message="a warning alone", severity="warning"), "broken: a graph and errors, or neither"),
    ],
)  # fmt: skip
def test_what_is_planted_is_found(
    fault: Diagnostic | Exception, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, fault)
    assert programs.fault_of(b"x = Q\n", tmp_path)[0].startswith(kind)
    assert bool(programs.fault_of(b"x = Q\n", tmp_path)[0]) == bool(kind)
    assert programs.fault_of(b"x = P\n", tmp_path) == ("", "")


def test_a_second_time_that_differs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(100))

    def compile_source(source: Source, *, folder: Path) -> Compiled:
        return Compiled(graph=None, diagnostics=(error(message=f"the {next(count)}th time"),))

    monkeypatch.setattr(checks, "compile_source", compile_source)
    assert programs.fault_of(b"x = 1\n", tmp_path, twice=True)[0] == "broken: other messages the second time"


def test_what_takes_too_long_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(source: Source, *, folder: Path) -> Compiled:
        while True:
            pass

    monkeypatch.setattr(checks, "compile_source", forever)
    monkeypatch.setattr(programs, "CPU_S", 0.05)
    assert programs.fault_of(b"x = 1\n", tmp_path)[0].startswith("slow")


def test_a_finding_is_made_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, RuntimeError("boom"))
    data = b"a = 1\nb = 2\nlimit task:Q 3\nc = 4\n"
    kind, _ = programs.fault_of(data, tmp_path)
    assert programs.smaller(data, kind, lambda d: programs.fault_of(d, tmp_path)[0]) == b"Q"


def test_workers_report_and_a_dead_one_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fragile(programs.Worker):
        """Dies at its third mutant, once."""

        def __init__(self, seed: int, first: int, step: int) -> None:
            super().__init__(seed, first, step)
            if first == 0:
                self.process.kill()

    monkeypatch.setattr(programs, "Worker", Fragile)
    tally = programs.fuzz(float("inf"), 0, 1, tmp_path, enough=20)
    assert tally.programs == 20
    assert {kind.split(":")[0]: numbers for kind, numbers in tally.faults.items()} == {"died": [0]}
    assert tally.peak > 10_000_000
    assert "20 programs" in tally.report()
