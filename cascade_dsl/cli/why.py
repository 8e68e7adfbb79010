"""`why-run`: why a node would run again now, or not. It is a dry run of what the node needs, of which one part is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import api
from ..api.options import RunOptions
from ..api.params import ParamText, ParamValue, bind_params, read_params
from ..base.diagnostics import CascadeError, Diagnostic, fail
from ..base.spellings import spellings
from ..base.suggest import did_you_mean
from ..ir.graph import Graph, Node, Param, walk
from ..ir.select import select
from ..ir.verify import needs
from ..report.reasons import sentence, sentences
from ..report.words import short_path
from ..runtime.forecast import Forecast, Foreseen, Row
from ..store.reasons import Awaits
from .about import typed
from .dry import calls_json, dry_lines, foreseen_json
from .parse import Parsed, misuse
from .past import project_folder
from .run import load, refuse_unknown, settle

_ITEMS_SHOWN = 4


def why_run(parsed: Parsed) -> int:
    """Print why a node would run, or that it is up to date."""
    node, file, rest = _words(parsed)
    past = None
    if file is None:
        folder = project_folder()
        past = None if folder is None else api.newest_run(folder)
        if past is None:
            raise fail(
                "CSC542",
                "no program was run in this folder, and none is named",
                help=f"name it: cascade why-run {node} FILE",
            )
        file = Path(short_path(str(past.file)))
    elif file.is_file():
        past = api.newest_run(file.resolve().parent, file)
    warnings: list[Diagnostic] = []
    graph = load(file, warnings)
    texts, more = settle(_rest(parsed, file, rest), graph)
    if more:
        raise misuse(parsed.verb, f"`cascade why-run` has no use for `{more[0]}`")
    names = tuple(n.name for n in graph.nodes if isinstance(n, Param))
    given: dict[str, ParamText | ParamValue] = {}
    if "--params" in parsed.values:
        given |= read_params(Path(parsed.values["--params"]))
    given |= texts
    refuse_unknown(given, names)
    if past is not None and not given:
        kept = {name: value for name, value in past.given.items() if name in names}
        given |= kept
        if kept and "--json" not in parsed.flags:
            shown = ", ".join(f"{name} = {json.dumps(v.value, ensure_ascii=False)}" for name, v in kept.items())
            print(f"with the params of the run {past.run}: {shown}", file=sys.stderr)
    folder = file.resolve().parent
    params = bind_params(graph, given, Path.cwd(), folder, typed)
    found = api.foresee(_needed(graph, node), folder=folder, params=params, options=RunOptions())
    rows, alone = _meant(graph, found, node, file)
    if "--json" in parsed.flags:
        part = Forecast(tuple(rows), found.faults)
        document = {
            "file": str(file),
            "node": node,
            "calls": [] if alone else calls_json(part),
            "nodes": [foreseen_json(each) for each in alone],
        }
        print(json.dumps(document, ensure_ascii=False))
    elif alone:
        for each in alone:
            for line in lines_of(each, found):
                print(line)
    else:
        for line in dry_lines(Forecast(tuple(rows), ()), True):
            print(line)
    return 0


def _words(parsed: Parsed) -> tuple[str, Path | None, list[str]]:
    """The node, the program, and what is left; which of two plain words is the program shows in its ending."""
    words = list(parsed.args)
    if words[0].startswith("--"):
        raise misuse(parsed.verb, "NODE stands first: cascade why-run NODE [FILE] [--PARAM VALUE]…")
    node = words.pop(0)
    file = next((word for word in words if word.endswith((".csc", ".json"))), None)
    if file is not None:
        words.remove(file)
    elif node.endswith((".csc", ".json")) and words and not words[0].startswith("--"):
        node, file = words.pop(0), node
    elif words and not words[0].startswith("--"):
        file = words.pop(0)
    return node, None if file is None else Path(file), words


def _rest(parsed: Parsed, file: Path, words: list[str]) -> Parsed:
    rest = Parsed(parsed.verb)
    rest.args = [str(file), *words]
    rest.many, rest.values, rest.flags = parsed.many, parsed.values, parsed.flags
    return rest


# ---- which node is meant ----------------------------------------------------------------------------------------


def _base(node: str) -> str:
    return node.partition("[")[0]


def _needed(graph: Graph, node: str) -> Graph:
    """The part of the program that a node needs, or all of it where it stands inside something."""
    for name in (node, _base(node), _base(node).partition(".")[0]):
        try:
            return select(graph, (name,))
        except CascadeError:
            continue
    return graph


def _meant(graph: Graph, found: Forecast, node: str, file: Path) -> tuple[list[Row], list[Foreseen]]:
    """The calls that a word means, or the instances where it means some of one call; CSC540, CSC541 where it means none."""
    for name in spellings(node):
        alone = [each for row in found.rows for each in row.instances if each.name == name]
        if alone:
            return [], alone
    rows = [row for row in found.rows if node in (row.node, row.task)] or _behind(graph, found, node)
    if rows:
        one = rows[0].instances if len(rows) == 1 and rows[0].times == "once" else ()
        return rows, list(one)
    for name in spellings(node):
        lists = [row for row in found.rows if row.node == _base(name) != name]
        for row in lists:
            if row.cause is not None:
                return [], [Foreseen((), name, "depends", (row.cause,))]
        if lists:
            raise _no_item(lists[0], name)
    known = dict.fromkeys([row.node for row in found.rows] + [n.name for n in walk(graph.nodes)])
    known |= dict.fromkeys(task.name for task in graph.tasks)
    raise fail(
        "CSC540",
        f"no call in `{file.name}` is named `{node}`",
        help=did_you_mean(node, list(known)) or "`cascade run FILE --dry-run` shows the names of all calls",
    )


def _no_item(row: Row, name: str) -> CascadeError:
    items = [each.name for each in row.instances]
    shown = ", ".join(f"`{item}`" for item in items[:_ITEMS_SHOWN])
    more = f" and {len(items) - _ITEMS_SHOWN} more" if len(items) > _ITEMS_SHOWN else ""
    help = did_you_mean(name, items) or (f"it has {shown}{more}" if items else f"`{row.node}` has no items now")
    return fail("CSC541", f"`{row.node}` has no item `{name}`", help=help)


def _behind(graph: Graph, found: Forecast, name: str) -> list[Row]:
    """The calls nearest to a value or an output of that name."""
    nodes = {node.id: node for node in walk(graph.nodes)}
    work = [node for node in nodes.values() if node.name == name]
    rows = {row.node: row for row in found.rows}
    meant: dict[str, Row] = {}
    seen: set[int] = set()
    while work:
        at = work.pop()
        if at.id in seen:
            continue
        seen.add(at.id)
        inner = [rows[call] for call in _calls_in(at) if call in rows]
        if inner:
            meant |= {row.node: row for row in inner}
        elif not isinstance(at, Param):
            work += [nodes[id] for id in needs(at, graph) if id in nodes]
    return [row for row in found.rows if row.node in meant]


def _calls_in(node: Node) -> Iterable[str]:
    return [one.name for one in walk((node,)) if hasattr(one, "task")]


# ---- what is told -----------------------------------------------------------------------------------------------


def lines_of(each: Foreseen, found: Forecast | None = None) -> Iterator[str]:
    """A line that says what becomes of an instance, and one for each reason; for one that depends, why the other runs."""
    told = sentences(each.reasons)
    match each.fate:
        case "cached":
            yield f"{each.name} is up to date" + (f": {'; '.join(told)}" if told else "")
            return
        case "runs":
            yield f"{each.name} would run" + ("" if told else ": nothing more is known")
        case "depends":
            yield f"{each.name} depends on what runs before it"
        case "fails":
            yield f"{each.name} would fail"
        case "skipped":
            yield f"{each.name} would be skipped"
    yield from (f"  {line}" for line in told)
    for reason in each.reasons:
        if found is not None and isinstance(reason, Awaits):
            for row in found.rows:
                for other in row.instances:
                    if other.name == reason.node and other.reasons:
                        yield f"  {other.name}: {'; '.join(sentence(one) for one in other.reasons)}"
