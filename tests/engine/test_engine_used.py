"""What attempts used, through the engine: what it is told stands in the events that end them; how long they were queued."""

from __future__ import annotations

import pytest
from graphs import Table, call, graph, output, param, task, word

from cascade_dsl.engine.inputs import (
    AttemptBroke,
    AttemptSucceeded,
    AttemptVanished,
    CancelAsked,
    Input,
    RunRequested,
)
from cascade_dsl.engine.step import new_state, replay, step
from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    ParamBound,
    PlannedFile,
    PublishPlanned,
)
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.used import Used
from cascade_dsl.testing.simulate import Simulation

MS = 1_000_000
USED = Used(120, 5_000_000, 1, 2, 130, "sampled")
KEY = (2,)
FILE = PlannedFile(scratch="/s", final="/f", size=1, digest="d", inode=1)
PROGRAM = graph([task("t")], [param(1), call(2, "t", 1), output(3, 2)])
BEGIN = RunRequested(
    run="r", graph_digest="", on_failure="finish", words=(), params=(ParamBound(node=1, value="1"),)
)  # fmt: skip


def test_the_queue_is_timed_from_the_instant_when_an_instance_became_ready() -> None:
    nodes = [param(1), call(2, "t", 1), call(3, "t", 1), call(4, "t", 2), output(5, 4)]
    run = Simulation(graph([task("t", requires={"cpu": 0})], nodes), Table(takes_ns=7 * MS), words=(word("task:t", 1),))
    assert run.play() == "done"
    queued = {event.key: event.queued_ms for _, event in run.events if isinstance(event, AttemptStarted)}
    starts = {event.key: t_ns for t_ns, event in run.events if isinstance(event, AttemptStarted)}
    ends = {event.key: t_ns for t_ns, event in run.events if isinstance(event, AttemptFinished)}
    ready: dict[NodeKey, int] = {(2,): 0, (3,): 0, (4,): ends[(2,)]}
    begun = run.events[0][0]
    assert queued == {key: (at - (ready[key] or begun)) // MS for key, at in starts.items()}
    assert sorted(queued.values())[-1] >= 7


@pytest.mark.parametrize("files", [(), (FILE,)])
def test_a_success_keeps_what_it_used(files: tuple[PlannedFile, ...]) -> None:
    state = new_state(PROGRAM)
    step(state, [BEGIN], 0)
    events = step(state, [AttemptSucceeded(key=KEY, epoch=0, attempt=1, value="1", files=files, used=USED)], MS)
    first = events[0]
    assert isinstance(first, PublishPlanned if files else AttemptFinished)
    assert first.used == USED


def test_what_fails_while_it_is_published_keeps_what_it_used() -> None:
    state = new_state(PROGRAM)
    step(state, [BEGIN], 0)
    step(state, [AttemptSucceeded(key=KEY, epoch=0, attempt=1, value="1", files=(FILE,), used=USED)], MS)
    broke = AttemptBroke(key=KEY, epoch=0, attempt=1, reason="result", exit=None, message="disk full")
    (failed,) = (e for e in step(state, [broke], 2 * MS) if isinstance(e, AttemptFailed))
    assert failed.used == USED


@pytest.mark.parametrize("stopped", [False, True])
def test_what_is_lost_or_fails_keeps_what_it_used(stopped: bool) -> None:
    state = new_state(PROGRAM)
    step(state, [BEGIN], 0)
    if stopped:
        step(state, [CancelAsked(why="enough")], MS)
    broke: Input = AttemptBroke(key=KEY, epoch=0, attempt=1, reason="signal", exit=-9, message="killed", used=USED)
    (ended,) = (e for e in step(state, [broke], 2 * MS) if isinstance(e, AttemptFailed | AttemptLost))
    assert isinstance(ended, AttemptLost) is stopped
    assert ended.used == USED
    state = new_state(PROGRAM)
    step(state, [BEGIN], 0)
    vanished = AttemptVanished(key=KEY, epoch=0, attempt=1, why="gone", used=USED)
    assert step(state, [vanished], MS)[0] == AttemptLost(key=KEY, epoch=0, attempt=1, why="gone", used=USED)


def test_a_run_that_is_continued_knows_since_when_its_nodes_are_ready() -> None:
    state = new_state(PROGRAM)
    paused = [(0, e) for e in step(state, [BEGIN], 0) if not isinstance(e, AttemptStarted)]
    again = replay(PROGRAM, paused)
    (started,) = (e for e in step(again, [], 9 * MS) if isinstance(e, AttemptStarted))
    assert started.queued_ms == 9
