"""Reasons as people read them, and as JSON: one sentence each, values short, sizes in units."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, assert_never

from ..base.quantity import show_duration, show_size
from ..store.reasons import (
    Awaits,
    BodyChanged,
    CacheOff,
    CodeChanged,
    Expired,
    Fails,
    FileChanged,
    Forced,
    InterpreterChanged,
    LeftOver,
    LineChange,
    NeededAgain,
    NeverRan,
    NoOutputs,
    NoRecipe,
    OrderChanged,
    OutputLost,
    Reason,
    ResultOf,
    SkippedBy,
    Unexplained,
    ValueChanged,
    ValueLost,
)
from .cells import printable

_VALUE_MOST = 40
_LINE_MOST = 60
_NAMES_MOST = 3
_AROUND = 12
"""Characters that are shown before the first in which two long values differ."""


def sentence(reason: Reason) -> str:
    """One line, without what would steer a terminal."""
    return printable(_text(reason))


def sentences(reasons: Sequence[Reason]) -> list[str]:
    """One line for each; outputs that were lost alike, and nodes that are waited for, share one."""
    found: list[str] = []
    lost: dict[str, list[str]] = {}
    for reason in reasons:
        if isinstance(reason, OutputLost):
            lost.setdefault(reason.how, []).append(reason.path)
        else:
            found.append(sentence(reason))
    for how, paths in lost.items():
        if len(paths) == 1:
            found.append(sentence(OutputLost(paths[0], "removed" if how == "removed" else "changed")))
        else:
            tail = "were removed" if how == "removed" else "were changed since"
            found.append(printable(f"outputs {_names(paths)} {tail}"))
    return found


def reason_json(reason: Reason) -> dict[str, Any]:
    """The reason's kind, its sentence, and its fields."""
    kind = "".join(f"-{c.lower()}" if c.isupper() else c for c in type(reason).__name__).lstrip("-")
    return {"reason": kind, "text": sentence(reason), **asdict(reason)}


def _text(reason: Reason) -> str:
    match reason:
        case NeverRan():
            return "never ran"
        case NoOutputs():
            return "no outputs: always runs"
        case CacheOff():
            return "`cache off`: always runs"
        case Forced():
            return "forced"
        case Expired(age_s=age_s, limit_s=limit_s):
            return f"its result is older than `cache {_span(limit_s)}`: {_span(age_s, rough=True)}"
        case OutputLost(path=path, how=how):
            return f"output `{path}` was {'removed' if how == 'removed' else 'changed since'}"
        case LeftOver(path=path):
            return f"`{path}`, which its newest result published, is no part of the older one that fits"
        case NeededAgain():
            return "its temporary output is gone and needed again"
        case ValueLost():
            return "the cache has lost its value"
        case NoRecipe(message=message) | Fails(message=message):
            return message
        case BodyChanged(lines=lines):
            return _body(lines)
        case CodeChanged():
            return _code(reason)
        case InterpreterChanged(before=before, after=after):
            return f"the interpreter of python bodies changed: {before or 'none'} → {after or 'none'}"
        case ResultOf(run=run, t_ns=t_ns, node=node):
            return f"the result of {f'`{node}` in ' if node else ''}run {run} stands ({_ago(t_ns)})"
        case Unexplained(run=run):
            return f"what its result of run {run} was made from is not known any more"
        case ValueChanged():
            return _value(reason)
        case FileChanged():
            return _file(reason)
        case OrderChanged(kind=kind):
            return f"the order of its {'inputs' if kind in ('input', 'file') else 'parts'} changed"
        case Awaits(node=node, by="value"):
            return f"`{node}` runs first, its result is not known yet"
        case Awaits(node=node):
            return f"it comes after `{node}`, which runs first"
        case SkippedBy(node=node):
            return f"`{node}` fails"
        case _:
            assert_never(reason)


def _names(names: Sequence[str]) -> str:
    shown = [f"`{name}`" for name in names[:_NAMES_MOST]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


# ---- texts ------------------------------------------------------------------------------------------------------


def _body(lines: Sequence[LineChange]) -> str:
    if not lines:
        return "body changed: what reads it, or how values stand in it"
    if len(lines) > 1:
        how = lines[0].how if all(one.how == lines[0].how for one in lines) else "changed"
        spans = [_span_of(one) for one in lines[:_NAMES_MOST]]
        more = len(lines) - len(spans)
        tail = f" and {more} more" if more else ""
        return f"body lines {', '.join(spans)}{tail} {how}"
    (one,) = lines
    noun = "line" if one.first == one.last else "lines"
    text = f"body {noun} {_span_of(one)} {one.how}"
    if one.how == "changed" and len(one.before) == len(one.after) == 1:
        before, after = _apart(one.before[0].strip(), one.after[0].strip(), _LINE_MOST)
        return f"{text}: `{before}` → `{after}`"
    if one.first == one.last and one.how != "changed":
        line = (one.after or one.before)[0].strip()
        return f"{text}: `{_cut(line, _LINE_MOST)}`" if line else text
    return text


def _span_of(one: LineChange) -> str:
    return str(one.first) if one.first == one.last else f"{one.first}–{one.last}"


def _code(reason: CodeChanged) -> str:
    file, _, function = reason.name.partition(":")
    if function and not reason.inside:
        return f"`{file}`: `{function}` {_how(reason.how)}"
    if reason.inside:
        return f"`{file}`: {_names(reason.inside)} {_how(reason.how)}"
    return f"`{file}` {_how(reason.how)}"


def _how(how: str) -> str:
    return {"changed": "changed", "new": "is new", "gone": "is no longer used"}[how]


# ---- values -----------------------------------------------------------------------------------------------------


def _value(reason: ValueChanged) -> str:
    name = reason.name
    match reason.kind:
        case "env":
            subject = f"env `{name}`"
        case "by":
            subject = "`cache by`"
        case "task":
            return _task(reason)
        case "input":
            subject = f"input `{name}`:"
        case "param" | "value":
            subject = f"{reason.kind} `{name}`"
    before, after = reason.before, reason.after
    if before is None:
        return f"{subject} is new" + (f": {_cut(after, _VALUE_MOST)}" if after else "")
    if after is None:
        return f"{subject} is no longer used"
    if not before or not after:
        return f"{subject} changed"
    return f"{subject} {_arrow(before, after)}"


def _task(reason: ValueChanged) -> str:
    if not reason.before or not reason.after or reason.before == reason.after:
        return "the task's inputs or its folder changed"
    old, new = reason.before.split("\n"), reason.after.split("\n")
    gone, came = [x for x in old if x not in new], [x for x in new if x not in old]
    if not gone and not came:
        return "the task's outputs changed their order"
    before, after = _apart(", ".join(gone) or "none", ", ".join(came) or "none", _LINE_MOST)
    return f"the task's outputs changed: {before} → {after}"


def _arrow(before: str, after: str) -> str:
    """Two values by their JSON; of two lists, what came and went."""
    old, new = _list(before), _list(after)
    if old is not None and new is not None and (len(before) > _VALUE_MOST or len(after) > _VALUE_MOST):
        gone = [one for one in old if one not in new] if len(old) < 1000 else []
        came = [one for one in new if one not in old] if len(new) < 1000 else []
        parts = [_items("new", came), _items("gone", gone)]
        tail = ", ".join(part for part in parts if part)
        count = f"{len(old)} items → {len(new)} items" if len(old) != len(new) else f"{len(new)} items"
        return f"{count}: {tail}" if tail else f"{count} in another order"
    left, right = _apart(before, after, _VALUE_MOST)
    return f"{left} → {right}"


def _list(text: str) -> list[Any] | None:
    if not text.startswith("["):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _items(what: str, items: list[Any]) -> str:
    if not items:
        return ""
    shown = [_cut(json.dumps(one, ensure_ascii=False), _VALUE_MOST // 2) for one in items[:2]]
    more = f" and {len(items) - len(shown)} more" if len(items) > len(shown) else ""
    return f"{what} {', '.join(shown)}{more}"


def _file(reason: FileChanged) -> str:
    subject = f"{reason.kind} `{reason.name}`: " + (f"`{reason.path}`: " if reason.path else "")
    if reason.how != "changed":
        return subject + ("is new" if reason.how == "new" else "is gone")
    before, after = reason.before, reason.after
    if before is None or after is None:
        return f"{subject}content changed"
    if before == after:
        return f"{subject}content changed ({show_size(after)} as before)"
    left, right = show_size(before), show_size(after)
    if left == right:
        left, right = f"{before} bytes", f"{after} bytes"
    return f"{subject}content changed ({left} → {right})"


def _ago(t_ns: int) -> str:
    return f"{_span(max(0.0, (time.time_ns() - t_ns) / 1e9), rough=True)} ago"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _apart(before: str, after: str, most: int) -> tuple[str, str]:
    """Two texts, each short; where their beginnings are the same, from a little before the first difference on."""
    if len(before) <= most and len(after) <= most:
        return before, after
    same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), -1)
    if same < 0:
        same = min(len(before), len(after))
    start = same - _AROUND if same > most - _AROUND else 0
    if start <= 0:
        return _cut(before, most), _cut(after, most)
    return f"…{_cut(before[start:], most)}", f"…{_cut(after[start:], most)}"


def _span(seconds: float, rough: bool = False) -> str:
    """A duration; `rough`: whole seconds, and no more than two units."""
    if rough:
        unit = 3600 if seconds >= 86400 else 60 if seconds >= 3600 else 1
        seconds = seconds // unit * unit
    return show_duration(round(seconds * 1000) * 1_000_000)
