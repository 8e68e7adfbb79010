"""From evaluated clause values to `Facts`: the small integers that the engine decides by."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isfinite
from typing import Any

from ..base.quantity import INT_MAX, MILLI, duration_ns, exact
from ..ir.events import Facts
from ..ir.expr import Expr, Lit, Var, parts
from ..ir.graph import Clauses
from ..ir.requirement import Dimension
from ..values.typing import describe


def base_amount(dimension: Dimension, value: Any) -> int:
    """A declared amount in base units, rounded up; ValueError with a sentence where it is no amount."""
    if value is True or value is False or not isinstance(value, int | float):
        raise ValueError(f"an amount must be a number, found {describe(value)}")
    if not isfinite(value):
        raise ValueError("an amount must be finite")
    if value < 0:
        raise ValueError(f"an amount must not be negative, it is {value}")
    amount = ceil(exact(value) * (MILLI if dimension == "millicpu" else 1))
    if amount > INT_MAX:
        raise ValueError(f"an amount of {value} is too large")
    return amount


def facts_of(clauses: Clauses, dimensions: dict[str, Dimension], value_of: Callable[[Expr], Any]) -> Facts:
    """The facts of a call, its clauses evaluated by `value_of`; ValueError names the clause that does not fit."""
    amounts: list[int] = []
    for requirement in clauses.requires:
        try:
            amounts.append(base_amount(dimensions[requirement.resource], value_of(requirement.amount)))
        except ValueError as error:
            raise ValueError(f"requires {requirement.resource}: {error}") from None
    retries = backoff_min = backoff_max = 0
    if clauses.retry is not None:
        retries = _whole("retry", value_of(clauses.retry.count))
        backoff_min = _span("backoff", value_of(clauses.retry.backoff_min))
        backoff_max = max(backoff_min, _span("backoff", value_of(clauses.retry.backoff_max)))
    timeout = None if clauses.timeout is None else _span("timeout", value_of(clauses.timeout))
    priority = 0
    if clauses.priority is not None:
        value = value_of(clauses.priority)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"priority: a whole number is wanted, found {describe(value)}")
        priority = value
    return Facts(
        amounts=tuple(amounts),
        retries=retries,
        backoff_min_ns=backoff_min,
        backoff_max_ns=backoff_max,
        timeout_ns=timeout,
        priority=priority,
    )


def literal_facts(clauses: Clauses, dimensions: dict[str, Dimension]) -> Facts | None:
    """The facts where every clause is a literal, else None: they differ from instance to instance. Raises as `facts_of`."""
    if not all(isinstance(e, Lit) for e in _wanted(clauses)):
        return None

    def literal(expr: Expr) -> Any:
        assert isinstance(expr, Lit)
        return expr.value

    return facts_of(clauses, dimensions, literal)


def differs_by_attempt(clauses: Clauses) -> bool:
    """Whether facts may be others at the next attempt: a clause uses `attempt`, or what the last one used."""
    return any(isinstance(p, Var) and p.name in ("attempt", "last") for e in _wanted(clauses) for p in parts(e))


def _wanted(clauses: Clauses) -> list[Expr]:
    wanted = [r.amount for r in clauses.requires]
    wanted += [e for e in (clauses.timeout, clauses.priority) if e is not None]
    if clauses.retry is not None:
        wanted += [clauses.retry.count, clauses.retry.backoff_min, clauses.retry.backoff_max]
    return wanted


def constant_facts(clauses: Clauses, dimensions: dict[str, Dimension]) -> Facts | None:
    """As `literal_facts`, and None also for a fault: at run time it has a node to belong to."""
    try:
        return literal_facts(clauses, dimensions)
    except ValueError:
        return None


def _whole(what: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= INT_MAX:
        raise ValueError(f"{what}: a whole number from 0 is wanted, found {describe(value)}")
    return value


def _span(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise ValueError(f"{what}: a duration is wanted, found {describe(value)}")
    ns = duration_ns(value)
    if ns > INT_MAX:
        raise ValueError(f"{what}: {value} s is too long")
    return ns
