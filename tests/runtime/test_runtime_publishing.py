"""Who may remove what, and what waits for a removal that is under way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cascade_dsl.engine.effects import Publish
from cascade_dsl.ir import expr as ex
from cascade_dsl.ir import types as ty
from cascade_dsl.ir.events import PlannedFile, PlannedRemoval
from cascade_dsl.ir.graph import Call, Compute, Graph, NodeKey, Param, SourceDigest
from cascade_dsl.runtime.destinations import Destinations
from cascade_dsl.runtime.disk import Disk
from cascade_dsl.runtime.named import Named
from cascade_dsl.runtime.names import Names
from cascade_dsl.runtime.publishing import Publishing, Taken
from cascade_dsl.store.claims import Claims
from cascade_dsl.store.earlier import Earlier
from cascade_dsl.store.publish import Produced, digest_path, plan
from cascade_dsl.store.runs import Project

A: NodeKey = (1,)
B: NodeKey = (2,)


class FakeDisk:
    """Does a job when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []

    def submit(self, job: Callable[[], Any], then: Callable[[Any], None]) -> None:
        self.jobs.append((job, then))

    def work(self) -> None:
        while self.jobs:
            job, then = self.jobs.pop(0)
            then(job())


class FakeNames:
    def of(self, key: NodeKey) -> str:
        return {A: "a", B: "b"}[key]


def graph(*nodes: Any) -> Graph:
    digest = SourceDigest(path="p.csc", digest="")
    return Graph(name="p", file="p.csc", tasks=(), resources=(), limits=(), nodes=nodes, sources=(digest,))


def publishing(folder: Path, claims: Claims | None = None) -> Publishing:
    (folder / ".cascade").mkdir(exist_ok=True)
    return Publishing(
        project=folder,
        destinations=Destinations(str(folder), {}),
        claims=claims or Claims(folder / ".cascade" / "claims"),
        earlier=Earlier(Project(folder), "now", "p.csc", {}),
        named=Named(graph(), dict, str(folder)),
        names=cast(Names, FakeNames()),
    )


def removal(path: Path, text: str) -> PlannedRemoval:
    path.write_text(text)
    return PlannedRemoval(path=str(path), size=len(text), digest=digest_path(path))


def produced(folder: Path, name: str, text: str) -> tuple[PlannedFile, ...]:
    (folder / f"scratch-{name}").write_text(text)
    return plan([Produced(folder / f"scratch-{name}", folder / name)], folder / "store")


def test_a_file_is_not_published_while_another_node_removes_it(tmp_path: Path) -> None:
    """The two have the same content: the removal would take the new file for the old one."""
    paths, disk, done = publishing(tmp_path), FakeDisk(), list[NodeKey]()

    def then(effect: Publish, result: bool | Exception) -> None:
        assert result is True
        done.append(effect.key)

    old = removal(tmp_path / "x", "same")
    assert paths.removable(A, [old]) == (old,)
    paths.publish(Publish(A, 0, 1, (), (old,)), cast(Disk, disk), then)
    assert paths.take_matched(B, [str(tmp_path / "x")]) == ()
    paths.publish(Publish(B, 0, 1, produced(tmp_path, "x", "same")), cast(Disk, disk), then)
    assert (done, len(disk.jobs)) == ([], 1)
    assert (tmp_path / "scratch-x").exists()
    disk.work()
    assert done == [A, B]
    assert (tmp_path / "x").read_text() == "same"


def test_what_another_node_has_taken_meanwhile_is_not_removed(tmp_path: Path) -> None:
    paths, disk = publishing(tmp_path), FakeDisk()
    old = removal(tmp_path / "x", "same")
    assert paths.removable(A, [old]) == (old,)
    assert paths.take_matched(B, [str(tmp_path / "x")]) == ()
    paths.publish(Publish(A, 0, 1, (), (old,)), cast(Disk, disk), lambda effect, result: None)
    disk.work()
    assert (tmp_path / "x").exists()
    assert paths.removable(A, [old]) == ()
    folder = tmp_path / "deep"
    folder.mkdir()
    assert paths.take_matched(B, [str(folder / "y")]) == ()
    assert paths.removable(A, [PlannedRemoval(path=str(folder), size=0, digest="")]) == ()


def test_what_another_live_run_has_is_not_removed_and_is_free_again_afterwards(tmp_path: Path) -> None:
    paths, disk = publishing(tmp_path), FakeDisk()
    other = Claims(tmp_path / ".cascade" / "claims")
    x, y = removal(tmp_path / "x", "1"), removal(tmp_path / "y", "2")
    assert other.take([x.path]) == ()
    assert paths.removable(A, [x, y]) == (y,)
    assert other.take([y.path]) == (y.path,)
    paths.publish(Publish(A, 0, 1, (), (y,)), cast(Disk, disk), lambda effect, result: None)
    disk.work()
    assert other.take([y.path]) == ()
    assert ((tmp_path / "x").exists(), (tmp_path / "y").exists()) == (True, False)


def test_who_is_refused_one_path_keeps_none(tmp_path: Path) -> None:
    paths = publishing(tmp_path)
    assert paths.take_matched(A, [str(tmp_path / "x")]) == ()
    with pytest.raises(Taken) as caught:
        paths.take_matched(B, [str(tmp_path / "y"), str(tmp_path / "x")])
    assert str(caught.value) == "it would publish x, which a publishes too"
    assert paths.take_matched(A, [str(tmp_path / "y")]) == ()


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("p.csc", True),
        ("given/a.txt", True),
        ("given/b.txt", False),
        ("given", True),
        ("whole/deep/x", True),
        ("data/in.txt", True),
        ("data/other.txt", False),
        ("out/x.txt", False),
        ("globbed/x.fq", True),
        ("globbed/x.fa", False),
        ("literal.txt", True),
        ("taken/deep/x", True),
        ("taken", True),
    ],
)
def test_what_is_named(tmp_path: Path, path: str, named: bool) -> None:
    program = graph(
        Param(id=1, name="files", type=ty.ListType(ty.FILE)),
        Param(id=2, name="folder", type=ty.DIR),
        Param(id=3, name="outdir", type=ty.STR),
        Compute(id=4, name="g", expr=ex.Apply("glob", (ex.Lit("globbed/*.fq"),)), type=ty.ListType(ty.FILE)),
        Call(id=5, name="c", task="t", args=(("x", ex.Apply("file", (ex.Lit("data/in.txt"),))), ("y", ex.Lit(["literal.txt"])))),
    )  # fmt: skip
    params: dict[str, Any] = {"files": ["given/a.txt"], "folder": "whole", "outdir": "out"}
    found = Named(program, lambda: params, str(tmp_path))
    found.add([str(tmp_path / "taken" / "deep")])
    assert found.has(str(tmp_path / path)) is named
