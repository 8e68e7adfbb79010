"""Values that are too large for their event: one file each, named by the blake2b of its bytes.

A blob is complete on disk, under its name, before the event that names it is committed. Nothing trusts one without
its digest: a blob that is gone or changed makes the node that gave it not finished.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from ..base.diagnostics import CascadeError, fail
from ..base.quantity import show_size
from .faults import unusable
from .flush import flush_folders
from .touching import shared, touch

BLOB_MAX_BYTES = 64 * 1024 * 1024
"""A value that is larger fails its node: it belongs in a file."""
DIGEST_BYTES = 32
DRAFT = ".tmp"
"""The end of the hidden name of a blob that is being written."""
_PIECE_BYTES = 1 << 20
_LONE = "surrogatepass"
"""Text holds lone surrogates where a path in it is not UTF-8."""


class Blob(NamedTuple):
    """The name of a stored value and how long it is."""

    digest: str
    size_bytes: int


def digest_of(data: bytes) -> str:
    """The name under which a value is stored."""
    return blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


class Blobs:
    """The blobs of a project, in a folder that is made on first use. Every method blocks on the disk."""

    __slots__ = ("folder",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where the blob of that name lies, if it is there."""
        return self.folder / digest

    def put(self, data: bytes | str) -> str:
        """Store a value, UTF-8 where it is text, and give its digest. CSC704 over 64 MiB, CSC706 where the disk refuses."""
        content = data.encode("utf-8", _LONE) if isinstance(data, str) else data
        digest = digest_of(content)
        if not (self._touch(digest) and self.verify(digest)):
            with self.writer() as writer:
                writer.write(content)
                writer.finish()
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a blob; CSC705 where it is gone or is not what was stored."""
        try:
            content = self.path(digest).read_bytes()
        except OSError as error:
            raise fail(
                "CSC705",
                f"the stored value {digest[:12]} is gone: {error.strerror}",
                help="start a new run with `cascade run`: it computes the value again",
            ) from error
        if digest_of(content) != digest:
            raise fail(
                "CSC705",
                f"the stored value {digest[:12]} is not what was stored",
                notes=(f"the file is `{self.path(digest)}`",),
                help="delete that file and run again: the value is then computed anew",
            )
        return content

    def text(self, digest: str) -> str:
        """A blob as text; raises as `get`."""
        return self.get(digest).decode("utf-8", _LONE)

    def _touch(self, digest: str) -> bool:
        """Say that a blob is in use from now on, where it is there."""
        return os.path.exists(self.path(digest)) and touch(self.path(digest))

    def verify(self, digest: str) -> bool:
        """Whether the blob is there and whole; reads all of it."""
        state = blake2b(digest_size=DIGEST_BYTES)
        try:
            with open(self.path(digest), "rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    state.update(piece)
        except OSError:
            return False
        return state.hexdigest() == digest

    def writer(self) -> BlobWriter:
        """A blob to be written in pieces; used in a `with`, which drops what was not finished."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return BlobWriter(self.folder)
        except OSError as error:
            raise unusable(self.folder, error) from error


class BlobWriter:
    """Takes a value in pieces. Nothing is under a blob's name before `finish`."""

    __slots__ = ("_file", "_folder", "_hash", "_size_bytes", "_temporary")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary, descriptor = _draft(folder)
        self._file = os.fdopen(descriptor, "wb", buffering=_PIECE_BYTES)
        self._hash = blake2b(digest_size=DIGEST_BYTES)
        self._size_bytes = 0

    def write(self, piece: bytes | str) -> None:
        """Add a piece; CSC704 once the whole is over 64 MiB."""
        content = piece.encode("utf-8", _LONE) if isinstance(piece, str) else piece
        self._size_bytes += len(content)
        if self._size_bytes > BLOB_MAX_BYTES:
            raise _too_large()
        self._hash.update(content)
        try:
            self._file.write(content)
        except OSError as error:
            raise unusable(self._folder, error) from error

    def finish(self) -> Blob:
        """Bring the blob to disk, then under its name."""
        digest = self._hash.hexdigest()
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            with shared(self._folder):
                os.rename(self._temporary, self._folder / digest)
            flush_folders((os.fspath(self._folder),))
        except OSError as error:
            raise unusable(self._folder, error) from error
        return Blob(digest, self._size_bytes)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):  # what is left in the buffer of a full disk: `write` or `finish` has raised it
            self._file.close()
        with suppress(FileNotFoundError):
            os.unlink(self._temporary)


def _draft(folder: Path) -> tuple[Path, int]:
    """A new file that is locked while it is written, so that what a killed writer leaves can be told."""
    while True:
        path = folder / f".{os.urandom(8).hex()}{DRAFT}"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # a file system without locks: then nobody sweeps there either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # swept between its creation and its lock


def _too_large() -> CascadeError:
    return fail(
        "CSC704",
        f"a value is larger than {show_size(BLOB_MAX_BYTES)}",
        help="write it to a file: give the task an output of type `file`",
    )
