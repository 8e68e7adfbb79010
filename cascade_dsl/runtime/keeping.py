"""Answers `--sticky`: a change of the run that its project's configuration is to say too, both or none of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import trio

from ..engine.plan import Plan
from ..ir.graph import Graph
from ..ir.requirement import Limit, Scope
from ..ir.sentences import limit_text
from .acknowledging import Answer
from .configuration import NAME
from .sticky import Keep, Staged, refuse_ending


class Keeping:
    """The configuration of one project, as one run writes it."""

    def __init__(self, folder: Path, parse: Callable[[str, Graph], Limit]) -> None:
        self._folder = folder
        self._parse = parse
        self._one = trio.Lock()

    async def keep(
        self,
        plan: Plan,
        scope: Scope,
        limit: Limit | None,
        change: Callable[[], Awaitable[Answer]],
        *,
        dry: bool,
    ) -> Answer:
        """The answer of `change`, which is not asked for where the file cannot be written; `limit` None: no more of the scope."""
        text = ""
        if limit is not None:
            refuse_ending(limit)
            dimension = plan.dimensions.get(scope.pattern, "count") if scope.kind == "resource" else "count"
            text = limit_text(replace(limit, line=0), dimension)
        keep = Keep(scope, limit, text)
        parse = partial(self._read, plan.graph)
        async with self._one:
            staged = await trio.to_thread.run_sync(partial(Staged, self._folder, keep, parse, dry=dry))
            try:
                answer = await change()
            except BaseException:
                staged.discard()
                raise
            if not dry:
                with trio.CancelScope(shield=True):  # the change is made: the run may end because of it
                    await trio.to_thread.run_sync(staged.commit)
        if limit is not None:
            told = f"and in {NAME} for runs to come"
        else:
            told = f"and no more in {NAME}" if staged.changes else f"{NAME} says nothing of it"
        return {**answer, "sticky": NAME, "effect": f"{answer['effect']}; {told}"}

    def _read(self, graph: Graph, text: str) -> Limit:
        return self._parse(text, graph)
