"""What can be wrong with a value: faults with a sentence for a person, no place in a source."""

from __future__ import annotations


class EvalError(Exception):
    """An expression has no value: division by zero, a missing key, a file that is not there. `str()` is one sentence."""


class ValueMismatch(EvalError):
    """A value does not fit its type. The sentence names both and, below the top, the JSON path."""
