"""`suggest`: what tasks ask for against what their attempts used, in the runs of this project, and the edit to make."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError, Source, fail
from ..base.quantity import MILLI, show_size
from ..base.suggest import did_you_mean
from ..engine.plan import plan
from ..ir.codec import graph_from_text
from ..ir.expr import Expr, Lit
from ..ir.graph import Clauses, Graph, TaskDef
from ..lang.compile import compile_source
from ..lang.demand_edits import Written, scaled, with_demands, written_demands
from ..lang.parse import read_source
from ..report.suggestions import (
    Declared,
    Sample,
    Suggestion,
    reasons,
    suggestion,
    suggestion_json,
    suggestion_lines,
)
from ..store.journal import JournalReader
from ..store.measured import measured
from ..store.runs import Project, Run
from .parse import Parsed
from .past import project_folder

_RUNS = 20
"""So many of the newest runs are looked at, where nothing else is said."""


@dataclass(slots=True)
class _Task:
    """What the runs that were looked at tell of a task of a program."""

    samples: list[tuple[Sample, Expr | None]] = field(default_factory=list[tuple[Sample, Expr | None]])
    """With the expression of the demand that the attempt had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A program as it stands now; `graph` is None where it does not compile, `source` where it is gone."""

    source: Source | None
    graph: Graph | None
    written: dict[str, Written]


def suggest(parsed: Parsed) -> int:
    """Print what was measured of each task, and what might be changed. Changes nothing."""
    folder = project_folder()
    if folder is None:
        raise fail("CSC560", "no program was run in this folder", help="go to the folder of the program that was run")
    project = Project(folder)
    runs = _runs(project, parsed)
    told = _told(runs)
    wanted = next(iter(parsed.args), None)
    if wanted is not None:
        told = {(file, task): one for (file, task), one in told.items() if task == wanted}
    if not told:
        raise _nothing(runs, wanted)
    programs = {file: _program(folder, file) for file, _ in told}
    found = {key: suggestion(key[1], *_given(programs[key[0]], key[1], one)) for key, one in told.items()}
    edits = {file: _edits(folder, programs[file], {t: s for (f, t), s in found.items() if f == file}) for file in programs}  # fmt: skip
    if "--json" in parsed.flags:
        rows = [
            {"file": file, **suggestion_json(one), "edits": edits[file].get(task, [])}
            for (file, task), one in found.items()
        ]
        print(json.dumps({"project": str(folder), "runs": [run.id for run in runs], "tasks": rows}, ensure_ascii=False))
        return 0
    for file, program in programs.items():
        _show(file, program, {t: s for (f, t), s in found.items() if f == file}, edits[file], len(programs) > 1)
    return 0


def _runs(project: Project, parsed: Parsed) -> list[Run]:
    """The runs to look at, newest first."""
    wanted = parsed.values.get("--run")
    if wanted is not None:
        return [project.run(wanted)]
    runs = project.runs()
    return runs if "--all" in parsed.flags else runs[:_RUNS]


def _nothing(runs: list[Run], wanted: str | None) -> CascadeError:
    if wanted is None:
        return fail("CSC560", "no attempt of a task was measured in this folder's runs", help="run a program first")
    names = {task for _, task in _told(runs)}
    help = did_you_mean(wanted, names) or (f"measured were: {', '.join(sorted(names)[:8])}" if names else None)
    return fail("CSC560", f"no attempt of a task `{wanted}` was measured in the runs that were looked at", help=help)


def _told(runs: list[Run]) -> dict[tuple[str, str], _Task]:
    """By program and task, in the order of the newest run of each; a run that cannot be read is passed over, with a word."""
    found: dict[tuple[str, str], _Task] = {}
    for run in runs:
        try:
            _tell(run, found)
        except CascadeError as error:
            what = "; ".join(d.message for d in error.diagnostics)
            print(f"note: the run {run.id} is left out: {what}", file=sys.stderr)
    return found


def _tell(run: Run, found: dict[tuple[str, str], _Task]) -> None:
    if not (run.graph.is_file() and run.journal.is_file()):
        return  # it was killed before it had begun
    graph = graph_from_text(run.graph.read_text("utf-8"))
    compiled = plan(graph)
    with JournalReader(run.journal) as reader:
        for one in measured(reader, compiled):
            site = compiled.sites[one.key[0]]
            if one.used is None or one.end == "lost" or site.task is None or site.clauses is None:
                continue
            if _amount(site.clauses, "mem") != _amount(site.task.clauses, "mem"):
                continue  # the call asks for an amount of its own
            sample = Sample(
                used=one.used,
                mem_bytes=one.demands.get("mem"),
                cpu_milli=one.demands.get("cpu", MILLI),
                message=one.message,
            )
            task = found.setdefault((graph.file, site.task.name), _Task())
            given = one.granted.get("mem")  # what an operator set is no measure of what the program says
            task.samples.append((sample, _amount(site.clauses, "mem") if given is None else Lit(given)))


def _amount(clauses: Clauses, resource: str) -> Expr | None:
    return next((r.amount for r in clauses.requires if r.resource == resource), None)


def _program(folder: Path, file: str) -> _Program:
    path = folder / file
    if path.suffix != ".csc":
        return _Program(source=None, graph=None, written={})
    try:
        source = read_source(path, file)
    except CascadeError:
        return _Program(source=None, graph=None, written={})
    return _Program(source=source, graph=compile_source(source, folder=folder).graph, written=written_demands(source))


def _given(program: _Program, task: str, one: _Task) -> tuple[list[Sample], Declared]:
    """The samples, and what the program says now."""
    written = program.written.get(task)
    now = None if program.graph is None else next((t for t in program.graph.tasks if t.name == task), None)
    if written is None or now is None:
        return [sample for sample, _ in one.samples], Declared(is_known=False)
    mem, cpu = _amount(now.clauses, "mem"), _amount(now.clauses, "cpu")
    samples = [
        sample if expr == mem else Sample(used=sample.used, mem_bytes=sample.mem_bytes, cpu_milli=sample.cpu_milli,
                                          message=sample.message, comparable=False)
        for sample, expr in one.samples
    ]  # fmt: skip
    return samples, Declared(
        mem_text=written.amounts.get("mem", ""),
        mem_bytes=_known(now, "mem"),
        cpu_text=written.amounts.get("cpu", "1") or "1",
        cpu_milli=_known(now, "cpu") if isinstance(cpu, Lit) else None,
    )


def _known(task: TaskDef, resource: str) -> int | None:
    """An amount that is the same for every instance, in its base unit."""
    amount = _amount(task.clauses, resource)
    if not isinstance(amount, Lit) or not isinstance(amount.value, int | float):
        return None
    return round(amount.value * MILLI) if resource == "cpu" else int(amount.value)


def _edits(folder: Path, program: _Program, found: Mapping[str, Suggestion]) -> dict[str, list[dict[str, Any]]]:
    """By task the lines to change; none where the program has changed so that it would not compile."""
    if program.source is None or program.graph is None:
        return {}
    out: dict[str, list[dict[str, Any]]] = {}
    for task, one in found.items():
        wanted: dict[str, str] = {}
        if one.cpu is not None:
            wanted["cpu"] = str(one.cpu)
        if one.mem_bytes is not None:
            wanted["mem"] = show_size(one.mem_bytes)
        if one.mem_factor is not None:
            wanted["mem"] = scaled(one.declared.mem_text, one.mem_factor)
        if not wanted or task not in program.written:
            continue
        text = with_demands(program.source, {task: wanted})
        if compile_source(Source(program.source.path, text), folder=folder).graph is not None:
            out[task] = list(_changed(program.source.text, text))
    return out


def _changed(before: str, after: str) -> Iterator[dict[str, Any]]:
    """Runs of lines that differ: the number of the first, what stands there, what is to stand there."""
    old, new = before.split("\n"), after.split("\n")
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield {"line": start + 1, "before": old[start:end], "after": new[new_start:new_end]}


def _show(
    file: str,
    program: _Program,
    found: Mapping[str, Suggestion],
    edits: Mapping[str, list[dict[str, Any]]],
    is_one_of_several: bool,
) -> None:
    if is_one_of_several:
        print(f"{file}:")
    print("\n".join(suggestion_lines(list(found.values()))))
    for task, one in found.items():
        for edit in edits.get(task, ()):
            print(f"\n{file}:{edit['line']}  {reasons(one)}")
            for line in edit["before"]:
                print(f"- {line}")
            for line in edit["after"]:
                print(f"+ {line}")
    if not edits:
        print()
        print(_no_edit(file, program, found), file=sys.stderr)
    elif is_one_of_several:
        print()


def _no_edit(file: str, program: _Program, found: Mapping[str, Suggestion]) -> str:
    if program.source is None:
        return (
            f"`{file}` is not here any more: no edit can be shown" if file.endswith(".csc") else "a graph has no lines"
        )
    if program.graph is None:
        return f"`{file}` has errors now: `cascade check {file}` shows them, then an edit can be shown"
    if any(one.is_any for one in found.values()):
        return "what might be changed is no longer in the program"
    return "nothing to change"
