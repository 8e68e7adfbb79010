"""Failures with the same cause are told once whole, then a line each, then counted: a hundred of them are one mishap."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..engine.status import FailureView
from .failure import failure_rows, failure_short
from .logtail import log_tail
from .paint import Row, row

WHOLE_MOST = 30
"""Causes that are told whole in one run."""
SHORT_MOST = 10
"""Failures of one cause that get a line each, and of all causes together ten times as many."""
_LOGS_READ_MOST = 1000
"""Beyond so many failures their logs are not looked at: they are put down to a cause by their message alone."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|\d+|'[^']*'|\"[^\"]*\"|`[^`]*`|(?<=\s)/?[\w.@+-]*/[^\s:,;]*")


@dataclass(slots=True)
class _Cause:
    first: FailureView
    seen: int = 0
    counted: int = 0
    """Of those, how many were not told by a line of their own."""


class Failures:
    """What is to be said of each failure of a run, in the order in which they come."""

    def __init__(self) -> None:
        self._causes: dict[tuple[str, ...], _Cause] = {}
        self._alike: dict[tuple[str, ...], tuple[str, ...]] = {}
        """The first cause of each task, code and message, for those whose log is not looked at."""
        self._read = 0
        self._short = 0

    def rows(self, failure: FailureView) -> list[Row]:
        """The rows to print for a failure now; none for one that is only counted."""
        log = self._log(failure)
        key = cause(failure, log or [])
        if log is None:
            key = self._alike.get(key[:3], key)
        self._alike.setdefault(key[:3], key)
        found = self._causes.get(key)
        log = log or []
        if found is None:
            whole = len(self._causes) < WHOLE_MOST
            found = self._causes[key] = _Cause(failure)
            found.seen = 1
            if whole:
                return failure_rows(failure, log)
        else:
            found.seen += 1
        if found.seen <= SHORT_MOST + 1 and self._short < 10 * SHORT_MOST:
            self._short += 1
            return [row(failure_short(failure, log), "bad")]
        found.counted += 1
        if found.counted == 1:
            return [row(f"failed: more {_like(found)} are counted and not shown", "dim")]
        return []

    def rest(self) -> list[Row]:
        """What is to be said of those that were only counted, at the end of the run."""
        return [
            row(f"failed: {found.counted} more {_like(found)}", "bad")
            for found in self._causes.values()
            if found.counted
        ]

    def _log(self, failure: FailureView) -> list[str] | None:
        if not failure.log:
            return []
        if self._read >= _LOGS_READ_MOST:
            return None
        self._read += 1
        return log_tail(failure.log)


def cause(failure: FailureView, log: list[str]) -> tuple[str, ...]:
    """What failures of one cause have in common: task, code, message and last line, but for numbers, names and paths."""
    own = failure.name.partition("[")[2].removesuffix("]")
    said = log[-1] if log else ""
    message, last = (
        _VARYING.sub("*", part.replace(own, "*") if len(own) > 2 else part) for part in (failure.message, said)
    )
    return (failure.task or failure.name.partition("[")[0], str(failure.exit), message, last)


def _like(found: _Cause) -> str:
    first = found.first
    return f"like {first.name}" if first.task in ("", first.name) else f"of {first.task} like {first.name}"
