"""What a program says its tasks demand, and the same program with other amounts. Nothing is written to a file here.

Only the amounts change, or a demand is added; everything else stays as it was written, to the blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..base.diagnostics import Source, Span
from . import ast
from .parse import parse_source

_LOOSE = re.compile(r"[-+?<>=|&]|\b(?:if|else|or|and|not|in)\b")
"""Operators that bind less than `*`, somewhere in a text."""
_SCALED = re.compile(r"(\d+(?:\.\d+)?)\s*\*\s*(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a file says of a task: the text of each amount, empty where the resource stands alone."""

    line: int
    amounts: dict[str, str]


def written_demands(source: Source) -> dict[str, Written]:
    """Of every task of a file that can be read, by name."""
    return {
        task.name.name: Written(
            line=source.place(task.name.span.start)[0],
            amounts={
                item.resource.name: "" if item.amount is None else _text(source, item.amount.span)
                for item in _items(task)
            },
        )
        for task in _tasks(source)
    }


def with_demands(source: Source, wanted: Mapping[str, Mapping[str, str]]) -> str:
    """The text of a file in which the tasks that are named demand what is wanted, by resource."""
    edits: list[tuple[int, int, str]] = []
    for task in _tasks(source):
        new = dict(wanted.get(task.name.name, {}))
        items = list(_items(task))
        for item in items:
            amount = new.pop(item.resource.name, None)
            if amount is None:
                continue
            if item.amount is None:
                edits.append((item.span.end, item.span.end, f" = {amount}"))
            else:
                edits.append((item.amount.span.start, item.amount.span.end, amount))
        added = ", ".join(f"{resource} = {amount}" for resource, amount in new.items())
        if not added:
            continue
        if items:
            edits.append((items[-1].span.end, items[-1].span.end, f", {added}"))
        else:
            edits.append(_first_clause(source, task, f"requires {added}"))
    text = source.text
    for start, end, new_text in sorted(edits, reverse=True):
        text = text[:start] + new_text + text[end:]
    return text


def scaled(amount: str, factor: str) -> str:
    """An amount as it is written, times a number."""
    found = _SCALED.fullmatch(amount)
    if found is not None and not _LOOSE.search(found[2]):
        return f"{float(found[1]) * float(factor):.3g} * {found[2]}"
    return f"{factor} * ({amount})" if _LOOSE.search(amount) else f"{factor} * {amount}"


def _first_clause(source: Source, task: ast.TaskDecl, clause: str) -> tuple[int, int, str]:
    """A clause in front of all others, on a line of its own where they have one."""
    text = source.text
    at = text.index("{", task.header.end - 1) + 1
    end = text.find("\n", at)
    rest = text[at : end if end >= 0 else len(text)].strip()
    if rest and not rest.startswith("#"):
        return at, at, f" {clause};"
    following = (line for line in text[end + 1 :].split("\n") if line.strip())
    first = next(following, "")
    indent = first[: len(first) - len(first.lstrip())] or "  "
    return end, end, f"\n{indent}{clause}"


def _tasks(source: Source) -> Iterator[ast.TaskDecl]:
    module = parse_source(source).module
    if module is not None:
        yield from (item for item in module.items if isinstance(item, ast.TaskDecl))


def _items(task: ast.TaskDecl) -> Iterator[ast.RequiresItem]:
    for clause in task.clauses:
        if isinstance(clause, ast.RequiresClause):
            yield from clause.items


def _text(source: Source, span: Span) -> str:
    return source.text[span.start : span.end]
