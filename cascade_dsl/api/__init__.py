"""The public surface: compile, run, go on. Synchronous; `run` starts its own loop and must own the main thread.

Nothing heavy is imported before it is needed: the compiler by `compile_file`, the interpreter by `run`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.diagnostics import CascadeError, fail
from ..ir.graph import Graph
from .options import RunOptions

if TYPE_CHECKING:
    from ..ir.requirement import Limit
    from ..lang.compile import Compiled
    from ..report.result import RunResult
    from ..runtime.configuration import Configured
    from ..runtime.explaining import Told
    from ..runtime.forecast import Forecast
    from ..runtime.interpreter import Reporter
    from ..runtime.session import Ended, Terms
    from .again import Past

_UNBUILT = "CSC405"
_GRAPH_HELP = "`cascade compile FILE --format json` writes a graph"

__all__ = ["RunOptions", "compile_file", "continue_run", "foresee", "load_graph", "newest_run", "run"]


def compile_file(path: Path) -> Compiled:
    """The graph of a `.csc` file, or None beside what is wrong with it. Never raises for what a user wrote."""
    from ..lang.compile import compile_file as compile_

    return compile_(path)


def load_graph(path: Path, *, drawn: bool = False) -> Graph:
    """The graph of a `.csc` file, or of the JSON that `cascade compile` wrote; CascadeError with all that is wrong.

    `drawn`: it is to be looked at and not to be run, so that what is not built yet may stand in it.
    """
    if path.suffix == ".json":
        return _graph_from_json(path, drawn)
    compiled = compile_file(path)
    if compiled.graph is None:
        raise CascadeError(compiled.diagnostics)
    return compiled.graph


def run(
    graph: Graph,
    *,
    folder: Path,
    params: Mapping[str, Any],
    options: RunOptions,
    reporter: Reporter,
    warden: int | None = None,
    explain: Told | None = None,
) -> RunResult:
    """Run a graph in the project's folder until it has ended; CascadeError where it is refused before anything ran.

    `explain` is told of each node that starts or is not run, and why.
    """
    from ..runtime import session

    terms = replace(_terms(graph, options, folder), explain=explain)
    ended = session.begin(
        graph, params, folder=folder, terms=terms, reporter=reporter, sentences=_sentences(), warden=warden
    )
    return _result(ended)


def foresee(graph: Graph, *, folder: Path, params: Mapping[str, Any], options: RunOptions) -> Forecast:
    """What `run` would do now, and why: its checks and its decisions, with nothing started and nothing written.

    CascadeError where it would refuse. Starts its own loop, as `run` does.
    """
    from ..runtime.dry import foresee as foresee_
    from ..runtime.preflight import preflight

    terms = _terms(graph, options, folder)
    preflight(graph, params, folder=folder, limits=terms.limits, config=terms.config)
    return foresee_(graph, params, folder=folder, recall=terms.recall)


def newest_run(folder: Path, file: Path | None = None) -> Past | None:
    """The newest run of a project, or of one program in it, with the params that it was given."""
    from .again import newest

    return newest(folder, file)


def continue_run(
    folder: Path, run_id: str | None, *, options: RunOptions, reporter: Reporter, warden: int | None = None
) -> RunResult:
    """Go on with a run of the folder that was killed or drained, the newest where no id is given."""
    from ..runtime import session

    terms = session.Terms(
        no_wait=options.no_wait,
        grace_s=options.grace_s,
        reload=options.reload,
        enforce_mem=options.enforce_mem,
        verbose=options.verbose,
        keeps_temp=options.keep_temp,
    )
    ended = session.go_on(
        folder=folder, name=run_id, terms=terms, reporter=reporter, sentences=_sentences(), warden=warden
    )
    return _result(ended)


def _graph_from_json(path: Path, drawn: bool) -> Graph:
    from ..ir.codec import graph_from_text
    from ..ir.verify import verify
    from ..values.functions import NAMES

    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise fail("CSC504", f"`{path}` is not UTF-8", help=_GRAPH_HELP) from None
    except OSError as error:
        raise fail("CSC504", f"`{path}` cannot be read: {error.strerror}") from None
    graph = graph_from_text(text)
    found = [d for d in verify(graph, NAMES) if not (drawn and d.code == _UNBUILT)]
    if any(d.severity == "error" for d in found):
        raise CascadeError(found)
    return graph


def _configured(graph: Graph, folder: Path) -> tuple[Configured, ...]:
    if not (folder / "cascade.toml").exists():
        return ()
    from ..runtime.configuration import limits_of, read_configuration

    configuration = read_configuration(folder)
    if not configuration.limits:
        return ()
    from ..ir.requirement import Layer
    from ..lang.sentence import parse_sentence

    return limits_of(configuration, lambda text: parse_sentence(text, graph, layer=Layer.CONFIG), graph)


def _terms(graph: Graph, options: RunOptions, folder: Path) -> Terms:
    from ..ir.requirement import Layer, Limit, Scope
    from ..ir.select import calls_named
    from ..runtime.machine import machine_words
    from ..runtime.recalling import RecallTerms
    from ..runtime.session import Terms

    limits: list[Limit] = []
    if options.jobs is not None:
        limits.append(Limit(scope=Scope("global"), amount=options.jobs))
        cpu = Scope("resource", "cpu")
        cores = next(w.limit.amount for w in machine_words() if w.limit.scope == cpu)
        if isinstance(cores, int) and options.jobs * 1000 > cores:
            limits.append(Limit(scope=cpu, amount=options.jobs * 1000))
    if options.limits:
        from ..lang.sentence import parse_sentence

        limits += [parse_sentence(text, graph, layer=Layer.COMMAND_LINE) for text in options.limits]
    return Terms(
        limits=tuple(limits),
        config=_configured(graph, folder),
        on_failure="continue" if options.touch else options.on_failure,
        no_wait=options.no_wait,
        grace_s=options.grace_s,
        keeps_temp=options.keep_temp,
        targets=options.targets,
        enforce_mem=options.enforce_mem,
        verbose=options.verbose,
        recall=RecallTerms(
            forced=calls_named(graph, options.force) if options.force else frozenset(),
            force_all=options.force_all,
            touch=options.touch,
            paranoid=options.paranoid,
        ),
    )


def _sentences() -> Any:
    from ..runtime.desk import Sentences

    def limit(text: str, graph: Graph, stays: bool) -> Limit:
        from ..lang.sentence import parse_sentence

        return parse_sentence(text, graph, may_be_hard=stays)

    def configured(text: str, graph: Graph) -> Limit:
        from ..ir.requirement import Layer
        from ..lang.sentence import parse_sentence

        return parse_sentence(text, graph, layer=Layer.CONFIG)

    def scope(text: str, graph: Graph) -> Any:
        from ..lang.sentence import parse_scope

        return parse_scope(text, graph)

    def priority(text: str, graph: Graph) -> Any:
        from ..lang.setting import parse_priority

        return parse_priority(text, graph)

    def demands(text: str, graph: Graph) -> Any:
        from ..lang.setting import parse_demands

        return parse_demands(text, graph)

    compiler = (sys.executable, "-P", "-m", f"{__name__}.compiling")
    return Sentences(limit, scope, priority, demands, configured, compiler, load_graph)


def _result(ended: Ended) -> RunResult:
    from ..report.result import RunResult

    return RunResult(
        run=ended.run,
        status=ended.status,
        interrupted=ended.interrupted,
        outputs=ended.outputs,
        nodes=ended.nodes,
        failures=tuple(replace(f, log=_relative(f.log, ended.folder)) for f in ended.failures),
        seconds=ended.seconds,
        on_failure=ended.on_failure,
        freed_bytes=ended.freed_bytes,
    )


def _relative(log: str, folder: Path) -> str:
    path = Path(log)
    return str(path.relative_to(folder)) if log and path.is_relative_to(folder) else log
