"""What is parked, retried, and a run that takes another text, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graphs import Table, call, compute, fan, graph, output, param, task, word

from cascade_dsl.engine.inputs import CancelAsked, DrainAsked, EvaluationFailed, RetryAsked, StallAccepted
from cascade_dsl.engine.progress import EngineFault
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import At, State
from cascade_dsl.engine.step import is_stalled, replay
from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    BackoffEnded,
    ComputeFailed,
    Facts,
    Reloaded,
    Retried,
    RunEnded,
)
from cascade_dsl.ir.expr import Apply, Lit, Var
from cascade_dsl.ir.graph import Clauses, Graph, Node, NodeKey, Requirement, TaskDef
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.testing.simulate import Played, Simulation

BAD = Played(exit=1, takes_ns=10)


class Broken(Table):
    """An oracle whose calls fail until they are mended."""

    def __init__(self, *keys: NodeKey, lengths: dict[int, int] | None = None, takes_ns: int = 10) -> None:
        super().__init__(lengths=lengths, takes_ns=takes_ns)
        self.broken = set(keys)

    def attempt(self, key: NodeKey, attempt: int) -> Played:
        return BAD if key in self.broken else super().attempt(key, attempt)

    def mend(self) -> None:
        self.broken.clear()


def check(state: State) -> None:
    state.ledger.check()


def held(program: Graph, oracle: Table) -> Simulation:
    return Simulation(program, oracle, on_failure="hold", check=check)


def starts(run: Simulation) -> list[tuple[NodeKey, int, int]]:
    return [(e.key, e.epoch, e.attempt) for _, e in run.events if isinstance(e, AttemptStarted)]


def wide(count: int) -> Graph:
    return graph([task("t"), task("u")], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), call(5, "u", 2), output(6, 5)])


def test_what_fails_is_parked_what_needs_it_waits_and_the_rest_goes_on() -> None:
    oracle = Broken((4, 1), lengths={1: 4})
    run = held(wide(4), oracle)
    assert run.play() == "stalled"
    assert list(run.state.parked) == [(4, 1)]
    assert run.state.counts[At.DONE] == 3
    assert run.state.counts[At.HELD] == 1
    assert not run.state.failed
    assert run.status is None
    assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)
    oracle.mend()
    assert [type(e) for e in run.retry()] == [Retried, AttemptStarted]
    assert run.play() == "done"
    assert starts(run)[-2:] == [((4, 1), 1, 1), ((5,), 0, 1)]


def test_a_retry_gives_a_whole_round_of_attempts_again() -> None:
    program = graph([task("t", retry=(2, 1, 1))], [call(1, "t")])
    oracle = Broken((1,))
    run = held(program, oracle)
    assert run.play() == "stalled"
    run.retry()
    assert run.play() == "stalled"
    assert starts(run) == [((1,), epoch, attempt) for epoch in (0, 1) for attempt in (1, 2, 3)]
    kept = [e.held for _, e in run.events if isinstance(e, AttemptFailed)]
    assert kept == [False, False, True] * 2
    oracle.mend()
    run.retry()
    assert run.play() == "done"
    assert starts(run)[-1] == ((1,), 2, 1)


def test_what_is_parked_is_parked_after_a_crash() -> None:
    oracle = Broken((4, 0), (4, 2), lengths={1: 3})
    run = held(wide(3), oracle)
    assert run.play() == "stalled"
    run.crash()
    assert list(run.state.parked) == [(4, 0), (4, 2)]
    assert run.play() == "stalled"
    oracle.mend()
    run.retry((4, 2))
    assert run.play() == "stalled"
    assert list(run.state.parked) == [(4, 0)]
    run.retry()
    run.crash()
    assert run.play() == "done"
    finished = [e.key for _, e in run.events if isinstance(e, AttemptFinished)]
    assert sorted(finished) == [(4, 0), (4, 1), (4, 2), (5,)]


@pytest.mark.parametrize("ask", [DrainAsked(why="interrupted"), CancelAsked(why="interrupted")])
def test_a_run_that_was_ended_while_something_is_parked_goes_on(ask: DrainAsked | CancelAsked) -> None:
    oracle = Broken((4, 0), lengths={1: 2})
    run = held(wide(2), oracle)
    assert run.play() == "stalled"
    ended = run.turn(ask)[-1]
    assert ended == RunEnded(status="drained" if isinstance(ask, DrainAsked) else "cancelled", held=1)
    run.crash()
    assert run.play() == "stalled"
    oracle.mend()
    run.retry()
    assert run.play() == "done"


def test_what_fails_while_the_run_drains_is_parked_too() -> None:
    oracle = Broken((1,))
    run = held(graph([task("t")], [call(1, "t"), call(2, "t", 1)]), oracle)
    run.turn(DrainAsked(why="interrupted"))
    assert run.play() == "drained"
    run.crash()
    assert list(run.state.parked) == [(1,)]


def test_no_wait_ends_a_run_of_which_something_is_parked_as_failed() -> None:
    run = held(wide(1), Broken((4, 0), lengths={1: 1}))
    assert run.play() == "stalled"
    assert run.turn(StallAccepted()) == [RunEnded(status="failed", held=1)]
    run.crash()
    assert is_stalled(run.state)
    assert run.state.phase == "running"


def test_any_number_may_be_parked_and_the_others_go_on() -> None:
    """A window of a list is not filled up by what is parked in it."""
    bad = [(4, at) for at in range(3000)]
    oracle = Broken(*bad, lengths={1: 3500})
    run = Simulation(wide(3500), oracle, on_failure="hold", words=(word("task:t", 8),))
    assert run.play() == "stalled"
    assert run.state.counts[At.HELD] == 3000
    assert run.state.counts[At.DONE] == 500
    oracle.mend()
    run.retry()
    assert run.play() == "done"


def test_chains_whose_first_call_is_parked_do_not_block_their_list() -> None:
    program = graph([task("t"), task("u")], [param(1), fan(2, 1, 3, [call(4, "t", 3), call(5, "u", 4)], 5)])
    oracle = Broken(*((4, at) for at in range(1500)), lengths={1: 2000})
    run = Simulation(program, oracle, on_failure="hold")
    assert run.play() == "stalled"
    assert (run.state.counts[At.HELD], run.state.counts[At.DONE]) == (1500, 1000)


def test_what_is_in_backoff_is_tried_at_once_and_counts_on() -> None:
    program = graph([task("t", retry=(3, 1000, 1000))], [call(1, "t")])
    oracle = Broken((1,))
    run = held(program, oracle)
    run.advance()
    assert run.state.counts[At.BACKOFF] == 1
    assert [type(e) for e in run.retry((1,))] == [BackoffEnded, AttemptStarted]
    assert starts(run) == [((1,), 0, 1), ((1,), 0, 2)]
    assert run.now_ns < 1000


def test_a_retry_of_what_is_not_parked_does_nothing() -> None:
    run = held(wide(2), Broken((4, 1), lengths={1: 2}))
    assert run.turn(RetryAsked(keys=((4, 0), (5,)))) == []
    run.play()
    assert run.turn(RetryAsked(keys=((4, 0),))) == []
    with pytest.raises(EngineFault):
        replay(run.graph, [*run.events, (0, Retried(key=(4, 0)))])


def test_an_expression_a_length_a_fact_and_a_list_may_be_parked() -> None:
    clauses = Clauses(requires=(Requirement(resource="cpu", amount=Var("x")),))
    odd = replace(task("t"), clauses=clauses)
    body: list[Node] = [call(5, "u", 4)]
    program = graph([odd, task("u")], [compute(1), call(2, "t", 1), fan(3, 2, 4, body, 5), call(6, "u", 3)])

    class Faulty(Table):
        bad = True

        def value(self, key: NodeKey) -> tuple[int | None, bool | None] | str:
            return "no value" if self.bad else (None, None)

        def length(self, key: NodeKey) -> int | str:
            return "no list" if self.bad else 2

        def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
            return "no amount" if self.bad else Facts(amounts=(1000,))

    oracle = Faulty()
    run = held(program, oracle)
    for key in ((1,), (2,), (3,)):
        assert run.play() == "stalled"
        assert list(run.state.parked) == [key]
        run.crash()
        assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)
        oracle.bad = False
        run.retry()
        oracle.bad = True
        while run.advance() and key in run.state.asked:
            pass
    asked = next(iter(run.state.asked), None)
    while asked != (3,):
        assert run.advance()
        asked = next(iter(run.state.asked), None)
    run.turn(EvaluationFailed(key=(3,), message="no room"))
    assert run.play() == "stalled"
    assert [e.message for _, e in run.events if isinstance(e, ComputeFailed)] == [
        "no value", "no amount", "no list", "no room",
    ]  # fmt: skip
    run.retry()
    assert run.play() == "done"


# ---- another text ------------------------------------------------------------------------------------------------


def with_task(program: Graph, new: TaskDef) -> Graph:
    return replace(program, tasks=tuple(new if t.name == new.name else t for t in program.tasks))


def test_what_has_not_started_takes_the_new_text() -> None:
    program = wide(4)
    oracle = Broken((4, 0), lengths={1: 4}, takes_ns=100)
    run = Simulation(program, oracle, on_failure="hold", words=(word("task:t", 2),), check=check)
    run.advance()
    slow = with_task(program, task("t", timeout=5e-8, requires={"cpu": 2}, priority=3, tags=("x",)))
    run.reload(slow)
    running = run.state.running
    assert {k: (r.facts.timeout_ns, r.facts.amounts) for k, r in running.items()} == {
        (4, 1): (None, (1000,)),
        (4, 2): (None, (1000,)),
    }, "what runs keeps the old text"
    oracle.mend()
    run.retry()
    assert run.play() == "stalled"
    late = [e.key for _, e in run.events if isinstance(e, AttemptFailed) and e.reason == "timeout"]
    assert sorted(late) == [(4, 0), (4, 3)], "what had not started takes the new one"
    assert snapshot(replay(program, run.events, run.state.graphs)) == snapshot(run.state)
    run.crash()
    run.reload(program)
    run.retry()
    assert run.play() == "done"
    assert [e.number for _, e in run.events if isinstance(e, Reloaded)] == [2, 3]


def test_a_retry_count_holds_from_the_attempt_that_starts_under_it() -> None:
    program = graph([task("t")], [call(1, "t")])
    run = held(program, Broken((1,)))
    run.reload(with_task(program, task("t", retry=(5, 0, 0))))
    assert run.play() == "stalled"
    assert len(starts(run)) == 1
    run.retry()
    assert run.play() == "stalled"
    assert len(starts(run)) == 7


def test_what_waits_in_backoff_takes_the_new_text() -> None:
    program = graph([task("t", retry=(2, 1e-6, 1e-6))], [call(1, "t")])
    run = held(program, Broken((1,)))
    run.advance()
    run.reload(with_task(program, task("t", retry=(2, 1e-6, 1e-6), requires={"mem": 7})))
    run.play()
    seen = [e.attempt for _, e in run.events if isinstance(e, AttemptStarted)]
    assert seen == [1, 2, 3]
    assert run.state.site_of((1,)).facts == Facts(
        amounts=(1000, 7), retries=2, backoff_min_ns=1000, backoff_max_ns=1000
    )


def test_a_lost_attempt_of_the_old_text_runs_again_under_the_new_one() -> None:
    program = graph([task("t")], [call(1, "t")])
    run = held(program, Table())
    varying = replace(task("t"), clauses=Clauses(requires=(Requirement(resource="mem", amount=Var("x")),)))
    run.oracle.made = {1: Facts(amounts=(5,))}  # pyright: ignore[reportAttributeAccessIssue]
    run.reload(with_task(program, varying))
    run.crash()
    assert run.play() == "done"
    assert [type(e) for _, e in run.events if isinstance(e, AttemptLost)] == [AttemptLost]
    assert starts(run) == [((1,), 0, 1), ((1,), 1, 1)]


def test_an_answer_under_the_old_text_is_dropped() -> None:
    clauses = Clauses(requires=(Requirement(resource="mem", amount=Var("x")),))
    more = Clauses(requires=(*clauses.requires, Requirement(resource="cpu", amount=Lit(1))))
    program = graph([replace(task("t"), clauses=clauses)], [call(1, "t")])
    oracle = Table(facts={1: Facts(amounts=(5,))})
    run = held(program, oracle)
    assert list(run.state.asked) == [(1,)]
    oracle.made = {1: Facts(amounts=(6, 1000))}
    run.reload(with_task(program, replace(task("t"), clauses=more)))
    assert run.play() == "done"
    assert [r for _, e in run.events if isinstance(e, AttemptStarted) for r in (e.attempt,)] == [1]


def test_the_file_layer_is_that_of_the_new_text() -> None:
    program = graph([task("t", requires={"cpu": 0})], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)])
    old, new = word("task:t", 2, Layer.FILE), word("tag:*", 1, Layer.FILE)
    run = Simulation(program, Table(lengths={1: 6}, takes_ns=10), words=(old,), check=check)
    assert len(run.state.running) == 2
    run.reload(with_task(program, task("t", requires={"cpu": 0}, tags=("x",))), [new])
    run.advance()
    run.advance()
    assert len(run.state.running) == 1
    pools = {p.pool: p.capacity for p in run.state.ledger.pools()}
    assert pools["tag:*"] == 1
    assert pools.get("task:t") is None
    assert run.play() == "done"


def test_a_new_text_may_ask_for_a_new_resource() -> None:
    program = graph([task("t")], [call(1, "t"), call(2, "t", 1)])
    run = held(program, Table())
    wanting = replace(with_task(program, task("t", requires={"licence": 2})), resources=program.resources)
    other = graph(wanting.tasks, program.nodes, {"licence": "count"})
    run.reload(other, [word("licence", 1, Layer.FILE)])
    assert run.play() == "stalled"
    run.reload(other, [word("licence", 2, Layer.FILE)])
    assert run.play() == "done"


def test_a_reload_of_a_graph_that_is_not_there_is_a_fault() -> None:
    program = graph([task("t")], [call(1, "t")])
    run = held(program, Table())
    with pytest.raises(EngineFault):
        replay(program, [*run.events, (0, Reloaded(graph_digest="gone", number=2, words=()))])
    with pytest.raises(EngineFault):
        run.reload(graph([task("t")], [call(1, "t"), call(2, "t")]))


# ---- facts of each attempt ---------------------------------------------------------------------------------------


def test_facts_that_use_attempt_or_the_last_peak_are_asked_for_each_attempt() -> None:
    amount = Apply("mul", (Var("attempt"), Lit(10)))
    base = task("t", retry=(2, 0, 0))
    clauses = replace(base.clauses, requires=(Requirement(resource="mem", amount=amount),))
    program = graph([replace(base, clauses=clauses)], [call(1, "t")], {"mem": "bytes"})

    class Measured(Table):
        def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
            return Facts(amounts=(10 * attempt + peak_bytes,), retries=2)

    oracle = Measured(played={(1,): [Played(exit=9, peak_bytes=100), Played(exit=9, peak_bytes=300), Played()]})
    seen: list[tuple[int, ...]] = []
    run = Simulation(program, oracle, check=lambda s: seen.extend(r.facts.amounts for r in s.running.values()))
    assert run.play() == "done"
    assert list(dict.fromkeys(seen)) == [(10,), (120,), (330,)]
    assert not run.state.peaks


def test_facts_that_use_neither_are_asked_for_once() -> None:
    clauses = replace(task("t", retry=(2, 0, 0)).clauses, requires=(Requirement(resource="mem", amount=Var("x")),))
    program = graph([replace(task("t"), clauses=clauses)], [call(1, "t")])

    class Once(Table):
        asked = 0

        def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
            self.asked += 1
            return Facts(amounts=(1,), retries=2)

    oracle = Once(played={(1,): [BAD, BAD, Played()]})
    assert Simulation(program, oracle).play() == "done"
    assert oracle.asked == 1


def test_the_last_peak_outlives_a_hold() -> None:
    base = task("t")
    clauses = replace(base.clauses, requires=(Requirement(resource="mem", amount=Var("last")),))
    program = graph([replace(base, clauses=clauses)], [call(1, "t")])
    peaks: list[int] = []

    class Measured(Table):
        def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
            peaks.append(peak_bytes)
            return Facts(amounts=(1,))

    run = held(program, Measured(played={(1,): [Played(exit=1, peak_bytes=77)]}))
    assert run.play() == "stalled"
    run.crash()
    run.retry()
    assert peaks == [0, 77]


def test_facts_of_the_old_text_are_forgotten() -> None:
    base = task("t", retry=(1, 1e-6, 1e-6))
    old = replace(base, clauses=replace(base.clauses, requires=(Requirement(resource="mem", amount=Var("x")),)))
    new = replace(base, clauses=replace(base.clauses, requires=(Requirement(resource="cpu", amount=Var("x")),)))
    program = graph([old], [call(1, "t")])
    oracle = Table(facts={1: Facts(amounts=(5,), retries=1)}, played={(1,): [BAD, Played()]})
    seen: list[tuple[int, ...]] = []
    run = Simulation(program, oracle, check=lambda s: seen.extend(r.facts.amounts for r in s.running.values()))
    while not run.state.counts[At.BACKOFF]:
        assert run.advance()
    oracle.made = {1: Facts(amounts=(6,))}
    run.reload(with_task(program, new))
    assert run.play() == "done"
    assert list(dict.fromkeys(seen)) == [(5,), (6,)]
