"""`run` and `continue`, in the engine's process: from words to a graph, params and options, to a result."""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import api
from ..api.options import RunOptions
from ..api.params import ParamText, ParamValue, bind_params, read_params
from ..base.diagnostics import CascadeError, Diagnostic
from ..ir.graph import Graph, Json, Param
from ..ir.select import select
from ..ir.types import BOOL, OptionalType
from ..report.lines import Lines
from ..report.result import RunResult, output_lines, refusal_json, result_json
from ..runtime.warden import start_death_watch
from .about import typed
from .options import Verb
from .parse import Parsed, misuse, parse, unknown

if TYPE_CHECKING:
    from ..report.live import LiveView
    from ..runtime.forecast import Foreseen

EXIT_REFUSED = 2
COLLECT_AFTER = (50_000, 4, 250)
"""Garbage with cycles is rare here, and what is alive is much: a twelfth of the time of a run with nothing to do. Of young
objects no more than four heaps are gone through at once, or a turn in which many come to be would stand still for it."""


def read_words(verb: Verb, words: list[str]) -> Parsed:
    """The command line; with `--json` in it a refusal is a document too."""
    try:
        return parse(verb, words)
    except CascadeError as error:
        if "--json" in words:
            print(json.dumps(refusal_json(error.diagnostics), ensure_ascii=False))
        raise


def run_engine(parsed: Parsed, alive: int) -> int:
    """Be the engine of a run: its exit code. `alive` is the pipe from the warden."""
    start_death_watch(alive)
    gc.set_threshold(*COLLECT_AFTER)
    wants_json = "--json" in parsed.flags
    warnings: list[Diagnostic] = []
    try:
        most = _cache_max(parsed)
        result = _run(parsed, warnings) if parsed.verb.open else _continue(parsed)
    except CascadeError as error:
        if wants_json:
            print(json.dumps(refusal_json((*warnings, *error.diagnostics)), ensure_ascii=False))
        raise
    if isinstance(result, int):
        return result
    if wants_json:
        print(json.dumps(result_json(result), ensure_ascii=False))
    else:
        for line in output_lines(result.outputs):
            print(line)
    sys.stdout.flush()
    if most is not None:
        _keep_bound(parsed, most)
    return result.exit_code


def _keep_bound(parsed: Parsed, most: int) -> None:
    """The run is over and told: what hinders here is said, and changes nothing of that."""
    from .caching import keep_bound

    folder = _folder(parsed)
    try:
        if folder is not None:
            keep_bound(folder, most)
    except CascadeError as error:
        print(f"cache: {'; '.join(d.message for d in error.diagnostics)}", file=sys.stderr)


def _cache_max(parsed: Parsed) -> int | None:
    """The size to which the stored results are kept at the end; CSC504 where it is none."""
    if "--cache-max" not in parsed.values and not os.environ.get("CASCADE_CACHE_MAX"):
        folder = _folder(parsed)
        if folder is None or not (folder / "cascade.toml").exists():
            return None
        from .caching import bound_of_project

        return bound_of_project(folder)
    from .caching import bound_of_environment, size_option

    given = size_option(parsed, "--cache-max")
    return bound_of_environment() if given is None else given


def _folder(parsed: Parsed) -> Path | None:
    """The folder of the project."""
    from .past import project_folder

    return Path(file_of(parsed.args, parsed)).resolve().parent if parsed.verb.open else project_folder()


def _run(parsed: Parsed, warnings: list[Diagnostic]) -> RunResult | int:
    """A run from its words, of a dry one the exit code; those of the program are added to `warnings`, refused or not."""
    path = Path(file_of(parsed.args, parsed))
    options = options_of(parsed)
    graph = load(path, warnings)
    if not options.json:
        _show_warnings(warnings, path)
    names = tuple(node.name for node in graph.nodes if isinstance(node, Param))
    texts, targets = settle(parsed, graph)
    given: dict[str, ParamText | ParamValue] = {}
    if "--params" in parsed.values:
        given |= read_params(Path(parsed.values["--params"]))
    given |= texts
    refuse_unknown(given, names)
    graph = select(graph, targets)
    options = replace(options, targets=targets)
    folder = path.resolve().parent
    params = bind_params(graph, given, Path.cwd(), folder, typed)
    if options.dry_run:
        return _dry(graph, folder, params, options, warnings)
    reporter = _reporter(folder, options.verbose)
    explained: list[dict[str, Json]] = []

    def explain(each: Foreseen) -> None:
        from .dry import foreseen_json, line_of

        explained.append(foreseen_json(each))
        reporter.note(line_of(each))

    with _closing(reporter):
        result = api.run(
            graph,
            folder=folder,
            params=params,
            options=options,
            reporter=reporter,
            warden=os.getppid(),
            explain=explain if options.explain else None,
        )
        reporter.finish(result)
    told = tuple(explained) if options.explain else None
    return replace(result, diagnostics=(*warnings, *result.diagnostics), explained=told)


def _dry(graph: Graph, folder: Path, params: dict[str, Json], options: RunOptions, warnings: list[Diagnostic]) -> int:
    """Show what would run; the exit code, 1 where something would fail whatever the tasks do."""
    from .dry import calls_json, closing_line, dry_lines, fates, would_json

    found = api.foresee(graph, folder=folder, params=params, options=options)
    if options.json:
        document = {
            **refusal_json(tuple(warnings)),
            "status": "dry",
            "would": would_json(found),
            "calls": calls_json(found),
            "faults": [{"node": name, "message": message} for name, message in found.faults],
        }
        print(json.dumps(document, ensure_ascii=False))
    else:
        for line in dry_lines(found, options.explain):
            print(line)
        print(closing_line(found), file=sys.stderr)
    return 1 if found.faults or fates(found)["fails"] else 0


def _continue(parsed: Parsed) -> RunResult:
    from .past import project_folder

    options = options_of(parsed)
    folder = project_folder() or Path.cwd()
    reporter = _reporter(folder, options.verbose)
    with _closing(reporter):
        result = api.continue_run(
            folder, next(iter(parsed.args), None), options=options, reporter=reporter, warden=os.getppid()
        )
        reporter.finish(result)
    return result


WARNINGS_SHOWN_MAX = 5


def _show_warnings(warnings: list[Diagnostic], path: Path) -> None:
    """One line for each on stderr; of many, the first."""
    from ..report.formats import concise

    if warnings:
        print(concise(warnings[:WARNINGS_SHOWN_MAX]), file=sys.stderr)
    more = len(warnings) - WARNINGS_SHOWN_MAX
    if more > 0:
        what = "warning" if more == 1 else "warnings"
        print(f"and {more} more {what}: `cascade check {path}` shows all", file=sys.stderr)


def load(path: Path, warnings: list[Diagnostic] | None = None) -> Graph:
    """The graph of a program or of a graph as JSON; CascadeError where it has errors.

    Warnings are added to the list that is given, or else go to stderr.
    """
    if path.suffix == ".json":
        return api.load_graph(path)
    compiled = api.compile_file(path)
    if compiled.graph is None:
        raise CascadeError(compiled.diagnostics)
    if warnings is not None:
        warnings += compiled.diagnostics
    elif compiled.diagnostics:
        from ..report.plain import render_all, wants_color

        print(render_all(compiled.diagnostics, wants_color(sys.stderr)), file=sys.stderr)
    return compiled.graph


def _reporter(folder: Path, verbose: bool) -> Lines | LiveView:
    if sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", None) and not _is_build():
        from ..report.live import LiveView

        return LiveView(sys.stderr, folder=folder, verbose=verbose)
    return Lines(sys.stderr, folder=folder, verbose=verbose)


def _is_build() -> bool:
    """On a build server: what looks like a terminal there is a log."""
    return any(os.environ.get(name, "").lower() not in ("", "0", "false") for name in ("CI", "GITHUB_ACTIONS"))


class _closing:
    """Gives the terminal back where a run ends with an error."""

    def __init__(self, reporter: Lines | LiveView) -> None:
        self._reporter = reporter

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        if not isinstance(self._reporter, Lines):
            with suppress(OSError):
                self._reporter.close()


# ---- words to options, params and targets -----------------------------------------------------------------------


def options_of(parsed: Parsed) -> RunOptions:
    """The options of `run` and `continue`."""
    jobs: int | None = None
    if "--jobs" in parsed.values:
        text = parsed.values["--jobs"]
        if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 9):
            raise misuse(parsed.verb, f"`--jobs` is a whole number from 1 on, not `{text}`")
        jobs = int(text)
    on_failure = parsed.values.get("--on-failure", "finish")
    if "--keep-going" in parsed.flags:
        if on_failure in ("cancel", "hold"):
            raise misuse(parsed.verb, f"`--keep-going` and `--on-failure {on_failure}` contradict each other")
        on_failure = "continue"
    assert on_failure in ("finish", "continue", "cancel", "hold")
    if "--touch" in parsed.flags and ("--force" in parsed.flags or "--force" in parsed.many):
        raise misuse(parsed.verb, "`--touch` and `--force` contradict each other: one runs nothing, the other all")
    return RunOptions(
        jobs=jobs,
        limits=tuple(parsed.many.get("--limit", ())),
        on_failure=on_failure,
        no_wait="--no-wait" in parsed.flags,
        verbose="--verbose" in parsed.flags,
        json="--json" in parsed.flags,
        dry_run="--dry-run" in parsed.flags,
        explain="--explain" in parsed.flags,
        reload="--reload" in parsed.flags,
        force=tuple(parsed.many.get("--force", ())),
        force_all="--force" in parsed.flags,
        touch="--touch" in parsed.flags,
        paranoid="--paranoid" in parsed.flags,
        keep_temp="--keep-temp" in parsed.flags,
        enforce_mem="--no-enforce-mem" not in parsed.flags,
    )


def file_of(args: list[str], parsed: Parsed) -> str:
    """The program among the words, as far as can be told without it: after `--top` may stand its value, or the program."""
    plain: list[str] = []
    after_option: list[str] = []
    before = ""
    for word in args:
        if word == "--":
            break
        if not word.startswith("--"):
            maybe_value = before.startswith("--") and "=" not in before
            (after_option if maybe_value else plain).append(word)
        before = word
    for found in (plain, after_option):
        for ending in (".csc", ".json"):
            for word in found:
                if word.endswith(ending):
                    return word
    if plain:
        return plain[0]
    raise misuse(parsed.verb, "`cascade run` needs FILE")


def settle(parsed: Parsed, graph: Graph) -> tuple[dict[str, ParamText], tuple[str, ...]]:
    """Params and targets among the words, now that the program's params are known."""
    params = {node.name: node for node in graph.nodes if isinstance(node, Param)}
    texts: dict[str, list[str]] = {}
    targets: list[str] = []
    words = list(parsed.args)
    words.remove(file_of(words, parsed))
    while words:
        word = words.pop(0)
        if word == "--":
            targets += words
            break
        if not word.startswith("--"):
            targets.append(word)
            continue
        shown, equals, value = word.partition("=")
        name = shown[2:] if shown[2:] in params else shown[2:].replace("-", "_")
        if name not in params:
            raise unknown(shown, parsed.verb, tuple(params))
        if not equals:
            if params[name].type in (BOOL, OptionalType(BOOL)):
                value = words.pop(0) if words and words[0] in ("true", "false") else "true"
            elif words:
                value = words.pop(0)
            else:
                raise misuse(parsed.verb, f"`{shown}` needs a value: {shown} {str(params[name].type).upper()}")
        texts.setdefault(name, []).append(value)
    for text in parsed.many.get("--param", ()):
        name, equals, value = text.partition("=")
        if not equals:
            raise misuse(parsed.verb, f"`--param` is NAME=VALUE, not `{text}`")
        texts.setdefault(name, []).append(value)
    return {name: ParamText(first, tuple(more)) for name, (first, *more) in texts.items()}, tuple(targets)


def refuse_unknown(given: dict[str, ParamText | ParamValue], names: tuple[str, ...]) -> None:
    """CSC500 for each param that the program does not have."""
    from ..base.suggest import did_you_mean

    found = [
        Diagnostic(code="CSC500", message=f"the program has no param `{name}`", help=did_you_mean(name, names))
        for name in given
        if name not in names
    ]
    if found:
        raise CascadeError(found)
