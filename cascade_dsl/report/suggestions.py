"""Demands against what was measured: what each task asked for, what its attempts used, and what it might ask for. Pure.

Of memory: a task that used more than it asks for, or was ended for it, is to ask for a fifth more than the most that
was measured; one that asks for twice what it needs may ask for less, when it has been seen often enough; one that asks
for nothing and uses much is to ask. A demand that is an expression is compared amount by amount, attempt by attempt, and
what is suggested is a factor. Of cores: what 95 of 100 attempts used, in whole ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..base.quantity import MILLI, show_milli, show_size
from ..ir.used import Used, over_of, rounded_up, show_used, to_ask_for, to_ask_for_after

WORTH_ASKING_BYTES = 100_000_000
"""A task that uses less need not ask for memory."""
_OFTEN = 3
"""So many attempts, at least, before less is suggested."""
_LONG_MS = 1000
"""Of an attempt that took less, nothing is said of its cores."""
_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An attempt that was measured: what it asked for and used."""

    used: Used
    mem_bytes: int | None
    cpu_milli: int
    message: str = ""
    comparable: bool = True
    """Its demand was written as the program now writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the program says now. `text` is empty where it says nothing; amounts are None where they are expressions."""

    mem_text: str = ""
    mem_bytes: int | None = None
    cpu_text: str = ""
    cpu_milli: int | None = MILLI


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A task, its attempts, and what it might ask for: an amount, or a factor for an expression; None: it is well as it is."""

    task: str
    attempts: int
    declared: Declared
    peak_bytes: int
    peak_95_bytes: int
    is_bound: bool
    """No peak was larger than what can be told apart from the engine's own: it is that or less."""
    ended: int
    """Attempts that were ended because they used more than they asked for."""
    mem_of_demand: float | None
    """The most that an attempt used, as a part of what it had asked for."""
    cores: float | None
    """What 95 of 100 attempts used at most, on average over their time."""
    cpu_efficiency: float | None
    """CPU seconds by wall seconds and cores asked for, over all attempts."""
    mem_bytes: int | None = None
    mem_factor: str | None = None
    cpu: int | None = None

    @property
    def is_any(self) -> bool:
        """There is something to change."""
        return self.mem_bytes is not None or self.mem_factor is not None or self.cpu is not None


def suggestion(task: str, samples: Sequence[Sample], declared: Declared) -> Suggestion:
    """What is to be said of a task; there is at least one sample."""
    peaks = sorted(s.used.peak_bytes for s in samples)
    largest = max(samples, key=lambda s: s.used.peak_bytes)
    ended = [s for s in samples if over_of(s.message) is not None]
    ratios = [_ratio(s) for s in samples if s.comparable and s.mem_bytes]
    long = [s for s in samples if s.used.wall_ms >= _LONG_MS]
    cores = sorted(s.used.cpu_ms / s.used.wall_ms for s in long)
    granted = sum(s.used.wall_ms * s.cpu_milli for s in long)
    mem_bytes, factor = _memory(samples, declared, ratios)
    return Suggestion(
        task=task,
        attempts=len(samples),
        declared=declared,
        peak_bytes=peaks[-1],
        peak_95_bytes=int(_rank(peaks)),
        is_bound=largest.used.peak_from == "atmost",
        ended=len(ended),
        mem_of_demand=max((s.used.peak_bytes / s.mem_bytes for s in samples if s.comparable and s.mem_bytes), default=None),
        cores=_rank(cores) if cores else None,
        cpu_efficiency=sum(s.used.cpu_ms for s in long) * MILLI / granted if granted else None,
        mem_bytes=mem_bytes,
        mem_factor=factor,
        cpu=_cores(_rank(cores) if cores else None, len(long), declared),
    )  # fmt: skip


def _needed(sample: Sample) -> int:
    """What an attempt should have asked for."""
    over = over_of(sample.message)
    if over is not None and sample.mem_bytes:
        return to_ask_for_after(sample.used.peak_bytes, sample.mem_bytes)
    return to_ask_for(sample.used.peak_bytes)


def _ratio(sample: Sample) -> float:
    """What an attempt should have asked for, by what it had asked for."""
    assert sample.mem_bytes
    if over_of(sample.message) is not None:
        return max(sample.used.peak_bytes / sample.mem_bytes, 1.0) * 1.5
    return sample.used.peak_bytes / sample.mem_bytes * 1.2


def _memory(samples: Sequence[Sample], declared: Declared, ratios: Sequence[float]) -> tuple[int | None, str | None]:
    most = max(s.used.peak_bytes for s in samples)
    if declared.mem_text and declared.mem_bytes is None:
        ratio = max(ratios, default=1.0)
        if ratio > 1.2:  # an attempt used more than it had asked for
            return None, f"{math.ceil(ratio * 10) / 10:g}"
        needs_less = ratio < 0.5 and len(ratios) >= _OFTEN and most >= WORTH_ASKING_BYTES
        return None, f"{math.ceil(ratio * 10) / 10:g}" if needs_less else None
    needed = max(map(_needed, samples))
    if declared.mem_bytes is None:
        return (needed if most >= WORTH_ASKING_BYTES else None), None
    if most > declared.mem_bytes or (any(over_of(s.message) for s in samples) and needed > declared.mem_bytes):
        return max(needed, rounded_up(declared.mem_bytes)), None
    is_less = needed * 2 <= declared.mem_bytes and declared.mem_bytes - needed >= WORTH_ASKING_BYTES
    return (needed if is_less and len(samples) >= _OFTEN else None), None


def _cores(cores: float | None, seen: int, declared: Declared) -> int | None:
    """Whole cores: more where half a core more was used than asked for, fewer where half of them were idle."""
    if cores is None or declared.cpu_milli is None or declared.cpu_milli == 0:
        return None
    asked = declared.cpu_milli / MILLI
    if cores > asked + 0.5:
        return math.ceil(cores - 0.25)
    fewer = max(1, math.ceil(cores - 0.05))
    return fewer if fewer <= asked / 2 and seen >= _OFTEN else None


def _rank(ordered: Sequence[float]) -> float:
    return ordered[math.ceil(_SHARE * len(ordered)) - 1]


# ---- shown --------------------------------------------------------------------------------------------------------


def suggestion_lines(found: Sequence[Suggestion]) -> list[str]:
    """A table, a row for each task."""
    table = [("TASK", "ATTEMPTS", "MEM ASKED", "USED", "95 OF 100", "CPU ASKED", "USED")]
    for one in found:
        bound = "≤ " if one.is_bound else ""
        cpu = "" if one.cores is None else f"{one.cores:.1f}"
        table.append(
            (
                one.task,
                str(one.attempts),
                _asked(one.declared.mem_text, one.declared.mem_bytes) or "-",
                f"{bound}{show_used(one.peak_bytes)}",
                show_used(one.peak_95_bytes),
                one.declared.cpu_text or "1",
                cpu + (f" ({one.cpu_efficiency:.0%})" if cpu and one.cpu_efficiency is not None else ""),
            )
        )
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    right = {1}
    return [
        "  ".join(c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in table
    ]  # fmt: skip


def reasons(one: Suggestion) -> str:
    """Why a change is suggested, in a sentence."""
    said: list[str] = []
    times = "attempt" if one.attempts == 1 else "attempts"
    if one.ended:
        was = "was" if one.ended == 1 else "were"
        said.append(f"{one.ended} of {one.attempts} {times} {was} ended for using more memory than it asks for")
    elif one.mem_bytes is not None:
        said.append(f"{one.attempts} {times} used {show_used(one.peak_bytes)} at most")
    elif one.mem_factor is not None and one.mem_of_demand is not None:
        said.append(f"{one.attempts} {times} used {one.mem_of_demand:.0%} of what they asked for at most")
    if one.cpu is not None and one.cores is not None:
        asked = show_milli(one.declared.cpu_milli or MILLI)
        said.append(f"they kept {one.cores:.1f} of {asked} cores busy")
    return f"{one.task}: {'; '.join(said)}"


def suggestion_json(one: Suggestion) -> dict[str, Any]:
    """One task in the document of `suggest`."""
    return {
        "task": one.task,
        "attempts": one.attempts,
        "ended": one.ended,
        "mem": {
            "declared": one.declared.mem_text or None,
            "bytes": one.declared.mem_bytes,
            "peak": one.peak_bytes,
            "peak_95": one.peak_95_bytes,
            "at_most": one.is_bound,
            "of_demand": None if one.mem_of_demand is None else round(one.mem_of_demand, 3),
            "suggested": one.mem_bytes,
            "factor": None if one.mem_factor is None else float(one.mem_factor),
        },
        "cpu": {
            "declared": one.declared.cpu_text or None,
            "cores": None if one.declared.cpu_milli is None else one.declared.cpu_milli / MILLI,
            "used": None if one.cores is None else round(one.cores, 3),
            "efficiency": None if one.cpu_efficiency is None else round(one.cpu_efficiency, 3),
            "suggested": one.cpu,
        },
    }


def _asked(text: str, amount: int | None) -> str:
    return text if amount is None else show_size(amount)
