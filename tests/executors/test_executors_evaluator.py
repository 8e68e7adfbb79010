from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from executors_work import text_of, until

from cascade_dsl.executors.evaluator import EvaluationPool
from cascade_dsl.ir.codec import encode
from cascade_dsl.ir.expr import Apply, Expr, Lit, Ref, Var

pytestmark = pytest.mark.trio

ENDLESS = Apply("matches", (Lit("a" * 60 + "!"), Lit("(a+)+$")))
"""A regular expression that would take longer than the machine will stand."""


def request(expr: Expr, **world: Any) -> str:
    return json.dumps({"expr": encode(expr), **world})


@asynccontextmanager
async def pool(deadline_s: float = 60.0, **options: Any) -> AsyncGenerator[EvaluationPool]:
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            made = EvaluationPool(deadline_s, **options)
            await nursery.start(made.serve)
            yield made
            nursery.cancel_scope.cancel()
    assert workers() == []


def workers() -> list[int]:
    """Evaluation workers below this process."""
    found: list[int] = []
    for thread in os.listdir("/proc/self/task"):
        for child in text_of(f"/proc/self/task/{thread}/children").split():
            if "evaluation.py" in text_of(f"/proc/{child}/cmdline"):
                found.append(int(child))
    return found


async def answers(made: EvaluationPool, *requests: str) -> list[Any]:
    return [json.loads(answer) for answer in await made.evaluate(requests)]


async def test_values_in_the_order_of_the_batch() -> None:
    async with pool() as made:
        add = Apply("add", (Var("x"), Ref(7)))
        assert await answers(made, *(request(add, vars={"x": n}, refs={"7": 10}) for n in range(50))) == [
            {"ok": n + 10} for n in range(50)
        ]
        assert await answers(made) == []


async def test_the_world_that_it_sees(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n")
    async with pool(environ={**os.environ, "COLOUR": "red"}) as made:
        lines = request(Apply("lines", (Lit("words.txt"),)), folder=str(tmp_path))
        assert await answers(
            made, lines, request(Apply("env", (Lit("COLOUR"),))), request(Apply("now", ()), now=5.0)
        ) == [
            {"ok": ["a", "b"]},
            {"ok": "red"},
            {"ok": "1970-01-01T00:00:05Z"},
        ]


async def test_errors_are_answers() -> None:
    async with pool() as made:
        got = await answers(made, request(Ref(3)), '{"expr": 5}', request(Lit(1)))
        assert got[0] == {"error": "the value of node 3 is not at hand", "place": None}
        assert list(got[1]) == ["error"]
        assert got[2] == {"ok": 1}


async def test_large_requests_and_answers() -> None:
    async with pool() as made:
        text = "ü" * 1_000_000
        assert await answers(made, *[request(Var("x"), vars={"x": text})] * 3) == [{"ok": text}] * 3


async def test_one_that_takes_too_long_is_ended_and_the_others_answered() -> None:
    async with pool(deadline_s=1.0) as made:
        got = await answers(made, request(Lit(1)), request(ENDLESS), request(Lit(2)))
        assert got == [{"ok": 1}, {"error": "the evaluation took longer than 1 s"}, {"ok": 2}]


async def test_a_worker_that_dies_costs_only_its_request() -> None:
    async with pool() as made, trio.open_nursery() as nursery:

        async def kill_it() -> None:
            await until(lambda: bool(workers()))
            os.kill(workers()[0], signal.SIGSEGV)

        nursery.start_soon(kill_it)
        got = await answers(made, request(ENDLESS), request(Lit(2)))
        assert got == [{"error": "the evaluation was ended by SIGSEGV"}, {"ok": 2}]


async def test_a_worker_that_died_while_idle_costs_nothing() -> None:
    async with pool() as made:
        assert await answers(made, request(Lit(1))) == [{"ok": 1}]
        (pid,) = workers()
        os.kill(pid, signal.SIGKILL)
        assert await answers(made, request(Lit(2))) == [{"ok": 2}]


async def test_no_more_workers_than_its_size_and_the_loop_stays_free() -> None:
    async with pool(size=2, deadline_s=1.0) as made, trio.open_nursery() as nursery:
        got: list[Any] = []

        async def ask() -> None:
            got.extend(await answers(made, request(ENDLESS)))

        for _ in range(2):
            nursery.start_soon(ask)
        turns = 0
        most = 0
        while len(got) < 2:
            await trio.sleep(0.005)
            turns += 1
            most = max(most, len(workers()))
        assert most == 2
        assert turns > 10


async def test_cancelled_evaluations_end_their_worker() -> None:
    async with pool() as made:
        with trio.move_on_after(0.3):
            await made.evaluate([request(ENDLESS)])
        assert workers() == []
        assert await answers(made, request(Lit(1))) == [{"ok": 1}]


async def test_a_worker_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool() as made:
        monkeypatch.setattr("sys.executable", "/no/python")
        message = "the expression could not be evaluated: no worker starts: No such file or directory"
        assert await answers(made, request(Lit(1)), request(Lit(2))) == [{"error": message}] * 2
