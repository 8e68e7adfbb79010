"""Events of what an operator does not want to run, one by one and by scope; part of the union in `events`."""

from __future__ import annotations

from dataclasses import dataclass

from .graph import NodeKey
from .requirement import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCancelled:
    """An instance is not to run: what waits or is parked is put aside, what is not ready yet as soon as it is.

    It has not ended, so that it can run after all (`Retried`, `RunContinued`); what needs it waits.
    """

    key: NodeKey
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeCancelled:
    """The same of all that is in a scope, now and whenever it becomes ready."""

    scope: Scope
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRetried:
    """A scope is cancelled no more, nor is anything in it: what was put aside goes on as after `Retried`. Added later."""

    scope: Scope
    who: str = ""
