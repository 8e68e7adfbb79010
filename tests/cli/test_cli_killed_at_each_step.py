"""A whole run, killed before each change of a file or folder that it makes; what goes on with it is killed too.

Held: before the plan of a node is in the journal its outputs are the old ones, all of them; in the end all are the new ones;
no body runs again whose finish was in the journal; nothing is left over.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from killing import begin, go_on, run_killed

from cascade_dsl.api import load_graph
from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.events import AttemptFinished, Event, PublishPlanned
from cascade_dsl.store.journal import JournalReader
from cascade_dsl.store.runs import Project

PROGRAM = """\
param n: int
param diary: str

task make(n: int, diary: str) -> (a: file = "out/a", deep: file = "deep/{{n}}/er/b", d: dir = "d", parts: list[file] = "parts/*", kept: file, size: int) {
  in scratch
  sh '''
    echo make >> {{diary}}
    echo a{{n}} > {{a}}
    echo b{{n}} > {{deep}}
    mkdir -p {{d}}/in
    echo d{{n}} > {{d}}/in/x
    echo d{{n}} > {{d}}/only-{{n}}
    mkdir parts
    echo p{{n}} > parts/{{n}}
    echo q{{n}} > parts/q
    echo k{{n}} > {{kept}}
    echo {{n}} > {{size}}
  '''
}

task read(a: file, d: dir, kept: file, diary: str) -> text: file = "text" {
  sh "echo read >> {{diary}}; cat {{a}} {{d}}/in/x {{kept}} > {{text}}"
}

made = make(n, diary)
output text = read(made.a, made.d, made.kept, diary)
output size = made.size
"""
OLD_AND_NEW = ("out/a", "d/in/x", "parts/q", "text")
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def tree(folder: Path) -> dict[str, str]:
    """What the program has published, and what hidden names lie beside it."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(folder / ".cascade") and path.name != "p.csc"
    }


def expected(n: int) -> dict[str, str]:
    return {
        "out/a": f"a{n}\n",
        f"deep/{n}/er/b": f"b{n}\n",
        "d/in/x": f"d{n}\n",
        f"d/only-{n}": f"d{n}\n",
        f"parts/{n}": f"p{n}\n",
        "parts/q": f"q{n}\n",
        "text": f"a{n}\nd{n}\nk{n}\n",
    }


def newest_events(folder: Path, after: int) -> list[Event]:
    """The journal of the newest run, where there are more runs than `after`."""
    runs = Project(folder).runs()
    if len(runs) <= after or not runs[0].journal.exists():
        return []
    with suppress(CascadeError), JournalReader(runs[0].journal) as reader:
        return [event for _, _, event in reader.events()]
    return []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder whose disk answers at once."""
    import tempfile

    base = Path(tempfile.mkdtemp(dir=FAST))
    yield base
    shutil.rmtree(base)


@pytest.mark.timeout(300)
def test_killed_before_each_change_and_again_while_it_recovers(place: Path) -> None:
    folder, old, diary, trace = place / "p", place / "old", place / "diary", place / "trace"
    folder.mkdir()
    (folder / "p.csc").write_text(PROGRAM)
    graph = load_graph(folder / "p.csc")
    start = partial(begin, graph, folder, n=1, diary=str(diary))
    assert not run_killed(start, None, trace)
    assert tree(folder) == expected(1)
    shutil.copytree(folder, old, symlinks=True)
    start = partial(begin, graph, folder, n=2, diary=str(diary))
    assert not run_killed(start, None, trace)
    assert tree(folder) == expected(2)
    changes = trace.read_text().splitlines()
    kinds = {line.split(" ")[0] for line in changes}
    assert kinds >= {"commit", "rename", "exchange", "unlink", "fsync", "mkdir"}
    died, redone = 0, 0
    for before in range(len(changes)):
        shutil.rmtree(folder)
        shutil.copytree(old, folder, symlinks=True)
        diary.write_text("")
        if not run_killed(start, before, trace):
            continue  # threads have gone another way, with fewer changes
        died += 1
        events = newest_events(folder, 1)
        finished = sum(isinstance(event, AttemptFinished) for event in events)
        planned = sum(isinstance(event, PublishPlanned) for event in events)
        redone += planned > finished
        now = tree(folder)
        if not planned:
            assert now == expected(1), changes[before]
        begun = len(diary.read_text().splitlines())
        if events:
            run_killed(partial(go_on, folder), before * 7 % 60, trace)
        ended = bool(newest_events(folder, 1)) and Project(folder).continuable() == []
        if not ended:
            again = partial(go_on, folder) if events else start
            assert not run_killed(again, None, trace), changes[before]
        assert tree(folder) == expected(2), changes[before]
        bodies = diary.read_text().splitlines()[begun:]
        assert bodies.count("make") <= (0 if finished else 2), changes[before]
        assert bodies.count("read") <= (0 if finished > 1 else 2), changes[before]
        run = Project(folder).runs()[0]
        assert [p.name for p in run.scratch.iterdir()] == [], changes[before]
    assert died >= 60
    assert redone >= 10
