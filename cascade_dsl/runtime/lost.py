"""When a run goes on: which files of finished calls, that somebody still needs, are gone or are not what they were.

A file is looked at by its digest, which is remembered by its stamp. What is lost is told to
the engine in its first turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..engine.inputs import ResultsGone
from ..engine.state import State
from ..engine.temporary import holders
from ..ir.events import PlannedRemoval, PublishPlanned, Recalled
from ..ir.graph import NodeKey
from ..store.hashes import Hashes
from .bodies import absolute, files_in


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
