"""What stops, stands still and goes on, in virtual time: freezes and timeouts, drains, what is cancelled, who gives way."""

from __future__ import annotations

import pytest
from graphs import Table, call, compute, fan, graph, output, param, scope_of, task, word

from cascade_dsl.engine.halting import FAILURE, OPERATOR
from cascade_dsl.engine.inputs import (
    CancelAsked,
    DrainAsked,
    DrainEndAsked,
    LimitGiven,
    NodesCancelAsked,
    PauseAsked,
    ResumeAsked,
    RetryAsked,
    ScopeCancelAsked,
)
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import At
from cascade_dsl.engine.step import is_stalled, next_due, replay
from cascade_dsl.engine.turn import Turn
from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptFrozen,
    AttemptLost,
    AttemptStarted,
    AttemptStopping,
    AttemptThawed,
    DrainBegan,
    Event,
    OnFailure,
    Retried,
    RunEnded,
    ScopePaused,
    ScopeResumed,
    Widened,
)
from cascade_dsl.ir.graph import Node, NodeKey
from cascade_dsl.testing.simulate import Played, Simulation

S = 1_000_000_000


def of(run: Simulation, *kinds: type[Event]) -> list[tuple[int, Event]]:
    return [(t, e) for t, e in run.events if isinstance(e, kinds)]


def keys(run: Simulation, kind: type[Event]) -> list[NodeKey]:
    return [getattr(e, "key", ()) for _, e in of(run, kind)]


def until(run: Simulation, t_ns: int) -> None:
    """Up to that instant, and then at it."""
    while True:
        due = next_due(run.state)
        ahead = [at for at in (due, run.next_ns()) if at is not None]
        if run.status is not None or not ahead or min(ahead) > t_ns:
            break
        run.advance()
    run.now_ns = max(run.now_ns, t_ns)


def same_when_replayed(run: Simulation) -> None:
    assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)


def pause(scope: str, *, freezes: bool = False, for_ns: int | None = None) -> PauseAsked:
    return PauseAsked(scope=scope_of(scope), freezes=freezes, for_ns=for_ns)


def resume(scope: str) -> ResumeAsked:
    return ResumeAsked(scope=scope_of(scope))


def one(takes_ns: int, timeout_s: float | None = None) -> Simulation:
    program = graph([task("t", timeout=timeout_s, tags=("slow",))], [call(1, "t")])
    return Simulation(program, Table(takes_ns=takes_ns), on_failure="continue")


def wide(count: int, *, takes_ns: int = 10 * S, limit: int = 99, on_failure: OnFailure = "finish") -> Simulation:
    """A list of t, each followed by a u, and a call that needs all."""
    program = graph(
        [task("t", requires={"cpu": 0}), task("u", requires={"cpu": 0})],
        [param(1), fan(2, 1, 3, [call(4, "t", 3), call(5, "u", 4)], 5), call(6, "u", 2), output(7, 6)],
    )
    words = (word("task:t", limit),)
    return Simulation(program, Table(lengths={1: count}, takes_ns=takes_ns), words=words, on_failure=on_failure)


# ---- pauses that freeze -----------------------------------------------------------------------------------------


def test_a_timeout_stands_still_exactly_as_long_as_what_runs_is_frozen() -> None:
    run = one(takes_ns=100 * S, timeout_s=10)
    until(run, 3 * S)
    run.turn(pause("task:t", freezes=True))
    assert next_due(run.state) is None, "nothing is due while all stands still"
    assert not is_stalled(run.state)
    until(run, 1000 * S)
    run.turn(resume("task:t"))
    assert next_due(run.state) == 1007 * S
    same_when_replayed(run)
    run.play()
    assert [(t, e.why) for t, e in of(run, AttemptStopping) if isinstance(e, AttemptStopping)] == [
        (1007 * S, "timeout")
    ]


def test_a_timeout_stands_still_over_several_freezes() -> None:
    run = one(takes_ns=100 * S, timeout_s=10)
    for began in (2, 15, 27):
        until(run, began * S)
        run.turn(pause("global", freezes=True))
        until(run, (began + 10) * S)
        run.turn(resume("global"))
    assert next_due(run.state) == 40 * S
    same_when_replayed(run)


def test_a_freeze_and_its_end_at_one_instant_change_nothing() -> None:
    run = one(takes_ns=5 * S, timeout_s=10)
    until(run, 3 * S)
    run.turn(pause("task:t", freezes=True))
    run.turn(resume("task:t"))
    assert next_due(run.state) == 10 * S
    same_when_replayed(run)
    assert run.play() == "done"
    assert of(run, AttemptFinished)[0][0] == 5 * S


def test_it_takes_as_much_longer_as_it_stood() -> None:
    run = one(takes_ns=5 * S, timeout_s=6)
    until(run, 3 * S)
    run.turn(pause("tag:slow", freezes=True, for_ns=60 * S))
    assert run.play() == "done"
    assert [(t, type(e).__name__) for t, e in of(run, AttemptFrozen, AttemptThawed, AttemptFinished)] == [
        (3 * S, "AttemptFrozen"),
        (63 * S, "AttemptThawed"),
        (65 * S, "AttemptFinished"),
    ]


def test_of_overlapping_pauses_the_last_that_freezes_thaws() -> None:
    run = one(takes_ns=5 * S)
    for scope in ("task:t", "global", "tag:slow"):
        run.turn(pause(scope, freezes=scope != "tag:slow"))
    run.turn(resume("task:t"))
    assert keys(run, AttemptThawed) == []
    run.turn(resume("global"))
    assert keys(run, AttemptThawed) == [(1,)], "the pause of the tag does not freeze"
    assert run.state.paused.keys() == {"tag:slow"}
    same_when_replayed(run)


def test_a_freezing_pause_that_does_not_cover_it_leaves_what_another_froze() -> None:
    program = graph([task("t"), task("u")], [call(1, "t"), call(2, "u")])
    run = Simulation(program, Table(takes_ns=5 * S))
    run.turn(pause("task:t", freezes=True))
    run.turn(pause("task:u", freezes=True))
    assert (keys(run, AttemptFrozen), keys(run, AttemptThawed)) == ([(1,), (2,)], [])
    run.turn(resume("task:u"))
    assert keys(run, AttemptThawed) == [(2,)]
    same_when_replayed(run)


def test_a_second_pause_replaces_the_first_its_end_and_whether_it_freezes() -> None:
    run = one(takes_ns=50 * S)
    run.turn(pause("task:t", freezes=True, for_ns=10 * S))
    assert next_due(run.state) == 10 * S
    run.turn(pause("task:t", for_ns=20 * S))
    assert keys(run, AttemptThawed) == [(1,)]
    assert next_due(run.state) == 20 * S
    run.turn(pause("task:t"))
    assert next_due(run.state) is None
    until(run, 30 * S)
    assert of(run, ScopeResumed) == []
    same_when_replayed(run)


def test_a_pause_that_is_over_says_so_and_starts_what_waits_in_the_same_turn() -> None:
    run = wide(4, limit=1)
    run.turn(pause("task:t", for_ns=60 * S))
    until(run, 59 * S)
    assert len(keys(run, AttemptStarted)) == 2, "the first t, and its u, which is not paused"
    run.advance()
    resumed = [(t, e) for t, e in run.events if isinstance(e, ScopeResumed)]
    assert resumed == [(60 * S, ScopeResumed(scope=scope_of("task:t"), expired=True))]
    assert [t for t, e in run.events if isinstance(e, AttemptStarted)][-1] == 60 * S


def test_what_is_stopped_while_it_is_frozen_ends() -> None:
    run = one(takes_ns=50 * S)
    run.turn(pause("task:t", freezes=True))
    run.turn(NodesCancelAsked(keys=((1,),)))
    assert run.play() == "failed"
    assert [e.why for _, e in of(run, AttemptLost) if isinstance(e, AttemptLost)] == ["stopped"]
    assert keys(run, AttemptThawed) == [], "to stop is to thaw"


def test_what_is_frozen_when_the_engine_dies_runs_again_and_the_pause_stands() -> None:
    run = one(takes_ns=5 * S, timeout_s=10)
    run.turn(pause("task:t", freezes=True, for_ns=60 * S))
    until(run, 20 * S)
    run.crash()
    assert keys(run, AttemptLost) == [(1,)]
    assert (run.state.counts[At.READY], run.state.paused.keys()) == (1, {"task:t"})
    assert run.play() == "done"
    assert [t for t, _ in of(run, AttemptStarted)] == [0, 60 * S], "with the time that it had left"
    assert of(run, AttemptThawed) == []


def test_a_pause_that_ended_while_the_engine_was_dead_is_over_before_anything_starts() -> None:
    run = one(takes_ns=5 * S)
    run.turn(pause("task:t", freezes=True, for_ns=60 * S))
    run.now_ns = 100 * S
    run.crash()
    names = [type(e).__name__ for t, e in run.events if t == 100 * S]
    assert names == ["ScopeResumed", "AttemptLost", "RunContinued", "AttemptStarted"]
    assert run.play() == "done"


# ---- the end of the run -----------------------------------------------------------------------------------------


def test_a_drain_ends_when_what_runs_is_done_and_continue_goes_on() -> None:
    run = wide(4, limit=2)
    run.turn(DrainAsked(why=OPERATOR, who="ann", because="maintenance"))
    assert run.play() == "drained"
    assert keys(run, AttemptFinished) == [(4, 0), (4, 1)]
    assert of(run, DrainBegan)[0][1] == DrainBegan(why=OPERATOR, who="ann", because="maintenance")
    run.crash()
    assert run.play() == "done"
    assert len(keys(run, AttemptFinished)) == 9


def test_a_drain_may_be_taken_back_until_the_run_has_ended() -> None:
    run = wide(4, limit=2)
    run.turn(DrainAsked(why=OPERATOR))
    until(run, 1 * S)
    run.turn(DrainEndAsked())
    same_when_replayed(run)
    assert run.play() == "done"
    assert len(keys(run, AttemptFinished)) == 9


@pytest.mark.parametrize("why", [FAILURE, "interrupted"])
def test_only_what_an_operator_drained_is_taken_back(why: str) -> None:
    run = wide(4, limit=2)
    run.turn(DrainAsked(why=why))
    run.turn(DrainEndAsked())
    assert run.state.phase == "draining"
    assert run.play() == "drained" if why != FAILURE else "failed"


def test_an_interrupt_lies_over_an_operators_drain() -> None:
    run = wide(4, limit=2)
    run.turn(DrainAsked(why=OPERATOR))
    run.turn(DrainAsked(why="interrupted"))
    run.turn(DrainEndAsked())
    assert (run.state.phase, run.state.why) == ("draining", "interrupted")


def test_what_failed_while_a_run_drained_drains_it_again() -> None:
    program = graph([task("t"), task("u")], [call(1, "t"), call(2, "u"), call(3, "u", 1)])
    played: dict[NodeKey, list[Played]] = {(1,): [Played(takes_ns=S, exit=1)], (2,): [Played(takes_ns=9 * S)]}
    run = Simulation(program, Table(played=played))
    run.turn(DrainAsked(why=OPERATOR))
    until(run, 2 * S)
    run.turn(DrainEndAsked())
    assert (run.state.phase, run.state.why) == ("draining", FAILURE)
    assert run.play() == "failed"


def test_a_drain_of_a_frozen_run_waits_for_what_stands_still() -> None:
    run = wide(4, limit=2)
    run.turn(pause("task:t", freezes=True))
    run.turn(DrainAsked(why=OPERATOR))
    until(run, 1000 * S)
    assert run.status is None
    run.turn(ResumeAsked(scope=None))
    assert run.play() == "drained"


def test_a_cancel_of_a_frozen_run_ends_it() -> None:
    run = wide(4, limit=2)
    run.turn(pause("global", freezes=True))
    run.turn(CancelAsked(why=OPERATOR))
    assert run.play() == "cancelled"
    assert len(keys(run, AttemptLost)) == 2


# ---- what is cancelled ------------------------------------------------------------------------------------------


def ends(run: Simulation) -> tuple[str, int]:
    run.play()
    (event,) = [e for _, e in run.events[-1:] if isinstance(e, RunEnded)]
    return event.status, event.cancelled


def test_a_cancelled_node_is_stopped_the_rest_goes_on_and_no_policy_is_triggered() -> None:
    run = wide(4, limit=2)
    run.turn(NodesCancelAsked(keys=((4, 0),), who="ann"))
    assert ends(run) == ("failed", 1)
    assert of(run, DrainBegan, AttemptFailed) == []
    done = keys(run, AttemptFinished)
    assert sorted(done) == [(4, 1), (4, 2), (4, 3), (5, 1), (5, 2), (5, 3)]
    same_when_replayed(run)
    run.crash()
    assert run.play() == "done"
    assert sorted(set(keys(run, AttemptFinished)) - set(done)) == [(4, 0), (5, 0), (6,)]


@pytest.mark.parametrize("key", [(4, 3), (5, 0), (6,)])
def test_what_waits_or_is_not_ready_does_not_start(key: NodeKey) -> None:
    run = wide(4, limit=2)
    run.turn(NodesCancelAsked(keys=(key,)))
    assert ends(run)[0] == "failed"
    assert key not in keys(run, AttemptStarted)
    same_when_replayed(run)


def test_a_cancelled_scope_takes_what_comes_later_and_lists_longer_than_a_window() -> None:
    run = wide(3000, takes_ns=S, limit=2)
    run.turn(ScopeCancelAsked(scope=scope_of("task:u")))
    assert ends(run) == ("failed", 3000)
    assert len(keys(run, AttemptFinished)) == 3000
    assert {key[0] for key in keys(run, AttemptStarted)} == {4}
    same_when_replayed(run)


def test_a_cancelled_scope_that_is_first_in_a_long_list() -> None:
    run = wide(3000, takes_ns=S, limit=2)
    run.turn(ScopeCancelAsked(scope=scope_of("global")))
    assert ends(run) == ("failed", 3000)
    assert keys(run, AttemptFinished) == []


def test_what_is_in_its_backoff_is_cancelled_at_once() -> None:
    program = graph([task("t", retry=(2, 60, 60))], [call(1, "t")])
    run = Simulation(program, Table(played={(1,): [Played(exit=1), Played()]}))
    run.advance()
    assert run.state.counts[At.BACKOFF] == 1
    run.turn(NodesCancelAsked(keys=((1,),)))
    assert run.status == "failed"
    run.crash()
    assert run.play() == "done"
    assert [e.attempt for _, e in of(run, AttemptStarted) if isinstance(e, AttemptStarted)] == [1, 1, 2]


def test_what_is_held_is_cancelled_and_no_more_held() -> None:
    program = graph([task("t"), task("u")], [call(1, "t"), call(2, "u")])
    run = Simulation(program, Table(played={(1,): [Played(exit=1)]}), on_failure="hold")
    assert run.play() == "stalled"
    run.turn(NodesCancelAsked(keys=((1,),)))
    assert (run.status, run.state.parked) == ("failed", {})


def test_retry_takes_a_cancel_back_of_one_and_of_one_in_a_scope() -> None:
    program = graph([task("t"), task("v")], [call(1, "t"), call(2, "t"), call(3, "v"), call(4, "t", 3), call(5, "t")])
    run = Simulation(program, Table(takes_ns=9 * S), words=(word("task:t", 1),))
    run.turn(NodesCancelAsked(keys=((2,), (4,))), ScopeCancelAsked(scope=scope_of("task:t")))
    until(run, S)
    assert run.state.cancelled.keys() == {(1,), (2,), (5,)}
    run.turn(RetryAsked(keys=((1,), (2,), (4,))))
    same_when_replayed(run)
    assert ends(run) == ("failed", 1)
    assert sorted(keys(run, AttemptFinished)) == [(1,), (2,), (3,), (4,)]
    same_when_replayed(run)


def test_a_scope_that_is_retried_runs_whole_with_what_comes_later() -> None:
    run = wide(3000, takes_ns=S, limit=2)
    run.turn(ScopeCancelAsked(scope=scope_of("task:u")), NodesCancelAsked(keys=((5, 7),)))
    until(run, 100 * S)
    assert (len(run.state.cancelled), keys(run, Retried)) == (200, [])
    run.turn(RetryAsked(keys=(), scopes=(scope_of("task:u"),)))
    assert (run.state.cancelled, run.state.condemned, run.state.condemned_scopes) == ({}, {}, {})
    same_when_replayed(run)
    assert run.play() == "done"
    assert len(keys(run, AttemptFinished)) == 6001


def test_of_two_cancelled_scopes_one_is_retried() -> None:
    run = wide(4, takes_ns=S, limit=2)
    run.turn(ScopeCancelAsked(scope=scope_of("task:u")))
    until(run, S)
    run.turn(ScopeCancelAsked(scope=scope_of("task:t")))
    assert (set(run.state.cancelled), run.state.running.keys()) == ({(5, 0), (5, 1)}, {(4, 2), (4, 3)})
    run.turn(RetryAsked(keys=(), scopes=(scope_of("task:v"), scope_of("task:t"))))
    same_when_replayed(run)
    run.turn(RetryAsked(keys=((5, 0),)))
    assert run.state.pardoned.keys() == {(5, 0)}
    run.turn(RetryAsked(keys=(), scopes=(scope_of("task:u"),)))
    assert run.state.pardoned == {}
    same_when_replayed(run)
    assert run.play() == "done"


LATE: dict[str, list[Node]] = {
    "a call": [call(5, "u", 4), call(6, "v", 5, after=(2,))],
    "a value": [call(5, "u", 4), compute(6, 5, 2)],
}


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("held", [False, True], ids=["cancelled", "held"])
def test_a_list_longer_than_its_window_goes_on_though_its_elements_wait_for_a_call_outside(
    held: bool, late: str
) -> None:
    program = graph(
        [task("t"), task("u"), task("v")],
        [param(1), call(2, "t"), fan(3, 1, 4, LATE[late], 6), call(7, "v", 3), output(8, 7)],
    )
    table = Table(lengths={1: 3000}, takes_ns=S, played={(2,): [Played(exit=1)]} if held else {})
    run = Simulation(program, table, words=(word("global", 50),), on_failure="hold")
    if not held:
        run.turn(NodesCancelAsked(keys=((2,),)))
    assert run.play() == ("stalled" if held else "failed")
    assert len([key for key in keys(run, AttemptFinished) if key[0] == 5]) == 3000
    same_when_replayed(run)
    if held:
        table.played.clear()
        run.turn(RetryAsked(keys=((2,),)))
    else:
        run.crash()
    assert run.play() == "done"
    assert len(keys(run, AttemptFinished)) == (6002 if late == "a call" else 3002)


def test_a_list_of_which_nothing_could_start_stays_cold() -> None:
    program = graph(
        [task("t"), task("u")],
        [param(1), call(2, "t"), fan(3, 1, 4, [compute(5, 4), call(6, "u", 5, after=(2,))], 6), output(7, 3)],
    )
    run = Simulation(program, Table(lengths={1: 3000}, takes_ns=S))
    run.turn(NodesCancelAsked(keys=((2,),)))
    assert run.play() == "failed"
    assert run.state.counts[At.COLD] > 1000


def test_one_that_succeeds_in_the_race_counts() -> None:
    program = graph([task("t"), task("u")], [call(1, "t"), call(2, "u", 1)])
    run = Simulation(program, Table(played={(1,): [Played(takes_ns=S, deaf=True)]}))
    run.turn(NodesCancelAsked(keys=((1,),)))
    assert run.play() == "done"


# ---- who gives way ----------------------------------------------------------------------------------------------


def lower(amount: int) -> LimitGiven:
    return LimitGiven(word=word("task:t", amount), preempt=True)


def test_what_began_last_gives_way_and_is_queued_before_what_never_began() -> None:
    run = wide(8, limit=6)
    run.turn(lower(2))
    stopped = [e.key for _, e in of(run, AttemptStopping) if isinstance(e, AttemptStopping) and e.why == "preempted"]
    assert stopped == [(4, 5), (4, 4), (4, 3), (4, 2)]
    until(run, 0)
    same_when_replayed(run)
    assert len(run.state.running) == 2
    run.turn(LimitGiven(word=word("task:t", 4)))
    assert keys(run, AttemptStarted)[-2:] == [(4, 5), (4, 4)], "before those that never began"
    assert run.play() == "done"
    assert {e.attempt for _, e in of(run, AttemptStarted) if isinstance(e, AttemptStarted)} == {1}


def test_amounts_count_and_what_is_stopping_makes_room_too() -> None:
    tasks = [task("t", requires={"mem": 3}), task("v", requires={"mem": 5}), task("w", requires={"mem": 4})]
    program = graph(tasks, [call(1, "v"), call(2, "t"), call(3, "w")], {"mem": "bytes"})
    run = Simulation(program, Table(takes_ns=9 * S), words=(word("mem", 12),))
    assert len(run.state.running) == 3
    run.turn(NodesCancelAsked(keys=((2,),)), LimitGiven(word=word("mem", 9), preempt=True))
    assert [(e.key, e.why) for _, e in of(run, AttemptStopping) if isinstance(e, AttemptStopping)] == [
        ((2,), "cancelled")
    ]
    run.turn(LimitGiven(word=word("mem", 8), preempt=True))
    assert [e.key for _, e in of(run, AttemptStopping) if isinstance(e, AttemptStopping)] == [(2,), (3,)]


def test_what_publishes_is_left_alone() -> None:
    program = graph([task("t")], [call(1, "t"), call(2, "t"), call(3, "t")])
    played: dict[NodeKey, list[Played]] = {(3,): [Played(takes_ns=S, publishes=True)]}
    run = Simulation(program, Table(played=played, takes_ns=9 * S))
    while not any(r.plan for r in run.state.running.values()):
        run.advance()
    run.turn(lower(2))
    assert [e.key for _, e in of(run, AttemptStopping) if isinstance(e, AttemptStopping)] == [(2,)]


def test_a_frozen_one_that_gives_way_waits_for_the_pause() -> None:
    run = wide(3, limit=3)
    run.turn(pause("task:t", freezes=True))
    run.turn(lower(1))
    until(run, 100 * S)
    assert (len(run.state.running), run.state.counts[At.READY]) == (1, 2)
    run.turn(ResumeAsked(scope=None))
    same_when_replayed(run)
    assert run.play() == "done"


def test_a_pause_is_written_down_with_who_why_and_until_when() -> None:
    run = one(takes_ns=S)
    run.turn(PauseAsked(scope=scope_of("task:t"), who="ann", because="lunch", for_ns=60 * S, freezes=True))
    assert of(run, ScopePaused)[0][1] == ScopePaused(
        scope=scope_of("task:t"), who="ann", because="lunch", until_ns=60 * S, freezes=True
    )


def test_a_list_that_streams_and_has_begun_with_all_its_elements_is_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was widened for ever: a list that streams was taken for one that has more to begin with."""
    emit = Turn.emit

    def bounded(turn: Turn, event: Event) -> None:
        assert len(turn.events) < 100, "the turn does not end"
        emit(turn, event)

    monkeypatch.setattr(Turn, "emit", bounded)
    program = graph(
        [task("t"), task("u"), task("v"), task("w")],
        [
            param(1),
            call(2, "t"),
            fan(3, 1, 4, [call(5, "u", 4)], 5),
            fan(6, 3, 7, [call(8, "v", 7), call(9, "w", 8, after=(2,))], 9),
            output(10, 6),
        ],
    )
    table = Table(lengths={1: 3}, takes_ns=S, played={(2,): [Played(exit=1)]})
    run = Simulation(program, table, on_failure="hold")
    assert run.play() == "stalled"
    assert not any(isinstance(event, Widened) for _, event in run.events)
    table.played.clear()
    run.turn(RetryAsked(keys=((2,),)))
    assert run.play() == "done"
