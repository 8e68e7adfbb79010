"""Before anything runs: the words in force, demands that can never be met, files that are not there.

Everything here reads and refuses; nothing is made. A dry run asks the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError, Diagnostic, Label
from ..base.quantity import MILLI, show_size
from ..engine.facts import base_amount, literal_facts
from ..engine.step import new_state
from ..ir.events import Word
from ..ir.expr import Apply, Lit, Text, children
from ..ir.graph import Call, Clauses, Compute, Graph, Param, ShellBody, TaskDef, walk
from ..ir.requirement import Dimension, Identity, Layer, Limit, Scope
from ..limits.views import Impossible
from ..values.evaluate import Env, evaluate
from ..values.faults import EvalError
from .configuration import Configured
from .machine import machine_words
from .sources import SourceLines


def preflight(
    graph: Graph,
    params: Mapping[str, Any],
    *,
    folder: Path,
    limits: Sequence[Limit],
    config: Sequence[Configured] = (),
) -> tuple[Word, ...]:
    """The words of the machine, the file, the configuration and the command line; CascadeError where the run could not come to its end."""
    sources = SourceLines(graph, folder)
    file = file_words(graph, params, sources)
    above = (*(Word(Layer.CONFIG, one.limit) for one in config), *(Word(Layer.COMMAND_LINE, limit) for limit in limits))
    words = (*machine_words(), *file, *above)
    check_hard(graph, words, config, sources)
    check_demands(graph, words, sources)
    check_files(graph, folder, sources)
    check_shells(graph, sources)
    return words


def file_words(graph: Graph, params: Mapping[str, Any], sources: SourceLines) -> tuple[Word, ...]:
    """The file layer: amounts and bursts that are expressions over params are evaluated."""
    dimensions: dict[str, Dimension] = {r.name: r.dimension for r in graph.resources}
    given = {n.id: params[n.name] for n in graph.nodes if isinstance(n, Param)}
    words: list[Word] = []
    for limit in graph.limits:
        dimension: Dimension = dimensions[limit.scope.pattern] if limit.scope.kind == "resource" else "count"
        try:
            if not isinstance(limit.amount, int | None):
                value = evaluate(limit.amount, Env({}, given.__getitem__))
                limit = replace(limit, amount=base_amount(dimension, value))
            if not isinstance(limit.burst, int | None):
                value = evaluate(limit.burst, Env({}, given.__getitem__))
                burst = base_amount(dimension, value)
                if burst == 0:
                    raise ValueError("a burst is at least 1")
                limit = replace(limit, burst=burst)
        except (EvalError, ValueError) as error:
            raise CascadeError(
                Diagnostic(
                    code="CSC351",
                    message=f"limit {limit.scope}: {error}",
                    primary=sources.label(limit.line, "limit"),
                    help="the amount of a limit is an expression over params: give one that makes it a fitting number",
                )
            ) from None
        words.append(Word(Layer.FILE, limit))
    return tuple(words)


def check_hard(graph: Graph, words: Sequence[Word], config: Sequence[Configured], sources: SourceLines) -> None:
    """What the file says `hard` is not raised by the configuration or the command line."""
    if not any(word.limit.hard for word in words):
        return
    ledger = new_state(graph).ledger
    found: list[Diagnostic] = []
    for word in words:
        if word.limit.until_minute is None and word.limit.for_ns is None:
            refusal = ledger.refusal(word)
            if refusal is not None:
                found.append(
                    Diagnostic(
                        code="CSC350",
                        message=refusal,
                        primary=next((one.label for one in config if one.limit is word.limit), None),
                        secondary=_said_hard(ledger.held_hard_by(word), config, sources),
                        help="stay at or below that, or take `hard` away where it stands",
                    )
                )
            ledger.set_word(word)
    if found:
        raise CascadeError(found)


def _said_hard(held: Word | None, config: Sequence[Configured], sources: SourceLines) -> tuple[Label, ...]:
    """Where the word stands that may not be raised."""
    label: Label | None = None
    if held is not None and held.layer == Layer.CONFIG:
        label = next((replace(one.label, message="the limit") for one in config if one.limit == held.limit), None)
    elif held is not None:
        label = sources.label(held.limit.line, "limit", "the limit")
    return () if label is None else (label,)


def wants_bash(graph: Graph) -> list[TaskDef]:
    """The tasks that are called and whose scripts are written for bash, as scripts are that choose no shell."""
    called = {node.task for node in walk(graph.nodes) if isinstance(node, Call)}
    return [t for t in graph.tasks if t.name in called and isinstance(t.body, ShellBody) and t.body.shell is None]


def check_shells(graph: Graph, sources: SourceLines) -> None:
    """Where there is no bash, scripts whose values are sound in bash alone are refused before anything runs."""
    if shutil.which("bash") is not None:
        return
    found = [
        Diagnostic(
            code="CSC357",
            message=f"`{task.name}` wants bash, which is not there: {task.body.only_bash}",
            primary=sources.label(task.line, task.name),
            help='install bash, or write the script for every sh and say so: `shell "sh -eu"`',
        )
        for task in wants_bash(graph)
        if isinstance(task.body, ShellBody) and task.body.only_bash
    ]
    if found:
        raise CascadeError(found)


def check_demands(graph: Graph, words: Sequence[Word], sources: SourceLines) -> None:
    """A demand that could not be met on an empty machine is refused before anything runs, with what would fit."""
    state = new_state(graph)
    for word in words:
        if word.limit.is_plain:  # what another hour, or the end of its time, makes possible is not impossible
            state.ledger.set_word(word)
    found: list[Diagnostic] = []
    for site in state.plan.sites.values():
        if site.task is None or site.clauses is None:
            continue
        if site.facts is None:
            found += _literal_fault(site.task, site.clauses, state.plan.dimensions, sources)
            continue
        for demand in state.ledger.impossible(site.shape, site.facts.amounts):
            dimension = state.plan.dimensions[demand.resource]
            found.append(_impossible(site.task, demand, dimension, words, sources))
    if found:
        raise CascadeError(dict.fromkeys(found))


def _impossible(
    task: TaskDef, demand: Impossible, dimension: Dimension, words: Sequence[Word], sources: SourceLines
) -> Diagnostic:
    name = demand.resource
    need, capacity = _amount(dimension, demand.need), _amount(dimension, demand.capacity)
    spends = demand.kind == "spend"
    if not spends:
        message = f"`{task.name}` needs {name} {need}, the limit is {capacity}"
        mend = f'or raise it with `--limit "{name} {need}"`'
    elif demand.capacity:
        message = f"`{task.name}` needs {name} {need} at once, the burst of its rate is {capacity}"
        mend = f"or give the rate a burst of {need}: `limit {name} … burst {need}`"
    else:
        message = f"`{task.name}` needs {name} {need}, its rate is 0"
        mend = f"or give `{name}` another rate"
    lower = f"lower `requires {name}` of `{task.name}` to {capacity} or less, "
    take = f"take `requires {name}` from `{task.name}`, "
    return Diagnostic(
        code="CSC630" if spends else "CSC507",
        message=message,
        primary=sources.label(task.line, task.name),
        secondary=_said(demand, words, sources),
        help=(lower if demand.capacity else take) + mend,
    )


def _said(demand: Impossible, words: Sequence[Word], sources: SourceLines) -> tuple[Label, ...]:
    """Where the file says the limit that does not suffice."""
    identity = Identity(Scope("resource", demand.resource), demand.kind, demand.by)
    for word in words:
        limit = word.limit
        if word.layer != Layer.FILE or limit.identity != identity:
            continue
        if demand.kind == "spend" or limit.amount == demand.capacity:
            label = sources.label(limit.line, "limit", "the limit")
            return () if label is None else (label,)
    return ()


def _literal_fault(
    task: TaskDef, clauses: Clauses, dimensions: dict[str, Dimension], sources: SourceLines
) -> list[Diagnostic]:
    """What is wrong with clauses whose amounts all stand in the program."""
    try:
        literal_facts(clauses, dimensions)
    except ValueError as error:
        help = "counts, amounts and durations in clauses are not negative, and not too large"
        label = sources.label(task.line, task.name)
        return [Diagnostic(code="CSC330", message=f"`{task.name}`: {error}", primary=label, help=help)]
    return []


def _amount(dimension: Dimension, amount: int) -> str:
    match dimension:
        case "bytes":
            return show_size(amount)
        case "millicpu":
            return f"{amount / MILLI:g}"
        case "count":
            return str(amount)


_NAMES_ONLY = frozenset({"exists", "basename", "dirname", "stem", "ext", "str"})
"""Functions that make something of a path whether or not a file is there; so does text."""


def check_files(graph: Graph, folder: Path, sources: SourceLines) -> None:
    """Files that the program names outright must be there before anything runs."""
    found: list[Diagnostic] = []
    for node in walk(graph.nodes):
        if isinstance(node, Compute):
            stack = [node.expr]
        elif isinstance(node, Call) and not node.after:  # what it waits for may make the file
            stack = [expr for _, expr in node.args]
        else:
            continue
        while stack:
            at = stack.pop()
            if isinstance(at, Text) or (isinstance(at, Apply) and at.function in _NAMES_ONLY):
                continue
            stack.extend(children(at))
            if isinstance(at, Apply) and at.function in ("file", "dir") and at.args and isinstance(at.args[0], Lit):
                text = at.args[0].value
                there = folder / str(text)
                if at.function == "file" and not there.is_file():
                    found.append(_missing(at.function, str(text), there.is_dir(), node.line, sources))
                elif at.function == "dir" and not there.is_dir():
                    found.append(_missing(at.function, str(text), there.is_file(), node.line, sources))
    if found:
        raise CascadeError(dict.fromkeys(found))


def _missing(kind: str, text: str, other: bool, line: int, sources: SourceLines) -> Diagnostic:
    if other:
        message = f"`{text}` is a {'folder' if kind == 'file' else 'file'}, the program wants a {kind}"
    else:
        message = f"there is no {kind} `{text}`"
    return Diagnostic(
        code="CSC509",
        message=message,
        primary=sources.label(line, text),
        help="paths in a program are relative to the folder of the file that is run",
    )
