"""The layout of the state folder: its number, the way forward from older ones, refusals, and its lock."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.store import layout
from cascade_dsl.store.layout import LAYOUT, MIGRATIONS, Migration
from cascade_dsl.store.runs import Project, Run

NOW_NS = 1_795_470_901_500_000_000
FIRST = Path(__file__).parent / "state-1.tar.gz"
"""Written by the code before there was a number: a run that is done, one that was killed, a value, a kept file."""


@pytest.fixture(autouse=True)
def registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


def first(folder: Path) -> Path:
    """The state folder of the first layout."""
    with tarfile.open(FIRST) as archive:
        archive.extractall(folder, filter="fully_trusted")
    return folder / ".cascade"


def new_run(folder: Path) -> Run:
    return Project(folder).create(file="main.csc", pid=1, warden=None, now_ns=NOW_NS)


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that is in a folder."""
    found: dict[str, tuple[int, int, bytes]] = {}
    for path in (folder, *folder.rglob("*")):
        at = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(at.st_mode) else b""
        found[str(path.relative_to(folder))] = (at.st_mode, at.st_mtime_ns, content)
    return found


def open_to_others(folder: Path) -> list[str]:
    return [name for name, (mode, _, _) in picture(folder).items() if mode & 0o077 and not stat.S_ISLNK(mode)]


def refusal(of: Path) -> tuple[Diagnostic, ...]:
    with pytest.raises(CascadeError) as caught:
        layout.prepare(of)
    return caught.value.diagnostics


def test_a_new_folder_has_the_newest_layout(tmp_path: Path) -> None:
    assert layout.layout_of(tmp_path / ".cascade") is None
    layout.prepare(tmp_path / ".cascade")
    assert not (tmp_path / ".cascade").exists(), "there is nothing to prepare"
    new_run(tmp_path).release()
    assert (tmp_path / ".cascade" / "version").read_text() == f"{LAYOUT}\n"
    assert open_to_others(tmp_path / ".cascade") == []


def test_migrations_lead_from_the_first_to_the_newest() -> None:
    assert [migration.to for migration in MIGRATIONS] == list(range(2, LAYOUT + 1))


def test_the_first_layout_is_brought_forward(tmp_path: Path) -> None:
    state = first(tmp_path)
    assert layout.layout_of(state) == 1
    assert set(open_to_others(state)) >= {".gitignore"}
    assert any(name.startswith("store/") for name in open_to_others(state))
    before = picture(state)
    new_run(tmp_path).release()
    assert layout.layout_of(state) == LAYOUT
    assert open_to_others(state) == []
    after = picture(state)
    for name, (mode, _, content) in before.items():
        if not stat.S_ISLNK(mode) and not name.endswith("version"):
            assert after[name][2] == content, name
    (kept,) = (state / "store").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o400


def test_who_only_looks_migrates_nothing(tmp_path: Path) -> None:
    state = first(tmp_path)
    before = picture(state)
    layout.check(state)
    assert picture(state) == before


@pytest.mark.parametrize("step", range(3))
def test_a_migration_that_was_cut_off_is_begun_again(step: int, tmp_path: Path) -> None:
    state = first(tmp_path)
    done: list[int] = []

    def apply(to: int) -> Migration:
        def change(folder: str) -> None:
            if step == to - 2 and to not in done:
                done.append(to)
                raise OSError(28, "No space left on device")
            Path(folder, f"step-{to}").touch()

        return Migration(to, "", change)

    migrations = tuple(apply(to) for to in (2, 3, 4))
    with pytest.raises(OSError, match="No space"):
        layout.prepare(state, migrations)
    assert layout.layout_of(state) == 1 + step
    layout.prepare(state, migrations)
    assert layout.layout_of(state) == 4
    assert sorted(p.name for p in state.glob("step-*")) == ["step-2", "step-3", "step-4"]


def test_a_newer_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    new_run(tmp_path).release()
    state = tmp_path / ".cascade"
    (state / "version").write_text("3\n")
    before = picture(state)
    refused = Diagnostic(
        code="CSC730",
        message=f"the state folder `{state}` has layout 3, this version of Cascade knows up to 2",
        notes=("nothing in it was touched",),
        help="use the version of Cascade that wrote it, or a newer one; or move the folder away to begin anew",
    )
    for act in (lambda: layout.check(state), lambda: layout.prepare(state), lambda: new_run(tmp_path)):
        with pytest.raises(CascadeError) as caught:
            act()
        assert caught.value.diagnostics == (refused,)
    assert picture(state) == before


@pytest.mark.parametrize("text", ["", "two", "-1", "1\n2", "99999999999", "\udcff"])
def test_a_number_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    new_run(tmp_path).release()
    state = tmp_path / ".cascade"
    (state / "version").write_bytes(text.encode("utf-8", "surrogateescape"))
    (said,) = refusal(state)
    assert said.code == "CSC731"
    assert said.message.startswith(f"`{state}/version` holds no number of a layout: ")
    assert said.help == f"the layout of this version of Cascade is {LAYOUT}; or move the folder away to begin anew"


def test_a_live_run_of_an_earlier_version_is_not_changed_under_its_feet(tmp_path: Path) -> None:
    state = first(tmp_path)
    run = Project(tmp_path).runs()[0]
    lock = os.open(run.folder / "lock", os.O_RDWR)
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert refusal(state) == (
            Diagnostic(
                code="CSC731",
                message=f"the state folder `{state}` is of an earlier version of Cascade, and its run {run.id} is live",
                help="wait for its end; the next command then brings the folder to this version",
            ),
        )
        assert layout.layout_of(state) == 1
    finally:
        os.close(lock)
    layout.prepare(state)
    assert layout.layout_of(state) == LAYOUT


def test_a_live_run_holds_a_share_of_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path)
    state = tmp_path / ".cascade"
    assert layout.try_alone(state) is None
    other = new_run(tmp_path)
    run.release()
    assert layout.try_alone(state) is None
    other.release()
    alone = layout.try_alone(state)
    assert alone is not None
    monkeypatch.setattr(layout, "_WAIT_S", 0.0)
    with pytest.raises(CascadeError) as caught:
        new_run(tmp_path)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC732",
            message=f"the state folder `{state}` is held by another command of Cascade",
            help="wait for the end of the `cascade clean` or `run` that is at it; `cascade ps` shows live runs",
        ),
    )
    os.close(alone)
    new_run(tmp_path).release()


def test_a_run_that_was_removed_is_not_taken(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.release()
    late = Run(run.folder)
    run.folder.rename(tmp_path / "gone")
    with pytest.raises(CascadeError) as caught:
        late.take()
    assert [d.code for d in caught.value.diagnostics] == ["CSC708"]
    alone = layout.try_alone(tmp_path / ".cascade")
    assert alone is not None, "it keeps no share"
    os.close(alone)


def test_private_means_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").write_text("")
    (tmp_path / "a" / "x").chmod(0o755)
    (tmp_path / "outside").write_text("")
    (tmp_path / "outside").chmod(0o644)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "outside")
    layout.make_private(str(tmp_path / "a"))
    assert open_to_others(tmp_path / "a") == []
    assert stat.S_IMODE((tmp_path / "a" / "x").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "outside").stat().st_mode) == 0o644
