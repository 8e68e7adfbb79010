"""What the desk answers: the effect of a change as data, the same for one that was made and for one that is foreseen."""

from __future__ import annotations

from typing import Any, TypeAlias

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
