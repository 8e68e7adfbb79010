"""Large values on disk."""

from __future__ import annotations

import os
import stat
from hashlib import blake2b
from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.store import blobs as blobs_module
from cascade_dsl.store.blobs import Blob, Blobs, digest_of


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "state" / "blobs")


def test_put_and_get(blobs: Blobs) -> None:
    digest = blobs.put('["a", "ü"]')
    assert digest == blake2b('["a", "ü"]'.encode(), digest_size=32).hexdigest()
    assert blobs.get(digest) == '["a", "ü"]'.encode()
    assert blobs.text(digest) == '["a", "ü"]'
    assert blobs.verify(digest)
    assert [p.name for p in blobs.folder.iterdir()] == [digest]


def test_text_with_a_path_that_is_not_utf_8_comes_back(blobs: Blobs) -> None:
    text = '["' + os.fsdecode(b"a\xff.csv") + '"]'
    assert blobs.text(blobs.put(text)) == text
    with blobs.writer() as writer:
        writer.write(text)
        assert writer.finish().digest == blobs.put(text)


def test_only_the_owner_reads(blobs: Blobs) -> None:
    digest = blobs.put(b"x")
    assert stat.S_IMODE(blobs.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(blobs.path(digest).stat().st_mode) == 0o600


def test_the_same_value_is_stored_once(blobs: Blobs) -> None:
    digest = blobs.put(b"x")
    inode = blobs.path(digest).stat().st_ino
    assert blobs.put(b"x") == digest
    assert blobs.path(digest).stat().st_ino == inode


def test_pieces_give_the_same_blob_as_the_whole(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        for piece in ("[", "1,", "2", "]"):
            writer.write(piece)
        blob = writer.finish()
    assert blob == Blob(digest_of(b"[1,2]"), 5)
    assert blobs.get(blob.digest) == b"[1,2]"


def test_an_unfinished_blob_leaves_nothing(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        writer.write("[1")
    assert list(blobs.folder.iterdir()) == []


def test_a_changed_blob_is_named_and_put_mends_it(blobs: Blobs) -> None:
    digest = blobs.put(b"value")
    blobs.path(digest).write_bytes(b"valuE")
    assert not blobs.verify(digest)
    with pytest.raises(CascadeError) as caught:
        blobs.get(digest)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC705",
            message=f"the stored value {digest[:12]} is not what was stored",
            notes=(f"the file is `{blobs.path(digest)}`",),
            help="delete that file and run again: the value is then computed anew",
        ),
    )
    assert blobs.put(b"value") == digest
    assert blobs.get(digest) == b"value"


def test_a_missing_blob_is_named(blobs: Blobs) -> None:
    digest = digest_of(b"never")
    assert not blobs.verify(digest)
    with pytest.raises(CascadeError) as caught:
        blobs.get(digest)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC705",
            message=f"the stored value {digest[:12]} is gone: No such file or directory",
            help="start a new run with `cascade run`: it computes the value again",
        ),
    )


TOO_LARGE = Diagnostic(
    code="CSC704",
    message="a value is larger than 64MiB",
    help="write it to a file: give the task an output of type `file`",
)


def test_a_value_of_64_mib_fits_and_one_more_byte_does_not(blobs: Blobs) -> None:
    assert blobs_module.BLOB_MAX_BYTES == 64 * 2**20
    whole = bytes(blobs_module.BLOB_MAX_BYTES)
    assert blobs.get(blobs.put(whole)) == whole
    with pytest.raises(CascadeError) as caught:
        blobs.put(whole + b"x")
    assert caught.value.diagnostics == (TOO_LARGE,)
    with blobs.writer() as writer:
        writer.write(whole)
        with pytest.raises(CascadeError) as caught:
            writer.write("x")
    assert caught.value.diagnostics == (TOO_LARGE,)
    assert len(list(blobs.folder.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(CascadeError) as caught:
        Blobs(tmp_path / "state" / "blobs").put(b"x")
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC706",
            message=f"`{tmp_path / 'state' / 'blobs'}` cannot be written: Not a directory",
            help="check that the project's folder is writable and its disk not full",
        ),
    )
