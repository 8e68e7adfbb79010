"""Patterns of outputs against `glob`, what was written since a look, and paths that no file can have."""

from __future__ import annotations

import os
from glob import glob
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.store.output_paths import (
    check_pattern,
    final_path,
    is_own,
    literal,
    matching,
    stamps,
    written_since,
)

NAMES = st.sampled_from(["a", "b", "ab", "a.txt", "b.txt", ".h", "[", "c d", "ü"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PARTS = st.sampled_from(["*", "**", "?", "a*", "*.txt", "[ab]", "[!a]*", ".*", "a", "b", "[[]", "."])
PATTERNS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@given(st.lists(PATHS, max_size=8), PATTERNS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_patterns_match_what_glob_matches(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], pattern: str
) -> None:
    root = tmp_path_factory.mktemp("t")
    for path in paths:
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("")
        except OSError:
            continue  # a file stands where a folder would
    found = {os.path.normpath(p) for p in glob(pattern, root_dir=root, recursive=True)} - {"."}
    if pattern.split("/")[-1] == "**":
        found -= {os.path.normpath("/".join(pattern.split("/")[:-1]) or ".")}
    assert matching(root, pattern) == sorted(p for p in found if os.path.isfile(root / p))
    folders = set(matching(root, pattern, folders=True))
    assert folders == {p for p in found if os.path.isdir(root / p)} or pattern.endswith(("**", "."))


@given(st.text(alphabet="ab*?[]!.-", min_size=1, max_size=6).filter(lambda t: t not in (".", "..")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_value_in_a_pattern_matches_itself_alone(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    root = tmp_path_factory.mktemp("t")
    for name in {value, "a", "ab", "b", "-", "!"}:
        (root / name).write_text("")
    assert matching(root, literal(value)) == [value]


def test_deep_patterns_do_not_go_through_links_and_see_nothing_of_cascade(tmp_path: Path) -> None:
    for path in ("x/a.txt", ".cascade/a.txt", ".cascade-1/a.txt", "x/.b.cascade-old/a.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "x" / "loop").symlink_to("..")
    assert matching(tmp_path, "**/*.txt") == ["x/a.txt"]
    assert matching(tmp_path, ".*/*.txt") == []
    assert matching(tmp_path, "x/.*/*") == []
    assert matching(tmp_path, "x/loop/x/*.txt") == ["x/loop/x/a.txt"]
    assert matching(tmp_path / "none", "*") == []


def test_what_was_written_since_a_look(tmp_path: Path) -> None:
    for name in ("kept", "rewritten", "touched", "replaced", "gone", "backdated"):
        (tmp_path / name).write_text("1")
    before, times = stamps(tmp_path, "*"), (tmp_path / "backdated").stat()
    later = max(stamp[2] for stamp in before.values())
    clock = tmp_path / "clock"
    clock.write_text("")
    while clock.stat().st_ctime_ns <= later:  # until the clock of the files has gone on
        clock.write_text("")
    (tmp_path / "rewritten").write_text("1")
    os.utime(tmp_path / "touched")
    (tmp_path / "new").write_text("1")
    os.rename(tmp_path / "new", tmp_path / "replaced")
    (tmp_path / "gone").unlink()
    (tmp_path / "backdated").write_text("2")
    os.utime(tmp_path / "backdated", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert written_since(tmp_path, "*", before) == ["backdated", "clock", "replaced", "rewritten", "touched"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("../*.csv", "the pattern `../*.csv` of an output holds `..`"),
        ("a/../*.csv", "the pattern `a/../*.csv` of an output holds `..`"),
        ("a/*/", "the pattern `a/*/` of an output ends in `/`"),
        ("/tmp/*", "the output path `/tmp/*` is not inside the project's folder"),
        ("", "the output path `` is not inside the project's folder"),
        (".cascade/*", "the output path `.cascade/*` is in `.cascade`, which is Cascade's own"),
        ("a" * 300, f"the output path `{'a' * 59}…` is too long: a name in it may have 255 bytes"),
        ("a\0*", "the output path `a\0*` is not inside the project's folder"),
    ],
)
def test_patterns_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(CascadeError) as caught:
        check_pattern(Path("/base"), text)
    (found,) = caught.value.diagnostics
    assert found.message == message
    assert found.code == ("CSC717" if "pattern" in message else "CSC715" if "long" in message else "CSC713")


def test_patterns_that_can_be() -> None:
    base = Path("/base")
    assert check_pattern(base, "./a//*.csv") == "a/*.csv"
    assert check_pattern(base, "/base/a/**") == "a/**"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("é" * 128, f"the output path `{'é' * 59}…` is too long: a name in it may have 255 bytes"),
        ("a/" * 2100 + "b", f"the output path `{('a/' * 40)[:59]}…` is too long: a name in it may have 255 bytes"),
        ("a\ud800", "the output path 'a\\ud800' is not text that a file can be named by"),
        ("out/", "the output path `out/` names a folder, and the output is a file"),
        ("out/x/..", "the output path `out/x/..` names a folder, and the output is a file"),
    ],
)
def test_paths_that_no_file_can_have(text: str, message: str) -> None:
    with pytest.raises(CascadeError) as caught:
        final_path(Path("/base"), text)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("CSC715", message)


@given(st.text(max_size=8))
def test_what_is_own_is_hidden(name: str) -> None:
    assert not is_own(name) or name.startswith(".")
