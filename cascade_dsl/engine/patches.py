"""What an operator sets over the text: the priority of calls in a scope, and what they demand. Called from `apply` alone.

A patch is (scope, what) → amount, `what` a resource or PRIORITY. It makes a clause of every call in the scope a literal; where several
meet, the newest stands. Clauses are always made from the text's and all patches in turn, so that taking one back, or another
text, needs no memory of what was patched. What has not started takes the new clauses, by the way of `anew`; what runs keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from ..base.quantity import MILLI
from ..ir.events import DemandSet, PrioritySet
from ..ir.expr import Lit
from ..ir.graph import Clauses, Requirement, TaskDef
from ..ir.requirement import Dimension, Scope
from ..limits.ledger import Ledger
from ..limits.words import covers
from .anew import ask_anew
from .facts import constant_facts, differs_by_attempt
from .plan import Plan, Site
from .state import State

PRIORITY = ""
"""The name of the priority among resources."""

Patches: TypeAlias = dict[tuple[Scope, str], int]
"""The newest last."""


def with_set(patches: Patches, event: PrioritySet | DemandSet) -> Patches:
    """The patches after a change; those that are left are as they were."""
    given = [(PRIORITY, event.priority)] if isinstance(event, PrioritySet) else event.amounts
    out = dict(patches)
    for what, amount in given:
        out.pop((event.scope, what), None)
        if amount is not None:
            out[event.scope, what] = amount
    return out


def patched(task: TaskDef, written: Clauses, patches: Patches, dimensions: Mapping[str, Dimension]) -> Clauses:
    """The clauses of a call under patches."""
    clauses = written
    for (scope, what), amount in patches.items():
        if not covers(scope, task.name, clauses.tags, (), tuple(r.resource for r in clauses.requires)):
            continue
        if what == PRIORITY:
            clauses = replace(clauses, priority=Lit(amount))
        else:
            clauses = replace(
                clauses, requires=_with_demand(clauses.requires, what, _literal(amount, dimensions[what]))
            )
    return clauses


def _with_demand(requires: tuple[Requirement, ...], resource: str, amount: Lit) -> tuple[Requirement, ...]:
    new = Requirement(resource=resource, amount=amount)
    if any(r.resource == resource for r in requires):
        return tuple(new if r.resource == resource else r for r in requires)
    return (*requires, new)


def _literal(amount: int, dimension: Dimension) -> Lit:
    """An amount in base units as it would stand in a program."""
    if dimension == "millicpu":
        return Lit(amount // MILLI if amount % MILLI == 0 else amount / MILLI)
    return Lit(amount)


def patch_plan(plan: Plan, patches: Patches) -> set[int]:
    """Bring the sites of a plan in line with patches, their shapes left aside; the ids of those that changed."""
    changed: set[int] = set()
    for site in plan.sites.values():
        if site.task is None or site.written is None:
            continue
        clauses = patched(site.task, site.written, patches, plan.dimensions) if patches else site.written
        if clauses != site.clauses:
            site.clauses = clauses
            site.facts = constant_facts(clauses, plan.dimensions)
            site.anew = differs_by_attempt(clauses)
            changed.add(site.id)
    return changed


def shape(site: Site, ledger: Ledger) -> None:
    """Give a call the shape that its clauses ask for."""
    if site.task is not None and site.clauses is not None:
        site.shape = ledger.add_shape(
            task=site.task.name,
            tags=site.clauses.tags,
            flows=(),
            resources=tuple(r.resource for r in site.clauses.requires),
        )


def put(state: State, patches: Patches) -> None:
    """These patches are in force from here on, and no others."""
    state.patches = patches
    changed = patch_plan(state.plan, patches)
    for id_ in changed:
        shape(state.plan.sites[id_], state.ledger)
    ask_anew(state, changed, facts_only=True)


def on_set(state: State, event: PrioritySet | DemandSet, _: int) -> None:
    """An operator has set a priority or demands."""
    put(state, with_set(state.patches, event))


def in_scope(state: State, scope: Scope) -> Iterable[Site]:
    """The calls of the template that a scope covers now."""
    for site in state.plan.sites.values():
        if site.task is not None and site.clauses is not None:
            resources = tuple(r.resource for r in site.clauses.requires)
            if covers(scope, site.task.name, site.clauses.tags, (), resources):
                yield site


def granted(site: Site, amounts: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
    """What a call that starts demands, where that is not what its text says; else nothing."""
    if site.clauses is site.written or site.clauses is None or site.written is None:
        return ()
    if site.clauses.requires == site.written.requires:
        return ()
    return tuple((r.resource, amount) for r, amount in zip(site.clauses.requires, amounts, strict=True))
