"""Temporary files: where those without a path of their own lie, how they go, what is known of those that went.

What goes is looked at first: only what is still the file that was published is removed. A file that nobody has touched since
it was published is known by its stamp and not read again. The run waits for the last of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from stat import S_ISREG
from typing import Any

import trio

from ..engine.effects import Discard
from ..engine.state import State
from ..ir.events import AttemptFinished, Discarded, Event, PlannedRemoval, PublishPlanned, Revived
from ..ir.graph import NodeKey
from ..store.hashes import mark_of
from ..store.publish import remove
from .disk import Disk
from .names import Names

_LISTED = 5
_FEW = 16
_SMALL_BYTES = 64_000_000
"""So few files that are so small, and that nobody has touched, are removed at once; to remove a large one takes its time."""
_Mark = tuple[int, int, int, int]


class Discarding:
    """The temporary files of one run. From the trio thread."""

    def __init__(self, *, state: State, names: Names, note: Callable[[str], None]) -> None:
        self._state = state
        self._names = names
        self._note = note
        self._disk: Disk | None = None
        self._open = 0
        self._bell = trio.Event()
        self._marks: dict[str, _Mark] = {}
        """Files that this run has published and that are to go, as they were then."""
        self._plans: dict[NodeKey, PublishPlanned] = {}
        self._again: list[NodeKey] = []
        self.gone: dict[str, tuple[str, int]] = {}
        """Absolute path of a temporary file that is gone → its digest and size: what is made from it is known by these."""
        self.freed_bytes = 0

    def note(self, event: Event) -> None:
        """A committed event of `NOTED`."""
        match event:
            case PublishPlanned(key=key, files=files):
                if key in self._state.revived or any(file.temporary for file in files):
                    self._plans[key] = event
            case AttemptFinished(key=key):
                plan = self._plans.pop(key, None)
                if plan is not None:
                    self._published(plan)
            case Discarded(removals=removals):
                for one in removals:
                    self.gone[one.path] = one.digest, one.size
            case Revived(key=key):
                self._again.append(key)
            case _:
                pass

    def tell(self) -> None:
        """Say which calls run again, after the events of a turn."""
        again, self._again = self._again, []
        if again:
            some = ", ".join(self._names.of(key) for key in again[:_LISTED])
            more = f" and {len(again) - _LISTED} more" if len(again) > _LISTED else ""
            one = len(again) == 1
            self._note(
                f"{some}{more} {'runs' if one else 'run'} again: what {'it' if one else 'they'} made is gone, and is needed"
            )

    def lost(self, key: NodeKey, files: Iterable[PlannedRemoval]) -> None:
        """Files of a finished call are not there any more."""
        for one in files:
            self.gone[one.path] = one.digest, one.size

    def _published(self, plan: PublishPlanned) -> None:
        changed: list[str] = []
        for file in plan.files:
            was = self.gone.pop(file.final, None)
            if was is not None and was[0] != file.digest:
                changed.append(file.final)
            if file.temporary and plan.key in self._state.held:
                try:
                    found = os.lstat(file.final)
                except OSError:
                    continue
                if S_ISREG(found.st_mode) and found.st_size == file.size:
                    self._marks[file.final] = mark_of(found)
        if changed:
            name, shown = self._names.of(plan.key), os.path.basename(changed[0])
            self._note(
                f"{name} was made again and differs from before ({shown}): what has been made from it keeps the old; "
                "the next run makes it anew"
            )

    def perform(self, effect: Discard) -> None:
        """Remove the files of a call that nobody reads any more."""
        marks = {one.path: mark for one in effect.removals if (mark := self._marks.pop(one.path, None)) is not None}
        if len(marks) == len(effect.removals) <= _FEW and all(one.size <= _SMALL_BYTES for one in effect.removals):
            self.freed_bytes += _discard(effect.removals, marks)
            return
        if self._disk is None:
            self._disk = Disk(threads=1)
        self._open += 1
        self._disk.submit(partial(_discard, effect.removals, marks), self._on_done)

    def _on_done(self, result: Any) -> None:
        self._open -= 1
        if isinstance(result, int):
            self.freed_bytes += result
        self._bell.set()
        self._bell = trio.Event()

    async def finish(self) -> None:
        """Until all that was to go is gone."""
        while self._open:
            await self._bell.wait()
        if self._disk is not None:
            self._disk.close()
            self._disk = None


NOTED = (PublishPlanned, AttemptFinished, Discarded, Revived)


def _discard(removals: Iterable[PlannedRemoval], marks: dict[str, _Mark]) -> int:
    """Remove what is unchanged; how many bytes that were."""
    freed = 0
    for one in removals:
        mark = marks.get(one.path)
        if mark is not None and _is_as_marked(one.path, mark):
            try:
                os.unlink(one.path)
            except OSError:
                continue
            freed += one.size
        elif remove(one):
            freed += one.size
    return freed


def _is_as_marked(path: str, mark: _Mark) -> bool:
    try:
        return mark_of(os.lstat(path)) == mark
    except OSError:
        return False
