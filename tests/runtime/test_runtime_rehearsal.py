"""What a change would do is found out by a copy of the process, of which nothing stays."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import trio

from cascade_dsl.base.diagnostics import CascadeError, fail
from cascade_dsl.runtime import rehearsal
from cascade_dsl.runtime.rehearsal import is_rehearsing, rehearse, rehearsing


def answered(make: Any) -> dict[str, Any]:
    return trio.run(rehearse, make)


def no_child_is_left() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return True


def test_the_answer_comes_back_and_nothing_else() -> None:
    seen: list[int] = []

    def make() -> dict[str, Any]:
        seen.append(1)
        return {"effect": "x" * 200_000, "pid": os.getpid(), "seen": len(seen)}

    told = answered(make)
    assert told["effect"] == "x" * 200_000
    assert told["pid"] != os.getpid()
    assert told["seen"] == 1
    assert seen == []
    assert no_child_is_left()


def test_a_refusal_comes_back_as_one() -> None:
    def make() -> dict[str, Any]:
        raise fail("CSC650", "there is nothing to undo", help="look at the log")

    with pytest.raises(CascadeError, match="CSC650: there is nothing to undo"):
        answered(make)
    assert no_child_is_left()


@pytest.mark.parametrize("how", ["hangs", "breaks"])
def test_a_copy_that_does_not_answer_is_ended_and_said(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_BOUND_S", 0.05 if how == "hangs" else 20.0)

    def make() -> dict[str, Any]:
        if how == "hangs":
            time.sleep(60)
        raise ZeroDivisionError

    with pytest.raises(CascadeError, match="CSC653: what this would do could not be found out"):
        answered(make)
    assert no_child_is_left()


def test_only_the_task_that_asks_rehearses() -> None:
    async def main() -> list[bool]:
        seen: list[bool] = []

        async def other() -> None:
            seen.append(is_rehearsing())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            with rehearsing():
                await trio.lowlevel.checkpoint()
                seen.append(is_rehearsing())
            seen.append(is_rehearsing())
        return seen

    assert sorted(trio.run(main)) == [False, False, True]
