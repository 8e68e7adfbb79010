"""Answers what the engine asks: values of expressions, facts of calls, lengths, gathered lists.

Small pure expressions are evaluated here, in slices that leave the loop free; what reads, uses a regular expression
or goes over many elements is sent to a worker process with a deadline.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import trio

from ..base.diagnostics import CascadeError
from ..engine.effects import Ask, Evaluate, EvaluateFacts, Gather, KeyNodes, Measure, Recall
from ..engine.facts import facts_of
from ..engine.handles import elements, handle, source_list
from ..engine.inputs import Evaluated, EvaluationFailed, FactsEvaluated, GatherBuilt, Input, Measured
from ..engine.plan import Site
from ..engine.state import State
from ..executors.evaluator import EvaluationPool
from ..ir.codec import encode
from ..ir.events import Facts
from ..ir.expr import Expr, Var, parts, refs
from ..ir.graph import Compute, NodeKey
from ..store.blobs import Blobs
from ..values.evaluate import evaluate
from ..values.faults import EvalError, told
from ..values.typing import check_value, describe
from ..values.weight import needs_worker
from .bodies import Bodies
from .keys import Keys
from .places import CannotStart, ValueOf
from .results import store_text, store_value
from .values import KnownLists, Values

T = TypeVar("T")
_SLICE = 200
"""Answers between two looks at the loop."""
_SLOW_SLICE = 50
"""The same for those that might have needed a worker: each is looked at more than once."""
_SHORT = 100
"""Items of a list that is put together on the spot."""
_BATCH = 256
"""Expressions that travel to a worker together."""


class Evaluator:
    """Takes asks, gives inputs to `answer`."""

    def __init__(
        self,
        state: State,
        values: Values,
        bodies: Bodies,
        blobs: Blobs,
        *,
        folder: str,
        now_s: float,
        answer: Callable[[Input], None],
        note: Callable[[str], None],
    ) -> None:
        """`note` is told of what people should know and that fails nothing."""
        self._state = state
        self._values = values
        self._bodies = bodies
        self._blobs = blobs
        self._folder = folder
        self._now_s = now_s
        self._answer = answer
        self._keys = Keys(state, self, bodies, note)
        self._asks: deque[Ask | KeyNodes] = deque()
        self._bell = trio.Event()
        self._pool: EvaluationPool | None = None
        self._heavy: dict[int, tuple[Expr, bool]] = {}
        """By identity, which the expression that is kept beside it makes lasting."""
        self._slow_sites: dict[int, bool] = {}

    def ask(self, ask: Ask | KeyNodes) -> None:
        """Take a question; its answer comes later."""
        self._asks.append(ask)
        self._bell.set()

    def renew(self) -> None:
        """The run is of another text: forget what was found out about expressions of the older one."""
        self._heavy.clear()
        self._slow_sites.clear()

    def _reply(self, ask: Ask, given: Input) -> None:
        """Give an answer, but for one to a question that was asked anew meanwhile, under another text."""
        if self._state.asked.get(ask.key) is ask:
            self._answer(given)

    async def serve(self) -> None:
        """Answer until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    await self._bell.wait()
                    self._bell = trio.Event()
                    slow: list[Ask] = []
                    done = 0
                    while self._asks:
                        ask = self._asks.popleft()
                        if isinstance(ask, Gather):
                            nursery.start_soon(self._gather, ask)
                        elif isinstance(ask, KeyNodes):
                            nursery.start_soon(self._key_nodes, ask)
                        elif self._is_slow(ask):
                            slow.append(ask)
                            if len(slow) == _BATCH:
                                nursery.start_soon(self._answer_slowly, slow)
                                slow = []
                        else:
                            self._answer_now(ask)
                            done += 1
                            if done % _SLICE == 0:
                                await trio.lowlevel.checkpoint()
                    if slow:
                        nursery.start_soon(self._answer_slowly, slow)
        finally:
            if self._pool is not None:
                self._pool.close()

    # -- here -----------------------------------------------------------------------------------------------------

    def _answer_now(self, ask: Ask) -> None:
        self._conclude(ask, self.value_of(ask.key[1:]))

    def value_of(self, path: tuple[int, ...], known: KnownLists | None = None) -> ValueOf:
        """How expressions of an instance with that path are evaluated here. `known`: see `Values.env`."""

        plain = self._values.env(path, None, known)

        def value_of(expr: Expr, variables: Mapping[str, Any]) -> Any:
            return evaluate(expr, self._values.env(path, variables, known) if variables else plain)

        return value_of

    def _conclude(self, ask: Ask, value_of: ValueOf) -> None:
        key = ask.key
        site = self._state.plan.sites[key[0]]
        try:
            match ask:
                case Evaluate():
                    assert isinstance(site.node, Compute)
                    self._reply(ask, self._computed(key, site, value_of(site.node.expr, {})))
                case EvaluateFacts():
                    facts = self._facts(ask, site, value_of)
                    if ask.by:
                        keys = tuple((by, self._keys.of(site, by, expr, value_of)) for by, expr in ask.by)
                        facts = replace(facts, keys=keys)
                    self._reply(ask, FactsEvaluated(key=key, facts=facts))
                case Measure():
                    items = self._values.get(source_list(self._state, key))
                    if not isinstance(items, list):
                        raise EvalError(f"`for` wants a list, found {describe(items)}")
                    many: list[Any] = items  # pyright: ignore[reportUnknownVariableType]
                    self._reply(ask, Measured(key=key, length=len(many)))
                case Gather() | Recall():
                    raise AssertionError("gathers are built and results recalled elsewhere")
        except EvalError as error:
            self._fault(ask, told(error, self._state.plan.name_of))
        except (ValueError, CannotStart) as error:
            self._fault(ask, str(error))
        except CascadeError as error:
            self._fault(ask, "; ".join(d.message for d in error.diagnostics))

    def _facts(self, ask: EvaluateFacts, site: Site, value_of: ValueOf) -> Facts:
        if site.facts is not None:
            return site.facts
        assert site.clauses is not None
        inputs = self._bodies.arguments(site, value_of)
        seen = {"last": {"mem": ask.peak_bytes}, **inputs, "attempt": ask.attempt}
        return facts_of(site.clauses, self._state.plan.dimensions, lambda expr: value_of(expr, seen))

    def _fault(self, ask: Ask, message: str) -> None:
        self._reply(ask, EvaluationFailed(key=ask.key, message=self._bodies.secrets.masked(message)))

    def _computed(self, key: NodeKey, site: Site, value: Any) -> Evaluated:
        assert isinstance(site.node, Compute)
        value = check_value(site.node.type, value)
        fact = None
        if site.body.condition == site.pos and site.body.parent is not None:
            if not isinstance(value, bool):
                raise EvalError(f"a condition must be true or false, found {describe(value)}")
            fact = value
        secrets = self._bodies.secrets
        if secrets.masks is not None:
            why = secrets.told_by(json.dumps(value, ensure_ascii=False), "its value")
            if why is not None:
                raise EvalError(why)
        stored = store_value(value, self._blobs)
        return Evaluated(key=key, value=stored.value, blob=stored.blob, length=stored.length, fact=fact)

    # -- in a worker ----------------------------------------------------------------------------------------------

    def _is_slow(self, ask: Ask) -> bool:
        site = self._state.plan.sites[ask.key[0]]
        if isinstance(ask, Evaluate):
            assert isinstance(site.node, Compute)
            return self.is_slow(site.node.expr, ask.key[1:])
        if isinstance(ask, EvaluateFacts):
            return self.is_slow_call(site, ask.key[1:]) or any(self.may_be_heavy(expr) for _, expr in ask.by)
        return False

    def may_be_slow(self, site: Site) -> bool:
        """False where no expression of a call can ever need a worker."""
        known = self._slow_sites.get(site.id)
        if known is None:
            known = self._slow_sites[site.id] = any(needs_worker(e) for e in self._bodies.expressions(site))
        return known

    def is_slow_call(self, site: Site, path: tuple[int, ...]) -> bool:
        """True where an expression of a call's instance must not be evaluated in this process."""
        return any(self.is_slow(e, path) for e in self._bodies.expressions(site))

    def may_be_heavy(self, expr: Expr) -> bool:
        """False where an expression never needs a worker, whatever its values."""
        known = self._heavy.get(id(expr))
        if known is None:
            known = self._heavy[id(expr)] = (expr, needs_worker(expr))
        return known[1]

    def is_slow(self, expr: Expr, path: tuple[int, ...], variables: Mapping[str, Any] | None = None) -> bool:
        """True where an expression must not be evaluated in this process."""
        return self.may_be_heavy(expr) and needs_worker(expr, self._size(expr, path, variables or {}))

    def _size(self, expr: Expr, path: tuple[int, ...], variables: Mapping[str, Any]) -> int:
        """An upper bound of the elements that an expression's values hold: the length of their text."""
        names = {part.name for part in parts(expr) if isinstance(part, Var)}
        size = sum(len(json.dumps(variables[name])) for name in names if name in variables)
        for node in refs(expr):
            at = handle(self._state, node, path)
            size += len(self._values.text(at)) if isinstance(at, int) else len(str(self._values.get(at)))
        return size

    async def slowly(
        self, path: tuple[int, ...], work: Callable[[ValueOf], T], known: Mapping[int, Any] | None = None
    ) -> T:
        """`work(value_of)`, where expressions that must not be evaluated here are evaluated in a worker.

        `work` is begun again with each answer that it was missing: it must not mind being run more than once. `known` are
        answers that are there, by the identity of the expression.
        """
        answers = dict(known or {})

        def value_of(expr: Expr, variables: Mapping[str, Any]) -> Any:
            if id(expr) in answers:
                value = answers[id(expr)]
                if isinstance(value, EvalError):
                    raise value
                return value
            if self.is_slow(expr, path, variables):
                raise _Missing(expr, variables)
            return evaluate(expr, self._values.env(path, variables))

        while True:
            try:
                return work(value_of)
            except _Missing as missing:
                found = await self.in_worker([(missing.expr, missing.variables, path)])
                answers[id(missing.expr)] = found[0]

    async def in_worker(self, wanted: list[tuple[Expr, Mapping[str, Any], tuple[int, ...]]]) -> list[Any]:
        """Values of expressions, evaluated in a worker; an EvalError stands for one that has none."""
        if self._pool is None:
            self._pool = EvaluationPool(environ=self._bodies.environ)
        requests: list[str] = []
        for expr, variables, path in wanted:
            seen = {str(n): self._values.get(handle(self._state, n, path)) for n in refs(expr)}
            request = {
                "expr": encode(expr),
                "vars": dict(variables),
                "refs": seen,
                "folder": self._folder,
                "now": self._now_s,
            }
            requests.append(json.dumps(request))
        answers = [json.loads(a) for a in await self._pool.evaluate(requests)]
        return [a["ok"] if "ok" in a else _fault(a, expr) for a, (expr, _, _) in zip(answers, wanted, strict=True)]

    async def _answer_slowly(self, asks: list[Ask]) -> None:
        wanted: list[tuple[Expr, Mapping[str, Any], tuple[int, ...]]] = []
        computes: list[Ask] = []
        for ask in asks:
            node = self._state.plan.sites[ask.key[0]].node
            if isinstance(ask, Evaluate) and isinstance(node, Compute):
                computes.append(ask)
                wanted.append((node.expr, {}, ask.key[1:]))
        if wanted:
            for ask, value in zip(computes, await self.in_worker(wanted), strict=True):
                self._conclude(ask, _constant(value))
        facts = [ask for ask in asks if isinstance(ask, EvaluateFacts)]
        known = await self._keys.ahead([(ask.key, expr) for ask in facts for _, expr in ask.by])
        for count, ask in enumerate(facts, 1):
            await self.slowly(ask.key[1:], partial(self._conclude, ask), known.get(ask.key))
            if count % _SLOW_SLICE == 0:
                await trio.lowlevel.checkpoint()

    async def _key_nodes(self, ask: KeyNodes) -> None:
        given = await self._keys.answer(ask)
        if given is not None:
            self._answer(given)

    # -- lists ----------------------------------------------------------------------------------------------------

    async def _gather(self, ask: Gather) -> None:
        key = ask.key
        pieces: list[str] = []
        length = 0
        try:
            for texts in self._values.texts(elements(self._state, key)):
                pieces.append(",".join(texts))
                length += len(texts)
                await trio.lowlevel.checkpoint()
            store = partial(store_text, "[" + ",".join(pieces) + "]", length, self._blobs)
            # A list that is long goes to disk as a blob, which may take its time.
            stored = store() if length < _SHORT else await trio.to_thread.run_sync(store)
        except CascadeError as error:
            self._reply(ask, EvaluationFailed(key=key, message="; ".join(d.message for d in error.diagnostics)))
            return
        self._reply(ask, GatherBuilt(key=key, value=stored.value, blob=stored.blob, length=stored.length))


class _Missing(Exception):
    """A value that has to come from a worker."""

    def __init__(self, expr: Expr, variables: Mapping[str, Any]) -> None:
        self.expr = expr
        self.variables = variables


def _fault(answer: dict[str, Any], expr: Expr) -> EvalError:
    """What a worker found, with the part of our expression at that place."""
    error, place = EvalError(answer["error"]), answer.get("place")
    if place is not None:
        error.inside(next(islice(parts(expr), place, None), expr))
    return error


def _constant(value: Any) -> ValueOf:
    def value_of(expr: Expr, variables: Mapping[str, Any]) -> Any:
        if isinstance(value, EvalError):
            raise value
        return value

    return value_of
