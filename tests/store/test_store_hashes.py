"""Files are read once: what is remembered, what is not believed, and what a second write in one tick of the clock does."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from cascade_dsl.store import hashes as module
from cascade_dsl.store.hashes import Hashes, is_marked
from cascade_dsl.store.publish import digest_path

OLD_NS = 1_000_000_000_500_000_000


def file(folder: Path, name: str, text: str, at_ns: int = OLD_NS) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(at_ns, at_ns))
    return path


@pytest.fixture(autouse=True)
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a test writes counts as written long ago, but for a test that says otherwise: ctime cannot be set."""
    monkeypatch.setattr(module, "_TICK_NS", -(10**15))


def read(folder: Path, path: Path, *, paranoid: bool = False) -> tuple[str, int]:
    """The digest, and how many files were read for it, by a new process as it were."""
    hashes = Hashes(folder, folder, paranoid=paranoid)
    content = hashes.content(str(path))
    hashes.close()
    return content.digest, hashes.hashed


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = file(tmp_path, "a", "text")
    assert read(tmp_path, path) == (digest_path(path), 1)
    assert read(tmp_path, path) == (digest_path(path), 0)
    assert stat.S_IMODE((tmp_path / "hashes.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("how", ["mtime", "size", "inode", "ctime"])
def test_whatever_a_write_changes_makes_it_read_again(tmp_path: Path, how: str) -> None:
    path = file(tmp_path, "a", "text")
    read(tmp_path, path)
    match how:
        case "mtime":
            os.utime(path, ns=(OLD_NS, OLD_NS + 1))
        case "size":
            file(tmp_path, "a", "text!")
        case "inode":
            other = file(tmp_path, "b", "tex2")
            os.replace(other, path)
        case _:
            before = path.stat().st_ctime_ns
            while path.stat().st_ctime_ns == before:  # until the clock of the files has gone on
                path.write_text("tex3")
                os.utime(path, ns=(OLD_NS, OLD_NS))
    assert read(tmp_path, path) == (digest_path(path), 1)


def test_paranoid_believes_nothing(tmp_path: Path) -> None:
    path = file(tmp_path, "a", "text")
    read(tmp_path, path)
    assert read(tmp_path, path, paranoid=True)[1] == 1


def test_what_was_written_in_the_tick_of_its_hashing_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TICK_NS", 10**15)
    path = file(tmp_path, "a", "text")
    assert read(tmp_path, path)[1] == 1
    assert read(tmp_path, path)[1] == 1


def test_a_clock_of_whole_seconds_has_a_longer_tick(tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000_000 * 1_000_000_000
    assert module._tick(now) > 2_000_000_000  # pyright: ignore[reportPrivateUsage]
    assert module._tick(now + 1) < 0  # pyright: ignore[reportPrivateUsage]


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path, "a", "one")
    real = module.digest_file

    def racing(name: str) -> str:
        found = real(name)
        if path.read_text() == "one":
            file(tmp_path, "a", "later", OLD_NS + 5)
        return found

    monkeypatch.setattr(module, "digest_file", racing)
    assert read(tmp_path, path) == (digest_path(path), 2)


def test_a_folder_is_what_publishing_says_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    for name in ("b/c", "a", "b/x/y", "z.sh"):
        file(folder, name, name)
    (folder / "z.sh").chmod(0o755)
    (folder / "link").symlink_to("a")
    (folder / "empty").mkdir()
    assert read(tmp_path, folder) == (digest_path(folder), 4)
    assert read(tmp_path, folder) == (digest_path(folder), 0)
    file(folder, "b/c", "other", OLD_NS + 1)
    assert read(tmp_path, folder) == (digest_path(folder), 1)


def test_a_folder_with_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d" / "p")
    with pytest.raises(OSError, match="`p` in it is neither a file nor a folder"):
        read(tmp_path, tmp_path / "d")
    with pytest.raises(OSError, match="neither a file nor a folder"):
        read(tmp_path, tmp_path / "d" / "p")


def test_stamps_tell_whether_a_folder_is_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    file(folder, "b/c", "x")
    content = Hashes(tmp_path, tmp_path).content(str(folder))
    assert all(is_marked(*stamp) for stamp in content.stamps)
    file(folder, "b/c", "yy")
    assert not all(is_marked(*stamp) for stamp in content.stamps)


def test_a_published_file_is_known_under_the_digest_that_it_was_published_with(tmp_path: Path) -> None:
    path = file(tmp_path, "a", "text")
    hashes = Hashes(tmp_path, tmp_path)
    hashes.learn(str(path), "d" * 64, since_ns=OLD_NS + 10**15 + 1)
    assert hashes.published(str(path)) == "d" * 64
    (tmp_path / "l").symlink_to(path)
    assert hashes.published(str(tmp_path / "l")) is None
    assert hashes.published(str(tmp_path / "gone")) is None


def test_a_published_file_that_was_written_later_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TICK_NS", 20_000_000)
    path = file(tmp_path, "a", "text")
    hashes = Hashes(tmp_path, tmp_path)
    hashes.learn(str(path), "d" * 64, since_ns=OLD_NS)
    assert hashes.published(str(path)) == digest_path(path)


@pytest.mark.parametrize("rubbish", [b"rubbish" * 1000, b""])
def test_a_database_that_cannot_be_read_is_made_anew(tmp_path: Path, rubbish: bytes) -> None:
    path = file(tmp_path, "a", "text")
    (tmp_path / "hashes.db").write_bytes(rubbish)
    assert read(tmp_path, path)[1] == 1
    assert read(tmp_path, path)[1] == 0


def test_where_nothing_can_be_written_files_are_read(tmp_path: Path) -> None:
    path = file(tmp_path, "a", "text")
    for _ in range(2):
        hashes = Hashes(tmp_path, tmp_path / "not" / "there")
        assert hashes.content(str(path)).digest == digest_path(path)
        hashes.close()
        assert hashes.hashed == 1


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    path.write_text("x")
    assert read(tmp_path, path)[1] == 1
    assert read(tmp_path, path)[1] == 0


def test_a_project_that_is_moved_keeps_what_is_known(tmp_path: Path) -> None:
    one = tmp_path / "one"
    path = file(one, "a", "text")
    assert read(one, path)[1] == 1
    one.rename(tmp_path / "two")
    assert read(tmp_path / "two", tmp_path / "two" / "a")[1] == 0


def test_what_links_lead_to_out_of_a_folder_counts(tmp_path: Path) -> None:
    file(tmp_path, "real/x", "one")
    file(tmp_path, "far/deep/y", "one")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside").write_text("")
    for name, to in {
        "x": "../real/x", "far": str(tmp_path / "far"), "far again": "../far", "up": "..", "self": ".",
        "to inside": "inside", "nowhere": "../not there", "device": "/dev/null",
    }.items():  # fmt: skip
        (folder / name).symlink_to(to)
    (tmp_path / "far/back").symlink_to("..")
    seen = [read(tmp_path, folder)[0]]
    assert read(tmp_path, folder)[0] == seen[0]
    file(tmp_path, "real/x", "two")
    seen.append(read(tmp_path, folder)[0])
    file(tmp_path, "far/deep/y", "two")
    seen.append(read(tmp_path, folder)[0])
    file(tmp_path, "beside", "of no concern")
    seen.append(read(tmp_path, folder)[0])
    assert len(set(seen)) == 3
    assert seen[2] == seen[3]


def test_a_link_out_of_a_folder_is_looked_at_again_when_the_body_has_ended(tmp_path: Path) -> None:
    file(tmp_path, "real/x", "one")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/x").symlink_to("../real/x")
    content = Hashes(tmp_path, tmp_path).content(str(tmp_path / "folder"))
    assert all(is_marked(path, mark) for path, mark in content.stamps)
    file(tmp_path, "real/x", "two!")
    assert not all(is_marked(path, mark) for path, mark in content.stamps)
