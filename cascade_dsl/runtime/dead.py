"""What runs left behind whose engine and warden were both killed: found and cleared before a new one starts anything."""

from __future__ import annotations

from contextlib import suppress

from ..base.diagnostics import CascadeError
from ..store.leftovers import sweep_dead, sweep_drafts
from ..store.runs import Project, Run
from ..store.wal import was_restarted
from .warden import sweep

_LOOKED_AT = 20
"""Of so many of the newest runs that died, what they left behind is looked for."""


def clear_dead(project: Project, own: Run) -> None:
    """Kill what lives of dead runs, this one's earlier life included, and remove what they left outside their folders.

    Each run is told dead in its `run.json`, so that this is done once. Of processes from before a restart of the machine
    there are none, whatever bears their number now.
    """
    dead = [r for r in project.runs()[:_LOOKED_AT] if r.id != own.id and r.info().state == "running" and not r.is_live]
    earlier = [own.id] if own.was_continued else []  # a run that is new has had no process yet
    sweep([*earlier, *(run.id for run in dead if not was_restarted(run.folder))])
    if dead or own.was_continued:
        sweep_drafts(project.blobs.folder)
    for run in dead:
        with suppress(CascadeError, OSError):  # another engine has taken it meanwhile, or its journal is damaged
            run.take()
            try:
                run.write_info(run.info()._replace(state="dead"))
                sweep_dead(run)
            finally:
                run.release()
