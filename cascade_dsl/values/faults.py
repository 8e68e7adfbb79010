"""What can be wrong with a value: faults with a sentence for a person. Where it stands is told by the part of an expression."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.expr import Expr
from ..ir.notation import expr_text

_SHOWN = 60


class EvalError(Exception):
    """An expression has no value: division by zero, a missing key, a file that is not there. `str()` is one sentence."""

    part: Expr | None = None
    """The innermost operator, function or condition that had no value, where that is known."""

    def inside(self, part: Expr) -> None:
        """Notes where it happened, once: the innermost part is told first."""
        if self.part is None:
            self.part = part


class ValueMismatch(EvalError):
    """A value does not fit its type. `text` names both, `path` is the place below the top: `.items[3].name`."""

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(f"{text} at {path}" if path else text)
        self.text = text
        self.path = path


def told(error: EvalError, name_of: Callable[[int], str]) -> str:
    """The sentence of a fault with the part of the expression that had no value; `name_of` names nodes."""
    if error.part is None:
        return str(error)
    text = expr_text(error.part, name_of)
    return f"{error}, in `{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}`"
