"""A failure for good, told like a compile error: what, where, what ran, what it said, what it takes with it, the mend."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..base.quantity import show_size
from ..engine.status import FailureView
from ..ir.used import over_of, to_ask_for_after
from .cells import cut, printable
from .command import command_line
from .exits import Meaning, meaning
from .logtail import log_tail
from .paint import Row, row
from .words import count, short_path

_SHORT_MOST = 160
_PLAIN_END = re.compile(r"(exit \d+|killed by SIG\w+)\Z")
"""A message that says no more than the code."""


def failure_lines(failure: FailureView) -> list[str]:
    """A failure, whole, as plain lines; its log is read for it."""
    from .paint import text_of

    return [text_of(each) for each in failure_rows(failure, log_tail(failure.log) if failure.log else [])]


def failure_rows(failure: FailureView, log: Sequence[str]) -> list[Row]:
    """A failure, whole. `log` is the end of what it wrote."""
    means = meaning_of(failure, log)
    out: list[Row] = [row(_head(failure, means), "bad")]
    if failure.line:
        place = f"{failure.file}:{failure.line}"
        out.append((("  --> ", "accent"), (f"{place}: {printable(failure.source)}" if failure.source else place, "")))
    out += _ran(failure, log)
    said = log[:-1] if log and log[-1] == failure.message else log
    out.extend((("  | ", "accent"), (line, "")) for line in said)
    if failure.log:
        out.append(row(f"  log: {short_path(failure.log)}", "dim"))
    if failure.skipped or failure.skipped_names:
        out.append(row(f"  skipped: {skipped_text(failure)}", "warn"))
    if means.help:
        out.append((("  help: ", "good"), (means.help, "")))
    return out


def failure_short(failure: FailureView, log: Sequence[str]) -> str:
    """A failure in one line, with the last that it said."""
    message = printable(failure.message)
    said = f": {log[-1].strip()}" if log and not message.startswith(log[-1].strip()) else ""
    return cut(f"failed: {_who(failure)}: {message}{said}", _SHORT_MOST)


def meaning_of(failure: FailureView, log: Sequence[str] = ()) -> Meaning:
    """What its exit code means, where its message does not say more than the code."""
    if failure.reason == "timeout":
        return Meaning("", "where it needs more time, raise `timeout` of the task")
    if failure.reason == "start":
        missing = failure.message.startswith("command not found")
        return Meaning(
            "", meaning(127 if missing else 126).help if missing or "not executable" in failure.message else ""
        )
    over = over_of(failure.message)
    if over is not None:
        ask = f"`requires mem = {show_size(to_ask_for_after(*over))}`"
        place = f" in {failure.file}:{failure.mem_line}" if failure.mem_line else ""
        return Meaning("", f"it was ended there and may need more still; ask for it: {ask}{place}")
    if not _PLAIN_END.match(failure.message):
        return Meaning()
    ran = failure.ran
    script = "" if ran is None or ran.kind == "python" else ran.text
    means = meaning(failure.exit, script, tuple(log), failure.out_of_memory)
    said = failure.message.removeprefix("killed by ")
    if means.text.startswith(f"killed by {said}"):
        return means._replace(text=means.text.removeprefix(f"killed by {said}").removeprefix(": "))
    return means


def skipped_text(failure: FailureView) -> str:
    """`3 that need it: counts[oslo], total, …`."""
    names = ", ".join(failure.skipped_names)
    if not failure.skipped:
        return f"what needs it: {names}"
    more = ", …" if failure.skipped > len(failure.skipped_names) else ""
    return f"{failure.skipped} that {'needs' if failure.skipped == 1 else 'need'} it: {names}{more}"


def _head(failure: FailureView, means: Meaning) -> str:
    text = f"failed: {_who(failure)}: {printable(failure.message)}"
    if means.text:
        text += f" ({means.text})"
    if failure.attempts < failure.allowed and failure.attempts:
        # Its `retry … on` leaves this kind of failure out, or what failed was no attempt.
        return f"{text}, not tried again after attempt {failure.attempts} of {failure.allowed}"
    return f"{text} after {count(failure.attempts, 'attempt')}" if failure.attempts > 1 else text


def _who(failure: FailureView) -> str:
    return failure.name if failure.task in ("", failure.name) else f"{failure.name} ({failure.task})"


def _ran(failure: FailureView, log: Sequence[str]) -> list[Row]:
    if failure.ran is None or (failure.ran.kind == "python" and not failure.ran.text):
        return []
    shown = command_line(failure.ran, log)
    line = shown.line or (failure.task_line if failure.ran.kind != "sh" else 0)
    place = f" {failure.file}:{line}" if line else ""
    return [((f"  {failure.ran.kind}", "accent"), (f"{place}: {shown.text}{'' if shown.is_whole else ' …'}", ""))]
