"""A fuzzer of shell scripts: puts `{{x}}` at random places of real scripts, and asks shells whether its place is what it seems.

    python tests/fuzz/shell_places.py [FOLDER-OR-LIST …] --seconds 600 --seed 1

No script is ever run. For a place that the scanner allows, four things must hold, for each of them a shell is asked that reads the
script and does nothing else:

1. the script with the reference parses where the script with a plain word in its place does;
2. `bash --pretty-print` shows the same script, but for the reference: no other word, quote or command has changed;
3. where the scanner saw quotes or a here-document, two blanks in the plain word stay two blanks: it is one piece of text;
4. where it did not see a here-document, a broken `$( )` in the reference is a syntax error: the shell expands there, so that
   the value comes out, and not the name of its variable.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cascade_dsl.ir.expr import Lit
from cascade_dsl.ir.graph import ShellBody, ShellPlace, ShellValue
from cascade_dsl.lang.shell.places import MARK, Dialect, Place, Scan
from cascade_dsl.lang.shell.scanner import scan
from cascade_dsl.runtime.scripts import Shell, reference

CORPUS = Path(__file__).parent / "corpus"
LARGEST = 60_000
VARIABLE = "__csc_0"
_SHELLS = {"bash": Shell(("bash",), True, False), "posix": Shell(("dash",), False, False)}


@dataclass
class Script:
    """A real script and the dialect that its first line asks for."""

    name: str
    text: str
    dialect: Dialect


@dataclass
class Tally:
    """What came of the trials."""

    counts: Counter[str] = field(default_factory=Counter[str])
    scripts: set[str] = field(default_factory=set[str])
    allowed_in: set[str] = field(default_factory=set[str])
    faults: list[str] = field(default_factory=list[str])

    def lines(self) -> list[str]:
        """The figures, for people."""
        out = [f"scripts {len(self.scripts)}, with an allowed place {len(self.allowed_in)}"]
        out += [f"{name} {count}" for name, count in sorted(self.counts.items())]
        return [*out, f"faults {len(self.faults)}"]


def load(paths: Iterable[Path]) -> list[Script]:
    """The scripts of folders, of files, and of `.txt` files that list scripts."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += [p for p in sorted(path.rglob("*")) if p.is_file()]
        elif path.suffix == ".txt":
            files += [Path(line) for line in path.read_text().splitlines()]
        else:
            files.append(path)
    scripts: list[Script] = []
    for file in files:
        try:
            text = file.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        first = text.split("\n", 1)[0]
        if not first.startswith("#!") or "sh" not in first or len(text) > LARGEST or MARK in text:
            continue
        dialect: Dialect = "bash" if "bash" in first else "posix"
        if "zsh" not in first and "ksh" not in first and "csh" not in first and "fish" not in first:
            scripts.append(Script(str(file), text, dialect))
    return scripts


class Fuzzer:
    """Makes trials; shells read from a folder of its own."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.file = folder / "script"
        self.tally = Tally()
        self.dash = shutil.which("dash")
        self._parses: dict[str, bool] = {}

    def trial(self, script: Script) -> None:
        """One `{{x}}` in one script."""
        self.tally.scripts.add(script.name)
        offset = self._offset(script.text)
        text = script.text[:offset] + MARK + script.text[offset:]
        found = scan(text, script.dialect)
        verdict = self._verdict(found)
        self.tally.counts["placements"] += 1
        self.tally.counts[f"placements {verdict}"] += 1
        if verdict in ("refused", "lost"):
            return
        if verdict != "in a comment":
            self.tally.allowed_in.add(script.name)
        place = found.places[0]
        fault = self._check(script, text, place)
        if fault:
            self.tally.faults.append(f"{script.name}:{offset} ({script.dialect}, {place.where}): {fault}")

    def _offset(self, text: str) -> int:
        """Anywhere; half of the time beside a blank or a quote, where values stand in practice."""
        offset = self.random.randrange(len(text) + 1)
        if self.random.random() < 0.5:
            for step in range(200):
                if offset + step < len(text) and text[offset + step] in " \"'=\n(/":
                    return offset + step + self.random.randrange(2)
        return offset

    @staticmethod
    def _verdict(found: Scan) -> str:
        if found.lost is not None:
            return "lost"
        if len(found.places) != 1:
            return "miscounted"
        place = found.places[0]
        if place.refused:
            return "refused"
        if place.where == "comment":
            return "in a comment"
        return "int only" if place.ints else "sound"

    def _check(self, script: Script, text: str, place: Place) -> str:
        if place.where == "comment":
            plain, put = "Wq  Qw", "{{x}}"
        else:
            body = ShellBody(parts=(ShellPlace(0, place.where),), values=(ShellValue(variable=VARIABLE, expr=Lit(1)),))
            put = reference(body, ShellPlace(0, place.where), 1, _SHELLS[script.dialect])
            plain = {"word": "WqQw", "arith": "(42)", "subscript": "42"}.get(place.where, "Wq  Qw")
        expected, rendered = text.replace(MARK, plain), text.replace(MARK, put)
        if (
            script.dialect == "posix"
            and self.dash is not None
            and self._reads(self.dash, expected) != self._reads(self.dash, rendered)
        ):
            return "dash parses one of the two alone"
        before, after = self._printed(expected), self._printed(rendered)
        if before is None:
            self.tally.counts["checked: bash refuses the script with a plain word too"] += 1
            return "" if after is None else "parses only with the reference"
        if after is None:
            return "does not parse with the reference"
        if place.where == "comment":
            self.tally.counts["checked: comment"] += 1
            return "" if before == after else "a comment changes the script"
        if plain not in before:
            return f"the plain word {plain!r} does not come out as it is"
        if before.replace(plain, put) != after:
            return "another word changed"
        self.tally.counts[f"checked: {place.where}"] += 1
        if place.where not in ("here", "arith", "subscript"):
            broken = rendered.replace(f"${{{VARIABLE}}}", "$(if)")
            if not self._reads("bash", broken):
                self.tally.counts["checked: the shell expands there"] += 1
            elif "<<" not in script.text:
                return "the shell does not expand there"
        return ""

    def _reads(self, shell: str, text: str) -> bool:
        """The shell finds no fault in the script; it is not run."""
        self.file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [shell, "-n", str(self.file)], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
        return done.returncode == 0 and b"here-document" not in done.stderr

    def _printed(self, text: str) -> str | None:
        """The script as bash prints it, None where it cannot be read; it is not run."""
        self.file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["bash", "--pretty-print", str(self.file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
        if done.returncode or b"syntax error" in done.stderr or b"here-document" in done.stderr:
            return None
        return done.stdout.decode("utf-8", "replace")


def run(scripts: list[Script], *, seed: int, seconds: float | None = None, trials: int | None = None) -> Tally:
    """Trials over all scripts in turn, for some time or a number of them."""
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(seed, Path(folder))
        end = None if seconds is None else time.monotonic() + seconds
        done = 0
        while (end is None or time.monotonic() < end) and (trials is None or done < trials):
            fuzzer.trial(scripts[done % len(scripts)])
            done += 1
        return fuzzer.tally


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fuzz the places of values in shell scripts.")
    parser.add_argument("paths", nargs="*", type=Path, default=[CORPUS])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    scripts = load(given.paths)
    random.Random(given.seed).shuffle(scripts)
    tally = run(scripts, seed=given.seed, seconds=given.seconds)
    print("\n".join(tally.lines()))
    print("\n".join(tally.faults[:50]))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
