"""Where an operator's words arrive: parse, check at the door, one turn of the engine, and what it did.

A verb is a row of `Desk._on`: a method that takes the request and gives the answer. What a change did is put into words
in `acknowledging`. A request with `dry` changes nothing: whatever is ordered for it is rehearsed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from ..base.diagnostics import fail
from ..control.server import serve_control
from ..engine.inputs import LimitGiven, LimitTaken
from ..engine.status import Status
from ..ir.events import Word
from ..ir.graph import Call, Graph, walk
from ..ir.requirement import Layer, Limit, Scope
from ..ir.scopes import scopes_of
from .acknowledging import Answer, of_limits
from .interpreter import Interpreter
from .rehearsal import rehearsing

if TYPE_CHECKING:
    from .answers import Answers
    from .changing import Changing
    from .halts import Halts
    from .keeping import Keeping
    from .mending import Mending


@dataclass(frozen=True, slots=True)
class Sentences:
    """The limit sentence as the compiler reads it: this room knows no syntax."""

    limit: Callable[[str, Graph, bool], Limit]
    """One of an operator; of one that is to stay, which says so, `hard` may be said."""
    scope: Callable[[str, Graph], Scope]
    priority: Callable[[str, Graph], tuple[Scope, int | None]]
    """`task:fetch 5`; None: what the text says."""
    demands: Callable[[str, Graph], tuple[Scope, tuple[tuple[str, int | None], ...]]]
    """`task:align mem=16GB cpu=2`, in base units."""
    configured: Callable[[str, Graph], Limit]
    """A sentence of the configuration."""
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
        changing: Callable[[], Changing],
        answers: Callable[[], Answers],
        folder: Path,
    ) -> None:
        """Who repairs the run, who stops it, who sets and takes back, who explains it: each made when first asked for.

        `folder` is the one of the project.
        """
        self._interpreter = interpreter
        self._folder = folder
        self._made_keeping: Keeping | None = None
        self._sentences = sentences
        self._make_mending = mending
        self._made_mending: Mending | None = None
        self._make_halts = halts
        self._make_changing = changing
        self._make_answers = answers
        self._made_answers: Answers | None = None
        self._on: dict[str, Callable[[dict[str, Any]], Awaitable[Answer]]] = {
            "status": self._status,
            "scopes": self._scopes,
            "limit": self._limit,
            "unlimit": self._unlimit,
            "pause": self._pause,
            "resume": self._resume,
            "drain": self._drain,
            "cancel": self._cancel,
            "priority": self._priority,
            "set": self._set,
            "undo": self._undo,
            "retry": self._retry,
            "reload": self._reload,
            "why": self._why,
            "limits": self._limits,
        }

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

    async def answer(self, request: dict[str, Any]) -> Answer:
        """One request; raises CascadeError where it is refused, and then nothing has changed."""
        do = self._on[request["verb"]]
        if "dry" not in request:
            return await do(request)
        with rehearsing():
            return {**await do(request), "applied": False}

    # -- what is asked --------------------------------------------------------------------------------------------

    async def _status(self, _: dict[str, Any]) -> Answer:
        return status_json(self._interpreter.status())

    async def _scopes(self, _: dict[str, Any]) -> Answer:
        calls = [node for node in walk(self._graph.nodes) if isinstance(node, Call)]
        names = [*(node.name for node in calls), *(node.task for node in calls)]
        return {"scopes": scopes_of(self._graph), "nodes": list(dict.fromkeys(names))}

    @property
    def _answers(self) -> Answers:
        if self._made_answers is None:
            self._made_answers = self._make_answers()
        return self._made_answers

    async def _why(self, request: dict[str, Any]) -> Answer:
        return self._answers.why(str(request["node"]))

    async def _limits(self, _: dict[str, Any]) -> Answer:
        return self._answers.limits()

    # -- words ----------------------------------------------------------------------------------------------------

    async def _limit(self, request: dict[str, Any]) -> Answer:
        limit, who = self._sentences.limit(request["text"], self._graph, "sticky" in request), _who(request)
        if limit.amount is None:
            return await self._take(request, limit.scope)
        word = Word(Layer.LIVE, replace(limit, hard=False))
        refusal = self._interpreter.state.ledger.refusal(word)
        if refusal is not None:
            help = "stay at or below that, or take `hard` away where it stands, in the file or in `cascade.toml`, and run it again"
            raise fail("CSC350", refusal, help=help)
        given = LimitGiven(word=word, who=who, preempt="preempt" in request)
        return await self._keep(request, limit.scope, limit, lambda: self._change(given, limit.scope))

    async def _unlimit(self, request: dict[str, Any]) -> Answer:
        return await self._take(request, self._scope(request["scope"]))

    async def _take(self, request: dict[str, Any], scope: Scope) -> Answer:
        given = LimitTaken(layer=Layer.LIVE, scope=scope, who=_who(request))
        return await self._keep(request, scope, None, lambda: self._change(given, scope))

    async def _keep(
        self, request: dict[str, Any], scope: Scope, limit: Limit | None, change: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Make a change, and where it is to stay, have the project's configuration say it too."""
        if "sticky" not in request:
            return await change()
        if self._made_keeping is None:
            from .keeping import Keeping

            self._made_keeping = Keeping(self._folder, self._sentences.configured)
        return await self._made_keeping.keep(self._interpreter.state.plan, scope, limit, change, dry="dry" in request)

    def _scope(self, text: str) -> Scope:
        return self._sentences.scope(text, self._graph)

    async def _change(self, given: LimitGiven | LimitTaken, scope: Scope) -> Answer:
        ledger = self._interpreter.state.ledger
        said = given.word.limit if isinstance(given, LimitGiven) else None

        def effect(before: tuple[Any, set[int]]) -> Answer:
            told = of_limits(self._interpreter.run_id, ledger.effect(scope, before[0], said), applied=True)
            if isinstance(given, LimitGiven) and given.preempt:
                count = len(self._preempted() - before[1])
                told["preempted"] = count
                if ledger.told.lacks_keys(given.word.limit.identity):
                    told["effect"] += "; what is too much of a key is stopped when the keys are known"
                else:
                    told["effect"] += f"; {count} stopped and queued again" if count else "; nothing is stopped"
            return told

        return await self._interpreter.order(given, lambda: (ledger.capacities(scope), self._preempted()), effect)

    def _preempted(self) -> set[int]:
        running = self._interpreter.state.running.values()
        return {each.serial for each in running if each.stopping == "preempted"}

    # -- what stops and goes on -----------------------------------------------------------------------------------

    async def _pause(self, request: dict[str, Any]) -> Answer:
        text = request.get("scope")
        return await self._make_halts().pause(request, Scope("global") if text is None else self._scope(text))

    async def _resume(self, request: dict[str, Any]) -> Answer:
        text = request.get("scope")
        return await self._make_halts().resume(request, None if text is None else self._scope(text))

    async def _drain(self, request: dict[str, Any]) -> Answer:
        return await self._make_halts().drain(request)

    async def _cancel(self, request: dict[str, Any]) -> Answer:
        halts = self._make_halts()
        is_scope = "what" in request and halts.means_scope(request)
        return await halts.cancel(request, self._scope(request["what"]) if is_scope else None)

    # -- what is set and taken back -------------------------------------------------------------------------------

    async def _priority(self, request: dict[str, Any]) -> Answer:
        scope, priority = self._sentences.priority(request["text"], self._graph)
        return await self._make_changing().priority(request, scope, priority)

    async def _set(self, request: dict[str, Any]) -> Answer:
        scope, amounts = self._sentences.demands(request["text"], self._graph)
        return await self._make_changing().demands(request, scope, amounts)

    async def _undo(self, request: dict[str, Any]) -> Answer:
        return await self._make_changing().undo(request)

    # -- repair ---------------------------------------------------------------------------------------------------

    async def _retry(self, request: dict[str, Any]) -> Answer:
        text = str(request["node"])
        scope = self._scope(text) if self._make_halts().retries_scope(text) else None
        return await self._mending.retry(request, scope)

    async def _reload(self, request: dict[str, Any]) -> Answer:
        return await self._mending.reload(request)


def _who(request: dict[str, Any]) -> str:
    return str(request.get("who", ""))


def status_json(status: Status) -> dict[str, Any]:
    """A status as it travels."""
    return asdict(status)
