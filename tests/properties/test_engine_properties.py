"""The engine under random graphs, outcomes, live changes and crashes, against a reference that knows no scheduling.

Held after every turn: what a pool has taken is the sum over running nodes (1); no pool is over its capacity because
of a start (2), nor that of a key of a limit with `by`, whether or not the keys of what ran were known; amounts are
integers (7). Held at the end: exactly the instances ran that the program means, whatever
the limits did meanwhile (3, 5); the same inputs give the same events (6); words survive a crash and nothing of the
dead holds a share (8); replay equals state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from graphs import Table, call, compute, fan, graph, param, scope_of, task, word
from hypothesis import given, note, settings
from hypothesis import strategies as st

from cascade_dsl.engine.inputs import (
    AttemptSucceeded,
    Input,
    LimitGiven,
    LimitTaken,
    PauseAsked,
    ResumeAsked,
)
from cascade_dsl.engine.progress import EngineFault
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import ENDED, At, State
from cascade_dsl.engine.step import replay, step
from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, AttemptStarted, Event, Recalled, Word
from cascade_dsl.ir.graph import Call, Compute, FanOut, Graph, Node, NodeKey, Param
from cascade_dsl.ir.requirement import Layer, Scope
from cascade_dsl.ir.text import graph_text
from cascade_dsl.limits.views import PoolView
from cascade_dsl.testing.simulate import Simulation

TASKS = ("t", "u", "v", "w")
SCOPES = ("global", "task:t", "task:[tu]", "tag:slow", "cpu", "mem")


def program(draw: Callable[..., object]) -> Graph:
    """A random program: bodies up to three deep, every reference to something earlier."""
    ids = iter(range(1, 10_000))

    def number(low: int, high: int) -> int:
        value = draw(st.integers(low, high))
        assert isinstance(value, int)
        return value

    def pick(among: list[int]) -> int:
        return among[number(0, len(among) - 1)]

    def body(depth: int, outer: list[int], most: int) -> list[Node]:
        nodes: list[Node] = []
        known = list(outer)
        for _ in range(number(1, most)):
            kind = number(0, 9)
            made: Node
            if kind < 5 or depth == 3:
                after = (pick(known),) if kind == 0 and known and not is_item(pick(known)) else ()
                after = tuple(a for a in after if not is_item(a))
                made = call(next(ids), TASKS[number(0, 3)], pick(known) if known and kind else None, after=after)
            elif kind < 6:
                made = compute(next(ids), *([pick(known)] if known else []))
            else:
                sources = known or [first]
                own, item = next(ids), next(ids)
                items.add(item)
                inner = body(depth + 1, [*known, item], 3)
                condition = None
                if number(0, 3) == 0:
                    feeding = pick([item, inner[0].id]) if not isinstance(inner[0], FanOut) else item
                    gate = compute(next(ids), feeding)
                    condition = gate.id
                    inner = [inner[0], gate, *inner[1:]] if feeding == inner[0].id else [gate, *inner]
                result = None if number(0, 5) == 0 or inner[-1].id in void else inner[-1].id
                joined = result is not None and isinstance(inner[-1], FanOut) and inner[-1].result is not None
                made = fan(
                    own,
                    pick([s for s in sources if s not in void] or [first]),
                    item,
                    inner,
                    result,
                    condition=condition,
                    flatten=joined and number(0, 1) == 1,
                )
                if result is None:
                    void.add(own)
            nodes.append(made)
            if made.id not in void:
                known.append(made.id)
        return nodes

    items: set[int] = set()
    void: set[int] = set()
    first = next(ids)

    def is_item(id_: int) -> bool:
        return id_ in items

    nodes: list[Node] = [param(first), *body(0, [first], 6)]
    tasks = [
        task("t", retry=(2, 1, 4)),
        task("u", requires={"cpu": 2}, tags=("slow",)),
        task("v", requires={"mem": 5}, priority=1),
        task("w", requires={"cpu": 0, "mem": 1}, tags=("slow",), timeout=1e-7),
    ]
    return graph(tasks, nodes, {"mem": "bytes"})


# ---- what a program means, without a scheduler -------------------------------------------------------------------


@dataclass
class Means:
    """What one node's instance comes to: ended well or not, how many items it lists, and what each gives."""

    good: bool
    count: int = 0
    elements: list[str] = field(default_factory=list[str])
    """Of a FanOut: `value`, `none` or `dropped`, joined lists joined."""
    opened: bool = True
    lacks: bool = False
    """A joined list that failed before its items were known."""


def reference(program: Graph, oracle: Table) -> tuple[set[NodeKey], set[NodeKey]]:
    """The calls that end well, and those that fail for good."""
    done: set[NodeKey] = set()
    failed: set[NodeKey] = set()

    def needs(node: Node) -> list[int]:
        from cascade_dsl.ir.expr import refs

        match node:
            case Call():
                return [r for _, e in node.args for r in refs(e)] + list(node.after)
            case Compute():
                return list(refs(node.expr))
            case _:
                return []

    def run(nodes: tuple[Node, ...], path: tuple[int, ...], env: dict[int, Means], fan_out: FanOut | None) -> str:
        """Run a body; what its element gives."""
        env = dict(env)
        condition = None if fan_out is None else fan_out.condition
        upstream: set[int] = set()
        if condition is not None:
            by_id = {n.id: n for n in nodes}
            stack = [condition]
            while stack:
                at = stack.pop()
                if at in by_id and at not in upstream:
                    upstream.add(at)
                    stack.extend(needs(by_id[at]))
        kept: bool | None = True
        bad = False
        order = [n for n in nodes if n.id in upstream] + [n for n in nodes if n.id not in upstream]
        for node in order:
            if kept is not True and node.id not in upstream:
                bad = bad or kept is None
                env[node.id] = Means(False, opened=False)
                continue
            key = (node.id, *path)
            ready = all(env[n].good for n in needs(node))
            match node:
                case Param():
                    env[node.id] = Means(True, oracle.param_length(node.id) or 0)
                case Call():
                    good = ready and ends_well(key, node.task)
                    if ready:
                        (done if good else failed).add(key)
                    env[node.id] = Means(good, oracle.lengths.get(node.id, 0))
                    bad = bad or not good
                case Compute():
                    answer = oracle.value(key)
                    assert not isinstance(answer, str)
                    env[node.id] = Means(ready, answer[0] or 0)
                    bad = bad or not ready
                    if node.id == condition:
                        kept = answer[1] if ready else None
                case FanOut():
                    env[node.id] = spread(node, nodes, path, env)
                    bad = bad or not env[node.id].good
                case _:
                    raise AssertionError(node)
        if fan_out is None:
            return "value"
        if kept is False:
            return "dropped"
        if fan_out.flatten:
            assert fan_out.result is not None
            joined.append(env[fan_out.result])
        if fan_out.result is None:
            return "none" if bad else "value"
        worst = "none" if bad else "value"
        if fan_out.result in {n.id for n in nodes}:
            if fan_out.result in upstream:
                return worst
            return "value" if env[fan_out.result].good else "none"
        return worst

    joined: list[Means] = []

    def spread(node: FanOut, siblings: tuple[Node, ...], path: tuple[int, ...], env: dict[int, Means]) -> Means:
        source = env[node.source]
        streams = any(s.id == node.source and isinstance(s, FanOut) for s in siblings)
        if streams:
            if not source.opened:
                return Means(False, opened=False)
            given_elements = source.elements
        else:
            if not source.good:
                return Means(False, opened=False)
            length = source.count
            if node.source in items:
                answer = oracle.length((node.id, *path))
                assert isinstance(answer, int)
                length = answer
            given_elements = ["value"] * length
        out: list[str] = []
        good, lacks = True, streams and source.lacks
        for index, element in enumerate(given_elements):
            if element != "value":
                out.append(element)
                good = good and element == "dropped"
                continue
            inner = {i.id: Means(True) for i in node.items}
            before = len(joined)
            gives = run(node.body, (*path, index), {**env, **inner}, node)
            good = good and gives != "none"
            if node.flatten:
                made = joined.pop() if len(joined) > before else Means(False, opened=False)
                if made.opened:
                    out.extend(made.elements)
                    good = good and made.good
                    lacks = lacks or made.lacks
                else:
                    good = good and gives == "dropped"
                    lacks = lacks or gives == "none"
            else:
                out.append(gives)
        return Means(good and not lacks, sum(e == "value" for e in out), out, lacks=lacks)

    items = {i.id for n in walk_all(program.nodes) if isinstance(n, FanOut) for i in n.items}

    def ends_well(key: NodeKey, name: str) -> bool:
        if oracle.recalled(key) is not False:
            return True
        tries = 3 if name == "t" else 1
        for attempt in range(1, tries + 1):
            played = oracle.attempt(key, attempt)
            late = name == "w" and played.takes_ns > 100 and not played.deaf
            if played.exit == 0 and not late:
                return True
        return False

    run(program.nodes, (), {}, None)
    return done, failed


def walk_all(nodes: tuple[Node, ...]) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        found.append(node)
        if isinstance(node, FanOut):
            found += walk_all(node.body)
    return found


# ---- invariants --------------------------------------------------------------------------------------------------


def demands_of(state: State, key: NodeKey) -> dict[str, int]:
    """What a running call holds of the scopes that the tests use, from the program alone."""
    site = state.plan.sites[key[0]]
    assert site.task is not None
    assert site.clauses is not None
    assert site.facts is not None
    found = {"global": 1}
    name = site.task.name
    if name == "t":
        found["task:t"] = 1
    if name in "tu":
        found["task:[tu]"] = 1
    if "slow" in site.clauses.tags:
        found["tag:slow"] = 1
    for requirement, amount in zip(site.clauses.requires, site.facts.amounts, strict=True):
        found[requirement.resource] = found.get(requirement.resource, 0) + amount
    return found


class Watch:
    """Checks the state after each turn; `oracle` knows all keys."""

    def __init__(self, oracle: Table) -> None:
        self.oracle = oracle
        self.before: set[tuple[NodeKey, int]] = set()

    def __call__(self, state: State) -> None:
        state.ledger.check()
        taken: dict[str, int] = {}
        for key in state.running:
            for pool, amount in demands_of(state, key).items():
                taken[pool] = taken.get(pool, 0) + amount
        begun = {(k, r.serial) for k, r in state.running.items()}
        # What a dead engine was publishing goes on under whatever is in force now: it has not just started.
        fresh = {(key, serial) for key, serial in begun - self.before if state.running[key].plan is None}
        self.before = begun
        for view in state.ledger.pools():
            if view.pool.startswith("pause "):
                continue
            if view.keys is not None:
                assert len(view.keys.shown) == view.keys.total
                for each in view.keys.shown:
                    self.keyed(state, view.pool.partition(" by ")[0], each, fresh)
                continue
            assert type(view.taken) is int
            assert view.taken == taken.get(view.pool, 0), (view, taken)
            touched = any(view.pool in demands_of(state, k) and demands_of(state, k)[view.pool] for k, _ in fresh)
            if touched and view.capacity is not None:
                assert view.taken <= view.capacity, view
        waiting = {key for key, at in self.hot(state) if at == At.READY}
        assert state.keys.keys() <= {key for key, at in self.hot(state) if at < ENDED}, "keys of what has ended"
        assert waiting == set(state.ledger.waiting_nodes())
        recount = [0] * len(At)
        for frame in (state.root, *state.frames.values()):
            for site in frame.body.sites:
                if site.is_call:
                    for at in frame.states[site.pos]:
                        recount[at] += 1
        assert [state.counts[a] for a in (At.READY, At.BACKOFF, At.RUNNING)] == [
            recount[a] for a in (At.READY, At.BACKOFF, At.RUNNING)
        ]

    def keyed(self, state: State, scope: str, view: PoolView, fresh: set[tuple[NodeKey, int]]) -> None:
        """A pool of one key: it holds those whose key it is, as far as known, and all of them where something started."""

        def held(key: NodeKey) -> int:
            return demands_of(state, key).get(scope, 0) if self.oracle.key_of(key, view.by) == view.key else 0

        taken = sum(held(key) for key in state.running)
        assert view.taken <= taken
        if state.ledger.unkeyed(1) is None:
            assert view.taken == taken
        assert view.capacity is not None
        if any(held(key) for key, _ in fresh):
            assert taken <= view.capacity, view

    def hot(self, state: State) -> Iterator[tuple[NodeKey, int]]:
        """Instances of calls that have an object, with their states."""
        for frame in (state.root, *state.frames.values()):
            for site in frame.body.sites:
                if site.is_call:
                    yield from ((frame.key(i, site.pos), frame.states[site.pos][i]) for i in frame.hot)


changes = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(SCOPES),
        st.sampled_from(["limit", "unlimit", "pause", "resume", "by a", "by b"]),
        st.integers(0, 8),
    ),
    max_size=8,
)
files = st.lists(
    st.tuples(st.sampled_from(SCOPES), st.integers(1, 3), st.sampled_from("ab")),
    max_size=2,
    unique_by=lambda w: (w[0], w[2]),
)
"""Limits with `by` that stand in the file, of which any node fits."""


def in_file(said: list[tuple[str, int, str]]) -> list[Word]:
    def amount(scope: str, number: int) -> int:
        return {"cpu": 1000 + 1000 * number, "mem": 4 + number}.get(scope, number)

    return [word(scope, amount(scope, number), Layer.FILE, by) for scope, number, by in said]


def as_input(scope: str, verb: str, amount: int) -> Input:
    where: Scope = scope_of(scope)
    match verb:
        case "limit" | "by a" | "by b":
            by = verb.partition(" ")[2]
            return LimitGiven(word=word(scope, amount * 1000 if scope == "cpu" else amount, by=by))
        case "unlimit":
            return LimitTaken(layer=Layer.LIVE, scope=where)
        case "pause":
            return PauseAsked(scope=where)
        case _:
            return ResumeAsked(scope=where)


END = 100_000_000_000


def said(state: State) -> tuple[object, object]:
    """The words in force but those of the machine, which are said anew, and the pools that have no key: others come and go."""
    ledger: Any = state.ledger.snapshot()
    words = {
        (identity, layer): stack
        for identity, by_layer in ledger["words"][0].items()
        for layer, stack in by_layer.items()
        if layer != Layer.MACHINE
    }
    return words, {(p.pool, p.capacity) for p in state.ledger.pools() if " by " not in p.pool}


def simulate(
    program_: Graph,
    oracle: Table,
    words: list[Word],
    changed: list[tuple[int, str, str, int]],
    crashes: tuple[int, ...] = (),
) -> Simulation:
    run = Simulation(
        program_, oracle, words=words, on_failure="continue", recalls=oracle.known > 0, check=Watch(oracle)
    )
    for t_ns, scope, verb, amount in changed:
        run.at(t_ns, as_input(scope, verb, amount))
    for scope in SCOPES:
        run.at(END, LimitTaken(layer=Layer.LIVE, scope=scope_of(scope)))
    run.at(END, ResumeAsked(scope=None))
    for turns in crashes:
        for _ in range(turns):
            if not run.advance():
                break
        if run.status is None:
            live = said(run.state)
            paused = dict(run.state.paused)
            run.crash(words=[w for w in words if w.layer == Layer.MACHINE])
            assert said(run.state) == live
            assert run.state.paused == paused
    run.play()
    return run


def machine() -> list[Word]:
    return [word("cpu", 3000, Layer.MACHINE), word("mem", 7, Layer.MACHINE), word("global", 50, Layer.MACHINE)]


@given(
    st.data(),
    changes,
    files,
    st.lists(st.integers(0, 30), max_size=2),
    st.sampled_from([0, 0, 20, 60]),
    st.text(max_size=3),
)
@settings(max_examples=120, deadline=None)
def test_exactly_what_the_program_means_runs(
    data: st.DataObject,
    changed: list[tuple[int, str, str, int]],
    file: list[tuple[str, int, str]],
    crashes: list[int],
    failing: int,
    seed: str,
) -> None:
    program_ = program(data.draw)
    lengths = {
        n.id: data.draw(st.integers(0, 5))
        for n in walk_all(program_.nodes)
        if isinstance(n, Param | Call | Compute | FanOut)
    }
    oracle = Table(
        lengths=lengths,
        takes_ns=60,
        dropped=data.draw(st.integers(0, 3)),
        seed=f"s{seed}",
        failing=failing,
        known=data.draw(st.sampled_from([0, 0, 30, 70, 100])),
        spread=data.draw(st.sampled_from([1, 2, 5])),
        keying_takes_ns=data.draw(st.sampled_from([0, 0, 30, 200])),
    )
    note(graph_text(program_))
    done, failed = reference(program_, oracle)
    run = simulate(program_, oracle, machine() + in_file(file), changed, tuple(crashes))
    assert not run.state.keys
    assert run.status == ("failed" if failed else "done")
    recalled = {e.key for _, e in run.events if isinstance(e, Recalled)}
    assert recalled == {key for key in done if oracle.recalled(key) is not False}
    ended = {e.key for _, e in run.events if isinstance(e, AttemptFinished)} | recalled
    broken = {e.key for _, e in run.events if isinstance(e, AttemptFailed) and e.retry_at_ns is None}
    assert ended == done
    assert broken == failed
    finishes = [e.key for _, e in run.events if isinstance(e, AttemptFinished)]
    assert len(finishes) == len(set(finishes)), "nothing that finished ran again"
    assert snapshot(replay(program_, run.events)) == snapshot(run.state)


@given(st.data(), changes, st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_a_run_is_a_function_of_its_inputs_and_replay_equals_state_at_every_turn(
    data: st.DataObject, changed: list[tuple[int, str, str, int]], turns: int
) -> None:
    program_ = program(data.draw)
    lengths = {n.id: 3 for n in walk_all(program_.nodes)}
    runs: list[list[tuple[int, Event]]] = []
    for _ in range(2):
        run = Simulation(
            program_,
            Table(lengths=lengths, takes_ns=50, seed="x", failing=10, keying_takes_ns=40),
            words=machine(),
            on_failure="continue",
        )
        for t_ns, scope, verb, amount in changed:
            run.at(t_ns, as_input(scope, verb, amount))
        for _ in range(turns):
            if not run.advance():
                break
        assert snapshot(replay(program_, run.events)) == snapshot(run.state)
        runs.append(run.events)
    assert runs[0] == runs[1]


@given(
    st.data(),
    st.sampled_from(SCOPES),
    st.sampled_from(["limit", "by a"]),
    st.integers(0, 5),
    st.integers(0, 10),
    files,
    st.sampled_from([0, 70]),
)
@settings(max_examples=60, deadline=None)
def test_a_limit_or_pause_taken_back_leaves_no_trace(
    data: st.DataObject,
    scope: str,
    verb: str,
    amount: int,
    turns: int,
    file: list[tuple[str, int, str]],
    keying: int,
) -> None:
    program_ = program(data.draw)
    lengths = {n.id: 3 for n in walk_all(program_.nodes)}
    oracle = Table(lengths=lengths, takes_ns=50, seed="y", keying_takes_ns=keying)
    words = machine() + in_file(file)
    plain = Simulation(program_, oracle, words=words)
    touched = Simulation(program_, oracle, words=words)
    for _ in range(turns):
        plain.advance()
        touched.advance()
    if touched.status is None:
        step(touched.state, [as_input(scope, "pause", 0)], touched.now_ns)
        step(touched.state, [as_input(scope, verb, amount)], touched.now_ns)
        # Both are taken back in one turn, so that nothing was admitted or held up between.
        touched.turn(as_input(scope, "unlimit", 0), as_input(scope, "resume", 0))
    assert starts(plain) == starts(touched)
    plain.play()
    touched.play()
    assert starts(plain) == starts(touched)


def starts(run: Simulation) -> list[tuple[int, NodeKey]]:
    return [(t, e.key) for t, e in run.events if isinstance(e, AttemptStarted)]


def test_finishing_twice_or_what_never_started_is_a_fault() -> None:
    program_ = graph([task("t")], [call(1, "t"), call(2, "t", 1)])
    run = Simulation(program_, Table(), words=machine())
    end = AttemptSucceeded(key=(1,), epoch=0, attempt=1, value="null")
    run.turn(end)
    for given_ in (end, AttemptSucceeded(key=(2,), epoch=0, attempt=2, value="null")):
        with pytest.raises(EngineFault):
            run.turn(given_)
