"""Two live runs do not publish one path at once."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.store.claims import Claims


def test_a_path_belongs_to_one_run(tmp_path: Path) -> None:
    first, second = Claims(tmp_path / "claims"), Claims(tmp_path / "claims")
    assert first.take(["/p/a", "/p/b"]) == ()
    assert first.take(["/p/b"]) == ()
    assert second.take(["/p/c", "/p/b", "/p/a", "/p/b"]) == ("/p/b", "/p/a")
    assert first.take(["/p/c"]) == ()
    first.release(["/p/b", "/p/never"])
    assert second.take(["/p/b"]) == ()
    assert first.take(["/p/b"]) == ("/p/b",)
    second.release(["/p/b"])
    assert first.take(["/p/b"]) == ()
    first.close()
    assert second.take(["/p/a", "/p/b", "/p/c"]) == ()
    second.close()


def test_only_the_owner_reads(tmp_path: Path) -> None:
    claims = Claims(tmp_path / "claims")
    claims.take([f"/p/{n}" for n in range(1000)])
    files = list(claims.folder.iterdir())
    assert len(files) == 64
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    assert stat.S_IMODE(claims.folder.stat().st_mode) == 0o700
    claims.close()


def test_the_claims_of_a_killed_run_are_free(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom cascade_dsl.store.claims import Claims\n"
        "claims = Claims(Path(sys.argv[1]))\nassert claims.take(['/p/a']) == ()\n"
        "print('taken', flush=True)\nsys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "claims")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    claims = Claims(tmp_path / "claims")
    try:
        assert child.stdout.readline() == b"taken\n"
        assert claims.take(["/p/a"]) == ("/p/a",)
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
    assert claims.take(["/p/a"]) == ()
    claims.close()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["take", "release", "close"]),
            st.lists(st.sampled_from("abcde"), max_size=3),
        ),
        max_size=20,
    )
)
def test_claims_are_exclusive_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, list[str]]]
) -> None:
    folder = tmp_path_factory.mktemp("claims")
    runs = [Claims(folder) for _ in range(3)]
    owner: dict[str, int] = {}
    for who, what, paths in steps:
        if what == "take":
            refused = tuple(p for p in dict.fromkeys(paths) if owner.get(p, who) != who)
            assert runs[who].take(paths) == refused
            if not refused:
                owner |= dict.fromkeys(paths, who)
        elif what == "release":
            runs[who].release(paths)
            owner = {p: w for p, w in owner.items() if not (w == who and p in paths)}
        else:
            runs[who].close()
            owner = {p: w for p, w in owner.items() if w != who}
    for run in runs:
        run.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(CascadeError) as caught:
        Claims(tmp_path / "state" / "claims").take(["/p/a"])
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC706",
            message=f"`{tmp_path / 'state' / 'claims'}` cannot be written: Not a directory",
            help="check that the project's folder is writable and its disk not full",
        ),
    )
