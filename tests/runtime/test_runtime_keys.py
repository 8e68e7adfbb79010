"""Keys of limits with `by`: what they are, who evaluates them, and what has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.engine import keying
from cascade_dsl.engine.effects import Effect, EvaluateFacts, KeyNodes
from cascade_dsl.engine.inputs import EvaluationFailed, FactsEvaluated, Input, LimitGiven, NodesKeyed, RunRequested
from cascade_dsl.engine.step import new_state, step, take_effects
from cascade_dsl.executors.masking import Secrets
from cascade_dsl.ir.events import ParamBound, Word
from cascade_dsl.ir.expr import Apply, Expr, Lit, Var
from cascade_dsl.ir.graph import Param
from cascade_dsl.ir.requirement import Layer, Limit, Scope
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.runtime import evaluating
from cascade_dsl.runtime.bodies import Bodies
from cascade_dsl.runtime.dry import HeldBlobs, Rows
from cascade_dsl.runtime.evaluating import Evaluator
from cascade_dsl.runtime.keys import shortened, text_of
from cascade_dsl.runtime.results import store_value
from cascade_dsl.runtime.secrets import Held
from cascade_dsl.runtime.values import Values
from cascade_dsl.values.evaluate import evaluate

PROGRAM = """
param urls: list[str]
task fetch(url: str, tries: int = 3) -> str { sh "echo {{url}}" }
pages = [fetch(url) for url in urls]
"""
HOST = Apply("index", (Apply("split", (Var("url"), Lit("/"))), Lit(2)))


@dataclass
class Told:
    """What an evaluator has said."""

    given: list[Input] = field(default_factory=list[Input])
    notes: list[str] = field(default_factory=list[str])
    ran: int = 0
    """How often others had the loop meanwhile."""

    @property
    def keys(self) -> list[str]:
        """All keys, in the order of the instances."""
        found: dict[tuple[int, ...], str] = {}
        for one in self.given:
            match one:
                case FactsEvaluated():
                    found[one.key] = "|".join(key for _, key in one.facts.keys)
                case NodesKeyed():
                    found |= dict(one.keyed)
                case _:
                    raise AssertionError(one)
        return [found[key] for key in sorted(found)]


def limit(by: Expr, text: str = "host", scope: str = "fetch", amount: int = 1) -> Word:
    return Word(Layer.LIVE, Limit(scope=Scope("task", scope), amount=amount, by=by, by_text=text))


def evaluated(
    folder: Path,
    urls: list[Any],
    words: tuple[Word, ...] = (),
    live: tuple[Word, ...] = (),
    *,
    program: str = PROGRAM,
    held: Held | None = None,
    wanted: int | None = None,
    beside: Callable[[Evaluator], None] | None = None,
) -> Told:
    """What an evaluator answers when a run of the program begins, or when `live` words are said then."""
    (folder / "p.csc").write_text(program)
    compiled = compile_source(Source("p.csc", program), folder=folder)
    graph = compiled.graph
    assert graph is not None, compiled.diagnostics
    state = new_state(graph)
    rows, blobs = Rows(), HeldBlobs(folder)
    stored = store_value(urls, blobs)
    param = next(node for node in graph.nodes if isinstance(node, Param))
    bound = ParamBound(node=param.id, value=stored.value, blob=stored.blob, length=stored.length)
    values = Values(state, rows, blobs, folder=str(folder), environ={}, now_s=0.0)
    nowhere = folder / ".nowhere"
    bodies = Bodies(
        state.plan, run="r", project=folder, scratch=nowhere, logs=nowhere, environ={}, secrets=held or Held()
    )
    told = Told()

    def turn(given: Input) -> list[Effect]:
        first = state.seq + 1
        for row, event in enumerate(step(state, [given], 0), first):
            if isinstance(event, ParamBound):
                rows.add(row, event.value, event.blob)
        return take_effects(state)

    async def main() -> None:
        ended = trio.Event()

        def answer(given: Input) -> None:
            told.given.append(given)
            count = sum(len(g.keyed) if isinstance(g, NodesKeyed) else 1 for g in told.given)
            if count >= (len(urls) if wanted is None else wanted):
                ended.set()

        evaluator = Evaluator(
            state, values, bodies, blobs, folder=str(folder), now_s=0.0, answer=answer, note=told.notes.append
        )

        async def others() -> None:
            while True:
                await trio.lowlevel.checkpoint()
                told.ran += 1

        request = RunRequested(run="r", graph_digest="", on_failure="continue", words=words, params=(bound,))
        effects = turn(request)
        for word in live:
            effects = turn(LimitGiven(word=word))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(evaluator.serve)
            nursery.start_soon(others)
            for effect in effects:
                if isinstance(effect, EvaluateFacts | KeyNodes):
                    evaluator.ask(effect)
            if beside is not None:
                beside(evaluator)
            with trio.fail_after(60):
                await ended.wait()
            nursery.cancel_scope.cancel()

    trio.run(main)
    return told


URLS = ["http://a.org/1", "http://b.org/1", "http://a.org/2"]


def test_keys_come_with_the_facts(tmp_path: Path) -> None:
    told = evaluated(tmp_path, URLS, (limit(HOST),))
    assert told.keys == ["a.org", "b.org", "a.org"]
    assert all(isinstance(one, FactsEvaluated) and one.facts.amounts == (1000,) for one in told.given)
    assert not told.notes


def test_a_live_by_is_answered_for_what_runs(tmp_path: Path) -> None:
    told = evaluated(tmp_path, URLS, live=(limit(HOST),))
    assert len(told.given) == 1
    assert isinstance(told.given[0], NodesKeyed)
    assert told.keys == ["a.org", "b.org", "a.org"]


@pytest.fixture
def evaluated_here(monkeypatch: pytest.MonkeyPatch) -> list[Expr]:
    """The expressions that were evaluated in this process."""
    seen: list[Expr] = []

    def spy(expr: Expr, env: Any) -> Any:
        seen.append(expr)
        return evaluate(expr, env)

    monkeypatch.setattr(evaluating, "evaluate", spy)
    return seen


@pytest.mark.parametrize("live", [False, True])
def test_a_regular_expression_goes_to_a_worker(tmp_path: Path, live: bool, evaluated_here: list[Expr]) -> None:
    by = Apply("matches", (Var("url"), Lit(r"//a\.")))
    words = (limit(by, "is_a"),)
    told = evaluated(tmp_path, URLS, () if live else words, words if live else ())
    assert told.keys == ["true", "false", "true"]
    assert by not in evaluated_here


@pytest.mark.parametrize("live", [False, True])
def test_what_goes_over_much_goes_to_a_worker(tmp_path: Path, live: bool, evaluated_here: list[Expr]) -> None:
    urls = ["http://a.org/" + "x/" * 10_000, "http://b.org/"]
    words = (limit(HOST),)
    told = evaluated(tmp_path, urls, () if live else words, words if live else ())
    assert told.keys == ["a.org", "b.org"]
    assert evaluated_here.count(HOST) == 1, "the short one"


@pytest.mark.parametrize("live", [False, True])
def test_an_expression_that_reads_goes_to_a_worker(tmp_path: Path, live: bool, evaluated_here: list[Expr]) -> None:
    (tmp_path / "rules.json").write_text('{"http://a.org/1": "slow"}')
    by = Apply("index", (Apply("read_json", (Lit("rules.json"),)), Var("url")))
    words = (limit(by, "rule"),)
    told = evaluated(tmp_path, URLS, () if live else words, words if live else ())
    assert told.keys == ["slow", "?", "?"]
    assert by not in evaluated_here
    assert len(told.notes) == 1


@pytest.mark.parametrize("live", [False, True])
def test_what_has_no_value_is_counted_under_a_question_mark_and_said_once(tmp_path: Path, live: bool) -> None:
    words = (limit(HOST),)
    told = evaluated(tmp_path, ["x", "http://b.org/", "y"], () if live else words, words if live else ())
    assert told.keys == ["?", "b.org", "?"]
    assert told.notes == [
        "`by host` has no value for a call of `fetch`, which is counted under `?`: "
        'there is no index 2, there is 1 item, in `split(url, "/")[2]`'
    ]


def test_an_input_that_has_no_value_fails_its_node_as_ever_and_not_its_key(tmp_path: Path) -> None:
    program = PROGRAM.replace("fetch(url)", 'fetch(split(url, "/")[2])')
    told = evaluated(tmp_path, ["x"], (limit(Var("url"), "url"),), program=program, wanted=1)
    assert told.keys == ["?"]
    assert len(told.notes) == 1
    program = program.replace("{ sh", "{\n  requires cpu = tries\n  sh")
    told = evaluated(tmp_path, ["x"], (limit(Var("url"), "url"),), program=program, wanted=1)
    assert [type(one) for one in told.given] == [EvaluationFailed]


def test_only_the_inputs_that_it_uses_are_evaluated(tmp_path: Path) -> None:
    program = PROGRAM.replace("fetch(url)", "fetch(url, int(url))")
    told = evaluated(tmp_path, ["http://a.org/x"], (limit(HOST),), program=program)
    assert told.keys == ["a.org"]


def test_values_that_are_no_text_are_json(tmp_path: Path) -> None:
    told = evaluated(tmp_path, URLS, (limit(Var("tries"), "tries"),))
    assert told.keys == ["3", "3", "3"]


def test_a_key_never_contains_a_secret(tmp_path: Path) -> None:
    held = Held(("TOKEN",), {"TOKEN": "s3cret-token"}, Secrets({"TOKEN": b"s3cret-token"}))
    urls = ["http://a.org/", "http://s3cret-token.org/", "http://" + "b" * 300 + "s3cret-token/"]
    told = evaluated(tmp_path, urls, (limit(HOST),), held=held)
    assert told.keys == ["a.org", "?", "?"]
    assert told.notes == [
        "`by host` has no value for a call of `fetch`, which is counted under `?`: it contains a secret"
    ]


def test_a_secret_in_the_reason_is_masked(tmp_path: Path) -> None:
    held = Held(("TOKEN",), {"TOKEN": "s3cret-token"}, Secrets({"TOKEN": b"s3cret-token"}))
    told = evaluated(tmp_path, ["s3cret-token"], (limit(Apply("int", (Var("url"),)), "n"),), held=held)
    assert told.keys == ["?"]
    assert "s3cret" not in told.notes[0]
    assert "***" in told.notes[0]


def test_many_keys_leave_the_loop_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keying, "BATCH", 1000)
    urls = [f"http://h{i % 7}.org/{i}" for i in range(1000)]
    told = evaluated(tmp_path, urls, live=(limit(HOST),))
    assert told.keys == [f"h{i % 7}.org" for i in range(1000)]
    assert told.ran >= 5, "others had the loop between slices"


def test_a_question_that_has_become_void_is_not_answered(tmp_path: Path) -> None:
    def void(evaluator: Evaluator) -> None:
        ask = KeyNodes("host", HOST, ((4, 0),))
        evaluator.ask(ask)

    told = evaluated(tmp_path, URLS, live=(limit(HOST),), beside=void)
    assert len(told.given) == 1


def test_a_long_key_is_its_beginning_and_a_digest() -> None:
    assert shortened("x" * 200) == "x" * 200
    one, other = shortened("x" * 201), shortened("x" * 202)
    assert one != other
    assert len(one) == len(other) < 200
    assert one.startswith("x" * 60 + "… ")


@pytest.mark.parametrize(
    ("value", "text"),
    [("oslo", "oslo"), ("", ""), (3, "3"), (None, "null"), (True, "true"), ({"b": 1, "a": [2]}, '{"a": [2], "b": 1}')],
)
def test_the_text_of_a_key(value: Any, text: str) -> None:
    assert text_of(value) == text
    assert json.loads(text_of([value])) == [value]
