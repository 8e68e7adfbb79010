"""A canonical, comparable picture of the engine's state: what `replay == state` compares.

Left out is what can be derived and is pruned lazily: owed effects, the question for keys, streams that may have grown, windows that may
widen, timers that mean nothing any more, whose temporary files are to be looked at.
"""

from __future__ import annotations

from typing import Any

from .state import Frame, State
from .step import timer_means


def snapshot(state: State) -> dict[str, Any]:
    """Plain data, equal for equal states."""
    return {
        "run": (state.run, state.phase, state.why, state.status, state.on_failure, state.started_ns),
        "seq": (state.seq, state.serial),
        "wall_ahead": state.wall_ahead_ns,
        "counts": tuple(state.counts),
        "recalled": (state.recalls, state.recalled),
        "root": _frame(state.root),
        "frames": {key: _frame(frame) for key, frame in sorted(state.frames.items())},
        "asked": dict(sorted(state.asked.items())),
        "running": {
            key: (
                *(r.epoch, r.attempt, r.serial, r.since_ns, r.facts, r.stopping, r.plan, r.plan_row, r.granted),
                *(r.deadline_ns, r.frozen_ns, r.stood_ns),
            )
            for key, r in sorted(state.running.items())
        },
        "attempts": dict(sorted(state.attempts.items())),
        "epochs": dict(sorted(state.epochs.items())),
        "facts": dict(sorted(state.facts.items())),
        "keys": {key: dict(sorted(known.items())) for key, known in sorted(state.keys.items())},
        "lengths": dict(sorted(state.lengths.items())),
        "waiters": {k: [(f.body.region, f.path) for f in v] for k, v in sorted(state.waiters.items())},
        "timers": sorted({(t[0], *t[2:]) for t in state.timers if timer_means(state, t)}),
        "failed": (tuple(state.failed), state.failed_before),
        "keeps_temp": state.keeps_temp,
        "held": dict(sorted(state.held.items())),
        "lacking": dict(sorted(state.lacking.items())),
        "revived": dict(sorted(state.revived.items())),
        "guarded": {key: tuple(sorted(by)) for key, by in sorted(state.guarded.items())},
        "awaiting": dict(sorted(state.awaiting.items())),
        "wanted": {key: tuple(sorted(readers)) for key, readers in sorted(state.wanted.items())},
        "to_revive": tuple(sorted(state.to_revive)),
        "earlier": tuple(sorted(state.earlier)),
        "parked": dict(sorted((k, (p.row, type(p.ask).__name__)) for k, p in state.parked.items())),
        "peaks": dict(sorted(state.peaks.items())),
        "text": state.plan.graph,
        "paused": dict(sorted(state.paused.items())),
        "patches": tuple(state.patches.items()),
        "changes": tuple(state.changes),
        "places": dict(sorted(state.places.items())),
        "cancelled": dict(sorted(state.cancelled.items())),
        "condemned": (tuple(sorted(state.condemned)), tuple(state.condemned_scopes), tuple(sorted(state.pardoned))),
        "to_expand": tuple(state.to_expand),
        "ledger": state.ledger.snapshot(),
    }


def _frame(frame: Frame) -> tuple[Any, ...]:
    return (
        frame.count,
        frame.closed,
        frame.next,
        tuple(sorted(frame.available)),
        {index: (tuple(hot.unmet), hot.open) for index, hot in sorted(frame.hot.items())},
        frame.active,
        frame.held,
        (frame.window, frame.fruitless, frame.busiest),
        frame.ended,
        frame.bad,
        frame.unmeasured,
        tuple(bytes(s) for s in frame.states),
        tuple(tuple(r) for r in frame.rows),
        bytes(frame.out),
        tuple(frame.offsets),
        tuple(None if f is None else (f.body.region, f.path) for f in frame.base),
        {k: tuple(v) for k, v in sorted(frame.blocked.items())},
        dict(sorted(frame.doomed.items())),
        None if frame.source is None else (frame.source.body.region, frame.source.path),
    )
