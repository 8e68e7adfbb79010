"""A run at one instant, from the engine's state: what views and `ps` are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush, nsmallest
from itertools import islice

from ..engine.halting import is_over
from ..engine.state import ENDED, At, State
from ..engine.status import ChangeView, FailureView, NodeCounts, Ran, RetryView, RunningView, Status, WaitView
from ..ir.events import (
    AttemptFailed,
    ComputeFailed,
    DrainBegan,
    DrainEnded,
    Event,
    NodeCancelled,
    Retried,
    RunContinued,
    ScopePaused,
    ScopeResumed,
    WordDropped,
    WordSet,
)
from ..ir.graph import Call, Compute, FanOut, NodeKey, TaskDef
from ..ir.requirement import Layer
from ..ir.used import over_of
from .blame import Blame
from .sources import SourceLines

_RUNNING_SHOWN = 50
_FAILURES_SHOWN = 50
_RETRIES_SHOWN = 5
_HELD_SHOWN = 10
_NAMES_SHOWN = 3
PICTURED = (
    *(AttemptFailed, ComputeFailed, Retried, WordSet, WordDropped, ScopePaused, ScopeResumed),
    *(DrainBegan, DrainEnded, RunContinued, NodeCancelled),
)
"""The events that a picture must be told of."""
_Row = tuple[int, int, RetryView]


class Picture:
    """Makes `Status` of one run; keeps what failed, since the engine remembers only where that stands."""

    def __init__(
        self,
        *,
        run: str,
        file: str,
        name_of: Callable[[NodeKey], str],
        pid_of: Callable[[int], int | None],
        remains: dict[NodeKey, tuple[Ran, bool]],
        sources: SourceLines,
    ) -> None:
        self._run = run
        self._file = file
        self._name_of = name_of
        self._pid_of = pid_of
        self._remains = remains
        self._sources = sources
        self._blame = Blame()
        self._retries: list[_Row] = []
        """Heap by the instant when they are due; those that are past are dropped when somebody looks."""
        self._retried = 0
        self._changes: dict[tuple[str, str], ChangeView] = {}
        """What operators said and have not taken back, by kind and scope."""
        self._failures: dict[NodeKey, FailureView] = {}

    @property
    def failures(self) -> tuple[FailureView, ...]:
        """What failed for good and was not retried, in that order; what is parked among it."""
        return tuple(self._failures.values())

    def failure(self, key: NodeKey) -> FailureView | None:
        """The same of one instance."""
        return self._failures.get(key)

    def note(self, state: State, event: Event) -> FailureView | None:
        """Keep what the event tells; gives a failure for good."""
        match event:
            case AttemptFailed():
                ran, out_of_memory = self._remains.pop(event.key, (None, False))
                if event.retry_at_ns is None:
                    return self._failed(state, event, ran, out_of_memory)
                self._retry(state, event, event.retry_at_ns)
            case ComputeFailed():
                return self._failed(state, event, None, False)
            case Retried():
                self._failures.pop(event.key, None)
                self._blame = Blame()  # what was put down to it may come to be put down to another
            case WordSet(word=word) if word.layer == Layer.LIVE:
                limit = word.limit
                assert limit.amount is None or isinstance(limit.amount, int)
                scope = str(limit.scope)
                if limit.amount is None:
                    self._changes.pop(("limit", scope), None)
                else:
                    self._changes["limit", scope] = ChangeView(
                        kind="limit", scope=scope, amount=limit.amount, who=event.who, because=limit.because
                    )
            case WordDropped(layer=Layer.LIVE):
                self._changes.pop(("limit", str(event.scope)), None)
            case ScopePaused():
                scope = str(event.scope)
                self._changes["pause", scope] = ChangeView(
                    kind="pause",
                    scope=scope,
                    who=event.who,
                    because=event.because,
                    until_ns=event.until_ns,
                    freezes=event.freezes,
                )
            case DrainBegan() if event.who:
                self._changes["drain", ""] = ChangeView(kind="drain", scope="", who=event.who, because=event.because)
            case DrainEnded() | RunContinued():
                self._changes.pop(("drain", ""), None)
            case NodeCancelled():
                self._failures.pop(event.key, None)  # it was parked, and is not to run again
            case ScopeResumed(scope=None):
                for key in [key for key in self._changes if key[0] == "pause"]:
                    del self._changes[key]
            case ScopeResumed():
                self._changes.pop(("pause", str(event.scope)), None)
            case _:
                pass
        return None

    def _failed(
        self, state: State, event: AttemptFailed | ComputeFailed, ran: Ran | None, out_of_memory: bool
    ) -> FailureView:
        site = state.plan.sites[event.key[0]]
        node = site.node
        line = node.line if isinstance(node, Call | Compute | FanOut) else 0
        blamed = self._blame.of(state, event.key)
        names = [*(self._name_of(key) for key in blamed.first), *(f"{name}[…]" for name in blamed.whole)]
        if isinstance(event, AttemptFailed):
            exit_, attempts, log, reason = event.exit, event.attempt, event.log, str(event.reason)
        else:
            exit_, attempts, log, reason = None, 0, "", "value"
        view = FailureView(
            name=self._name_of(event.key),
            task=site.task.name if site.task is not None else "",
            exit=exit_,
            attempts=attempts,
            message=event.message,
            log=log,
            reason=reason,
            allowed=_allowed(state, event.key, attempts),
            file=self._file,
            line=line,
            source=self._sources.text(line),
            task_line=site.task.line if site.task is not None else 0,
            ran=ran,
            skipped=blamed.calls,
            skipped_names=tuple(names[:_NAMES_SHOWN]),
            out_of_memory=out_of_memory,
            used=event.used if isinstance(event, AttemptFailed) else None,
            held=event.held,
            mem_line=self._mem_line(site.task, event.message),
        )
        self._failures[event.key] = view
        return view

    def _mem_line(self, task: TaskDef | None, message: str) -> int:
        if task is None or over_of(message) is None:
            return 0
        label = self._sources.label(task.line, "mem")
        return task.line if label is None else label.line

    def _retry(self, state: State, event: AttemptFailed, due_ns: int) -> None:
        view = RetryView(
            name=self._name_of(event.key),
            task=_task(state, event.key),
            attempt=event.attempt,
            allowed=_allowed(state, event.key, event.attempt),
            due_ns=due_ns,
            message=event.message,
        )
        self._retried += 1
        heappush(self._retries, (due_ns, self._retried, view))

    def retries(self, now_ns: int) -> tuple[RetryView, ...]:
        """Those that are due next."""
        heap = self._retries
        while heap and heap[0][0] <= now_ns:
            heappop(heap)
        return tuple(row[2] for row in _least(heap, _RETRIES_SHOWN))

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
                frozen=r.frozen_ns is not None,
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
            failures=tuple(replace(f, ran=None) for f in islice(self._failures.values(), _FAILURES_SHOWN)),
            phase=_phase(state),
            retries=self.retries(now_ns),
            changes=tuple(self._changes.values()),
            is_even=_is_even(state),
            held=tuple(replace(self._failures[key], ran=None) for key in islice(state.parked, _HELD_SHOWN)),
            held_total=len(state.parked),
        )


def _least(heap: list[_Row], count: int) -> list[_Row]:
    """The least rows of a heap, in order, without looking at all of it."""
    found: list[_Row] = []
    edge = [(heap[0], 0)] if heap else []
    while edge and len(found) < count:
        row, at = heappop(edge)
        found.append(row)
        for child in (2 * at + 1, 2 * at + 2):
            if child < len(heap):
                heappush(edge, (heap[child], child))
    return found


def _allowed(state: State, key: NodeKey, attempts: int) -> int:
    """How many attempts an instance may have, as far as its facts are still known; those that it had, at least."""
    site = state.plan.sites[key[0]]
    facts = site.facts if site.facts is not None else state.facts.get(key)
    return max(attempts, 1 + facts.retries) if facts is not None else max(attempts, 1)


def _task(state: State, key: NodeKey) -> str:
    site = state.plan.sites[key[0]]
    assert site.task is not None
    return site.task.name


def _phase(state: State) -> str:
    if state.phase == "running" and not state.running and not state.asked:
        from ..engine.step import is_stalled

        if is_stalled(state):
            return "held" if state.parked else "stalled"
    return state.phase


def counts(state: State) -> NodeCounts:
    """Call instances by state; after the end of a run what never ran counts as cancelled."""
    by = state.counts
    unborn = by[At.COLD] + by[At.WAITING] + by[At.ASKED]
    ended = state.phase == "ended"
    left = unborn + by[At.READY] + by[At.BACKOFF] if ended else 0
    # What is left when nothing but what was cancelled stood in its way needs that.
    needs = left if ended and state.status == "failed" and state.why == "" and state.cancelled else 0
    unready = (
        [key for key in state.condemned if key not in state.cancelled and not is_over(state, key)] if needs else []
    )
    stopped = by[At.CANCELLED] + len(unready)
    return NodeCounts(
        waiting=0 if ended else unborn,
        ready=0 if ended else by[At.READY],
        running=by[At.RUNNING],
        backoff=0 if ended else by[At.BACKOFF],
        done=by[At.DONE] - state.recalled,
        cached=state.recalled,
        failed=by[At.FAILED],
        skipped=by[At.SKIPPED] + needs - len(unready),
        cancelled=left - needs + stopped,
        stopped=stopped,
        held=by[At.HELD],
        frozen=sum(running.frozen_ns is not None for running in state.running.values()),
        open_ended=not ended and _open_ended(state),
    )


def _is_even(state: State) -> bool:
    """All that has not ended stands in one list of the program."""
    lists = 0
    for site, states in zip(state.root.body.sites, state.root.states, strict=True):
        if not states or states[0] >= ENDED:
            continue
        if site.is_call:
            return False
        lists += isinstance(site.node, FanOut)
    return lists == 1


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
