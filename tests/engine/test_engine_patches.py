"""Priorities and demands that an operator sets over the text, and what `undo` takes back, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graphs import Table, call, fan, graph, output, param, scope_of, task, word

from cascade_dsl.engine.changed import OPERATOR, WordsBefore
from cascade_dsl.engine.effects import EvaluateFacts
from cascade_dsl.engine.inputs import (
    CancelAsked,
    DemandGiven,
    DrainAsked,
    LimitGiven,
    LimitTaken,
    PauseAsked,
    PriorityGiven,
    ResumeAsked,
    UndoAsked,
)
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import State
from cascade_dsl.engine.step import replay
from cascade_dsl.engine.undoing import newest
from cascade_dsl.ir.events import (
    AttemptLost,
    AttemptStarted,
    DemandSet,
    DrainBegan,
    Event,
    Facts,
    FactsKnown,
    PrioritySet,
    Undone,
    Word,
)
from cascade_dsl.ir.expr import Lit, Ref
from cascade_dsl.ir.graph import Graph, NodeKey, Requirement
from cascade_dsl.ir.requirement import Layer, Limit
from cascade_dsl.limits.views import PoolView
from cascade_dsl.testing.simulate import Played, Simulation


def check(state: State) -> None:
    state.ledger.check()


def played(program: Graph, oracle: Table, *words: Word) -> Simulation:
    return Simulation(program, oracle, words=words, check=check)


def starts(events: list[Event]) -> list[NodeKey]:
    return [e.key for e in events if isinstance(e, AttemptStarted)]


def started(run: Simulation) -> list[NodeKey]:
    return starts([e for _, e in run.events])


def granted(run: Simulation) -> dict[NodeKey, dict[str, int]]:
    return {e.key: dict(e.granted) for _, e in run.events if isinstance(e, AttemptStarted)}


def same_after_replay(run: Simulation) -> None:
    assert snapshot(replay(run.graph, run.events, run.state.graphs)) == snapshot(run.state)


def pool(run: Simulation, name: str) -> PoolView:
    return next(p for p in run.state.ledger.pools() if p.pool == name)


def two(count: int) -> Graph:
    """`count` calls of t, and as many of u behind them in the file."""
    return graph(
        [task("t"), task("u")], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), fan(5, 1, 6, [call(7, "u", 6)], 7)]
    )


def priority(scope: str, amount: int | None) -> PriorityGiven:
    return PriorityGiven(scope=scope_of(scope), priority=amount, who="ann")


def demand(scope: str, **amounts: int | None) -> DemandGiven:
    return DemandGiven(scope=scope_of(scope), amounts=tuple(amounts.items()), who="ann")


UNDO = UndoAsked(who="bob")


def test_a_priority_puts_those_that_wait_before_others() -> None:
    run = played(two(3), Table(lengths={1: 3}), word("cpu", 1000, Layer.MACHINE))
    assert started(run) == [(4, 0)]
    run.turn(priority("task:u", 5))
    assert run.state.patches == {(scope_of("task:u"), ""): 5}
    same_after_replay(run)
    assert run.play() == "done"
    assert started(run) == [(4, 0), (7, 0), (7, 1), (7, 2), (4, 1), (4, 2)]


def test_a_priority_that_is_taken_back_leaves_the_order_that_was() -> None:
    plain = played(two(4), Table(lengths={1: 4}), word("cpu", 1000, Layer.MACHINE))
    assert plain.play() == "done"
    for back in (priority("task:t", None), UNDO):
        run = played(two(4), Table(lengths={1: 4}), word("cpu", 1000, Layer.MACHINE))
        run.turn(priority("task:t", -3))
        run.turn(back)
        assert not run.state.patches
        assert run.play() == "done"
        assert started(run) == started(plain)


def test_the_newest_of_several_priorities_stands_and_taking_it_back_leaves_the_other() -> None:
    program = graph([task("t", tags=("net",), priority=1)], [call(1, "t"), call(2, "t", 1)])
    run = played(program, Table())
    run.turn(priority("task:t", 5))
    run.turn(priority("tag:net", 2))
    site = run.state.plan.sites[2]
    assert site.facts is not None
    assert site.facts.priority == 2
    run.turn(priority("task:t", 7))
    assert site.facts.priority == 7
    run.turn(priority("task:t", None))
    assert site.facts.priority == 2
    run.turn(UNDO)
    assert site.facts.priority == 7
    for wanted in (2, 5, 1):
        run.turn(UNDO)
        assert site.facts.priority == wanted
    assert site.clauses is site.written
    same_after_replay(run)


def test_what_runs_keeps_its_demand_and_what_waits_takes_the_new_one() -> None:
    program = graph([task("t", requires={"mem": 4})], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)], {"mem": "bytes"})
    run = played(program, Table(lengths={1: 6}), word("mem", 12, Layer.MACHINE))
    assert started(run) == [(4, 0), (4, 1), (4, 2)]
    run.turn(demand("task:t", mem=6))
    assert pool(run, "mem").taken == 12
    same_after_replay(run)
    run.advance()
    assert pool(run, "mem").taken == 8, "of 12 bytes 8 are held: 6 do not fit"
    run.crash(words=[word("mem", 12, Layer.MACHINE)])
    assert run.play() == "done"
    lost = {e.key for _, e in run.events if isinstance(e, AttemptLost)}
    assert lost == {(4, 1), (4, 2)}
    assert granted(run) == {(4, 0): {}} | {(4, at): {"cpu": 1000, "mem": 6} for at in range(1, 6)}


def test_a_resource_that_the_task_did_not_demand_is_added_and_taken_back() -> None:
    program = graph(
        [task("t"), task("u", requires={"gpu": 1})], [call(1, "t"), call(2, "u", 1), call(3, "t", 1)], {"gpu": "count"}
    )
    run = played(program, Table(), word("gpu", 1, Layer.MACHINE))
    run.turn(demand("task:t", gpu=1))
    assert run.advance()
    assert started(run) == [(1,), (2,)], "the only gpu is taken"
    run.turn(demand("task:t", gpu=None))
    assert started(run) == [(1,), (2,), (3,)]
    assert run.play() == "done"


def test_calls_of_one_task_with_clauses_of_their_own_are_patched_each() -> None:
    own = replace(task("t", requires={"mem": 9}, tags=("own",)).clauses, priority=Lit(3))
    program = graph(
        [task("t", requires={"mem": 2})],
        [call(1, "t"), call(2, "t", 1), replace(call(3, "t", 1), clauses=own)],
        {"mem": "bytes"},
    )
    run = played(program, Table(), word("mem", 20, Layer.MACHINE))
    run.turn(demand("tag:own", mem=5), demand("task:t", cpu=500))
    assert run.play() == "done"
    assert granted(run) == {(1,): {}, (2,): {"cpu": 500, "mem": 2}, (3,): {"cpu": 500, "mem": 5}}


def varying(count: int) -> tuple[Graph, Table]:
    """Calls whose memory is an expression: facts are asked for."""
    program = graph(
        [task("t", requires={"mem": Ref(1)})], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)], {"mem": "bytes"}
    )
    return program, Table(lengths={1: count}, facts={4: Facts(amounts=(1000, 7))})


def test_where_facts_are_asked_for_they_are_asked_again_and_older_answers_are_dropped() -> None:
    program, oracle = varying(3)
    run = played(program, oracle, word("mem", 7, Layer.MACHINE))
    asked = dict(run.state.asked)
    assert list(asked) == [(4, 0), (4, 1), (4, 2)]
    run.turn(priority("task:t", 2))
    assert list(run.state.asked) == list(asked)
    assert all(run.state.asked[key] is not ask for key, ask in asked.items())
    assert not [e for _, e in run.events if isinstance(e, FactsKnown)]
    same_after_replay(run)
    assert run.play() == "done"
    known = [e.facts for _, e in run.events if isinstance(e, FactsKnown)]
    assert known == [Facts(amounts=(1000, 7), priority=2)] * 3


def test_what_was_queued_and_is_asked_about_again_comes_back_to_its_place() -> None:
    program, oracle = varying(4)
    run = played(program, oracle, word("mem", 7, Layer.MACHINE))
    for _ in range(4):
        run.advance()
    assert started(run) == [(4, 0)]
    run.turn(demand("task:t", mem=1))
    assert not run.state.asked, "all amounts are literals now"
    assert not run.state.facts
    assert pool(run, "mem").waiting == 3
    run.turn(UNDO)
    assert [type(ask) for ask in run.state.asked.values()] == [EvaluateFacts] * 3
    assert len(run.state.places) == 3
    same_after_replay(run)
    assert run.play() == "done"
    assert started(run) == [(4, at) for at in range(4)]
    assert not run.state.places


def test_an_attempt_in_backoff_takes_what_was_set_meanwhile() -> None:
    program = graph([task("t", requires={"mem": 8}, retry=(1, 1, 1))], [call(1, "t")], {"mem": "bytes"})
    run = played(program, Table(played={(1,): [Played(exit=1), Played()]}), word("mem", 32, Layer.MACHINE))
    run.advance()
    run.turn(demand("task:t", mem=16))
    assert run.play() == "done"
    assert [dict(e.granted) for _, e in run.events if isinstance(e, AttemptStarted)] == [{}, {"cpu": 1000, "mem": 16}]


def test_a_demand_that_never_fits_starves_and_one_that_fits_starts_at_once() -> None:
    program = graph([task("t", requires={"mem": 8})], [call(1, "t"), call(2, "t", 1)], {"mem": "bytes"})
    run = played(program, Table(), word("mem", 10, Layer.MACHINE))
    run.turn(demand("task:t", mem=64))
    assert run.play() == "stalled"
    assert run.state.ledger.waits() == (("t", "mem", 1, "t needs mem 64B, the limit is 10B"),)
    assert starts(run.turn(demand("task:t", mem=10))) == [(2,)]


def test_patches_outlive_a_new_text_and_are_applied_to_it() -> None:
    program = graph([task("t", requires={"mem": 8})], [call(1, "t"), call(2, "t", 1)], {"mem": "bytes"})
    run = played(program, Table(), word("mem", 32, Layer.MACHINE))
    run.turn(demand("task:t", mem=16, gpu=1))
    other = graph([task("t", requires={"mem": 4, "cpu": 2}, priority=3)], program.nodes, {"mem": "bytes"})
    run.reload(other)
    site = run.state.plan.sites[2]
    assert site.clauses is not None
    assert [(r.resource, r.amount) for r in site.clauses.requires] == [
        ("cpu", Lit(2)),
        ("mem", Lit(16)),
        ("gpu", Lit(1)),
    ]
    assert site.clauses.priority == Lit(3)
    same_after_replay(run)
    run.turn(demand("task:t", mem=None, gpu=None))
    assert site.clauses.requires == (
        Requirement(resource="cpu", amount=Lit(2)),
        Requirement(resource="mem", amount=Lit(4)),
    )
    assert run.play() == "done"


def test_a_new_run_has_none_of_it() -> None:
    run = played(two(1), Table(lengths={1: 1}))
    run.turn(priority("global", 9))
    assert not played(two(1), Table(lengths={1: 1})).state.patches


# ---- undo ---------------------------------------------------------------------------------------------------------


def live(scope: str, amount: int, until_ns: int | None = None) -> LimitGiven:
    return LimitGiven(word=Word(Layer.LIVE, Limit(scope=scope_of(scope), amount=amount, until_ns=until_ns)), who="ann")


def test_undo_takes_back_one_after_the_other() -> None:
    run = played(
        two(4), Table(lengths={1: 4}, takes_ns=1000), word("cpu", 64_000, Layer.MACHINE), word("task:t", 2, Layer.FILE)
    )
    begun = snapshot(run.state)
    ledger = run.state.ledger
    seen: list[object] = []
    changes = (
        live("task:t", 1),
        live("task:t", 0),
        LimitTaken(layer=Layer.LIVE, scope=scope_of("task:t"), who="ann"),
        PauseAsked(scope=scope_of("task:u"), who="ann", because="tired"),
        ResumeAsked(scope=None, who="ann"),
        priority("task:u", 3),
        demand("global", mem=5),
        demand("task:t", mem=None, cpu=100),
        DrainAsked(why=OPERATOR),
    )

    def picture() -> object:
        return (
            ledger.words.of_layer(Layer.LIVE, scope_of("task:t")),
            dict(run.state.paused),
            ledger.paused(),
            list(run.state.patches.items()),
            run.state.phase,
        )

    for change in changes:
        seen.append(picture())
        run.turn(change)
    while seen:
        change = newest(run.state)
        assert change is not None
        events = run.turn(UNDO)
        assert events[0] == Undone(row=change.row, who="bob")
        assert picture() == seen.pop()
        same_after_replay(run)
    assert newest(run.state) is None
    assert run.turn(UNDO) == []
    ended = snapshot(run.state)
    skip = {"seq", "ledger"}
    assert {k: v for k, v in ended.items() if k not in skip} == {k: v for k, v in begun.items() if k not in skip}


def test_undo_works_after_a_crash() -> None:
    run = played(two(4), Table(lengths={1: 4}, takes_ns=1000), word("task:t", 3, Layer.FILE))
    run.turn(live("task:t", 1))
    run.turn(priority("task:t", 4))
    run.crash()
    run.turn(UNDO)
    assert not run.state.patches
    run.crash()
    run.turn(UNDO)
    assert pool(run, "task:t").capacity == 3
    same_after_replay(run)


def test_words_whose_time_is_over_meanwhile_are_not_put_back() -> None:

    from cascade_dsl.engine.undoing import kept_words

    words = tuple(live("task:t", 1, until_ns=until).word for until in (None, 5, 10))
    assert kept_words(WordsBefore(scope_of("task:t"), words), 5) == (words[0], words[2])


@pytest.mark.parametrize("again", ["drained", "cancelled"])
def test_a_run_that_is_gone_on_with_has_taken_back_its_end_itself(again: str) -> None:
    run = played(two(2), Table(lengths={1: 2}), word("cpu", 1000, Layer.MACHINE))
    run.turn(live("task:t", 1))
    run.turn(DrainAsked(why=OPERATOR) if again == "drained" else CancelAsked(why=OPERATOR))
    assert run.play() == again
    run.crash()
    change = newest(run.state)
    assert change is not None
    assert isinstance(change.before, object)
    run.turn(UNDO)
    assert newest(run.state) is None
    assert run.play() == "done"


def test_what_cannot_be_taken_back_stands_in_the_way() -> None:
    run = Simulation(two(2), Table(lengths={1: 2}, played={(4, 0): [Played(exit=1)]}), on_failure="hold", check=check)
    run.turn(live("task:t", 1))
    while not run.state.parked:
        run.advance()
    run.retry()
    change = newest(run.state)
    assert change is not None
    assert change.before is None
    assert run.turn(UNDO) == []
    assert run.state.changes[-1] is change
    same_after_replay(run)


def test_retries_of_one_turn_are_one_change() -> None:
    oracle = Table(lengths={1: 3}, played={(4, at): [Played(exit=1)] for at in range(3)})
    run = Simulation(two(3), oracle, on_failure="hold", check=check)
    assert run.play() == "stalled"
    run.retry()
    assert [change.count for change in run.state.changes] == [3]


def test_a_drain_that_is_taken_back_leaves_what_a_failure_would_have_done() -> None:
    program = graph([task("t"), task("u")], [call(1, "t"), call(2, "u"), call(3, "u", 2)])
    oracle = Table(played={(1,): [Played(exit=1, takes_ns=5)]}, takes_ns=100)
    run = played(program, oracle)
    run.turn(DrainAsked(why=OPERATOR))
    run.advance()
    assert run.state.failed
    events = run.turn(UNDO)
    assert [type(e) for e in events] == [Undone, DrainBegan]
    assert run.play() == "failed"
    plain = played(program, oracle)
    assert plain.play() == "failed"
    assert started(run) == started(plain)


def test_events_name_who_and_why() -> None:
    run = played(two(1), Table(lengths={1: 1}))
    events = run.turn(replace(priority("task:u", 2), because="late"), replace(demand("task:t", mem=1), because="big"))
    assert events[:2] == [
        PrioritySet(scope=scope_of("task:u"), priority=2, who="ann", because="late"),
        DemandSet(scope=scope_of("task:t"), amounts=(("mem", 1),), who="ann", because="big"),
    ]


def test_outputs_are_those_of_the_text() -> None:
    program = graph([task("t")], [call(1, "t"), output(2, 1)])
    run = played(program, Table())
    run.turn(demand("task:t", mem=3))
    assert run.play() == "done"
