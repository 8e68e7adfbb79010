"""Twelve edits, each followed by the same command again, under Cascade, Snakemake and Make: what does each run again, and is the result right?

    python benchmarks/reruns.py [--snakemake PATH] [--make PATH] [--only NAME] [--markdown]

Every scenario begins in a new folder with a finished run. What a tool ran is read from a file that the bodies append
to; whether its results are right, from their text. A peer that is not there is said and left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent / "words"
TEXTS = {"a": "One two three\nfour\n", "b": "a b c d e\n", "c": "Alpha beta\n", "d": "x yy zzz\n"}
_DEADLINE_S = 120
_STALL_S = 30


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that runs the workflow: its command in the project's folder, and the file in which it is written."""

    name: str
    command: tuple[str, ...]
    program: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """An edit, and what a run after it has to do: no more, and no less. `needed` counts bodies by name."""

    name: str
    says: str
    edit: Callable[[Path, Tool], None]
    needed: frozenset[str]
    samples: str = "abc"
    kills: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tool did after the edit; `ran` in the order of starts."""

    ran: tuple[str, ...]
    right: bool
    """No file is there that a run from the beginning would have made otherwise."""
    whole: bool
    """And none is missing."""
    refused: str = ""

    def verdict(self, scenario: Scenario) -> str:
        if self.refused:
            return "refuses"
        if not self.right:
            return "wrong result"
        if not self.whole:
            return "a file is missing"
        if frozenset(self.ran) == scenario.needed:
            return "right"
        return "too much" if scenario.needed < set(self.ran) else "too little"


# ---- edits -------------------------------------------------------------------------------------------------------


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new))


def _nothing(folder: Path, tool: Tool) -> None:
    return None


def _touch(folder: Path, tool: Tool) -> None:
    os.utime(folder / "data/a.txt")


def _change(folder: Path, tool: Tool) -> None:
    (folder / "data/a.txt").write_text("One two\n")


def _change_without_effect(folder: Path, tool: Tool) -> None:
    (folder / "data/a.txt").write_text("One two three  \nFOUR\n")


def _command(folder: Path, tool: Tool) -> None:
    _replace(folder / tool.program, "s/ *$", "s/ e$")


def _looks(folder: Path, tool: Tool) -> None:
    """A comment, another order of lines, and more room for the work."""
    path = folder / tool.program
    match tool.name:
        case "Cascade":
            _replace(path, "limit cpu 4\n", "# more at once\nlimit cpu 8\n")
            _replace(
                path, '  python "count.py:count"', '  # counts words\n  requires cpu = 2\n  python "count.py:count"'
            )
        case "Snakemake":
            _replace(path, "rule count:\n", "# counts words\nrule count:\n")
            _replace(path, "    threads: 1\n    script:", "    threads: 2\n    script:")
        case _:
            _replace(path, "out/%.count:", "# counts words\nout/%.count:")


def _param(folder: Path, tool: Tool) -> None:
    match tool.name:
        case "Cascade":
            _replace(folder / tool.program, "shortest: int = 1", "shortest: int = 2")
        case "Snakemake":
            _replace(folder / "config.yaml", "shortest: 1", "shortest: 2")
        case _:
            _replace(folder / tool.program, "SHORTEST = 1", "SHORTEST = 2")


def _module(folder: Path, tool: Tool) -> None:
    _replace(folder / "words.py", ">= shortest", "> shortest")


def _remove_between(folder: Path, tool: Tool) -> None:
    (folder / "out/b.clean").unlink()


def _edit_output(folder: Path, tool: Tool) -> None:
    (folder / "out/total.txt").write_text("1000000\n")


def _more(folder: Path, tool: Tool) -> None:
    match tool.name:
        case "Cascade":
            _replace(folder / tool.program, '["a", "b", "c"]', '["a", "b", "c", "d"]')
        case "Snakemake":
            _replace(folder / "config.yaml", "[a, b, c]", "[a, b, c, d]")
        case _:
            _replace(folder / tool.program, "SAMPLES = a b c", "SAMPLES = a b c d")


def _fewer(folder: Path, tool: Tool) -> None:
    match tool.name:
        case "Cascade":
            _replace(folder / tool.program, '["a", "b", "c"]', '["a", "b"]')
        case "Snakemake":
            _replace(folder / "config.yaml", "[a, b, c]", "[a, b]")
        case _:
            _replace(folder / tool.program, "SAMPLES = a b c", "SAMPLES = a b")


SCENARIOS = (
    Scenario("nothing", "nothing is changed", _nothing, frozenset()),
    Scenario("touch", "an input is touched: a new time, the same text", _touch, frozenset()),
    Scenario("input", "the text of an input changes", _change, frozenset({"clean a", "count a", "total"})),
    Scenario(
        "no effect", "an input changes in what the first step drops", _change_without_effect, frozenset({"clean a"})
    ),
    Scenario(
        "command",
        "the command of a step changes",
        _command,
        frozenset({"clean a", "clean b", "clean c", "count b", "total"}),
    ),
    Scenario("looks", "a comment is added, a step may take more cores", _looks, frozenset()),
    Scenario(
        "param",
        "a param changes that the second step uses",
        _param,
        frozenset({"count a", "count b", "count c", "total"}),
    ),
    Scenario(
        "module",
        "a module changes that the code of a step imports",
        _module,
        frozenset({"count a", "count b", "count c", "total"}),
    ),
    Scenario("between", "a file between two steps is removed", _remove_between, frozenset({"clean b"})),
    Scenario("edited", "a result is edited by hand", _edit_output, frozenset({"total"})),
    Scenario("more", "the list gets one more", _more, frozenset({"clean d", "count d", "total"}), samples="abcd"),
    Scenario("fewer", "the list loses one", _fewer, frozenset({"total"}), samples="ab"),
    Scenario(
        "killed",
        "an input changes; everything is killed while a step writes; the same command again",
        _change,
        frozenset({"count a", "total"}),
        kills=True,
    ),
)


_OF_THE_PROGRAM = (_command, _param, _more, _fewer)

# ---- running -----------------------------------------------------------------------------------------------------


def project(folder: Path) -> None:
    """A new project."""
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").mkdir()
    for name, text in TEXTS.items():
        (folder / f"data/{name}.txt").write_text(text)


def _environment(folder: Path) -> dict[str, str]:
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb", "RAN": str(folder.parent / "ran")}


def _run(tool: Tool, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        tool.command, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=_DEADLINE_S
    )


def _ran(folder: Path) -> tuple[str, ...]:
    path = folder.parent / "ran"
    return tuple(path.read_text().splitlines()) if path.exists() else ()


def _kill_in_the_middle(tool: Tool, folder: Path) -> None:
    """Start the tool, and kill it and all that it started while a step writes its output."""
    (folder / "stall").touch()
    with open(folder.parent / "killed.log", "w") as log:
        process = subprocess.Popen(
            tool.command, cwd=folder, env=_environment(folder), stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + _STALL_S
        while not any(line.startswith("count") for line in _ran(folder)):
            if time.monotonic() > deadline or process.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(0.2)
        marker = f"RAN={folder.parent / 'ran'}".encode()
        for _ in range(2):  # what was forked meanwhile, too
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        if marker in (entry / "environ").read_bytes().split(b"\0"):
                            os.kill(int(entry.name), signal.SIGKILL)
                    except (OSError, ProcessLookupError):
                        continue
        process.wait()
    (folder / "stall").unlink()


def play(tool: Tool, scenario: Scenario, base: Path) -> Seen:
    """One scenario under one tool, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(dir=base)) / "project"
    project(folder)
    first = _run(tool, folder)
    assert first.returncode == 0, (tool.name, first.stdout, first.stderr)
    (folder.parent / "ran").unlink()
    scenario.edit(folder, tool)
    if scenario.kills:
        _kill_in_the_middle(tool, folder)
        (folder.parent / "ran").unlink(missing_ok=True)
    again = _run(tool, folder)
    refused = "" if again.returncode == 0 else (again.stderr or again.stdout).strip().splitlines()[-1]
    made = _from_the_beginning(folder, scenario)
    there = {name: (folder / "out" / name) for name in made if (folder / "out" / name).exists()}
    right = all(path.read_bytes() == made[name] for name, path in there.items())
    return Seen(_ran(folder), right, len(there) == len(made), refused)


def _from_the_beginning(folder: Path, scenario: Scenario) -> dict[str, bytes]:
    """What Make, which from nothing makes everything, makes of the project as it is now."""
    fresh = Path(tempfile.mkdtemp(dir=folder.parent)) / "project"
    shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns("out", ".*", "__pycache__"))
    make = Tool("Make", ("make",), "Makefile")
    shutil.copy(HERE / "Makefile", fresh / "Makefile")
    if scenario.edit in _OF_THE_PROGRAM:
        scenario.edit(fresh, make)
    made = _run(make, fresh)
    assert made.returncode == 0, made.stderr
    names = [f"{s}.{kind}" for s in scenario.samples for kind in ("clean", "count")] + ["total.txt"]
    return {name: (fresh / "out" / name).read_bytes() for name in names}


def tools(snakemake: str | None, make: str | None) -> list[Tool]:
    """Those that are there."""
    cascade = str(Path(sys.executable).parent / "cascade")
    found = [Tool("Cascade", (cascade, "run", "-j", "1", "words.csc"), "words.csc")]
    if snakemake and shutil.which(snakemake):
        found.append(Tool("Snakemake", (snakemake, "--cores", "1", "--quiet"), "Snakefile"))
    if make and shutil.which(make):
        found.append(Tool("Make", (make, "-j1"), "Makefile"))
    return found


def cell(tool: Tool, scenario: Scenario, base: Path) -> str:
    """What stands in the table for a tool: the verdict, and what ran."""
    seen = play(tool, scenario, base)
    return f"{seen.verdict(scenario)}: {_shown(seen.ran)}"


def head(scenario: Scenario) -> str:
    """The beginning of a scenario's row."""
    return f"| {scenario.says} | {_shown(tuple(sorted(scenario.needed)))} |"


def _shown(ran: tuple[str, ...]) -> str:
    """`clean a b c, total`."""
    by: dict[str, list[str]] = {}
    for line in ran:
        task, _, sample = line.partition(" ")
        by.setdefault(task, []).append(sample)
    return ", ".join(" ".join((task, *sorted(filter(None, names)))) for task, names in by.items()) or "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--snakemake", default="snakemake")
    parser.add_argument("--make", default="make")
    parser.add_argument("--only")
    given = parser.parse_args()
    found = tools(given.snakemake, given.make)
    for name in {"Snakemake", "Make"} - {t.name for t in found}:
        print(f"{name} is not here: left out", file=sys.stderr)
    print("| edit | has to run | " + " | ".join(t.name for t in found) + " |")
    print("|---|---|" + "---|" * len(found))
    with tempfile.TemporaryDirectory() as base:
        for scenario in SCENARIOS:
            if given.only and scenario.name != given.only:
                continue
            cells = [cell(tool, scenario, Path(base)) for tool in found]
            print(head(scenario), " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
