"""Outputs from scratch to their places, also where the engine is killed on the way."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.ir.events import AttemptFinished, PlannedFile, PlannedRemoval, PublishPlanned
from cascade_dsl.store import publish
from cascade_dsl.store.exchange import exchange
from cascade_dsl.store.journal import JournalReader
from cascade_dsl.store.output_paths import final_path
from cascade_dsl.store.publish import Produced, digest_path, keep, perform, plan, redo, remove, scratch_path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / ".cascade" / "runs" / "r" / "scratch"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / ".cascade" / "store"


def tree(folder: Path) -> dict[str, str]:
    """The files in a folder and their texts, journals left out."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("journal.db")]
    return {str(p.relative_to(folder)): p.read_text() for p in files}


def make(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def planning(produced: Produced, store: Path) -> Diagnostic:
    with pytest.raises(CascadeError) as caught:
        plan([produced], store)
    (found,) = caught.value.diagnostics
    return found


# ---- paths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("out.csv", "out.csv"),
        ("out/a b/ü.csv", "out/a b/ü.csv"),
        ("./out/../x", "x"),
        ("out/", "out"),
        ("/base/deep/x", "deep/x"),
        (".cascadex", ".cascadex"),
        ("...", "..."),
    ],
)
def test_an_output_path_is_inside_the_project(text: str, meant: str) -> None:
    assert final_path(Path("/base"), text, folder=text.endswith("/")) == Path("/base") / meant


@pytest.mark.parametrize("text", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "/base", "/basement/x", "a\0b"])  # fmt: skip
def test_an_output_path_outside_is_refused(text: str) -> None:
    with pytest.raises(CascadeError) as caught:
        final_path(Path("/base"), text)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC713",
            message=f"the output path `{text}` is not inside the project's folder",
            notes=("the project's folder is `/base`",),
            help="give a path relative to that folder, as in `out/result.csv`, and not below `.cascade`",
        ),
    )


@pytest.mark.parametrize("text", [".cascade/x", "./.cascade", "a/../.cascade/y"])
def test_an_output_is_not_put_among_the_state(text: str) -> None:
    with pytest.raises(CascadeError) as caught:
        final_path(Path("/base"), text)
    assert [d.message for d in caught.value.diagnostics] == [
        f"the output path `{text}` is in `.cascade`, which is Cascade's own"
    ]


@given(st.text(alphabet="./ab\0", max_size=12))
def test_no_text_leads_outside(text: str) -> None:
    try:
        path = final_path(Path("/base/project"), text)
    except CascadeError:
        return
    assert os.path.commonpath([path, "/base/project"]) == "/base/project"
    assert path != Path("/base/project")


@pytest.mark.parametrize(
    ("final", "name"),
    [("a.csv", "7-out.csv"), ("a.tar.gz", "7-out.tar.gz"), ("a.v1.csv", "7-out.csv"), ("a", "7-out"), (".a", "7-out")],
)
def test_scratch_keeps_the_extension(tmp_path: Path, scratch: Path, final: str, name: str) -> None:
    assert scratch_path(tmp_path / "not" / "there" / final, scratch, "7-out") == scratch / name


def test_scratch_on_another_file_system_is_beside_the_final_path(tmp_path: Path, scratch: Path) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    final = shared / f"cascade-test-{os.getpid()}" / "deep" / "a.csv"
    path = scratch_path(final, scratch, "7-out")
    assert path.parent == shared
    assert path.name.startswith(".cascade-")
    assert path.name.endswith("-7-out.csv")
    assert path == scratch_path(final, scratch, "7-out")
    assert path != scratch_path(final, scratch.parent, "7-out")
    try:
        path.write_text("x")
        perform(plan([Produced(path, final)], tmp_path / "store"))
        assert final.read_text() == "x"
        assert not path.exists()
    finally:
        shutil.rmtree(final.parents[1], ignore_errors=True)


# ---- plan -------------------------------------------------------------------------------------------------------


def test_a_plan_describes_the_output(tmp_path: Path, scratch: Path, store: Path) -> None:
    path = scratch / "7-out.csv"
    path.write_text("a,b\n")
    final = tmp_path / "out" / "a.csv"
    files = plan([Produced(path, final)], store)
    assert files == (
        PlannedFile(
            scratch=str(path),
            final=str(final),
            size=4,
            digest=blake2b(b"a,b\n", digest_size=32).hexdigest(),
            inode=path.stat().st_ino,
        ),
    )
    assert not final.parent.exists()
    perform(files)
    assert final.read_text() == "a,b\n"
    assert not path.exists()


def test_an_output_that_was_not_written(scratch: Path, store: Path) -> None:
    assert planning(Produced(scratch / "a", scratch / "b", name="report"), store) == Diagnostic(
        code="CSC710",
        message="the output `report` was not written",
        help="the body has to write it at the path that it is given, `{{report}}`",
    )


def test_all_that_is_wrong_is_said_at_once(scratch: Path, store: Path) -> None:
    (scratch / "b").mkdir()
    with pytest.raises(CascadeError) as caught:
        plan([Produced(scratch / n, scratch / "x" / n, name=n) for n in "ab"], store)
    assert [d.code for d in caught.value.diagnostics] == ["CSC710", "CSC711"]


def test_a_folder_where_a_file_is_declared_and_the_reverse(scratch: Path, store: Path) -> None:
    (scratch / "d").mkdir()
    assert planning(Produced(scratch / "d", None), store) == Diagnostic(
        code="CSC711",
        message="the output `out` is declared as a `file`, but a folder was written",
        help="declare it as `dir`, or write a file",
    )
    (scratch / "f").write_text("")
    assert planning(Produced(scratch / "f", None, folder=True), store) == Diagnostic(
        code="CSC711",
        message="the output `out` is declared as a `dir`, but a file was written",
        help="declare it as `file`, or write a folder",
    )


def test_links_and_pipes_are_no_outputs(scratch: Path, store: Path) -> None:
    mend = "write a copy: an output is moved to its place, where a link would lead elsewhere"
    (scratch / "f").write_text("")
    (scratch / "l").symlink_to(scratch / "f")
    os.mkfifo(scratch / "p")
    assert planning(Produced(scratch / "l", None), store) == Diagnostic(
        code="CSC712", message="the output `out` is a symbolic link", help=mend
    )
    assert planning(Produced(scratch / "p", None), store) == Diagnostic(
        code="CSC712", message="the output `out` is neither a file nor a folder", help=mend
    )
    make(scratch / "d")
    os.mkfifo(scratch / "d" / "p")
    assert planning(Produced(scratch / "d", None, folder=True), store).message == (
        f"the output `{scratch / 'd'}` cannot be published: `p` in it is neither a file nor a folder"
    )


def test_what_stands_in_the_way_is_not_removed(tmp_path: Path, scratch: Path, store: Path) -> None:
    (scratch / "f").write_text("new")
    there = make(tmp_path / "out", keep="me")
    mend = "make room, or remove what stands in the way, and run again"
    assert planning(Produced(scratch / "f", there), store) == Diagnostic(
        code="CSC714", message=f"the output `{there}` cannot be published: a folder stands there", help=mend
    )
    make(scratch / "d", a="1")
    assert planning(Produced(scratch / "d", there / "keep", folder=True), store) == Diagnostic(
        code="CSC714", message=f"the output `{there / 'keep'}` cannot be published: a file stands there", help=mend
    )
    below = there / "keep" / "x" / "y"
    files = plan([Produced(scratch / "f", below)], store)
    with pytest.raises(CascadeError) as caught:
        perform(files)
    assert caught.value.diagnostics == (
        Diagnostic(code="CSC714", message=f"the output `{below}` cannot be published: Not a directory", help=mend),
    )
    assert tree(there) == {"keep": "me"}


def test_a_link_at_the_final_path_is_replaced_not_followed(tmp_path: Path, scratch: Path, store: Path) -> None:
    (tmp_path / "theirs").write_text("precious")
    final = tmp_path / "out.txt"
    final.symlink_to(tmp_path / "theirs")
    (scratch / "f").write_text("new")
    perform(plan([Produced(scratch / "f", final)], store))
    assert not final.is_symlink()
    assert final.read_text() == "new"
    assert (tmp_path / "theirs").read_text() == "precious"


# ---- digests of folders -----------------------------------------------------------------------------------------


def test_the_digest_of_a_folder_is_of_its_content(tmp_path: Path) -> None:
    first = make(tmp_path / "1", a="1", b="2")
    assert digest_path(first) == digest_path(make(tmp_path / "2", b="2", a="1"))
    others = [
        make(tmp_path / "3", a="1", b="3"),
        make(tmp_path / "4", a="1", c="2"),
        make(tmp_path / "5", a="1"),
        make(tmp_path / "6", a="1", b="2", c=""),
        make(tmp_path / "7", a="1", b="2"),
        make(tmp_path / "8", a="1", b="2"),
        make(tmp_path / "9", a="1"),
    ]
    (others[4] / "a").chmod(0o755)
    (others[5] / "empty").mkdir()
    (others[6] / "b").symlink_to("a")
    digests = [digest_path(folder) for folder in [first, *others]]
    assert len(set(digests)) == len(digests)


# ---- folders ----------------------------------------------------------------------------------------------------


def no_exchange(first: str, second: str) -> bool:
    return False


@pytest.fixture(params=["exchange", "aside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the system's exchange of two paths, and without."""
    if request.param == "aside":
        monkeypatch.setattr("cascade_dsl.store.exchange.exchange", no_exchange)
    return request.param


@pytest.mark.usefixtures("way")
def test_a_folder_replaces_an_older_one_whole(tmp_path: Path, scratch: Path, store: Path) -> None:
    final = make(tmp_path / "site", old="1", both="1")
    make(scratch / "d", new="2", both="2")
    perform(plan([Produced(scratch / "d", final, folder=True)], store))
    assert tree(final) == {"both": "2", "new": "2"}
    assert list(scratch.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == [".cascade", "site"]


def test_exchange_is_one_step(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", x="1"), make(tmp_path / "b", y="2")
    assert exchange(str(first), str(second))
    assert (tree(first), tree(second)) == ({"y": "2"}, {"x": "1"})
    with pytest.raises(FileNotFoundError):
        exchange(str(first), str(tmp_path / "c"))


# ---- the store --------------------------------------------------------------------------------------------------


def test_an_output_without_a_path_is_kept_by_digest(scratch: Path, store: Path) -> None:
    for _ in range(2):
        (scratch / "7-out.csv").write_text("a")
        kept = keep(Produced(scratch / "7-out.csv", None), store)
        assert kept == store / f"{digest_of_text('a')}.csv"
        assert kept.read_text() == "a"
        assert stat.S_IMODE(kept.stat().st_mode) & 0o222 == 0
        assert kept.stat().st_nlink == 1
    assert len(list(store.iterdir())) == 1


def digest_of_text(text: str) -> str:
    return blake2b(text.encode(), digest_size=32).hexdigest()


@pytest.mark.usefixtures("way")
def test_a_folder_without_a_path_is_kept_too(scratch: Path, store: Path) -> None:
    for _ in range(2):
        make(scratch / "7-out", a="1")
        kept = keep(Produced(scratch / "7-out", None, folder=True), store)
        assert tree(kept) == {"a": "1"}
        assert stat.S_IMODE((kept / "a").stat().st_mode) & 0o222 == 0
    assert len(list(store.iterdir())) == 1


# ---- recovery ---------------------------------------------------------------------------------------------------


def test_redo_of_what_was_not_begun_is_done_or_lost(tmp_path: Path, scratch: Path, store: Path) -> None:
    for name in "abc":
        (scratch / name).write_text(name)
    finals = [tmp_path / "out" / name for name in "abc"]
    files = plan([Produced(scratch / n, f) for n, f in zip("abc", finals, strict=True)], store)
    perform(files[:1])
    assert redo(files)
    assert [f.read_text() for f in finals] == ["a", "b", "c"]
    assert redo(files)
    finals[1].unlink()
    assert not redo(files)


def test_redo_trusts_a_copy_with_the_digest_and_nothing_else(tmp_path: Path, scratch: Path, store: Path) -> None:
    (scratch / "a").write_text("text")
    final = tmp_path / "a"
    files = plan([Produced(scratch / "a", final)], store)
    (scratch / "a").unlink()
    final.write_text("old!")
    assert not redo(files)
    final.write_text("text")
    assert redo(files)
    # Another file at the scratch path, as a later attempt would leave, is not taken for the planned one.
    (scratch / "a").write_text("half")
    assert redo(files)
    assert final.read_text() == "text"


def test_two_mounts_of_one_disk_are_crossed_by_a_copy(
    tmp_path: Path, scratch: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename

    def rename(source: str, target: str) -> None:
        if str(scratch) in str(source):
            raise OSError(18, "Invalid cross-device link")
        real(source, target)

    (scratch / "a").write_text("text")
    make(scratch / "d", x="1")
    files = plan([Produced(scratch / "a", tmp_path / "a"), Produced(scratch / "d", tmp_path / "d", folder=True)], store)
    monkeypatch.setattr(os, "rename", rename)
    perform(files)
    assert (tmp_path / "a").read_text() == "text"
    assert tree(tmp_path / "d") == {"x": "1"}
    assert list(scratch.iterdir()) == []
    assert redo(files)


PUBLISHING = """
import os, signal, shutil, sys
from pathlib import Path
from cascade_dsl.ir.events import AttemptFinished, PlannedRemoval, PublishPlanned
from cascade_dsl.store import exchange, publish
from cascade_dsl.store.journal import Journal
from cascade_dsl.store.publish import Produced

root, way, fatal = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0

def step():
    global steps
    if steps == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    steps += 1

def watched(function):
    def call(*args, **named):
        step()
        result = function(*args, **named)
        step()
        return result
    return call

if way == "aside":
    exchange.exchange = lambda first, second: False
exchange.exchange = watched(exchange.exchange)
os.rename = watched(os.rename)
os.makedirs = watched(os.makedirs)
os.unlink = watched(os.unlink)
shutil.rmtree = watched(shutil.rmtree)

scratch = root / "scratch"
journal = Journal.create(root / "journal.db")
files = publish.plan(
    [
        Produced(scratch / "a", root / "out" / "a"),
        Produced(scratch / "d", root / "d", folder=True),
        Produced(scratch / "k", None),
        Produced(scratch / "b", root / "b"),
        Produced(root / "here", root / "here"),
    ],
    root / "store",
)
removals = tuple(
    PlannedRemoval(path=str(root / name), size=size, digest=digest)
    for name in ("gone", "changed", "old", "missing")
    for size, digest in [(int(sys.argv[4]), sys.argv[5]) if name != "old" else (int(sys.argv[6]), sys.argv[7])]
)
plan = PublishPlanned(key=(1,), epoch=0, attempt=1, files=files, value="1", removals=removals)
watched(journal.commit)(1, [plan])
publish.perform(files, removals, base=root)
watched(journal.commit)(2, [AttemptFinished(key=(1,), epoch=0, attempt=1, value=None)])
print(steps)
"""


def digest_and_size(path: Path) -> list[str]:
    """As the driver takes them: size, digest."""
    size = sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")))
    return [str(size), digest_path(path)]


@pytest.mark.parametrize("means", ["exchange", "aside"])
def test_a_kill_at_any_step_leaves_the_old_outputs_or_a_plan_that_is_redone(tmp_path: Path, means: str) -> None:
    steps = 0
    fatal = -1
    redone = 0
    while fatal < steps:
        root = tmp_path / str(fatal)
        make(root / "scratch", a="new a", k="kept", b="new b")
        make(root / "scratch" / "d", x="new x", y="new y")
        make(root / "d", x="old x", z="old z")
        (root / "b").write_text("old b")
        (root / "here").write_text("in place")
        (root / "gone").write_text("earlier")
        (root / "changed").write_text("earl1er")
        make(root / "old", x="1", y="2")
        old = tree(root)
        recorded = [*digest_and_size(root / "gone"), *digest_and_size(root / "old")]
        child = subprocess.run(
            [sys.executable, "-c", PUBLISHING, str(root), means, str(fatal), *recorded], capture_output=True, text=True
        )
        if fatal < 0:
            assert child.returncode == 0, child.stderr
            steps = int(child.stdout)
            assert steps >= 12
        else:
            assert child.returncode == -signal.SIGKILL
        with JournalReader(root / "journal.db") as journal:
            events = [event for _, _, event in journal.events()]
        if not events:
            assert tree(root) == old
        else:
            planned = events[0]
            assert isinstance(planned, PublishPlanned)
            if not isinstance(events[-1], AttemptFinished):
                redone += 1
                assert redo(planned.files, planned.removals, base=root)
            assert (root / "here").read_text() == "in place"
            assert (root / "changed").read_text() == "earl1er"
            assert (root / "out" / "a").read_text() == "new a"
            assert tree(root / "d") == {"x": "new x", "y": "new y"}
            assert (root / "b").read_text() == "new b"
            assert [p.read_text() for p in (root / "store").iterdir()] == ["kept"]
            assert list((root / "scratch").iterdir()) == []
            assert {p.name for p in root.iterdir()} <= {
                "b", "d", "here", "changed", "out", "store", "scratch", "journal.db", "journal.db-wal", "journal.db-shm"
            }  # fmt: skip
        fatal += 1
    assert redone >= 9
    assert publish.redo(())


# ---- what an earlier result left --------------------------------------------------------------------------------


def recorded(path: Path) -> PlannedRemoval:
    size, digest = digest_and_size(path)
    return PlannedRemoval(path=str(path), size=int(size), digest=digest)


def test_only_what_is_unchanged_is_removed(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1")
    make(tmp_path / "d", a="1", b="2")
    old = recorded(tmp_path / "f"), recorded(tmp_path / "d")
    (tmp_path / "f").write_text("2")
    (tmp_path / "d" / "c").write_text("mine")
    assert [remove(one) for one in old] == [False, False]
    assert tree(tmp_path) == {"f": "2", "d/a": "1", "d/b": "2", "d/c": "mine"}
    (tmp_path / "f").write_text("1")
    (tmp_path / "d" / "c").unlink()
    assert [remove(one) for one in old] == [True, True]
    assert list(tmp_path.iterdir()) == []
    assert [remove(one) for one in old] == [False, False]
    (tmp_path / "g").write_text("1")
    (tmp_path / "f").symlink_to("g")
    assert not remove(old[0])
    assert (tmp_path / "f").is_symlink()


def test_a_file_in_place_is_never_moved_nor_dropped(tmp_path: Path, store: Path) -> None:
    here = tmp_path / "here"
    here.write_text("text")
    files = plan([Produced(here, here)], store)
    perform(files, base=tmp_path)
    assert redo(files, base=tmp_path)
    assert here.read_text() == "text"
    answers = iter([False, True])
    with pytest.MonkeyPatch.context() as patch:  # it comes back between the two looks
        patch.setattr(publish, "_is_planned", lambda path, file: next(answers))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        assert not redo(files, base=tmp_path)
    assert here.read_text() == "text"
    here.write_text("other")
    assert not redo(files, base=tmp_path)
    assert here.read_text() == "other"


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path, scratch: Path, store: Path) -> None:
    base = tmp_path / "base"
    (tmp_path / "out").mkdir()
    base.mkdir()
    (scratch / "a").write_text("text")
    files = plan([Produced(scratch / "a", base / "link" / "a")], store)
    (base / "link").symlink_to(tmp_path / "out")
    with pytest.raises(CascadeError) as caught:
        perform(files, base=base)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC716",
            message=(
                f"the output path `link/a` leads to `{tmp_path / 'out'}`, through a link, "
                "which is not inside the project's folder"
            ),
            notes=(f"the project's folder is `{base}`",),
            help="remove the link, or publish inside the project and copy what is there to where the link leads",
        ),
    )
    assert list((tmp_path / "out").iterdir()) == []
    assert (scratch / "a").read_text() == "text"
