"""`apply`: the only change of the engine's state, one event at a time; recovery is a loop over it.

An event moves one instance; what follows from that (`progress`) needs no events of its own. Nothing is decided here:
which node starts, when a retry is due and when the run ends stand in events that `step` emits.

What would force a redesign: an event whose consequences touch more instances than it names, other than by skipping
(a filter over a closed list of a million is activated window by window for that reason).
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

from ..ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    BackoffEnded,
    Closed,
    Computed,
    ComputeFailed,
    Discarded,
    Event,
    Expanded,
    Extended,
    FactsKnown,
    Gathered,
    Gone,
    Keyed,
    Missed,
    NoLongerStarved,
    ParamBound,
    PublishPlanned,
    Recalled,
    Reloaded,
    Retried,
    Revived,
    RunContinued,
    RunEnded,
    RunStarted,
    Starved,
    Widened,
)
from ..ir.graph import NodeKey
from ..ir.requirement import Layer
from .effects import EndRun, Measure, Publish, StartAttempt
from .halted import pardon_all
from .keys import learn, on_keyed
from .parking import park, reload, retry
from .progress import EngineFault, check_end, end, grow, move, queue, refill, settle, want
from .state import ENDED, PENDING, At, Running, State
from .steered import ON
from .streams import advance, out_at
from .temporary import ended_badly, ended_well, hold, made_files, on_discarded, on_gone, on_recalled, on_revived
from .undoing import forget_ends, recorded


def apply(state: State, event: Event, t_ns: int) -> None:
    """Change the state by one event that happened at `t_ns`; raises EngineFault for an event that cannot be."""
    state.seq += 1
    if t_ns != state.now_ns:
        state.now_ns = t_ns
        state.ledger.at(t_ns)
    _ON[type(event)](state, event, t_ns)
    settle(state)


# ---- events -----------------------------------------------------------------------------------------------------


def _on_run_started(state: State, event: RunStarted, t_ns: int) -> None:
    state.run = event.run
    state.on_failure = event.on_failure
    state.started_ns = t_ns
    state.phase = "running"
    state.recalls = event.recalls
    state.keeps_temp = event.keeps_temp
    for word in event.words:
        state.ledger.set_word(word)
    grow(state, state.root, 1)
    state.root.closed = True
    refill(state, state.root)


def _on_run_continued(state: State, event: RunContinued, _: int) -> None:
    state.phase = "running"
    forget_ends(state)
    state.why = ""
    state.status = None
    state.keeps_temp = state.keeps_temp or event.keeps_temp
    state.ledger.say_layer(Layer.MACHINE, event.words)
    pardon_all(state)
    for frame in list(state.frames.values()):
        refill(state, frame)


def _on_param_bound(state: State, event: ParamBound, _: int) -> None:
    site = state.plan.sites[event.node]
    if event.length is not None and site.is_source:
        state.lengths[(event.node,)] = event.length
    end(state, state.root, 0, site.pos, At.DONE, state.seq)


def _on_expanded(state: State, event: Expanded, _: int) -> None:
    frame = state.frames[event.region]
    state.asked.pop(event.region, None)
    if state.to_expand and state.to_expand[0] == event.region:
        state.to_expand.popleft()
    grow(state, frame, event.count)
    frame.closed = True
    advance(state, frame)
    refill(state, frame)
    check_end(state, frame)


def _on_extended(state: State, event: Extended, _: int) -> None:
    frame = state.frames[event.region]
    source = frame.source
    assert source is not None
    if event.start != frame.count:
        raise EngineFault(f"FanOut {event.region} was extended from {event.start}, it has {frame.count}")
    grow(state, frame, event.end)
    if not frame.body.flatten:
        advance(state, frame)
    if source.ended or source.body.flatten or any(source.out[event.start : event.end]):
        for at in range(event.start, event.end):
            out = out_at(source, at)
            if out != PENDING:
                state.work.append((frame, at, -1, out))


def _on_closed(state: State, event: Closed, _: int) -> None:
    frame = state.frames[event.region]
    frame.closed = True
    advance(state, frame)
    check_end(state, frame)


def _on_widened(state: State, event: Widened, _: int) -> None:
    frame = state.frames[event.region]
    frame.window = event.window
    running = len(state.running)
    frame.fruitless = 0 if running > frame.busiest else frame.fruitless + 1
    frame.busiest = max(running, frame.busiest)
    refill(state, frame)


def _on_gathered(state: State, event: Gathered, _: int) -> None:
    del state.asked[event.region]
    frame, index, pos = state.locate(event.region)
    if event.length is not None and frame.body.sites[pos].is_source:
        state.lengths[event.region] = event.length
    end(state, frame, index, pos, At.DONE, state.seq)


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
                end(state, frame, index, other, At.DROPPED)
        end(state, frame, index, pos, At.DONE, -state.seq)
    else:
        end(state, frame, index, pos, At.DONE, state.seq)


def _on_compute_failed(state: State, event: ComputeFailed, _: int) -> None:
    key = event.key
    ask = state.asked.pop(key)
    state.places.pop(key, None)
    frame, index, pos = state.locate(key)
    if event.held:
        park(state, key, ask)
        return
    state.failed.append((key, state.seq))
    if isinstance(ask, Measure):
        opened = state.frames[key]
        opened.closed = True
        opened.unmeasured = True
        advance(state, opened)
        check_end(state, opened)
    elif not ended_badly(state, key):
        end(state, frame, index, pos, At.FAILED, state.seq)


def _on_facts_known(state: State, event: FactsKnown, _: int) -> None:
    del state.asked[event.key]
    frame, index, pos = state.locate(event.key)
    if event.facts.keys:
        learn(state, event.key, event.facts.keys)
    if frame.body.sites[pos].facts is None:
        state.facts[event.key] = event.facts
    queue(state, frame, index, pos)


def _on_recalled(state: State, event: Recalled, _: int) -> None:
    del state.asked[event.key]
    frame, index, pos = state.locate(event.key)
    state.recalled += 1
    if event.length is not None and frame.body.sites[pos].is_source:
        state.lengths[event.key] = event.length
    end(state, frame, index, pos, At.DONE, state.seq)
    on_recalled(state, event)


def _on_missed(state: State, event: Missed, _: int) -> None:
    del state.asked[event.key]
    want(state, *state.locate(event.key))


def _on_attempt_started(state: State, event: AttemptStarted, t_ns: int) -> None:
    key = event.key
    frame, index, pos = state.locate(key)
    site = frame.body.sites[pos]
    facts = site.facts if site.facts is not None else state.facts[key]
    state.ledger.start(key, event.units)
    del state.queued_ns[key]
    state.serial = event.serial
    running = Running(key, frame, index, pos, event.epoch, event.attempt, event.serial, t_ns, facts)
    running.granted = event.granted
    state.running[key] = running
    move(state, frame, index, pos, At.RUNNING)
    if facts.timeout_ns is not None:
        running.deadline_ns = t_ns + facts.timeout_ns
        heappush(state.timers, (running.deadline_ns, state.seq, key, event.epoch, event.attempt, "deadline"))
    state.outbox.append(StartAttempt(key, event.epoch, event.attempt, event.serial, facts, event.units, event.granted))


def _on_publish_planned(state: State, event: PublishPlanned, _: int) -> None:
    running = state.running[event.key]
    running.plan = event
    running.plan_row = state.seq
    state.outbox.append(Publish(event.key, event.epoch, event.attempt, event.files, event.removals))


def _leave(state: State, key: NodeKey, epoch: int, attempt: int) -> Running:
    running = state.running.get(key)
    if running is None or (running.epoch, running.attempt) != (epoch, attempt):
        raise EngineFault(f"attempt {attempt} (epoch {epoch}) of {key} ended, but it was not running")
    del state.running[key]
    state.ledger.finish(key)
    return running


def _forget(state: State, key: NodeKey) -> None:
    state.attempts.pop(key, None)
    state.facts.pop(key, None)
    state.peaks.pop(key, None)
    state.keys.pop(key, None)
    state.condemned.pop(key, None)
    state.pardoned.pop(key, None)


def _on_attempt_finished(state: State, event: AttemptFinished, _: int) -> None:
    running = _leave(state, event.key, event.epoch, event.attempt)
    _forget(state, event.key)
    row, length = state.seq, event.length
    if running.plan is not None:
        row, length = running.plan_row, running.plan.length
    hold(state, event.key, made_files(state, running))
    if ended_well(state, running, row):
        return
    if length is not None and running.frame.body.sites[running.pos].is_source:
        state.lengths[event.key] = length
    end(state, running.frame, running.index, running.pos, At.DONE, row)


def _on_attempt_failed(state: State, event: AttemptFailed, _: int) -> None:
    key = event.key
    running = _leave(state, key, event.epoch, event.attempt)
    if running.frame.body.sites[running.pos].anew:
        state.peaks[key] = 0 if event.used is None else event.used.peak_bytes
    if event.held:
        state.attempts.pop(key, None)
        state.facts.pop(key, None)
        state.keys.pop(key, None)
        park(state, key)
    elif event.retry_at_ns is not None:
        state.attempts[key] = event.attempt
        heappush(state.timers, (event.retry_at_ns, state.seq, key, event.epoch, event.attempt, "backoff"))
        move(state, running.frame, running.index, running.pos, At.BACKOFF)
    else:
        _forget(state, key)
        state.failed.append((key, state.seq))
        if not ended_badly(state, key):
            end(state, running.frame, running.index, running.pos, At.FAILED, state.seq)


def _on_attempt_lost(state: State, event: AttemptLost, _: int) -> None:
    running = _leave(state, event.key, event.epoch, event.attempt)
    state.epochs[event.key] = event.epoch + 1
    if event.key in state.facts:
        queue(state, running.frame, running.index, running.pos)
    else:
        want(state, running.frame, running.index, running.pos)


def _on_backoff_ended(state: State, event: BackoffEnded, _: int) -> None:
    want(state, *state.locate(event.key))


def _on_retried(state: State, event: Retried, _: int) -> None:
    retry(state, event.key)


def _on_reloaded(state: State, event: Reloaded, _: int) -> None:
    reload(state, event)


def _on_starved(state: State, event: Starved, _: int) -> None:
    state.starved[event.task, event.identity] = (event.need, event.limit)


def _on_no_longer_starved(state: State, event: NoLongerStarved, _: int) -> None:
    del state.starved[event.task, event.identity]


def _on_run_ended(state: State, event: RunEnded, _: int) -> None:
    state.phase = "ended"
    state.status = event.status
    state.outbox.append(EndRun(event.status))


_ON: dict[type, Callable[[State, Any, int], None]] = {
    RunStarted: _on_run_started,
    RunContinued: _on_run_continued,
    ParamBound: _on_param_bound,
    Expanded: _on_expanded,
    Extended: _on_extended,
    Closed: _on_closed,
    Widened: _on_widened,
    Gathered: _on_gathered,
    Computed: _on_computed,
    ComputeFailed: _on_compute_failed,
    FactsKnown: _on_facts_known,
    Keyed: lambda state, event, _: on_keyed(state, event),
    Recalled: _on_recalled,
    Missed: _on_missed,
    AttemptStarted: _on_attempt_started,
    PublishPlanned: _on_publish_planned,
    AttemptFinished: _on_attempt_finished,
    AttemptFailed: _on_attempt_failed,
    AttemptLost: _on_attempt_lost,
    Discarded: lambda state, event, _: on_discarded(state, event),
    Gone: lambda state, event, _: on_gone(state, event),
    Revived: lambda state, event, _: on_revived(state, event),
    BackoffEnded: _on_backoff_ended,
    Starved: _on_starved,
    NoLongerStarved: _on_no_longer_starved,
    RunEnded: _on_run_ended,
    **recorded(
        {
            Retried: _on_retried,
            Reloaded: _on_reloaded,
            **ON,
        }
    ),
}
