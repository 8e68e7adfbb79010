"""Where an operator's words arrive: parse, check at the door, one turn of the engine, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from ..base.diagnostics import fail
from ..control.server import serve_control
from ..engine.inputs import LimitGiven, LimitTaken
from ..engine.status import Status
from ..ir.events import Word
from ..ir.graph import Graph
from ..ir.requirement import Layer, Limit, Scope
from ..ir.scopes import scopes_of
from ..limits.views import Effect
from .interpreter import Interpreter

if TYPE_CHECKING:
    from .halts import Halts
    from .mending import Mending


@dataclass(frozen=True, slots=True)
class Sentences:
    """The limit sentence as the compiler reads it: this room knows no syntax."""

    limit: Callable[[str, Graph], Limit]
    scope: Callable[[str, Graph], Scope]
    compiler: Sequence[str] = ()
    """The command that compiles the file that follows: `{"graph": …, "diagnostics": […]}` on its standard output."""
    load: Callable[[Path], Graph] | None = None
    """The same in this process, before the run goes on."""


class Desk:
    """Answers control requests of one run."""

    def __init__(
        self,
        interpreter: Interpreter,
        sentences: Sentences,
        mending: Callable[[], Mending],
        halts: Callable[[], Halts],
    ) -> None:
        """`mending` makes who repairs the run, `halts` who stops it, when that is first asked for."""
        self._interpreter = interpreter
        self._sentences = sentences
        self._make_mending = mending
        self._made_mending: Mending | None = None
        self._make_halts = halts

    @property
    def _graph(self) -> Graph:
        return self._interpreter.state.plan.graph

    @property
    def _mending(self) -> Mending:
        if self._made_mending is None:
            self._made_mending = self._make_mending()
        return self._made_mending

    async def serve(self, socket: Path, *, task_status: trio.TaskStatus[None]) -> None:
        """Answer at a socket until cancelled."""
        await serve_control(socket, self.answer, task_status=task_status)

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request; raises CascadeError where it is refused, and then nothing has changed."""
        who = str(request.get("who", ""))
        match request["verb"]:
            case "status":
                return self._status()
            case "scopes":
                return {"scopes": scopes_of(self._graph)}
            case "limit":
                limit = self._sentences.limit(request["text"], self._graph)
                if limit.amount is None:
                    given = LimitTaken(layer=Layer.LIVE, scope=limit.scope, who=who)
                    return await self._change(given, limit.scope)
                word = Word(Layer.LIVE, limit)
                refusal = self._interpreter.state.ledger.refusal(word)
                if refusal is not None:
                    raise fail(
                        "CSC350", refusal, help="stay at or below that, or take `hard` out of the file and run it again"
                    )
                given = LimitGiven(word=word, who=who, preempt="preempt" in request)
                return await self._change(given, limit.scope)
            case "unlimit":
                scope = self._sentences.scope(request["scope"], self._graph)
                return await self._change(LimitTaken(layer=Layer.LIVE, scope=scope, who=who), scope)
            case "pause":
                scope = self._scope(request)
                return await self._make_halts().pause(request, scope)
            case "resume":
                text = request.get("scope")
                scope = None if text is None else self._sentences.scope(str(text), self._graph)
                return await self._make_halts().resume(request, scope)
            case "drain":
                return await self._make_halts().drain(request)
            case "cancel":
                halts = self._make_halts()
                is_scope = "what" in request and halts.means_scope(request)
                scope = self._sentences.scope(str(request["what"]), self._graph) if is_scope else None
                return await halts.cancel(request, scope)
            case "retry":
                return await self._mending.retry(request)
            case "reload":
                return await self._mending.reload(request)
            case verb:
                raise AssertionError(f"the protocol let {verb!r} through")

    def _scope(self, request: dict[str, Any]) -> Scope:
        text = request.get("scope")
        return Scope("global") if text is None else self._sentences.scope(str(text), self._graph)

    async def _change(self, given: LimitGiven | LimitTaken, scope: Scope) -> dict[str, Any]:
        ledger = self._interpreter.state.ledger
        return await self._interpreter.order(
            given,
            lambda: (ledger.capacities(scope), self._preempted()),
            lambda before: self._changed(ledger.effect(scope, before[0]), given, before[1]),
        )

    def _changed(self, effect: Effect, given: LimitGiven | LimitTaken, before: set[int]) -> dict[str, Any]:
        told = self._acknowledge(effect)
        if isinstance(given, LimitGiven) and given.preempt:
            count = len(self._preempted() - before)
            told["preempted"] = count
            told["effect"] += f"; {count} stopped and queued again" if count else "; nothing is stopped"
        return told

    def _preempted(self) -> set[int]:
        running = self._interpreter.state.running.values()
        return {each.serial for each in running if each.stopping == "preempted"}

    def _acknowledge(self, effect: Effect) -> dict[str, Any]:
        return {
            "run": self._interpreter.run_id,
            "scope": effect.scope,
            "applied": True,
            "before": dict(effect.before),
            "after": dict(effect.after),
            "running": effect.running,
            "waiting": effect.waiting,
            "effect": effect.text,
        }

    def _status(self) -> dict[str, Any]:
        return status_json(self._interpreter.status())


def status_json(status: Status) -> dict[str, Any]:
    """A status as it travels."""
    return asdict(status)
