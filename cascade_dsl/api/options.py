"""How a run is asked for, apart from its program and its params."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ir.events import OnFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of `cascade run`. `limits` are sentences, without the word `limit`."""

    jobs: int | None = None
    limits: tuple[str, ...] = ()
    on_failure: OnFailure = "finish"
    targets: tuple[str, ...] = ()
    no_wait: bool = False
    verbose: bool = False
    json: bool = False
    dry_run: bool = False
    force: tuple[str, ...] = ()
    """Names of bindings, outputs and tasks that are to run although they are up to date."""
    force_all: bool = False
    touch: bool = False
    """Run nothing: the outputs that are there are taken for the results."""
    paranoid: bool = False
    """Files are read again instead of trusting their size and times."""
    keep_temp: bool = False
    """Temporary files are not removed."""
    grace_s: float = 5.0
    enforce_mem: bool = True
    """Tasks are ended that use more memory than they demand."""
