"""What the desk answers: the effect of a change as data, the same for one that was made and for one that is foreseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..engine.patch_views import PatchView
from ..ir.requirement import Scope
from ..limits.views import Effect

Answer: TypeAlias = dict[str, Any]


def of_limits(run: str, effect: Effect, *, applied: bool) -> Answer:
    """What a change of words or pauses did to a scope, or would do."""
    return {
        "run": run,
        "scope": effect.scope,
        "applied": applied,
        "before": dict(effect.before),
        "after": dict(effect.after),
        "running": effect.running,
        "waiting": effect.waiting,
        "effect": effect.text,
    }


def of_patches(run: str, scope: Scope, views: Sequence[PatchView]) -> Answer:
    """What a change of a priority, or of demands, did in a scope."""
    return {
        "run": run,
        "scope": str(scope),
        "applied": True,
        "set": [
            {"what": view.what, "before": list(view.before), "after": list(view.after), "starved": view.starved}
            for view in views
        ],
        "running": max((view.running for view in views), default=0),
        "waiting": max((view.waiting for view in views), default=0),
        "effect": "\n".join(view.text for view in views),
    }
