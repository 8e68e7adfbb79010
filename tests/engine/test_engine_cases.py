"""Cases in which systems of this kind have failed, and the right outcome of each, in virtual time.

The rows of the table that need spend pools are in `test_engine_rates`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from graphs import Table, call, compute, fan, graph, output, param, scope_of, task, word

from cascade_dsl.engine.handles import handle
from cascade_dsl.engine.inputs import (
    AttemptBroke,
    AttemptSucceeded,
    AttemptVanished,
    CancelAsked,
    DrainAsked,
    Input,
    LimitGiven,
    LimitTaken,
    PauseAsked,
    ResumeAsked,
    StallAccepted,
)
from cascade_dsl.engine.progress import EngineFault
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import At, State
from cascade_dsl.engine.step import is_stalled, replay
from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    AttemptStopping,
    Facts,
    PlannedFile,
    PublishPlanned,
    Word,
)
from cascade_dsl.ir.expr import Var
from cascade_dsl.ir.graph import Graph, Node, NodeKey, Requirement
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.testing.simulate import Played, Simulation


class Load:
    """The most that ran at once, by task and in all, after every turn."""

    def __init__(self) -> None:
        self.most = 0
        self.now = 0

    def __call__(self, state: State) -> None:
        state.ledger.check()
        self.now = len(state.running)
        self.most = max(self.most, self.now)


def limit(scope: str, amount: int) -> Input:
    return LimitGiven(word=word(scope, amount))


def unlimit(scope: str) -> Input:
    return LimitTaken(layer=Layer.LIVE, scope=scope_of(scope))


def wide(count: int, *, takes_ns: int = 100, words: tuple[Word, ...] = (), load: Load | None = None) -> Simulation:
    """A fan-out of `count` equal nodes of task t that need no cpu to speak of."""
    program = graph([task("t", requires={"cpu": 0})], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), output(5, 2)])
    return Simulation(program, Table(lengths={1: count}, takes_ns=takes_ns), words=words, check=load)


def started(run: Simulation) -> list[tuple[int, NodeKey]]:
    return [(t, e.key) for t, e in run.events if isinstance(e, AttemptStarted)]


def test_a_global_limit_of_one_around_a_nested_fan_out_ends() -> None:
    inner: list[Node] = [fan(4, 3, 5, [call(6, "t", 5)], 6)]
    program = graph([task("t")], [param(1), fan(2, 1, 3, inner, 4), call(7, "t", 2)])
    load = Load()
    run = Simulation(program, Table(lengths={1: 3}), words=(word("global", 1),), check=load)
    assert run.play() == "done"
    assert len(started(run)) == 7
    assert load.most == 1


def test_limit_2_set_while_3_run_and_3_wait() -> None:
    load = Load()
    run = wide(6, words=(word("task:t", 3, Layer.FILE),), load=load)
    assert load.now == 3
    run.turn(limit("task:t", 2))
    assert load.now == 3, "what runs is counted, and not stopped"
    most = 0
    while run.advance():
        most = max(most, load.now)
    assert load.most == 3
    assert most == 2, "never more than 2 from the first end on"
    assert run.status == "done"


def test_limit_raised_while_long_nodes_run_starts_more_at_once() -> None:
    load = Load()
    run = wide(8, takes_ns=10_000, words=(word("task:t", 1, Layer.FILE),), load=load)
    before = run.now_ns
    run.turn(limit("task:t", 4))
    assert load.now == 4
    assert [t for t, _ in started(run)] == [before] * 4


def test_a_limit_taken_back_starts_what_queued_under_it_at_once() -> None:
    load = Load()
    held = wide(5, takes_ns=10_000, words=(word("task:t", 2),), load=load)
    assert load.now == 2
    held.turn(unlimit("task:t"))
    assert load.now == 5
    assert {t for t, _ in started(held)} == {0}


def test_a_pause_starts_none_of_those_that_queue() -> None:
    load = Load()
    run = wide(6, words=(word("task:t", 2, Layer.FILE),), load=load)
    run.turn(PauseAsked(scope=scope_of("task:t")))
    while run.advance():
        pass
    assert len(started(run)) == 2
    assert is_stalled(run.state)
    run.turn(ResumeAsked(scope=scope_of("task:t")))
    assert load.now == 2, "resume starts them in the same turn, under the limit that stands"
    assert run.state.paused == {}
    assert run.play() == "done"
    assert load.most == 2


def test_limit_0_waits_and_raised_again_starts_in_the_same_turn() -> None:
    load = Load()
    run = wide(3, words=(word("task:t", 0, Layer.FILE),), load=load)
    assert run.play() == "stalled"
    assert load.most == 0
    run.turn(limit("task:t", 2))
    assert load.now == 2


def test_stalled_run_ends_where_nobody_waits() -> None:
    run = wide(3, words=(word("task:t", 0, Layer.FILE),))
    run.turn(StallAccepted())
    assert run.status == "stalled"


def test_a_node_in_its_backoff_holds_nothing() -> None:
    program = graph([task("t", retry=(1, 60, 60)), task("u")], [call(1, "t", name="first"), call(2, "u")])
    played: dict[NodeKey, list[Played]] = {(1,): [Played(exit=1), Played()]}
    run = Simulation(program, Table(played=played), words=(word("cpu", 1000),))
    while not any(isinstance(e, AttemptFinished) for _, e in run.events):
        assert run.advance()
    ended = {e.key: t for t, e in run.events if isinstance(e, AttemptFinished)}
    assert ended[(2,)] < 60_000_000_000, "the other runs while the first waits for its next attempt"
    assert run.play() == "done"
    again = [t for t, e in run.events if isinstance(e, AttemptStarted) and e.attempt == 2]
    assert again == [60_000_000_000 + next(t for t, e in run.events if isinstance(e, AttemptFailed))]


def test_a_backoff_is_not_cut_short_by_the_deadline_of_the_attempt_before() -> None:
    program = graph([task("t", retry=(1, 60, 60), timeout=10)], [call(1, "t")])
    played: dict[NodeKey, list[Played]] = {(1,): [Played(takes_ns=10**9, exit=1), Played()]}
    run = Simulation(program, Table(played=played))
    assert run.play() == "done"
    assert [t for t, _ in started(run)] == [0, 61 * 10**9]


def test_weight_3_in_a_pool_of_6() -> None:
    program = graph(
        [task("t", requires={"cpu": 0, "seats": 3})], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)], {"seats": "count"}
    )
    load = Load()
    run = Simulation(program, Table(lengths={1: 7}), words=(word("seats", 6, Layer.FILE),), check=load)
    assert load.now == 2
    assert run.play() == "done"
    assert load.most == 2
    assert [p.taken for p in run.state.ledger.pools()] == [0] * len(run.state.ledger.pools())


def test_what_fails_is_cancelled_or_times_out_frees_what_it_held() -> None:
    program = graph(
        [task("t", timeout=1), task("u")],
        [call(1, "u"), call(2, "t"), call(3, "u"), call(4, "u", after=(1,))],
    )
    played: dict[NodeKey, list[Played]] = {
        (1,): [Played(exit=1)],
        (2,): [Played(takes_ns=10**12)],
        (3,): [Played(takes_ns=10**12)],
    }
    run = Simulation(program, Table(played=played), words=(word("cpu", 3000),), on_failure="continue")
    while run.now_ns < 2 * 10**9:
        if not run.advance():
            break
        if any(isinstance(e, AttemptFailed) and e.reason == "timeout" for _, e in run.events):
            break
    cpu = next(p for p in run.state.ledger.pools() if p.pool == "cpu")
    assert cpu.taken == 1000
    run.turn(CancelAsked(why="test"))
    run.play()
    assert [e.reason for _, e in run.events if isinstance(e, AttemptFailed)] == ["exit", "timeout"]
    assert [e.key for _, e in run.events if isinstance(e, AttemptLost)] == [(3,)]
    assert next(p for p in run.state.ledger.pools() if p.pool == "cpu").taken == 0


def test_a_limit_on_a_fan_out_of_10_000_is_exact_at_every_instant() -> None:
    most = least = 3

    def look(state: State) -> None:
        nonlocal most, least
        running = len(state.running)
        most = max(most, running)
        left = 10_000 - state.counts[At.DONE]
        if left >= 3:
            least = min(least, running)

    program = graph([task("t", requires={"cpu": 0})], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)])
    run = Simulation(program, Table(lengths={1: 10_000}), words=(word("task:t", 3, Layer.FILE),), check=look)
    assert run.play() == "done"
    assert (least, most) == (3, 3)


def test_a_quick_chain_is_not_held_up_by_a_slow_node() -> None:
    chain: list[Node] = [call(i, "t", i - 1) for i in range(3, 8)]
    program: Graph = graph([task("t")], [call(1, "t"), call(2, "t"), *chain])
    played: dict[NodeKey, list[Played]] = {(1,): [Played(takes_ns=10**9)]}
    run = Simulation(program, Table(played=played, takes_ns=10), words=(word("cpu", 2000),))
    assert run.play() == "done"
    ended = {e.key: t for t, e in run.events if isinstance(e, AttemptFinished)}
    assert ended[(7,)] == 60


def test_a_run_killed_and_taken_over_has_no_slot_held_by_the_dead() -> None:
    run = wide(6, words=(word("task:t", 2, Layer.FILE), word("cpu", 1000, Layer.MACHINE)))
    run.advance()
    run.crash(words=(word("cpu", 1000, Layer.MACHINE),))
    assert next(p for p in run.state.ledger.pools() if p.pool == "task:t").taken == 2
    assert run.play() == "done"
    finished = [e.key for _, e in run.events if isinstance(e, AttemptFinished)]
    assert sorted(finished) == [(4, i) for i in range(6)]


def test_a_lost_attempt_uses_no_retry_up() -> None:
    program = graph([task("t", retry=(1, 1, 1))], [call(1, "t")])
    outcomes = [Played(exit=None), Played(exit=1), Played()]
    calls = iter(outcomes)

    class Lossy(Table):
        def attempt(self, key: NodeKey, attempt: int) -> Played:
            return next(calls)

    run = Simulation(program, Lossy())
    assert run.play() == "done"
    tried = [(e.epoch, e.attempt) for _, e in run.events if isinstance(e, AttemptStarted)]
    assert tried == [(0, 1), (1, 1), (1, 2)]


def test_drain_lets_what_runs_end_and_a_taken_over_run_does_the_rest() -> None:
    run = wide(6, words=(word("task:t", 2, Layer.FILE),))
    run.turn(DrainAsked(why="interrupted"))
    assert run.play() == "drained"
    assert len(started(run)) == 2
    run.status = None
    run.crash()
    assert run.play() == "done"
    assert len(started(run)) == 6


def test_one_failure_under_each_policy() -> None:
    def after_failure(policy: str) -> Simulation:
        program = graph([task("t")], [call(1, "t"), call(2, "t"), call(3, "t"), call(4, "t", 1), call(5, "t", 2)])
        played: dict[NodeKey, list[Played]] = {(1,): [Played(exit=1, takes_ns=5)], (2,): [Played(takes_ns=50)]}
        run = Simulation(
            program,
            Table(played=played),
            words=(word("cpu", 2000),),
            on_failure=policy,  # pyright: ignore[reportArgumentType]
        )
        assert run.play() == "failed"
        return run

    assert [k for _, k in started(after_failure("finish"))] == [(1,), (2,)]
    assert [k for _, k in started(after_failure("continue"))] == [(1,), (2,), (3,), (5,)]
    cancelled = after_failure("cancel")
    assert [k for _, k in started(cancelled)] == [(1,), (2,)]
    assert [e.key for _, e in cancelled.events if isinstance(e, AttemptStopping)] == [(2,)]


def test_retry_on_names_the_failures_that_are_tried_again() -> None:
    program = graph([task("t", retry=(3, 1, 1), on=(75,))], [call(1, "t")])
    played: dict[NodeKey, list[Played]] = {(1,): [Played(exit=75), Played(exit=1)]}
    run = Simulation(program, Table(played=played))
    assert run.play() == "failed"
    assert [e.exit for _, e in run.events if isinstance(e, AttemptFailed)] == [75, 1]


def test_a_success_that_crosses_a_stop_counts() -> None:
    program = graph([task("t", timeout=1e-6)], [call(1, "t")])
    played: dict[NodeKey, list[Played]] = {(1,): [Played(takes_ns=5000, deaf=True)]}
    run = Simulation(program, Table(played=played))
    assert run.play() == "done"
    assert any(isinstance(e, AttemptStopping) for _, e in run.events)


def test_priority_and_items_begun_start_first() -> None:
    program = graph(
        [task("t"), task("u"), task("v", priority=9)],
        [param(1), fan(2, 1, 3, [call(4, "t", 3), call(5, "u", 4)], 5), call(6, "v", 7), call(7, "u")],
    )
    run = Simulation(program, Table(lengths={1: 3}), words=(word("cpu", 1000),))
    run.play()
    order = [k for _, k in started(run)]
    assert order.index((6,)) == order.index((7,)) + 1, "priority 9 as soon as it is ready"
    assert order.index((5, 0)) < order.index((4, 1)), "an item that has begun ends before the next begins"


def test_a_window_of_blocked_elements_widens_so_that_others_start() -> None:
    class Hungry(Table):
        def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
            return Facts(amounts=(0, 100 if key[-1] < 1500 else 1))

    wants = Requirement(resource="mem", amount=Var("x"))
    hungry = task("t", requires={"cpu": 0})
    hungry = replace(hungry, clauses=replace(hungry.clauses, requires=(*hungry.clauses.requires, wants)))
    program = graph([hungry], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)], {"mem": "bytes"})
    run = Simulation(program, Hungry(lengths={1: 1600}), words=(word("mem", 10),), on_failure="continue")
    assert run.play() == "stalled"
    assert sorted(k[1] for _, k in started(run)) == list(range(1500, 1600))
    assert run.state.ledger.waits()[0][3].startswith("t needs mem 100B")
    assert snapshot(replay(program, run.events)) == snapshot(run.state), "a window widens by an event"
    run.turn(limit("mem", 1000))
    assert run.play() == "done"


def test_what_was_cancelled_did_not_fail_and_waits_for_continue() -> None:
    program = graph([task("t", retry=(3, 1, 1))], [call(1, "t")])
    run = Simulation(program, Table(played={(1,): [Played(takes_ns=10**9)]}))
    run.turn(CancelAsked(why="interrupted"))
    assert run.play() == "cancelled"
    assert [type(e) for _, e in run.events if isinstance(e, AttemptFailed | AttemptLost)] == [AttemptLost]
    assert len(started(run)) == 1
    run.crash()
    assert run.play() == "done"
    assert [e.attempt for _, e in run.events if isinstance(e, AttemptStarted)] == [1, 1]


def test_the_value_of_what_was_published_stands_in_its_plan() -> None:
    program = graph([task("t")], [call(1, "t"), fan(2, 1, 3, [call(4, "t", 3)], 4)])
    played: dict[NodeKey, list[Played]] = {(1,): [Played(publishes=True, length=3)]}
    run = Simulation(program, Table(played=played))
    assert run.play() == "done"
    rows = [row for row, (_, event) in enumerate(run.events, 1) if isinstance(event, PublishPlanned)]
    assert [handle(run.state, 1, ())] == rows
    assert len(started(run)) == 4, "the length stands there too"


def test_a_run_taken_over_has_the_machine_of_now() -> None:
    run = wide(6, words=(word("global", 1, Layer.MACHINE), word("task:t", 5)))
    run.crash(words=(word("global", 3, Layer.MACHINE),))
    assert len(run.state.running) == 3
    run.crash(words=())
    assert len(run.state.running) == 5, "what the machine of then said is forgotten, what the operator said is not"


def test_what_streamed_in_while_the_way_was_closed_starts_in_order() -> None:
    nodes: list[Node] = [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), fan(5, 2, 6, [call(7, "u", 6)], 7)]
    program = graph([task("t", requires={"cpu": 0}), task("u", requires={"cpu": 0})], nodes)
    run = Simulation(program, Table(lengths={1: 3000}), words=(word("task:u", 0, Layer.FILE),))
    assert run.play() == "stalled"
    run.turn(limit("task:u", 1))
    assert run.play() == "done"
    assert [k[1] for _, k in started(run) if k[0] == 7] == list(range(3000))


def test_a_window_stays_as_it_is_while_a_later_stage_takes_all_room() -> None:
    most = 0

    def look(state: State) -> None:
        nonlocal most
        most = max([most, *(len(frame.hot) for frame in state.frames.values())])

    body: list[Node] = [compute(4, 3), call(5, "t", 3)]
    nodes: list[Node] = [call(1, "u"), fan(2, 1, 3, body, 5, condition=4), fan(6, 2, 7, [call(8, "u", 7)], 8)]
    program = graph([task("t"), task("u")], nodes)
    run = Simulation(program, Table(lengths={1: 6000}), words=(word("cpu", 2000),), check=look)
    assert run.play() == "done"
    assert most == 1024


def test_an_argument_that_cannot_be_evaluated_is_not_tried_again() -> None:
    program = graph([task("t", retry=(3, 1, 1))], [call(1, "t")])
    run = Simulation(program, Table(played={(1,): [Played(takes_ns=10**9)]}))
    run.turn(AttemptBroke(key=(1,), epoch=0, attempt=1, reason="value", exit=None, message="input x: no"))
    assert run.status == "failed"
    assert [e.retry_at_ns for _, e in run.events if isinstance(e, AttemptFailed)] == [None]


def test_an_end_of_an_earlier_epoch_is_a_fault() -> None:
    run = Simulation(graph([task("t")], [call(1, "t")]), Table(played={(1,): [Played(takes_ns=10**9)]}))
    lost = AttemptVanished(key=(1,), epoch=0, attempt=1, why="lost")
    run.turn(lost)
    with pytest.raises(EngineFault):
        run.turn(lost)


def test_what_is_being_published_is_not_stopped() -> None:
    run = Simulation(graph([task("t")], [call(1, "t")]), Table(played={(1,): [Played(takes_ns=10**9)]}))
    files = (PlannedFile(scratch="s", final="f", size=0, digest="", inode=0),)
    run.turn(AttemptSucceeded(key=(1,), epoch=0, attempt=1, value="null", files=files))
    run.turn(CancelAsked(why="interrupted"))
    assert not any(isinstance(e, AttemptStopping) for _, e in run.events)
    assert run.play() == "done"
