"""A compiler beside a run that gives no answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.runtime.mending import Mending


@pytest.mark.parametrize(
    ("compiler", "ended"), [(("false",), 1), (("echo", "{}"), 0), (("sh", "-c", "kill -9 $$"), -9)]
)
def test_a_compiler_that_does_not_answer_changes_nothing(tmp_path: Path, compiler: tuple[str, ...], ended: int) -> None:
    mending = object.__new__(Mending)
    vars(mending).update(_compiler=compiler, _folder=tmp_path)

    async def main() -> None:
        await mending.compiled(tmp_path / "p.csc")

    with pytest.raises(CascadeError) as raised:
        trio.run(main)
    (told,) = raised.value.diagnostics
    assert (told.code, told.message, told.help) == (
        "CSC551",
        f"`p.csc` could not be compiled: the compiler ended with {ended} and no answer",
        "`cascade check p.csc` shows whether it can",
    )
