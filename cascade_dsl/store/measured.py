"""What the attempts of a run used, from its journal, beside what they had asked for. Reads only; nothing is replayed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..engine.plan import Plan
from ..ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    Facts,
    FactsKnown,
    PublishPlanned,
)
from ..ir.graph import NodeKey
from ..ir.used import Used
from .journal import JournalReader


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredAttempt:
    """An attempt that has ended. `used` is None where nobody measured it: its engine died, or it never began."""

    key: NodeKey
    attempt: int
    serial: int
    started_ns: int
    queued_ms: int
    end: Literal["done", "failed", "lost"]
    message: str
    used: Used | None
    demands: dict[str, int]
    """What it had asked for, by resource, in base units."""
    granted: dict[str, int]
    """The same, where an operator had set any of it; else empty."""


def measured(reader: JournalReader, plan: Plan) -> Iterator[MeasuredAttempt]:
    """Every ended attempt of a run, in the order of their ends. `plan` is of the graph that was run."""
    facts: dict[NodeKey, Facts] = {}
    running: dict[NodeKey, tuple[int, AttemptStarted]] = {}
    planned: dict[NodeKey, Used | None] = {}
    for t_ns, event in reader.of_classes(
        FactsKnown, AttemptStarted, PublishPlanned, AttemptFinished, AttemptFailed, AttemptLost
    ):
        match event:
            case FactsKnown():
                facts[event.key] = event.facts
            case AttemptStarted():
                running[event.key] = t_ns, event
            case PublishPlanned():
                planned[event.key] = event.used
            case AttemptFinished() | AttemptFailed() | AttemptLost():
                begun = running.pop(event.key, None)
                used = planned.pop(event.key, None) if event.used is None else event.used
                if begun is None:
                    continue
                started_ns, start = begun
                yield MeasuredAttempt(
                    key=event.key,
                    attempt=event.attempt,
                    serial=start.serial,
                    started_ns=started_ns,
                    queued_ms=start.queued_ms,
                    end=_end(event),
                    message=_said(event),
                    used=used,
                    demands=dict(start.granted) or _demands(plan, event.key, facts.get(event.key)),
                    granted=dict(start.granted),
                )
            case _:
                raise AssertionError(event)


def _end(event: AttemptFinished | AttemptFailed | AttemptLost) -> Literal["done", "failed", "lost"]:
    match event:
        case AttemptFinished():
            return "done"
        case AttemptFailed():
            return "failed"
        case AttemptLost():
            return "lost"


def _said(event: AttemptFinished | AttemptFailed | AttemptLost) -> str:
    match event:
        case AttemptFinished():
            return ""
        case AttemptFailed():
            return event.message
        case AttemptLost():
            return event.why


def _demands(plan: Plan, key: NodeKey, known: Facts | None) -> dict[str, int]:
    site = plan.sites[key[0]]
    facts = site.facts if site.facts is not None else known
    if facts is None or site.clauses is None:
        return {}
    return {r.resource: amount for r, amount in zip(site.clauses.requires, facts.amounts, strict=False)}
