"""A simulated run that is asked why its nodes wait: names by index, no journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from cascade_dsl.engine.plan import Site
from cascade_dsl.engine.state import State
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.report.limits import limits_lines
from cascade_dsl.report.waiting import why_lines
from cascade_dsl.runtime.answers import Answers
from cascade_dsl.runtime.names import Names
from cascade_dsl.store.journal import JournalReader


class ByIndex:
    """Stands for `Names`: every label is an index."""

    def __init__(self, state: State) -> None:
        self._state = state

    def of(self, key: NodeKey) -> str:
        name = self._state.site_of(key).node.name
        return f"{name}[{','.join(map(str, key[1:]))}]" if len(key) > 1 else name

    def find(self, site: Site, labels: Sequence[str]) -> NodeKey | None:
        fits = len(labels) == site.depth and all(label.isdigit() for label in labels)
        return (site.id, *map(int, labels)) if fits else None

    def labels(self, region: NodeKey) -> list[str]:
        return [str(index) for index in range(self._state.frames[region].count)]


class NoJournal:
    """Nothing was started under any name."""

    def newest_attempt(self, names: Iterable[str]) -> NodeKey | None:
        return None


def answers(state: State, now_ns: int) -> Answers:
    """Who answers for a simulated run."""
    return Answers(
        state=state,
        names=cast(Names, ByIndex(state)),
        reader=cast(JournalReader, NoJournal()),
        failure=lambda key: None,
        pid_of=lambda serial: None,
        log_of=lambda serial: f"logs/{serial}.log",
        claims={},
        run="r1",
        now_ns=lambda: now_ns,
    )


def why(state: State, now_ns: int, node: str, columns: int = 110) -> str:
    """What `cascade why NODE` prints."""
    answer: dict[str, Any] = answers(state, now_ns).why(node)
    return "\n".join(why_lines(answer, columns))


def limits(state: State, now_ns: int, columns: int = 110) -> str:
    """What `cascade limits` prints below its first line."""
    return "\n".join(limits_lines(answers(state, now_ns).limits(), columns))
