"""What the layers say of a pool, for people and programs: each word as its canonical sentence, and whether it counts now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..engine.state import State
from ..ir.events import NoLongerStarved, Starved, Word
from ..ir.requirement import Dimension, Identity, Layer, Limit
from ..ir.sentences import limit_text
from ..limits.obstacles import Told
from ..limits.words import Said, show_amount

LAYERS: dict[Layer, str] = {
    Layer.MACHINE: "machine",
    Layer.FILE: "file",
    Layer.CONFIG: "config",
    Layer.COMMAND_LINE: "command line",
    Layer.FLEET: "fleet",
    Layer.LIVE: "live",
}


def said_json(told: Told, identity: Identity, dimension: Dimension) -> list[dict[str, Any]]:
    """Every word about an identity, that of the highest layer first."""
    return [_one(said, dimension) for said in told.said(identity)]


def _one(said: Said, dimension: Dimension) -> dict[str, Any]:
    word = said.word
    return {**word_json(word, dimension), "standing": said.standing, "turns_ns": said.turns_ns}


def word_json(word: Word, dimension: Dimension) -> dict[str, Any]:
    """A word, whoever says it."""
    limit = word.limit
    return {
        "layer": LAYERS[word.layer],
        "who": word.who,
        "sentence": sentence(limit, dimension),
        "because": limit.because,
        "since_ns": word.since_ns or None,
        "until_ns": limit.until_ns,
        "hard": limit.hard,
        "line": limit.line,
    }


def sentence(limit: Limit, dimension: Dimension) -> str:
    """A word as the language writes it, without what is told beside it: `because`, and an instant that no clock tells of."""
    told = replace(limit, because="")
    if limit.for_ns is None and limit.until_minute is None:
        told = replace(told, until_ns=None)
    return f"limit {limit_text(told, dimension)}"


def starved_text(event: Starved | NoLongerStarved, state: State) -> str:
    r"""`starved: align needs mem 64GB, the limit is 32GB; \`cascade limit mem 64GB\` lets it start`."""
    scope = event.identity.scope
    dimension = state.plan.dimensions.get(scope.pattern, "count") if scope.kind == "resource" else "count"
    if isinstance(event, NoLongerStarved):
        return f"starved no more: {event.task} and {event.identity}"
    by = f" by {event.identity.by}" if event.identity.by else ""
    need, most = show_amount(dimension, event.need), show_amount(dimension, event.limit)
    if event.identity.kind == "spend":
        return (
            f"starved: {event.task} needs {need} of {event.identity} at once, the burst is {most}; "
            f"`cascade limit {scope} … burst {need}{by}` lets it start"
        )
    return (
        f"starved: {event.task} needs {event.identity} {need}, the limit is {most}; "
        f"`cascade limit {scope} {need}{by}` lets it start"
    )
