"""The pools of a live run as text: what is in force, and below each pool what each layer says of it.

Reads the answer of the control verb `limits`. Standard library only, and little of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .cells import pad, printable, width
from .instants import ago, clock, left, until
from .words import rate, show_amount

_WHO = {
    "machine": "the machine",
    "file": "the file",
    "config": "the project's configuration",
    "command line": "the command line",
    "fleet": "the fleet",
    "live": "an operator",
}
_LEAST = 30


def limits_lines(answer: Mapping[str, Any], columns: int) -> list[str]:
    """The table and, below each pool, the words about it; no line is wider than `columns`, but for what has no blank."""
    now_ns = int(answer["now_ns"])
    columns = max(columns, _LEAST)
    rows = [(str(pool["pool"]), use(pool), waiting(pool)) for pool in answer["pools"]]
    out: list[str] = []
    names = max((width(name) for name, _, _ in rows), default=0)
    uses = max((width(text) for _, text, _ in rows), default=0)
    table = names + uses + 14 <= columns
    for pool, (name, text, waits) in zip(answer["pools"], rows, strict=True):
        if table:
            out.append(f"{pad(name, names)}  {pad(text, uses)}  {waits}".rstrip())
        else:
            out += wrapped(", ".join(part for part in (f"{name}: {text}", waits) if part), columns, 0)
        out += (line for text in keys_of(pool) for line in wrapped(text, columns, 2))
        for word in pool.get("said", ()):
            out += wrapped(word_text(word, now_ns), columns, 2)
    for pause in answer.get("pauses", ()):
        out += wrapped(pause_text(pause, now_ns), columns, 0)
    for word in answer.get("idle", ()):
        out += wrapped(f"{word['scope']}: {word_text(word, now_ns)}", columns, 0)
    for word in answer.get("not_applicable", ()):
        told = f"not applicable: {word_text({**word, 'standing': ''}, now_ns)}; nothing in this program is in its scope"
        out += wrapped(told, columns, 0)
    return out or ["nothing is limited"]


def use(pool: Mapping[str, Any]) -> str:
    """`3 of 10`, `10/s burst 20, 4 left`, `2 taken, unlimited`."""
    dimension = str(pool["dimension"])
    if pool.get("keys") is not None:
        return f"{rate_or_capacity(pool)} for each {pool['by']}, {pool['keys']['total']} now"
    if pool.get("per_ns"):
        return f"{rate_or_capacity(pool)}, {show_amount(dimension, max(0, int(pool.get('tokens') or 0)))} left"
    taken = show_amount(dimension, int(pool["taken"]))
    if pool["capacity"] is None:
        return f"{taken} taken, unlimited"
    return f"{taken} of {show_amount(dimension, int(pool['capacity']))}"


def rate_or_capacity(pool: Mapping[str, Any]) -> str:
    """`3`, or `10/s burst 20`."""
    dimension = str(pool["dimension"])
    if not pool.get("per_ns"):
        return "unlimited" if pool["capacity"] is None else show_amount(dimension, int(pool["capacity"]))
    shown = rate(int(pool["amount"]), int(pool["per_ns"]), dimension)
    burst = pool.get("burst")
    unit = 1000 if dimension == "millicpu" else 1
    return shown if burst in (None, unit) else f"{shown} burst {show_amount(dimension, int(burst))}"


def waiting(pool: Mapping[str, Any]) -> str:
    """`9 waiting`, or nothing."""
    return f"{pool['waiting']} waiting" if pool["waiting"] else ""


def keys_of(pool: Mapping[str, Any]) -> Iterator[str]:
    """The keys of a pool that is split, those first for which somebody waits; of many the first."""
    keys = pool.get("keys")
    if not keys:
        return
    found: Sequence[Mapping[str, Any]] = keys["shown"]
    for each in found:
        waits = waiting(each)
        yield f"{printable(str(each['key']))}: {use(each)}" + (f", {waits}" if waits else "")
    more = int(keys["total"]) - len(found)
    if more > 0:
        yield f"and {more} more keys"
    running, waits = int(keys["unkeyed_running"]), int(keys["unkeyed_waiting"])
    if running:
        yield f"of {running} that run the key is not known yet: until it is, nothing starts"
    if waits:
        yield f"of {waits} that wait the key is not known yet"


def word_text(word: Mapping[str, Any], now_ns: int) -> str:
    """`limit task:fetch 3: ann, 3m00s ago, until 14:22 (in 17m00s), because the API complains; in force`."""
    who = printable(str(word.get("who") or "")) or _WHO.get(str(word["layer"]), str(word["layer"]))
    if word.get("who") and word["layer"] != "live":
        who = f"{_WHO.get(str(word['layer']), str(word['layer']))} ({who})"
    parts = [who + (f", line {word['line']}" if word.get("line") else "")]
    if word.get("since_ns") and word["layer"] in ("live", "fleet"):
        parts.append(ago(int(word["since_ns"]), now_ns))
    if word.get("until_ns"):
        parts.append(until(int(word["until_ns"]), now_ns))
    if word.get("because"):
        parts.append(f"because {printable(str(word['because']))}")
    text = f"{printable(str(word['sentence']))}: {', '.join(parts)}"
    standing = _STANDING.get(str(word["standing"]), str(word["standing"]))
    turns = word.get("turns_ns")
    if turns:
        verb = "opens" if word["standing"] == "outside" else "closes"
        standing += f", its window {verb} at {clock(int(turns), now_ns)} ({left(int(turns), now_ns)})"
    return f"{text}; {standing}" if standing else text


_STANDING = {
    "in force": "in force",
    "caps": "in force: it is hard and lowers what is said above it",
    "under": "under another word",
    "outside": "not now",
}


def pause_text(pause: Mapping[str, Any], now_ns: int) -> str:
    """`paused task:fetch: ann, 3m00s ago, until 14:22 (in 17m00s), because lunch; 9 waiting`."""
    name = "everything" if pause["scope"] == "global" else pause["scope"]
    parts = [printable(str(pause.get("who") or "")) or "an operator"]
    if pause.get("since_ns"):
        parts.append(ago(int(pause["since_ns"]), now_ns))
    if pause.get("until_ns"):
        parts.append(until(int(pause["until_ns"]), now_ns))
    if pause.get("because"):
        parts.append(f"because {printable(str(pause['because']))}")
    waits = f"; {pause['waiting']} waiting" if pause.get("waiting") else ""
    frozen = f"; {pause['frozen']} frozen" if pause.get("frozen") else ""
    return f"paused {name}: {', '.join(parts)}{waits}{frozen}"


def wrapped(text: str, columns: int, indent: int) -> list[str]:
    """A text in lines of at most so many cells, the second and later ones indented two more."""
    out: list[str] = []
    line = " " * indent
    bare = True
    for word in text.split(" "):
        if not bare and width(line) + 1 + width(word) > columns:
            out.append(line)
            line, bare = " " * (indent + 2), True
        line += word if bare else f" {word}"
        bare = False
    return [*out, line]
