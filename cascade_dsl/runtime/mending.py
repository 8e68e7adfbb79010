"""Repair of a live run: another text for it, and another try for what is parked.

The new text is compiled by a process beside the run, compared with the text that the run has, written to the run's folder,
and taken in one turn. Where it cannot be taken nothing has changed. One repair at a time.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from ..base.diagnostics import CascadeError, Diagnostic, fail
from ..base.spellings import spellings
from ..base.suggest import did_you_mean
from ..engine.halted import is_in
from ..engine.handles import handle
from ..engine.inputs import ReloadAsked, RetryAsked
from ..engine.state import At, State
from ..engine.step import is_in_backoff
from ..ir.codec import graph_from_json
from ..ir.compare import Change, Comparison, compare
from ..ir.events import Word
from ..ir.graph import Graph, NodeKey, Param
from ..ir.requirement import Scope
from ..ir.select import select
from ..store.journal import JournalReader
from ..store.runs import Run
from .interpreter import Interpreter
from .machine import machine_words
from .names import Names
from .preflight import check_demands, check_files, check_shells, file_words
from .rehearsal import is_rehearsing
from .sources import SourceLines
from .texts import changed_files, digest_of, text_of
from .values import Values

_NAMED = 5
_TAKE_BACK = "take these changes back, or let the run end and start a new one"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewText:
    """Another text for a run, found fit."""

    graph: Graph
    words: tuple[Word, ...]
    """Its file layer."""
    changes: tuple[Change, ...]


def new_text(
    old: Graph, new: Graph, *, targets: Sequence[str], params: dict[str, Any], above: Sequence[Word], folder: Path
) -> NewText:
    """What a run of `old` would take from the whole graph `new`; CascadeError with all that stands against it.

    `above` are the words of the layers above the file that the run began with.
    """
    try:
        graph = select(new, targets)
    except CascadeError as error:
        refused = tuple(d.message for d in error.diagnostics)
        raise _refused(new.file, Comparison(changes=(), refused=refused)) from None
    comparison = compare(old, graph)
    if comparison.refused:
        raise _refused(new.file, comparison)
    sources = SourceLines(graph, folder)
    words = file_words(graph, params, sources)
    check_demands(graph, (*machine_words(), *words, *above), sources)
    check_files(graph, folder, sources)
    check_shells(graph, sources)
    return NewText(graph=graph, words=words, changes=comparison.changes)


def _refused(file: str, comparison: Comparison) -> CascadeError:
    shown = comparison.refused[:10]
    more = len(comparison.refused) - len(shown)
    return fail(
        "CSC550",
        f"`{file}` has changed in a way that a run which is on cannot take",
        notes=(*shown, *([f"and {more} more"] if more else [])),
        help=_TAKE_BACK,
    )


class Mending:
    """Answers `retry` and `reload` of one run. `compiler` gives the command that compiles a file to a graph as JSON."""

    def __init__(
        self,
        interpreter: Interpreter,
        *,
        run: Run,
        folder: Path,
        values: Values,
        names: Names,
        reader: JournalReader,
        targets: Sequence[str],
        above: Sequence[Word],
        compiler: Sequence[str],
    ) -> None:
        self._interpreter = interpreter
        self._state: State = interpreter.state
        self._run = run
        self._folder = folder
        self._values = values
        self._names = names
        self._reader = reader
        self._targets = targets
        self._above = above
        self._compiler = compiler
        self._lock = trio.Lock()

    # -- reload ---------------------------------------------------------------------------------------------------

    async def reload(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take the file as it is now, or with `dry` say what that would change."""
        async with self._lock:
            self._refuse_end()
            path = self._folder / request.get("file", self._graph.file)
            if path.resolve().parent != self._folder.resolve():
                raise fail(
                    "CSC553",
                    f"`{path}` does not stand in the folder of the run, {self._folder}",
                    help="paths in a program are relative to its folder: put the file there",
                )
            found = await self.compiled(path)
            told = self._told(found.changes)
            if "dry" in request:
                return {**told, "applied": False}
            return await self._take(found, told, who=str(request.get("who", "")))

    async def _take(self, found: NewText, told: dict[str, Any], *, who: str) -> dict[str, Any]:
        given = await self._written(found, who)
        text = [str(told["effect"]).partition("\n")[0]] if not found.changes else short_changes(found.changes)
        said = f"{found.graph.file} is read again: {', '.join(text)}"
        return await self._interpreter.order(given, lambda: None, lambda _: {**told, "applied": True, "said": said})

    @property
    def _graph(self) -> Graph:
        return self._state.plan.graph

    async def compiled(self, path: Path) -> NewText:
        """The text of a file, compiled beside the run and found fit; CascadeError."""
        done = await trio.run_process(
            [*self._compiler, path.name],
            cwd=self._folder,  # its messages name the file as the user does
            capture_stdout=True,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            process_group=0,  # a Ctrl-C on the terminal is for the run
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
            found = [Diagnostic.from_json(d) for d in answer["diagnostics"]]
            graph = None if answer["graph"] is None else graph_from_json(answer["graph"])
        except (ValueError, KeyError, TypeError):
            raise fail(
                "CSC551",
                f"`{path.name}` could not be compiled: the compiler ended with {done.returncode} and no answer",
                help=f"`cascade check {path.name}` shows whether it can",
            ) from None
        if graph is None:
            raise CascadeError(found)
        params = {n.name: self._values.get(handle(self._state, n.id, ())) for n in self._graph.nodes if _is_param(n)}
        return new_text(
            self._graph, graph, targets=self._targets, params=params, above=self._above, folder=self._folder
        )

    async def _written(self, found: NewText, who: str) -> ReloadAsked:
        """The new text beside the journal, before an event speaks of it."""
        number = 2 + len(self._run.later_texts())
        text = text_of(found.graph)
        await trio.to_thread.run_sync(self._run.write_graph, text, number)
        return ReloadAsked(graph=found.graph, graph_digest=digest_of(text), number=number, words=found.words, who=who)

    def _told(self, changes: Sequence[Change]) -> dict[str, Any]:
        """What a new text changes in the run as it stands, for people and for programs."""
        counts, finished = self._standing(
            {n for c in changes for n in c.nodes}, {n for c in changes if c.redone for n in c.nodes}
        )
        lines = [
            f"{c.subject}: {line}" if not n else f"  {line}"
            for c in changes
            for n, line in enumerate(c.text.split("\n"))
        ]
        later = sum(counts[at] for at in (At.COLD, At.WAITING, At.ASKED, At.READY, At.BACKOFF))
        parts = [f"{counts[At.HELD]} held"] if counts[At.HELD] else []
        parts += [f"{later} not started"] if later else []
        said = [f"{' and '.join(parts)} will take it"] if parts else []
        said += [f"{counts[At.RUNNING]} running keep the old text"] if counts[At.RUNNING] else []
        if finished:
            shown = ", ".join(finished[:_NAMED]) + (", …" if len(finished) > _NAMED else "")
            said.append(f"{len(finished)} done stay as they are, a new run would run them again: {shown}")
        if not changes:
            lines, said = ["nothing that runs has changed"], []
        return {
            "run": self._interpreter.run_id,
            "changes": [{"subject": c.subject, "text": c.text, "redone": c.redone} for c in changes],
            "held": counts[At.HELD],
            "waiting": later,
            "running": counts[At.RUNNING],
            "finished": finished,
            "effect": "\n".join([*lines, *([f"  {'; '.join(said)}"] if said else [])]),
        }

    def _standing(self, nodes: set[int], redone: set[int]) -> tuple[Counter[int], list[str]]:
        """Calls and values of these nodes by state, and the names of what is done and would be done again."""
        counts: Counter[int] = Counter()
        finished: list[str] = []
        for frame in (self._state.root, *self._state.frames.values()):
            for site, states in zip(frame.body.sites, frame.states, strict=True):
                if site.id not in nodes:
                    continue
                counts.update(states)
                if site.id in redone and site.is_call:
                    done = (index for index, at in enumerate(states) if at == At.DONE)
                    finished += [self._names.of(frame.key(index, site.pos)) for index in done]
        return counts, finished

    # -- retry ----------------------------------------------------------------------------------------------------

    async def retry(self, request: dict[str, Any], scope: Scope | None = None) -> dict[str, Any]:
        """Put what is parked back into the queue, under the newest text of the file; what is in backoff goes at once.

        Of a scope: all in it, and what was cancelled as a whole is so no more.
        """
        async with self._lock:
            self._refuse_end()
            node, who = str(request["node"]), str(request.get("who", ""))
            self._meant(node, scope)
            found: NewText | None = None
            if "old" not in request and changed_files(self._graph, self._folder):
                found = await self.compiled(self._folder / self._graph.file)
            given = [] if found is None or is_rehearsing() else [await self._written(found, who)]
            keys = self._meant(node, scope)
            names = [self._names.of(key) for key in keys]
            shown = ", ".join(names[:_NAMED]) + (f", … {len(names) - _NAMED} more" if len(names) > _NAMED else "")
            scopes = self._lifted(node, scope)
            shown = _whom(node, scope, shown, scopes)
            changes = () if found is None else found.changes
            lines = [f"  {c.subject}: {c.text}".replace("\n", "\n    ") for c in changes]
            said = f"retry {shown}"
            if found is not None:
                said += f"; {found.graph.file} is read again: {', '.join(short_changes(changes)) or 'nothing that runs has changed'}"
            answer = {
                "run": self._interpreter.run_id,
                "applied": True,
                "retried": names,
                "reloaded": found is not None,
                "changes": [{"subject": c.subject, "text": c.text, "redone": c.redone} for c in changes],
                "effect": "\n".join([f"retry {shown}" + (" with the new text" if changes else ""), *lines]),
                "said": said,
            }
            return await self._interpreter.order(
                [*given, RetryAsked(keys=tuple(keys), who=who, scopes=scopes)], lambda: None, lambda _: answer
            )

    def _refuse_end(self) -> None:
        if self._state.phase != "running":
            raise fail(
                "CSC622",
                f"the run {self._interpreter.run_id} is ending: nothing new starts in it",
                help="when it has ended, `cascade continue` goes on with it; then retry",
            )

    def _lifted(self, node: str, scope: Scope | None) -> tuple[Scope, ...]:
        """Of the scopes that are cancelled those that no more will be."""
        return tuple(s for s in self._state.condemned_scopes if s == scope or (node == "all" and scope is None))

    def _meant(self, node: str, scope: Scope | None) -> list[NodeKey]:
        """What is parked, cancelled or in backoff and is meant by a scope, a name, a binding, a task or `all`; CSC620, CSC621."""
        state = self._state
        backoff = (key for key in state.attempts if is_in_backoff(state, key))
        waiting = list(dict.fromkeys((*state.parked, *state.cancelled, *state.condemned, *backoff)))
        if scope is not None:
            found = [key for key in waiting if is_in(state, key, scope)]
            if found or self._lifted(node, scope):
                return found
            raise fail("CSC620", f"nothing in `{scope}` is held, cancelled or in backoff", help=self._why_none())
        if node == "all":
            if waiting or state.condemned_scopes:
                return waiting
            raise fail("CSC620", "nothing in this run is held, cancelled or in backoff", help=self._why_none())
        names = {key: self._names.of(key) for key in waiting}
        wanted = set(spellings(node))
        found = [key for key, name in names.items() if name in wanted]
        found = found or [key for key, name in names.items() if name.partition("[")[0] == node]
        found = found or [key for key in waiting if (task := state.site_of(key).task) is not None and task.name == node]
        if found:
            return found
        raise self._not_held(node, wanted, list(names.values()))

    def _not_held(self, node: str, wanted: set[str], held: list[str]) -> CascadeError:
        state = self._state
        running = next((r for r in state.running.values() if self._names.of(r.key) in wanted), None)
        if running is not None:
            return fail(
                "CSC620",
                f"`{self._names.of(running.key)}` runs now, attempt {running.attempt}",
                help="wait for its end; what fails for good is held where the run is one with `--on-failure hold`",
            )
        key = self._known(wanted)
        if key is not None:
            return self._reason(key)
        sites = [
            s for s in state.plan.sites.values() if s.node.name == node or (s.task is not None and s.task.name == node)
        ]
        if sites:
            counts, _ = self._standing({s.id for s in sites}, set())
            said = ", ".join(f"{counts[at]} {word}" for at, word in _WORDS.items() if counts[at])
            message = f"nothing of `{node}` is held" + (f": {said}" if said else "")
            return fail("CSC620", message, help=_near(node, held) or self._why_none())
        known = [*held, *(s.node.name for s in state.plan.sites.values()), *(t.name for t in self._graph.tasks)]
        shown = ", ".join(f"`{name}`" for name in held[:_NAMED])
        return fail(
            "CSC621",
            f"nothing in this run is called `{node}`",
            help=did_you_mean(node, dict.fromkeys(known)) or (f"held are {shown}" if held else self._why_none()),
        )

    def _known(self, wanted: set[str]) -> NodeKey | None:
        """An instance of that name: one that was started, else a node of the program itself."""
        found = self._reader.newest_attempt(wanted)
        if found is not None:
            return found
        sites = self._state.plan.root.sites
        return next(((s.id,) for s in sites if s.node.name in wanted and s.is_call), None)

    def _reason(self, key: NodeKey) -> CascadeError:
        state, name = self._state, self._names.of(key)
        try:
            frame, index, pos = state.locate(key)
            at = frame.states[pos][index]
        except KeyError:
            at = At.DONE  # what is forgotten has ended, and its element with it
            if self._interpreter.picture.failure(key) is not None:
                at = At.FAILED
        match At(at):
            case At.DONE:
                return fail("CSC620", f"`{name}` is done", help="a new run runs it again where its text has changed")
            case At.FAILED:
                return fail(
                    "CSC620",
                    f"`{name}` has failed for good, and what needs it was skipped",
                    help="let the run end and start a new one; with `--on-failure hold` what fails is held until it is retried",
                )
            case At.SKIPPED | At.DROPPED:
                return fail("CSC620", f"`{name}` was left out: what it needs failed", help=self._why_none())
            case _:
                return fail(
                    "CSC620", f"`{name}` has not failed: it waits for its turn", help="`cascade ps` shows for what"
                )

    def _why_none(self) -> str:
        if self._state.on_failure == "hold":
            return "what fails for good is held until it is retried; `cascade ps` shows the run"
        return f"this run is one with `--on-failure {self._state.on_failure}`; with `hold` what fails is held until it is retried"


def _whom(node: str, scope: Scope | None, shown: str, lifted: Sequence[Scope]) -> str:
    """`task:fetch: pages[a], pages[b]; task:fetch is cancelled no more`."""
    no_more = (
        f"{' and '.join(map(str, lifted))} {'is' if len(lifted) == 1 else 'are'} cancelled no more" if lifted else ""
    )
    parts = "; ".join(part for part in (shown, no_more) if part)
    return f"{node}: {parts}" if scope is not None or not shown else parts


_WORDS = {
    At.RUNNING: "running",
    At.DONE: "done",
    At.FAILED: "failed",
    At.SKIPPED: "skipped",
    At.READY: "ready",
    At.WAITING: "waiting",
}


def _near(node: str, held: Iterable[str]) -> str | None:
    return did_you_mean(node, tuple(held))


def short_changes(changes: Sequence[Change]) -> list[str]:
    """`align (body, timeout 10m → 20m)`, one for each subject."""
    by: dict[str, list[str]] = {}
    for change in changes:
        by.setdefault(change.subject, []).append(change.text.partition("\n")[0])
    return [f"{subject} ({', '.join(texts)})" for subject, texts in by.items()]


def _is_param(node: object) -> bool:
    return isinstance(node, Param)
