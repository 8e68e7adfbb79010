"""Invariant 3 for all that stands still: pauses, freezes and their ends in any order leave what never pausing leaves."""

from __future__ import annotations

from graphs import Table, call, compute, fan, graph, param, scope_of, task, word
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.engine.inputs import Input, LimitGiven, PauseAsked, ResumeAsked
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import State
from cascade_dsl.engine.step import replay
from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, AttemptFrozen, AttemptStarted, AttemptThawed
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.testing.simulate import Simulation

SCOPES = ("global", "task:t", "task:[tw]", "tag:slow", "mem")
END = 1_000_000
TIMEOUT = 60

PROGRAM = graph(
    [
        task("t", requires={"cpu": 0, "mem": 1}, retry=(1, 20e-9, 40e-9)),
        task("w", requires={"cpu": 0}, timeout=60e-9, tags=("slow",)),
    ],
    [
        param(1),
        fan(2, 1, 3, [call(4, "t", 3), call(5, "w", 4)], 5),
        call(6, "w"),
        compute(7, 6),
        fan(8, 7, 9, [call(10, "w", 9)], 10),
    ],
    {"mem": "bytes"},
)

halts = st.lists(
    st.tuples(
        st.integers(0, 300),
        st.sampled_from(SCOPES),
        st.sampled_from(["pause", "freeze", "resume", "resume all", "preempt"]),
        st.none() | st.integers(1, 200),
    ),
    max_size=10,
)


def as_input(scope: str, verb: str, for_ns: int | None) -> Input:
    match verb:
        case "resume":
            return ResumeAsked(scope=scope_of(scope))
        case "resume all":
            return ResumeAsked(scope=None)
        case "preempt":
            return LimitGiven(word=word("global", (for_ns or 1) % 3 + 1), preempt=True)
        case _:
            return PauseAsked(scope=scope_of(scope), freezes=verb == "freeze", for_ns=for_ns)


def is_rightly_frozen(state: State) -> None:
    """What stands still is covered by a pause that freezes, and what is covered stands still unless it is ending."""
    covered: set[NodeKey] = set()
    for paused in state.paused.values():
        if paused.freezes:
            covered.update(state.ledger.paused_holders(paused.scope))
    for key, running in state.running.items():
        if running.frozen_ns is not None:
            assert key in covered
            assert running.stopping is None
        elif key in covered:
            assert running.stopping is not None or running.plan is not None
    state.ledger.check()


def begun(seed: str, failing: int) -> Simulation:
    oracle = Table(lengths={1: 4, 7: 3}, takes_ns=50, seed=seed, failing=failing)
    words = [word("cpu", 3000, Layer.MACHINE), word("mem", 3, Layer.MACHINE), word("global", 5, Layer.MACHINE)]
    return Simulation(PROGRAM, oracle, words=words, on_failure="continue", check=is_rightly_frozen)


def outcomes(run: Simulation) -> dict[tuple[NodeKey, int], str]:
    """How each attempt ended: those that gave way left aside."""
    out: dict[tuple[NodeKey, int], str] = {}
    for _, event in run.events:
        if isinstance(event, AttemptFinished):
            out[event.key, event.attempt] = "well"
        elif isinstance(event, AttemptFailed):
            out[event.key, event.attempt] = event.reason
    return out


@given(halts, st.text(max_size=3), st.sampled_from([0, 20]), st.lists(st.integers(1, 25), max_size=2))
@settings(max_examples=80, deadline=None)
def test_pauses_and_freezes_leave_what_never_pausing_leaves(
    said: list[tuple[int, str, str, int | None]], seed: str, failing: int, crashes: list[int]
) -> None:
    plain, run = begun(f"s{seed}", failing), begun(f"s{seed}", failing)
    plain.play()
    for t_ns, scope, verb, for_ns in said:
        run.at(t_ns, as_input(scope, verb, for_ns))
    run.at(END, ResumeAsked(scope=None))
    for turns in crashes:
        for _ in range(turns):
            if not run.advance():
                break
        if run.status is None:
            paused = dict(run.state.paused)
            run.crash(words=[word("cpu", 3000, Layer.MACHINE), word("mem", 3, Layer.MACHINE)])
            assert run.state.paused.keys() <= paused.keys()
    run.play()
    assert run.status == plain.status
    assert outcomes(run) == outcomes(plain)
    assert not any(running.frozen_ns for running in run.state.running.values())
    assert snapshot(replay(PROGRAM, run.events)) == snapshot(run.state)


@given(halts, st.text(max_size=3))
@settings(max_examples=60, deadline=None)
def test_an_attempt_runs_for_its_time_however_often_it_is_frozen(
    said: list[tuple[int, str, str, int | None]], seed: str
) -> None:
    run = begun(f"s{seed}", 0)
    for t_ns, scope, verb, for_ns in said:
        if verb != "preempt":
            run.at(t_ns, as_input(scope, verb, for_ns))
    run.at(END, ResumeAsked(scope=None))
    run.play()
    began: dict[NodeKey, int] = {}
    for t_ns, event in run.events:
        if isinstance(event, AttemptStarted):
            began[event.key] = t_ns
        elif isinstance(event, AttemptFinished | AttemptFailed):
            took = t_ns - began[event.key] - _stood(run, event.key, event.attempt, t_ns)
            due = run.oracle.attempt(event.key, event.attempt).takes_ns
            assert took == (min(due, TIMEOUT) if event.key[0] in (5, 6, 10) else due), (event, took, due)


def _stood(run: Simulation, key: NodeKey, attempt: int, end_ns: int) -> int:
    """How long an attempt was frozen, by its events."""
    total, since = 0, None
    for t_ns, event in run.events:
        if t_ns > end_ns or getattr(event, "key", None) != key or getattr(event, "attempt", None) != attempt:
            continue
        if isinstance(event, AttemptFrozen):
            since = t_ns
        elif isinstance(event, AttemptThawed) and since is not None:
            total, since = total + t_ns - since, None
    return total + (end_ns - since if since is not None else 0)
