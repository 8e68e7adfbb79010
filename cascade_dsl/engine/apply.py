"""`apply`: the only change of the engine's state, one event at a time; recovery is a loop over it.

An event moves one instance; what follows from that is done here too, without events of its own: users become ready
or are skipped, elements end, windows refill, streams deliver. What ends is put on `state.work` and told one by one,
so that neither a long chain nor a deep program recurses. Nothing is decided here: which node starts, when a retry is
due and when the run ends stand in events that `step` emits.

What would force a redesign: an event whose consequences touch more instances than it names, other than by skipping
(a filter over a closed list of a million is activated window by window for that reason).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from ..ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    AttemptStopping,
    BackoffEnded,
    CancelBegan,
    Closed,
    Computed,
    ComputeFailed,
    DrainBegan,
    Event,
    Expanded,
    Extended,
    FactsKnown,
    Gathered,
    ParamBound,
    PublishPlanned,
    RunContinued,
    RunEnded,
    RunStarted,
    ScopePaused,
    ScopeResumed,
    Widened,
    WordDropped,
    WordSet,
)
from ..ir.graph import Call, Compute, FanOut, NodeKey, Output
from ..ir.requirement import Layer
from .effects import EndRun, Evaluate, EvaluateFacts, Gather, Measure, Publish, StartAttempt, StopAttempt
from .state import ENDED, NO_VALUE, NOT_KEPT, PENDING, VALUE, At, Frame, Hot, Running, State


class EngineFault(Exception):
    """The engine was told what cannot be: a fault of Cascade itself, reported and never papered over."""


def apply(state: State, event: Event, t_ns: int) -> None:
    """Change the state by one event that happened at `t_ns`; raises EngineFault for an event that cannot be."""
    state.seq += 1
    _ON[type(event)](state, event, t_ns)
    work = state.work
    while work:
        frame, index, pos, how = work.popleft()
        if pos < 0:
            _deliver(state, frame, index, how)
        else:
            _tell(state, frame, index, pos, how)


# ---- one instance -----------------------------------------------------------------------------------------------

_ACTIVE = (At.ASKED, At.BACKOFF, At.RUNNING)


def _move(state: State, frame: Frame, index: int, pos: int, at: At) -> None:
    states = frame.states[pos]
    before = states[index]
    states[index] = at
    if frame.body.sites[pos].is_call:
        state.counts[before] -= 1
        state.counts[at] += 1
    frame.active += (at in _ACTIVE) - (before in _ACTIVE)


def _end(state: State, frame: Frame, index: int, pos: int, at: At, row: int = 0) -> None:
    _move(state, frame, index, pos, at)
    frame.rows[pos][index] = row
    state.work.append((frame, index, pos, at))


def _begin(state: State, frame: Frame, index: int, pos: int) -> None:
    """A site whose waits are over."""
    site = frame.body.sites[pos]
    node = site.node
    if isinstance(node, Call):
        if site.facts is not None:
            _queue(state, frame, index, pos)
        else:
            key = frame.key(index, pos)
            state.asked[key] = ask = EvaluateFacts(key)
            state.outbox.append(ask)
            _move(state, frame, index, pos, At.ASKED)
    elif isinstance(node, Compute):
        key = frame.key(index, pos)
        state.asked[key] = ask = Evaluate(key)
        state.outbox.append(ask)
        _move(state, frame, index, pos, At.ASKED)
    elif isinstance(node, FanOut):
        _open(state, frame, index, pos)
    elif isinstance(node, Output):
        target = state.plan.sites[node.node]
        _end(state, frame, index, pos, At.DONE, state.root.rows[target.pos][0])


def _queue(state: State, frame: Frame, index: int, pos: int) -> None:
    site = frame.body.sites[pos]
    key = frame.key(index, pos)
    facts = site.facts if site.facts is not None else state.facts[key]
    rank = (-facts.priority, 0 if site.begun else 1, -site.height)
    state.ledger.enqueue(key, site.shape, rank, facts.amounts)
    _move(state, frame, index, pos, At.READY)


def _open(state: State, frame: Frame, index: int, pos: int) -> None:
    """A FanOut whose source is there, or has begun to stream."""
    site = frame.body.sites[pos]
    body = site.inner
    assert body is not None
    assert isinstance(site.node, FanOut)
    path = frame.element(index)
    key = (site.id, *path)
    source = None if site.stream is None else state.frames[(frame.body.sites[site.stream].id, *path)]
    opened = Frame(body, path, frame, source)
    state.frames[key] = opened
    _move(state, frame, index, pos, At.OPEN)
    if frame.body.flatten and frame.body.result == pos:
        frame.base[index] = opened
    for _, outer in body.outer:
        if outer in opened.doomed:
            continue
        other = state.plan.sites[outer]
        outer_key = (outer, *path[: other.depth])
        at_frame, at_index, at_pos = state.locate(outer_key)
        at = at_frame.states[at_pos][at_index]
        if at == At.DONE:
            continue
        opened.doomed[outer] = at >= ENDED
        if at < ENDED:
            state.waiters.setdefault(outer_key, []).append(opened)
    if source is not None:
        state.to_extend[key] = None
    else:
        length = None
        over = state.plan.sites.get(site.node.source)
        if over is not None:
            length = state.lengths.get((over.id, *path[: over.depth]))
        if length is None:
            state.asked[key] = ask = Measure(key)
            state.outbox.append(ask)
        else:
            state.to_expand.append(key)
    hot = frame.hot[index]
    for user in site.streams_to:
        _met(state, frame, hot, user)


def _met(state: State, frame: Frame, hot: Hot, pos: int) -> None:
    """One wait less for a site of an element."""
    hot.unmet[pos] -= 1
    if hot.unmet[pos] == 0 and frame.states[pos][hot.index] == At.WAITING:
        _begin(state, frame, hot.index, pos)


def _tell(state: State, frame: Frame, index: int, pos: int, how: int) -> None:
    """A site's instance has ended: its users go on, or are skipped."""
    body = frame.body
    site = body.sites[pos]
    hot = frame.hot[index]
    if how == At.DONE:
        for user in site.users:
            _met(state, frame, hot, user)
    else:
        kind = At.DROPPED if how == At.DROPPED else At.SKIPPED
        for user in site.users:
            if kind == At.SKIPPED and pos in body.sites[user].soft:
                _met(state, frame, hot, user)
            elif frame.states[user][index] == At.WAITING:
                _end(state, frame, index, user, kind)
        if how != At.FAILED:  # a FanOut that failed has opened: its stream tells of each element
            for user in site.streams_to:
                if frame.states[user][index] == At.WAITING:
                    _end(state, frame, index, user, kind)
    if site.has_inner_users:
        for waiter in state.waiters.pop((site.id, *frame.element(index)), ()):
            blocked = waiter.blocked.pop(site.id, ())
            if how == At.DONE:
                del waiter.doomed[site.id]
            else:
                waiter.doomed[site.id] = True
            for element, at in blocked:
                waiting = waiter.hot.get(element)
                if waiting is None or waiter.states[at][element] != At.WAITING:
                    continue  # its filter has dropped it meanwhile
                if how == At.DONE or site.id in waiter.body.sites[at].soft_outer:
                    _met(state, waiter, waiting, at)
                else:
                    _end(state, waiter, element, at, At.SKIPPED)
    if pos == body.result:
        if not body.flatten or frame.base[index] is None:
            _give(state, frame, index, VALUE if how == At.DONE else NOT_KEPT if how == At.DROPPED else NO_VALUE)
        else:
            frame.out[index] = VALUE if how == At.DONE else NO_VALUE
            frame.bad += how != At.DONE
    hot.open -= 1
    if hot.open == 0:
        _end_element(state, frame, index)


# ---- elements ---------------------------------------------------------------------------------------------------


def _grow(state: State, frame: Frame, count: int) -> None:
    """The frame has `count` elements."""
    more = count - frame.count
    frame.count = count
    for states, rows in zip(frame.states, frame.rows, strict=True):
        states.extend(bytes(more))
        rows.frombytes(bytes(8 * more))
    frame.out.extend(bytes(more))
    if frame.body.flatten:
        frame.base.extend([None] * more)
    state.counts[At.COLD] += more * frame.body.calls


def refill(state: State, frame: Frame) -> None:
    """Make cold elements hot while the window has room."""
    if state.phase != "running":
        return
    room = max(frame.window, 4 * len(state.running)) - len(frame.hot)
    if frame.source is None:
        while room > 0 and frame.next < frame.count:
            frame.next += 1
            room -= 1
            _activate(state, frame, frame.next - 1)
        full = frame.next < frame.count
    else:
        while room > 0 and frame.available:
            room -= 1
            _activate(state, frame, heappop(frame.available))
        full = bool(frame.available)
    if full and frame.body.varies and frame.body.parent is not None:
        state.to_widen[(frame.body.region, *frame.path)] = None


def _activate(state: State, frame: Frame, index: int) -> None:
    body = frame.body
    hot = Hot(index, body.unmet.copy())
    frame.hot[index] = hot
    for states in frame.states:
        states[index] = At.WAITING
    state.counts[At.COLD] -= body.calls
    state.counts[At.WAITING] += body.calls
    if not body.sites:
        _end_element(state, frame, index)
        return
    if frame.doomed:
        for pos, outer in body.outer:
            lost = frame.doomed.get(outer)
            if lost:
                if outer not in body.sites[pos].soft_outer and frame.states[pos][index] == At.WAITING:
                    _end(state, frame, index, pos, At.SKIPPED)
            elif lost is False:
                hot.unmet[pos] += 1
                frame.blocked.setdefault(outer, []).append((index, pos))
    for pos, unmet in enumerate(hot.unmet):
        if unmet == 0 and frame.states[pos][index] == At.WAITING:
            _begin(state, frame, index, pos)


def _end_element(state: State, frame: Frame, index: int) -> None:
    """Every site of an element has ended."""
    del frame.hot[index]
    frame.ended += 1
    body = frame.body
    bad = dropped = False
    for states in frame.states:
        at = states[index]
        bad = bad or at in (At.FAILED, At.SKIPPED)
        dropped = dropped or at == At.DROPPED
    if body.parent is None:
        return
    if body.result is None:
        if body.condition is not None and frame.rows[body.condition][index] < 0:
            dropped = True
        _give(state, frame, index, NO_VALUE if bad else NOT_KEPT if dropped else VALUE)
    path = (*frame.path, index)
    for site in body.sites:
        if site.inner is not None and not (body.flatten and site.pos == body.result):
            state.frames.pop((site.id, *path), None)
        if site.is_source:
            state.lengths.pop((site.id, *path), None)
    refill(state, frame)
    _check_end(state, frame)


def lacks(frame: Frame) -> bool:
    """A list joined from lists lacks one that failed: no element stands for it, and the whole is still not whole.

    Known as soon as the stream is closed.
    """
    if frame.unmeasured or (frame.source is not None and lacks(frame.source)):
        return True
    if not frame.body.flatten:
        return False
    return any(frame.out[at] == NO_VALUE if inner is None else lacks(inner) for at, inner in enumerate(frame.base))


def _end_cold(state: State, frame: Frame, index: int, out: int) -> None:
    """An element that never began: its source element gave nothing."""
    body = frame.body
    for states in frame.states:
        states[index] = At.DROPPED if out == NOT_KEPT else At.SKIPPED
    state.counts[At.COLD] -= body.calls
    state.counts[At.DROPPED if out == NOT_KEPT else At.SKIPPED] += body.calls
    frame.ended += 1
    _give(state, frame, index, out)
    _check_end(state, frame)


def _check_end(state: State, frame: Frame) -> None:
    """A FanOut ends with its last element; its list is gathered where somebody uses it."""
    site = frame.body.parent
    if site is None or not frame.closed or frame.ended < frame.count:
        return
    assert frame.parent is not None
    index = frame.path[-1] if frame.path else 0
    if frame.parent.states[site.pos][index] != At.OPEN:
        return
    if frame.bad or lacks(frame):
        _end(state, frame.parent, index, site.pos, At.FAILED)
    elif site.needs_value:
        key = (site.id, *frame.path)
        if key not in state.asked:
            state.asked[key] = ask = Gather(key)
            state.outbox.append(ask)
    else:
        _end(state, frame.parent, index, site.pos, At.DONE)


# ---- streams ----------------------------------------------------------------------------------------------------


def _give(state: State, frame: Frame, index: int, out: int) -> None:
    """It is known what an element gives: tell who streams from it."""
    frame.out[index] = out
    frame.bad += out == NO_VALUE
    if frame.body.flatten:
        _advance(state, frame)
    else:
        _emit(state, frame, index, out)


def _emit(state: State, frame: Frame, at: int, out: int) -> None:
    """Element `at` of a frame's output stream is known; joined lists pass it up."""
    while True:
        site = frame.body.parent
        assert site is not None
        for pos in site.streams_to:
            user = state.frames.get((site.body.sites[pos].id, *frame.path))
            if user is not None and at < user.count:
                state.work.append((user, at, -1, out))
        above = frame.parent
        assert above is not None
        if not (above.body.flatten and above.body.result == site.pos):
            return
        index = frame.path[-1]
        if index >= len(above.offsets) - 1:
            return
        at += above.offsets[index]
        frame = above


def _advance(state: State, frame: Frame) -> None:
    """More of a frame's output stream may be known: of joined lists, up to the first that is not closed."""
    while True:
        if frame.body.flatten:
            offsets = frame.offsets
            while len(offsets) <= frame.count:
                at = len(offsets) - 1
                if at >= frame.count:
                    break
                inner = frame.base[at]
                if inner is None:
                    if frame.out[at] == PENDING:
                        break
                    offsets.append(offsets[-1])
                elif inner.out_closed:
                    offsets.append(offsets[-1] + inner.out_known)
                else:
                    break
        site = frame.body.parent
        assert site is not None
        for pos in site.streams_to:
            key = (site.body.sites[pos].id, *frame.path)
            if key in state.frames:
                state.to_extend[key] = None
        above = frame.parent
        assert above is not None
        if not (above.body.flatten and above.body.result == site.pos):
            return
        frame = above


def out_at(frame: Frame, at: int) -> int:
    """What element `at` of a frame's output stream gives, as far as it is known."""
    while frame.body.flatten:
        index = bisect_right(frame.offsets, at) - 1
        inner = frame.base[index]
        assert inner is not None
        at -= frame.offsets[index]
        frame = inner
    return frame.out[at]


def _deliver(state: State, frame: Frame, index: int, out: int) -> None:
    """An element of a stream has come to a FanOut that goes over it."""
    if frame.states and frame.states[0][index] != At.COLD:
        raise EngineFault(f"element {index} of {frame.body.region} came twice")
    if out == VALUE:
        heappush(frame.available, index)
        refill(state, frame)
    else:
        _end_cold(state, frame, index, out)


# ---- events -----------------------------------------------------------------------------------------------------


def _on_run_started(state: State, event: RunStarted, t_ns: int) -> None:
    state.run = event.run
    state.on_failure = event.on_failure
    state.started_ns = t_ns
    state.phase = "running"
    for word in event.words:
        state.ledger.set_word(word)
    _grow(state, state.root, 1)
    state.root.closed = True
    refill(state, state.root)


def _on_run_continued(state: State, event: RunContinued, _: int) -> None:
    state.phase = "running"
    state.status = None
    state.ledger.drop_layer(Layer.MACHINE)
    for word in event.words:
        state.ledger.set_word(word)
    for frame in list(state.frames.values()):
        refill(state, frame)


def _on_param_bound(state: State, event: ParamBound, _: int) -> None:
    site = state.plan.sites[event.node]
    if event.length is not None and site.is_source:
        state.lengths[(event.node,)] = event.length
    _end(state, state.root, 0, site.pos, At.DONE, state.seq)


def _on_word_set(state: State, event: WordSet, _: int) -> None:
    state.ledger.set_word(event.word)


def _on_word_dropped(state: State, event: WordDropped, _: int) -> None:
    state.ledger.drop_word(event.layer, event.scope)


def _on_scope_paused(state: State, event: ScopePaused, _: int) -> None:
    state.ledger.pause(event.scope)
    state.paused[str(event.scope)] = event.because


def _on_scope_resumed(state: State, event: ScopeResumed, _: int) -> None:
    state.ledger.resume(event.scope)
    if event.scope is None:
        state.paused.clear()
    else:
        state.paused.pop(str(event.scope), None)


def _on_expanded(state: State, event: Expanded, _: int) -> None:
    frame = state.frames[event.region]
    state.asked.pop(event.region, None)
    if state.to_expand and state.to_expand[0] == event.region:
        state.to_expand.popleft()
    _grow(state, frame, event.count)
    frame.closed = True
    _advance(state, frame)
    refill(state, frame)
    _check_end(state, frame)


def _on_extended(state: State, event: Extended, _: int) -> None:
    frame = state.frames[event.region]
    source = frame.source
    assert source is not None
    if event.start != frame.count:
        raise EngineFault(f"FanOut {event.region} was extended from {event.start}, it has {frame.count}")
    _grow(state, frame, event.end)
    if not frame.body.flatten:
        _advance(state, frame)
    if source.ended or source.body.flatten or any(source.out[event.start : event.end]):
        for at in range(event.start, event.end):
            out = out_at(source, at)
            if out != PENDING:
                state.work.append((frame, at, -1, out))


def _on_closed(state: State, event: Closed, _: int) -> None:
    frame = state.frames[event.region]
    frame.closed = True
    _advance(state, frame)
    _check_end(state, frame)


def _on_widened(state: State, event: Widened, _: int) -> None:
    frame = state.frames[event.region]
    frame.window = event.window
    refill(state, frame)


def _on_gathered(state: State, event: Gathered, _: int) -> None:
    del state.asked[event.region]
    frame, index, pos = state.locate(event.region)
    if event.length is not None and frame.body.sites[pos].is_source:
        state.lengths[event.region] = event.length
    _end(state, frame, index, pos, At.DONE, state.seq)


def _on_computed(state: State, event: Computed, _: int) -> None:
    key = event.key
    del state.asked[key]
    frame, index, pos = state.locate(key)
    site = frame.body.sites[pos]
    if event.length is not None and site.is_source:
        state.lengths[key] = event.length
    if pos == frame.body.condition and event.fact is False:
        for other, states in enumerate(frame.states):
            if other != pos and states[index] < ENDED:
                _end(state, frame, index, other, At.DROPPED)
        _end(state, frame, index, pos, At.DONE, -state.seq)
    else:
        _end(state, frame, index, pos, At.DONE, state.seq)


def _on_compute_failed(state: State, event: ComputeFailed, _: int) -> None:
    key = event.key
    ask = state.asked.pop(key)
    frame, index, pos = state.locate(key)
    state.failed.append((key, state.seq))
    if isinstance(ask, Measure):
        opened = state.frames[key]
        opened.closed = True
        opened.unmeasured = True
        _advance(state, opened)
        _check_end(state, opened)
    else:
        _end(state, frame, index, pos, At.FAILED, state.seq)


def _on_facts_known(state: State, event: FactsKnown, _: int) -> None:
    del state.asked[event.key]
    frame, index, pos = state.locate(event.key)
    state.facts[event.key] = event.facts
    _queue(state, frame, index, pos)


def _on_attempt_started(state: State, event: AttemptStarted, t_ns: int) -> None:
    key = event.key
    frame, index, pos = state.locate(key)
    site = frame.body.sites[pos]
    facts = site.facts if site.facts is not None else state.facts[key]
    state.ledger.start(key)
    state.serial = event.serial
    state.running[key] = Running(key, frame, index, pos, event.epoch, event.attempt, event.serial, t_ns, facts)
    _move(state, frame, index, pos, At.RUNNING)
    if facts.timeout_ns is not None:
        heappush(state.timers, (t_ns + facts.timeout_ns, state.seq, key, event.epoch, event.attempt))
    state.outbox.append(StartAttempt(key, event.epoch, event.attempt, event.serial, facts))


def _on_attempt_stopping(state: State, event: AttemptStopping, _: int) -> None:
    running = state.running[event.key]
    running.stopping = event.why
    state.outbox.append(StopAttempt(event.key, running.serial, event.why))


def _on_publish_planned(state: State, event: PublishPlanned, _: int) -> None:
    running = state.running[event.key]
    running.plan = event
    running.plan_row = state.seq
    state.outbox.append(Publish(event.key, event.epoch, event.attempt, event.files))


def _leave(state: State, key: NodeKey, epoch: int, attempt: int) -> Running:
    running = state.running.get(key)
    if running is None or (running.epoch, running.attempt) != (epoch, attempt):
        raise EngineFault(f"attempt {attempt} (epoch {epoch}) of {key} ended, but it was not running")
    del state.running[key]
    state.ledger.finish(key)
    return running


def _forget(state: State, key: NodeKey) -> None:
    state.attempts.pop(key, None)
    state.epochs.pop(key, None)
    state.facts.pop(key, None)


def _on_attempt_finished(state: State, event: AttemptFinished, _: int) -> None:
    running = _leave(state, event.key, event.epoch, event.attempt)
    _forget(state, event.key)
    row, length = state.seq, event.length
    if running.plan is not None:
        row, length = running.plan_row, running.plan.length
    if length is not None and running.frame.body.sites[running.pos].is_source:
        state.lengths[event.key] = length
    _end(state, running.frame, running.index, running.pos, At.DONE, row)


def _on_attempt_failed(state: State, event: AttemptFailed, _: int) -> None:
    key = event.key
    running = _leave(state, key, event.epoch, event.attempt)
    if event.retry_at_ns is not None:
        state.attempts[key] = event.attempt
        heappush(state.timers, (event.retry_at_ns, state.seq, key, event.epoch, event.attempt))
        _move(state, running.frame, running.index, running.pos, At.BACKOFF)
    else:
        _forget(state, key)
        state.failed.append((key, state.seq))
        _end(state, running.frame, running.index, running.pos, At.FAILED, state.seq)


def _on_attempt_lost(state: State, event: AttemptLost, _: int) -> None:
    running = _leave(state, event.key, event.epoch, event.attempt)
    state.epochs[event.key] = event.epoch + 1
    _queue(state, running.frame, running.index, running.pos)


def _on_backoff_ended(state: State, event: BackoffEnded, _: int) -> None:
    frame, index, pos = state.locate(event.key)
    _queue(state, frame, index, pos)


def _on_drain_began(state: State, event: DrainBegan, _: int) -> None:
    state.phase = "draining"
    state.why = event.why


def _on_cancel_began(state: State, event: CancelBegan, _: int) -> None:
    state.phase = "cancelling"
    state.why = event.why


def _on_run_ended(state: State, event: RunEnded, _: int) -> None:
    state.phase = "ended"
    state.status = event.status
    state.outbox.append(EndRun(event.status))


_ON: dict[type, Callable[[State, Any, int], None]] = {
    RunStarted: _on_run_started,
    RunContinued: _on_run_continued,
    ParamBound: _on_param_bound,
    WordSet: _on_word_set,
    WordDropped: _on_word_dropped,
    ScopePaused: _on_scope_paused,
    ScopeResumed: _on_scope_resumed,
    Expanded: _on_expanded,
    Extended: _on_extended,
    Closed: _on_closed,
    Widened: _on_widened,
    Gathered: _on_gathered,
    Computed: _on_computed,
    ComputeFailed: _on_compute_failed,
    FactsKnown: _on_facts_known,
    AttemptStarted: _on_attempt_started,
    AttemptStopping: _on_attempt_stopping,
    PublishPlanned: _on_publish_planned,
    AttemptFinished: _on_attempt_finished,
    AttemptFailed: _on_attempt_failed,
    AttemptLost: _on_attempt_lost,
    BackoffEnded: _on_backoff_ended,
    DrainBegan: _on_drain_began,
    CancelBegan: _on_cancel_began,
    RunEnded: _on_run_ended,
}
