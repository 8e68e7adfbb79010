"""Publishing in a run: who has a path, what of earlier results may go, and the renames of committed plans.

A path belongs to one node of the run (`Destinations`) and to one live run (`Claims`); both are taken before a body
runs where the path is known then, else before the plan that names it is committed. A file of an earlier result is removed
only where nobody else has it or names it; what is being removed is published by nobody until it is gone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ..base.diagnostics import CascadeError, fail
from ..engine.effects import Publish
from ..ir.events import PlannedFile, PlannedRemoval
from ..ir.graph import Graph, NodeKey
from ..store.claims import Claims
from ..store.earlier import Earlier
from ..store.flush import flush_folders
from ..store.publish import perform, redo
from .bodies import Prepared
from .destinations import Destinations
from .disk import Disk
from .flushing import Flushing
from .named import Named
from .names import Names
from .places import FilePlace, GlobPlace

_AT_ONCE = 16
"""Renames that are made in the loop's thread."""
_CLAIMED_AT_ONCE = 256

Then = Callable[[Publish, bool | Exception], None]


class Publishing:
    """The paths of one run. From the trio thread, but for `earlier`, which blocks."""

    def __init__(
        self,
        *,
        project: Path,
        destinations: Destinations,
        claims: Claims,
        earlier: Earlier,
        named: Named,
        names: Names,
    ) -> None:
        self.earlier = earlier
        self._project = project
        self._destinations = destinations
        self._claims = claims
        self._named = named
        self._names = names
        self._flushing = Flushing()
        self._given: list[tuple[str, ...]] = []
        """What nodes were given that were not run: `_named` is told of it when it is first asked."""
        self._stood: list[str] = []
        self._removing: set[str] = set()
        self._waiting: list[tuple[Publish, Disk, Then]] = []

    def renew(self, graph: Graph) -> None:
        """The run is of another text."""
        self._named.renew(graph)

    # -- who has a path -------------------------------------------------------------------------------------------

    def take(self, prepared: Prepared) -> tuple[str, ...]:
        """Take the paths that an attempt is known to publish: those that another live run has, as the user knows them.

        Of a pattern in place the pattern itself is claimed: who writes there is alone. Raises Taken.
        """
        if self.earlier.is_possible:
            self._named.add(prepared.inputs)
        finals = [str(p.final) for p in prepared.places if isinstance(p, FilePlace) and p.final is not None]
        patterns = [str(self._project / p.pattern) for p in prepared.places if isinstance(p, GlobPlace)]
        if not finals and not patterns:
            return ()
        return self._take(prepared.key, finals, patterns)

    def take_recalled(self, key: NodeKey, finals: list[str], inputs: tuple[str, ...]) -> None:
        """Take what an earlier result published, absolute paths, for the node that it stands for. Raises Taken.

        It is claimed against other runs once something runs that may read it: a run with nothing to do claims nothing.
        """
        if inputs and self.earlier.is_possible:
            self._given.append(inputs)
        for final in finals:
            holder = self._destinations.take(final, key)
            if holder is not None:
                raise self._taken(final, holder)
        self._stood += finals

    def claim_stood(self) -> bool:
        """Claim some of what earlier results published; False when all is. What another live run has is left to it."""
        some = [self._stood.pop() for _ in range(min(_CLAIMED_AT_ONCE, len(self._stood)))]
        for final in some:
            self._claims.take((self._destinations.place(final),))
        return bool(self._stood)

    @property
    def has_stood(self) -> bool:
        """There is something for `claim_stood`."""
        return bool(self._stood)

    def is_free(self, key: NodeKey, path: str) -> bool:
        """Whether no other node and no other live run publishes an absolute path; then it is this run's."""
        return self._destinations.other(path, key) is None and not self._claims.take((self._destinations.place(path),))

    def take_matched(self, key: NodeKey, paths: Iterable[str]) -> tuple[str, ...]:
        """The same for files that a body has made. Raises Taken."""
        return self._take(key, list(paths), [])

    def _take(self, key: NodeKey, finals: list[str], patterns: list[str]) -> tuple[str, ...]:
        for final in finals:
            holder = self._destinations.other(final, key)
            if holder is not None:
                raise self._taken(final, holder)
        for final in finals:  # all or none: who is refused keeps nothing from others
            self._destinations.take(final, key)
        places = {self._destinations.place(path): path for path in (*finals, *patterns)}
        refused = self._claims.take(places)
        return tuple(self._shown(places[place]) for place in refused) if refused else ()

    def _taken(self, final: str, holder: NodeKey) -> Taken:
        return Taken(f"it would publish {self._shown(final)}, which {self._names.of(holder)} publishes too")

    def _shown(self, path: str) -> str:
        return str(Path(path).relative_to(self._project))

    def close(self) -> None:
        """The run has ended: its claims are given up, also where its process goes on."""
        self.earlier.close()
        self._claims.close()

    # -- what an earlier result left ------------------------------------------------------------------------------

    def removable(self, key: NodeKey, removals: Iterable[PlannedRemoval]) -> tuple[PlannedRemoval, ...]:
        """Those that no other node of this run publishes, nothing of the program names and no other live run has."""
        found: list[PlannedRemoval] = []
        for inputs in self._given:
            self._named.add(inputs)
        self._given.clear()
        for one in removals:
            if self._destinations.other(one.path, key) is None and not self._named.has(one.path):
                place = self._destinations.place(one.path)
                if not self._claims.take((place,)):
                    found.append(one)
        return tuple(found)

    # -- plans ----------------------------------------------------------------------------------------------------

    def publish(self, effect: Publish, disk: Disk, then: Then) -> None:
        """Carry a committed plan out and bring it to disk: free places get their renames at once; what may take long is done
        in a thread."""
        if self._removing and any(self._is_going(file.final) for file in effect.files):
            self._waiting.append((effect, disk, then))
            return
        others = self._destinations.other
        removals = tuple(one for one in effect.removals if others(one.path, effect.key) is None)
        if (
            effect.redo
            or effect.removals
            or len(effect.files) > _AT_ONCE
            or any(os.path.lexists(file.final) for file in effect.files)
        ):
            self._removing.update(one.path for one in removals)
            job = partial(_carry_out, effect.files, removals, effect.redo, self._project)
            disk.submit(job, partial(self._on_done, effect, removals, then))
            return
        try:
            changed = perform(effect.files, base=self._project)
        except (CascadeError, OSError) as error:
            then(effect, error)
            return
        self._flushing.flush(changed, disk, lambda fault: then(effect, True if fault is None else fault))

    def _on_done(
        self, effect: Publish, removals: tuple[PlannedRemoval, ...], then: Then, result: bool | Exception
    ) -> None:
        self._removing.difference_update(one.path for one in removals)
        for one in effect.removals:
            if self._destinations.other(one.path, effect.key) is None:
                self._claims.release((self._destinations.place(one.path),))
        then(effect, result)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self.publish(*each)

    def _is_going(self, path: str) -> bool:
        return any(
            one == path or one.startswith(f"{path}{os.sep}") or path.startswith(f"{one}{os.sep}")
            for one in self._removing
        )


_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


def is_of_the_disk(error: bool | Exception) -> bool:
    """The disk refuses, whatever is written to it: not a fault of what is published."""
    cause = error.__cause__ if isinstance(error, CascadeError) else error
    return isinstance(cause, OSError) and cause.errno in _OF_THE_DISK


def unfinished(name: str, error: bool | Exception) -> CascadeError:
    """CSC740: a committed plan could not be carried out to its end. The run stops, since half of it may be done."""
    what = "; ".join(d.message for d in error.diagnostics) if isinstance(error, CascadeError) else str(error)
    return fail(
        "CSC740",
        f"what {name} made is published in part: {what}",
        help="make room on the disk, then go on with `cascade continue`: it publishes the rest",
    )


class Taken(Exception):
    """Another node of the run publishes the path: a sentence for the user."""


def _carry_out(
    files: tuple[PlannedFile, ...], removals: tuple[PlannedRemoval, ...], again: bool, project: Path
) -> bool:
    if again:
        return redo(files, removals, base=project)
    flush_folders(perform(files, removals, base=project))
    return True
