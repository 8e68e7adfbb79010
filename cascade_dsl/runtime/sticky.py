"""Words of an operator that are to hold in runs to come: written into `cascade.toml`, whole or not at all.

What is to stand there is made and synced beside the file before the run is asked to change anything; when the change is made,
it takes the file's place. Comments and layout stay. Whoever else writes the file meanwhile is not overwritten: it is read again.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError, Diagnostic, fail
from ..ir.requirement import Limit, Scope
from .configuration import NAME, SIZE_MAX, Configured, configuration_of, limits_of, text_of

_LOCK_S = 2.0
"""So long is another run waited for that writes the same file."""
_HELP = f"make it a file that can be written, or leave `--sticky` out and write the limit into `{NAME}` by hand"


@dataclass(frozen=True, slots=True)
class Keep:
    """What is to stand in the configuration: a limit, or no more of a scope where there is none."""

    scope: Scope
    limit: Limit | None
    text: str = ""
    """The limit as it is written there."""


def refuse_ending(limit: Limit) -> None:
    """CSC585 for a word with an end: it is for this run alone."""
    if limit.for_ns is None and limit.until_minute is None:
        return
    word = "for" if limit.for_ns is not None else "until"
    raise fail(
        "CSC585",
        f"a limit with `{word}` ends, and `--sticky` is for limits that stay",
        help=f"leave one of the two out; hours that come again may stay: `from 09:00 to 18:00`, and `{NAME}` may say "
        f"`{word}` by hand: there it counts from the start of each run",
    )


def text_with(text: str | None, keep: Keep, parse: Callable[[str], Limit]) -> str | None:
    """The configuration with what is to stand in it; None where nothing changes. CascadeError where it is wrong as it is."""
    try:
        before = configuration_of(text)
        found = limits_of(before, parse)
    except CascadeError as error:
        raise CascadeError((_wrong(), *error.diagnostics)) from None
    if len(found) != len(before.limits):
        raise AssertionError("each sentence is a limit or an error")
    sentences = [one.text for one in found]
    at = _places(found, keep)
    if keep.limit is None:
        wanted = [sentence for place, sentence in enumerate(sentences) if place not in at]
    elif at:
        wanted = [*sentences]
        wanted[at[0]] = keep.text
    else:
        wanted = [*sentences, keep.text]
    if wanted == sentences:
        return None
    made = _edited(text or "", keep, at)
    try:
        after = configuration_of(made)
        parsed = limits_of(after, parse)
    except CascadeError:
        parsed, after = (), None
    same = after is not None and [one.text for one in parsed] == wanted
    if not same or after is None or after.cache_max_bytes != before.cache_max_bytes:
        raise fail("CSC586", f"`{NAME}` cannot be changed as it is laid out", help=_HELP)
    if len(made.encode()) > SIZE_MAX:
        raise fail("CSC586", f"`{NAME}` would be longer than {SIZE_MAX // 1_000_000} MB", help=_HELP)
    return made


def _wrong() -> Diagnostic:
    return Diagnostic(
        code="CSC588",
        message=f"`{NAME}` is wrong as it is: nothing is written into it, and no limit is changed",
        help="mend what is shown below, or leave `--sticky` out",
    )


def _places(found: Sequence[Configured], keep: Keep) -> list[int]:
    """The sentences that go: of a limit the one for which it stands, else all of the scope."""
    limit = keep.limit
    if limit is None:
        return [at for at, one in enumerate(found) if one.limit.scope == keep.scope]
    return [
        at
        for at, one in enumerate(found)
        if one.limit.identity == limit.identity
        and one.limit.amount is not None
        and (one.limit.is_plain if limit.is_plain else _ends_never(one.limit) and one.limit.window == limit.window)
    ]


def _ends_never(limit: Limit) -> bool:
    return limit.for_ns is None and limit.until_minute is None


def _edited(text: str, keep: Keep, at: Sequence[int]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        if keep.limit is None:
            limits: Any = document["limits"]
            for place in reversed(at):
                del limits[place]
        elif "limits" not in document:
            limits = tomlkit.array()
            limits.multiline(True)
            limits.append(_string(keep.text))
            document["limits"] = limits
        elif at:
            limits = document["limits"]
            limits[at[0]] = _string(keep.text)
        else:
            limits = document["limits"]
            limits.append(_string(keep.text))
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError, RecursionError):
        raise fail("CSC586", f"`{NAME}` cannot be changed as it is laid out", help=_HELP) from None


def _string(text: str) -> Any:
    import tomlkit

    is_literal = '"' in text and "'" not in text and text.isprintable()
    return tomlkit.string(text, literal=is_literal)


# ---- the file -------------------------------------------------------------------------------------------------------


class Staged:
    """A configuration that is ready to take its place. `commit` or `discard` it."""

    __slots__ = ("_before", "_folder", "_keep", "_made", "_parse", "_temporary")

    def __init__(self, folder: Path, keep: Keep, parse: Callable[[str], Limit], *, dry: bool = False) -> None:
        """Read the file and sync its new text beside it; with `dry` see whether that could be done. CSC586, CSC588, CSC580."""
        self._folder, self._keep, self._parse = folder, keep, parse
        self._temporary: Path | None = None
        self._before = text_of(folder)
        self._made = text_with(self._before, keep, parse)
        if self._made is None:
            return
        try:
            self._look()
            if not dry:
                self._clear()
                self._write(self._made)
        except OSError as error:
            self.discard()
            raise fail("CSC586", f"`{NAME}` cannot be written: {error.strerror}", help=_HELP) from None

    @property
    def changes(self) -> bool:
        """Whether the file says something else by it."""
        return self._made is not None

    def commit(self) -> None:
        """Put it in its place, and have that synced; CSC587 where it cannot be done any more."""
        if self._made is None:
            return
        try:
            with _Locked(self._folder):
                now = text_of(self._folder)
                if now != self._before or self._temporary is None or not self._temporary.exists():
                    self.discard()
                    self._before = now
                    self._made = text_with(now, self._keep, self._parse)
                    if self._made is None:
                        return
                    self._write(self._made)
                assert self._temporary is not None
                os.replace(self._temporary, self._target)
                self._temporary = None
                _sync(self._target.parent)
        except (OSError, CascadeError) as error:
            self.discard()
            why = error.strerror if isinstance(error, OSError) else error.diagnostics[0].message
            raise fail(
                "CSC587",
                f"the run has changed, but `{NAME}` could not be written: {why}",
                help=f"the change holds in this run; for runs to come write it into `{NAME}` by hand, or say it again",
            ) from None

    def discard(self) -> None:
        """Leave the file as it is."""
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()
            self._temporary = None

    @property
    def _target(self) -> Path:
        """Where a link leads to."""
        return Path(os.path.realpath(self._folder / NAME))

    def _look(self) -> None:
        """OSError where the file, or its folder, may not be written."""
        target = self._target
        mode = os.stat(target.parent).st_mode  # raises where the folder is not there
        if not os.access(target.parent, os.W_OK | os.X_OK) or (target.exists() and not os.access(target, os.W_OK)):
            raise PermissionError(13, os.strerror(13), oct(mode))

    def _clear(self) -> None:
        """What runs left that died at this."""
        for left in self._target.parent.glob(f".{NAME}.*.*.new"):
            owner = left.name.split(".")[-3]
            if owner.isdigit() and not Path("/proc", owner).exists():
                with suppress(OSError):
                    left.unlink()

    def _write(self, text: str) -> None:
        target = self._target
        temporary = target.with_name(f".{NAME}.{os.getpid()}.{os.urandom(4).hex()}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._temporary = temporary
        with open(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, os.stat(target).st_mode & 0o7777)
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)


class _Locked:
    """One writer of a project's configuration at a time; the lock is on its folder, and nothing is left of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> None:
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        end = time.monotonic() + _LOCK_S
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(self._descriptor)
                    raise
                time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
