"""Files of finished calls, that somebody still needs, and that are gone or are not what they were.

When a run goes on all of them are looked at, by their digests, which are remembered by stamps; what is lost is told to the
engine in its first turn. While it runs an attempt looks whether what it is given is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.handles import handle
from ..engine.inputs import ResultsGone
from ..engine.readers import makers
from ..engine.state import State
from ..engine.temporary import holders
from ..ir.events import PlannedRemoval, PublishPlanned, Recalled
from ..ir.graph import NodeKey
from ..store.hashes import Hashes
from .bodies import absolute, files_in
from .values import Values


def lost_results(
    state: State,
    plans: Mapping[NodeKey, PublishPlanned],
    recalled: Mapping[NodeKey, Recalled],
    value_of: Callable[[NodeKey], Any],
    hashes: Hashes,
    project: Path,
) -> tuple[ResultsGone, dict[NodeKey, tuple[PlannedRemoval, ...]]]:
    """What the engine is told, and the files that are gone, by call. Blocks on the disk.

    `plans` and `recalled` are the newest of each call; of what was recalled the value alone says which files it has.
    """
    needed = list(holders(state))
    if needed:  # else what is remembered need not be opened
        hashes.prefetch(file.final for key in needed if key in plans for file in plans[key].files)
    gone: dict[NodeKey, tuple[PlannedRemoval, ...]] = {}
    for key in needed:
        plan = plans.get(key)
        if plan is not None and (key not in recalled or key in state.epochs):
            lost = tuple(
                PlannedRemoval(path=f.final, size=f.size, digest=f.digest)
                for f in plan.files
                if hashes.published(f.final) != f.digest
            )
            if lost:
                gone[key] = lost
        elif key in recalled:
            task = state.plan.sites[key[0]].task
            assert task is not None
            value = absolute(task.result, value_of(key), project)
            if any(hashes.published(path) is None for path in files_in(task.result, value)):
                gone[key] = ()
    return ResultsGone(keys=tuple(gone)), gone


def removed_inputs(
    state: State, values: Values, key: NodeKey, inputs: Sequence[str], project: Path
) -> tuple[NodeKey, ...]:
    """The calls that made files which an attempt is given, absolute paths, and which are not there."""
    lineage = state.lineage
    sources = lineage.sources.get(key[0])
    if not sources or all(map(os.path.lexists, inputs)):
        return ()
    frame, index, _ = state.locate(key)
    found: list[NodeKey] = []
    for maker in makers(state, lineage, key[0], frame, index, sources):
        task = state.plan.sites[maker[0]].task
        assert task is not None
        value = absolute(task.result, values.get(handle(state, maker[0], maker[1:])), project)
        if any(path in inputs and not os.path.lexists(path) for path in files_in(task.result, value)):
            found.append(maker)
    return tuple(found)
