"""Paths of Unix sockets of any length. Imported by the control verbs: standard library only, and little of it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_ADDRESS_MAX_BYTES = 107


class dialable:
    """The address by which the socket at a path can be bound or connected while in the `with`.

    The kernel takes 107 bytes; a longer path goes by a descriptor of its folder. Raises OSError.
    """

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _ADDRESS_MAX_BYTES:
            return self._path
        folder, name = os.path.split(self._path)
        self._descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._descriptor}/{name}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
