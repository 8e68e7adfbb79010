"""Keys: to which pool of a limit with `by` an instance of a call belongs, evaluated from the inputs that `by` uses.

A key never fails a node: where it has no value the instance belongs to the pool `?`, and that is said once for each task,
with the reason. No key contains a secret. Expressions that read, use a regular expression or are heavy go to a worker,
many together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import trio

from ..base.diagnostics import CascadeError
from ..engine.effects import KeyNodes
from ..engine.inputs import NodesKeyed
from ..engine.plan import Site
from ..engine.state import State
from ..ir.expr import Expr, Var, parts
from ..ir.graph import NodeKey
from ..values.faults import EvalError, told
from .bodies import Bodies
from .places import ValueOf
from .refusals import CannotStart

if TYPE_CHECKING:
    from .evaluating import Evaluator

UNKNOWN = "?"
"""The key of what has none."""
LONGEST = 200
"""Characters of a key. Of a longer text it is the beginning and a digest."""
_BEGINNING = 60
_DIGEST_BYTES = 16
_SLICE = 200
"""Keys between two looks at the loop, and those that travel to a worker together."""

Answers = dict[NodeKey, dict[int, Any]]
"""By instance and identity of an expression: its value, or an EvalError."""


def shortened(text: str) -> str:
    """A key of a length that can be shown and kept for many."""
    if len(text) <= LONGEST:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{text[:_BEGINNING]}… {digest}"


def text_of(value: Any) -> str:
    """A value as text: a string as it is, everything else as JSON with sorted names."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


class Keys:
    """Evaluates the keys of one run's instances."""

    def __init__(self, state: State, evaluator: Evaluator, bodies: Bodies, note: Callable[[str], None]) -> None:
        self._state = state
        self._evaluator = evaluator
        self._bodies = bodies
        self._note = note
        self._noted: set[tuple[str, str]] = set()

    def of(self, site: Site, by: str, expr: Expr, value_of: ValueOf) -> str:
        """The key of an instance, its expressions evaluated by `value_of`."""
        try:
            text = text_of(value_of(expr, self._inputs(site, expr, value_of)))
        except EvalError as error:
            return self._unknown(site, by, told(error, self._state.plan.name_of))
        except (ValueError, CannotStart) as error:
            return self._unknown(site, by, str(error))
        except CascadeError as error:
            return self._unknown(site, by, "; ".join(d.message for d in error.diagnostics))
        if self._bodies.secrets.told_by(text, "the key") is not None:
            return self._unknown(site, by, "it contains a secret")
        return shortened(text)

    def _inputs(self, site: Site, expr: Expr, value_of: ValueOf) -> dict[str, Any]:
        names = {part.name for part in parts(expr) if isinstance(part, Var)}
        return self._bodies.arguments(site, value_of, names)

    def _unknown(self, site: Site, by: str, why: str) -> str:
        assert site.task is not None
        told_of = (by, site.task.name)
        if told_of not in self._noted:
            self._noted.add(told_of)
            sentence = f"`by {by}` has no value for a call of `{site.task.name}`, which is counted under `?`: {why}"
            self._note(self._bodies.secrets.masked(sentence))
        return UNKNOWN

    async def answer(self, ask: KeyNodes) -> NodesKeyed | None:
        """Keys of those that are still there; None where the question has become void."""
        keyed: list[tuple[NodeKey, str]] = []
        for at in range(0, len(ask.keys), _SLICE):
            there = [key for key in ask.keys[at : at + _SLICE] if self._is_there(key)]
            known = await self.ahead([(key, ask.expr) for key in there])
            for key in there:
                if self._state.keying is not ask:
                    return None
                text = await self._key(key, ask.by, ask.expr, known.get(key))
                if text is not None:
                    keyed.append((key, text))
            await trio.lowlevel.checkpoint()
        return NodesKeyed(by=ask.by, keyed=tuple(keyed)) if self._state.keying is ask else None

    def _is_there(self, key: NodeKey) -> bool:
        return key in self._state.queued_ns or key in self._state.running

    async def _key(self, key: NodeKey, by: str, expr: Expr, known: dict[int, Any] | None) -> str | None:
        """The key of an instance; None where it has ended meanwhile."""
        evaluator = self._evaluator
        site, path = self._state.plan.sites[key[0]], key[1:]
        try:
            if known is None and not evaluator.may_be_slow(site) and not evaluator.may_be_heavy(expr):
                return self.of(site, by, expr, evaluator.value_of(path))
            return await evaluator.slowly(path, partial(self.of, site, by, expr), known)
        except KeyError:
            if self._is_there(key):
                raise
            return None

    async def ahead(self, wanted: Sequence[tuple[NodeKey, Expr]]) -> Answers:
        """Values of those of the expressions that may be heavy; all that must not be evaluated here go to a worker in one go.

        Left out are instances whose inputs themselves have to come from a worker, or have no value.
        """
        evaluator = self._evaluator
        answers: Answers = {}
        heavy: list[tuple[NodeKey, Expr]] = []
        requests: list[tuple[Expr, Mapping[str, Any], tuple[int, ...]]] = []
        for key, expr in wanted:
            site, path = self._state.plan.sites[key[0]], key[1:]
            if not evaluator.may_be_heavy(expr) or evaluator.is_slow_call(site, path):
                continue
            value_of = evaluator.value_of(path)
            try:
                inputs = self._inputs(site, expr, value_of)
                if evaluator.is_slow(expr, path, inputs):
                    heavy.append((key, expr))
                    requests.append((expr, inputs, path))
                else:
                    answers.setdefault(key, {})[id(expr)] = value_of(expr, inputs)
            except EvalError as error:
                answers.setdefault(key, {})[id(expr)] = error
            except (CannotStart, CascadeError):
                continue
        if requests:
            for (key, expr), value in zip(heavy, await evaluator.in_worker(requests), strict=True):
                answers.setdefault(key, {})[id(expr)] = value
        return answers
