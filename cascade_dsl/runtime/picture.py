"""A run at one instant, from the engine's state: what views and `ps` are given."""

from __future__ import annotations

from collections.abc import Callable
from heapq import nsmallest

from ..engine.state import At, State
from ..engine.status import FailureView, NodeCounts, RunningView, Status, WaitView
from ..ir.events import AttemptFailed, ComputeFailed
from ..ir.graph import FanOut, NodeKey

_RUNNING_SHOWN = 50
_FAILURES_SHOWN = 50


class Picture:
    """Makes `Status` of one run; keeps what failed, since the engine remembers only where that stands."""

    def __init__(
        self, *, run: str, file: str, name_of: Callable[[NodeKey], str], pid_of: Callable[[int], int | None]
    ) -> None:
        self._run = run
        self._file = file
        self._name_of = name_of
        self._pid_of = pid_of
        self.failures: list[FailureView] = []

    def note(self, state: State, event: AttemptFailed | ComputeFailed) -> FailureView | None:
        """Keep a failure for good; None for one that is tried again."""
        if isinstance(event, AttemptFailed):
            if event.retry_at_ns is not None:
                return None
            exit_, attempts, log = event.exit, event.attempt, event.log
        else:
            exit_, attempts, log = None, 0, ""
        site = state.plan.sites[event.key[0]]
        view = FailureView(
            name=self._name_of(event.key),
            task=site.task.name if site.task is not None else "",
            exit=exit_,
            attempts=attempts,
            message=event.message,
            log=log,
        )
        self.failures.append(view)
        return view

    def status(self, state: State, now_ns: int) -> Status:
        """The run now."""
        oldest = nsmallest(_RUNNING_SHOWN, state.running.values(), key=lambda r: r.serial)
        running = tuple(
            RunningView(
                name=self._name_of(r.key),
                task=_task(state, r.key),
                attempt=r.attempt,
                since_ns=r.since_ns,
                pid=self._pid_of(r.serial),
            )
            for r in oldest
        )
        return Status(
            run=self._run,
            file=self._file,
            now_ns=now_ns,
            started_ns=state.started_ns,
            nodes=counts(state),
            running=running,
            running_total=len(state.running),
            pools=state.ledger.pools(),
            waits=tuple(
                WaitView(task=task, pool=pool, count=count, starved=starved)
                for task, pool, count, starved in state.ledger.waits()
            ),
            paused=tuple(state.paused),
            failures=tuple(self.failures[:_FAILURES_SHOWN]),
            phase=_phase(state),
        )


def _task(state: State, key: NodeKey) -> str:
    site = state.plan.sites[key[0]]
    assert site.task is not None
    return site.task.name


def _phase(state: State) -> str:
    if state.phase == "running" and not state.running and not state.asked:
        from ..engine.step import is_stalled

        if is_stalled(state):
            return "stalled"
    return state.phase


def counts(state: State) -> NodeCounts:
    """Call instances by state; after the end of a run what never ran counts as cancelled."""
    by = state.counts
    unborn = by[At.COLD] + by[At.WAITING] + by[At.ASKED]
    ended = state.phase == "ended"
    left = unborn + by[At.READY] + by[At.BACKOFF] if ended else 0
    return NodeCounts(
        waiting=0 if ended else unborn,
        ready=0 if ended else by[At.READY],
        running=by[At.RUNNING],
        backoff=0 if ended else by[At.BACKOFF],
        done=by[At.DONE],
        failed=by[At.FAILED],
        skipped=by[At.SKIPPED],
        cancelled=left,
        open_ended=not ended and _open_ended(state),
    )


def _open_ended(state: State) -> bool:
    root = state.root
    for site in root.body.sites:
        if isinstance(site.node, FanOut) and root.states[site.pos][0] < At.OPEN:
            return True
    for frame in state.frames.values():
        if not frame.closed:
            return True
        if frame.ended < frame.count and any(s.inner is not None for s in frame.body.sites):
            return True
    return False
