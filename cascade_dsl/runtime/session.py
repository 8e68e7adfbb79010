"""From a graph and its inputs to a run that has ended: folders, journal, layers of words, signals, the loop."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from .. import __version__
from ..base.diagnostics import CascadeError, fail
from ..engine.handles import handle, is_done
from ..engine.inputs import CancelAsked, ContinueRequested, DrainAsked, Input, ReloadAsked, RunRequested
from ..engine.state import State
from ..engine.status import FailureView, NodeCounts
from ..engine.step import new_state, replay
from ..ir.events import (
    Event,
    OnFailure,
    ParamBound,
    PublishPlanned,
    Recalled,
    RunEnded,
    RunStarted,
    RunStatus,
    Word,
)
from ..ir.graph import Graph, NodeKey, Output, Param
from ..ir.requirement import Layer, Limit
from ..store.boot import boot_id
from ..store.cache import Cache
from ..store.claims import Claims
from ..store.earlier import Earlier, paths_of
from ..store.hashes import Hashes
from ..store.journal import Journal, JournalReader
from ..store.leftovers import sweep_scratch
from ..store.runs import Project, Run, can_go_on
from ..store.wal import was_restarted
from .bodies import Bodies
from .clock import Clock
from .configuration import NAME, Configured
from .dead import clear_dead
from .desk import Desk, Sentences
from .destinations import Destinations
from .faults import first_of
from .interpreter import Interpreter, Reporter
from .interrupts import SIGNALS, Interrupts
from .lost import lost_results
from .machine import machine_words
from .memory import MemoryDemands
from .named import Named
from .names import Names
from .picture import PICTURED, counts
from .preflight import preflight, wants_bash
from .publishing import Publishing
from .recalling import Judge, RecallTerms
from .recipes import Recipes
from .results import store_value
from .secrets import Held, read_secrets, refuse_stored
from .sources import SourceLines
from .texts import changed_files, check_texts, digest_of, text_of, texts_of
from .values import Values
from .wall import Wall, zone_text
from .warden import PASSED_ON

if TYPE_CHECKING:
    from .answers import Answers
    from .changing import Changing
    from .explaining import Told
    from .halts import Halts
    from .mending import Mending

_FLUSH_AFTER_S = 0.5
"""A run that is shorter has its journal flushed at its end, and needs nothing but that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a run is to be made, apart from what it runs."""

    limits: tuple[Limit, ...] = ()
    """The command-line layer, amounts in base units."""
    config: tuple[Configured, ...] = ()
    """The configuration of the project."""
    on_failure: OnFailure = "finish"
    no_wait: bool = False
    grace_s: float = 5.0
    recall: RecallTerms = field(default_factory=RecallTerms)
    keeps_temp: bool = False
    """Temporary files stay."""
    explain: Told | None = None
    """Is told why each node starts, or is not run."""
    enforce_mem: bool = True
    """Tasks are ended that use more memory than they demand."""
    verbose: bool = False
    targets: tuple[str, ...] = ()
    """The names that the graph was selected by."""
    reload: bool = False
    """A run that is gone on with takes the file as it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that has ended."""

    run: str
    status: RunStatus
    interrupted: bool
    outputs: dict[str, Any]
    """Those that are known."""
    nodes: NodeCounts
    failures: tuple[FailureView, ...]
    seconds: float
    folder: Path
    on_failure: OnFailure
    freed_bytes: int = 0


def begin(
    graph: Graph,
    params: Mapping[str, Any],
    *,
    folder: Path,
    terms: Terms,
    reporter: Reporter,
    sentences: Sentences,
    warden: int | None = None,
) -> Ended:
    """Run a graph to its end; CascadeError where it is refused before anything ran."""
    words = preflight(graph, params, folder=folder, limits=terms.limits, config=terms.config)
    secrets = read_secrets(graph, folder, os.environ)
    refuse_stored(graph, params, secrets)
    project = Project(folder)
    clock = Clock()
    run = project.create(file=graph.file, pid=os.getpid(), warden=warden, now_ns=clock.now_ns())
    try:
        text = text_of(graph)
        run.write_graph(text)
        bound: list[ParamBound] = []
        for node in graph.nodes:
            if isinstance(node, Param):
                stored = store_value(params[node.name], project.blobs)
                bound.append(ParamBound(node=node.id, value=stored.value, blob=stored.blob, length=stored.length))
        request = RunRequested(
            run=run.id,
            graph_digest=digest_of(text),
            on_failure=terms.on_failure,
            words=words,
            params=tuple(bound),
            zone=zone_text(os.environ),
            versions=(("cascade", __version__), ("python", platform.python_version())),
            targets=terms.targets,
            recalls=not terms.recall.force_all,
            keeps_temp=terms.keeps_temp,
        )
        with Journal.create(run.journal) as journal:
            assert journal.next_seq == 1
            return _play(
                project,
                run,
                new_state(graph),
                journal,
                request,
                clock,
                terms,
                reporter,
                sentences,
                {},
                (),
                words,
                request.zone,
                secrets,
            )
    finally:
        run.release()


def go_on(
    *,
    folder: Path,
    name: str | None,
    terms: Terms,
    reporter: Reporter,
    sentences: Sentences,
    warden: int | None = None,
) -> Ended:
    """Take a run over that was killed or drained; CascadeError where there is none or another engine has it."""
    project = Project(folder)
    project.prepare()
    run = _continued(project, name)
    run.take()
    run.was_continued = True
    try:
        texts = texts_of(run)
        with Journal.open(run.journal) as journal:
            events = list(journal.events())
            if not events:
                raise fail(
                    "CSC506",
                    f"the run {run.id} had not begun: there is nothing to go on with",
                    help="run its file again",
                )
            last = events[-1][2]
            if isinstance(last, RunEnded) and not can_go_on(last):
                raise fail(
                    "CSC506",
                    f"the run {run.id} has ended ({last.status}): there is nothing to go on with",
                    help="run its file again",
                )
            check_texts(run, texts, [event for _, _, event in events])
            state = replay(texts.first, ((t_ns, event) for _, t_ns, event in events), texts.later)
            plans = {event.key: event for _, _, event in events if isinstance(event, PublishPlanned)}
            told = tuple(e for _, _, e in events if isinstance(e, (*PICTURED, Recalled)))
            clock = Clock(not_before_ns=events[-1][1])
            if was_restarted(run.folder):
                until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(events[-1][1] // 1_000_000_000))
                reporter.note(f"the machine was started again meanwhile: the journal is complete up to {until}")
            before = run.info()
            run.write_info(before._replace(pid=os.getpid(), warden=warden, state="running", boot=boot_id()))
            request = ContinueRequested(words=machine_words(), keeps_temp=terms.keeps_temp)
            begun = events[0][2]
            assert isinstance(begun, RunStarted)
            terms = replace(terms, targets=begun.targets)
            secrets = read_secrets(state.plan.graph, folder, os.environ)
            try:
                return _play(
                    project,
                    run,
                    state,
                    journal,
                    request,
                    clock,
                    terms,
                    reporter,
                    sentences,
                    plans,
                    told,
                    begun.words,
                    begun.zone,
                    secrets,
                )
            except CascadeError:
                if journal.next_seq == len(events) + 1:  # refused before anything happened
                    run.write_info(before)
                raise
    finally:
        run.release()


def _continued(project: Project, name: str | None) -> Run:
    if name is not None:
        return project.run(name)
    found = project.continuable()
    if not found:
        raise fail(
            "CSC506",
            "no run in this folder was interrupted: there is nothing to go on with",
            help="`cascade continue` goes on with a run that was killed or drained; start a new one with `cascade run FILE`",
        )
    return found[0]


def _play(
    project: Project,
    run: Run,
    state: State,
    journal: Journal,
    request: RunRequested | ContinueRequested,
    clock: Clock,
    terms: Terms,
    reporter: Reporter,
    sentences: Sentences,
    plans: dict[NodeKey, PublishPlanned],
    told: Sequence[Event],
    words: Sequence[Word],
    zone: str,
    secrets: Held,
) -> Ended:
    graph = state.plan.graph
    clear_dead(project, run)
    folder = project.folder
    environ = secrets.without(os.environ)
    memory = MemoryDemands(graph, enforce=terms.enforce_mem, warden=run.info().warden)
    now_s = (state.started_ns or clock.now_ns()) / 1e9
    began_ns = clock.now_ns()
    with JournalReader(run.journal, own=True) as reader:
        values = Values(state, reader, project.blobs, folder=str(folder), environ=environ, now_s=now_s)
        names = Names(state, values)
        publishing = _publishing(project, run, graph, state, values, names, plans)
        bodies = Bodies(
            state.plan,
            run=run.id,
            project=folder,
            scratch=run.scratch,
            logs=run.logs,
            environ=environ,
            secrets=secrets,
        )
        interrupts: list[Interrupts] = []
        paranoid = terms.recall.paranoid
        hashes = Hashes(folder, project.state, paranoid=paranoid)
        cache = Cache(project, run.id)
        if state.phase != "new":
            cache.begin_run()
        judge = Judge(cache, hashes, project.blobs, folder, paranoid=paranoid)
        recipes = Recipes(state.plan, bodies, hashes, folder)
        lost, lost_files = lost_results(
            state,
            plans,
            {event.key: event for event in told if isinstance(event, Recalled)},
            lambda key: values.get(handle(state, key[0], key[1:])),
            hashes,
            folder,
        )
        explainer = None
        if terms.explain is not None:
            from .explaining import Explainer

            explainer = Explainer(state, judge, names, file=graph.file, now_ns=clock.now_ns, told=terms.explain)
        above = [word for word in words if word.layer in (Layer.CONFIG, Layer.COMMAND_LINE)]
        first: list[Input] = [request]
        notes: list[str] = []
        if others := [f"`{one.text}`" for one in terms.config if not one.applies]:
            notes.append(f"{NAME}: not applicable here: {', '.join(others)}")
        if isinstance(request, ContinueRequested):
            taken = _newer(run, state, values, sentences, terms, above, folder, notes)
            first += [] if taken is None else [taken]
            first += [lost] if lost.keys else []
        made: list[Interpreter] = []

        async def main() -> Interpreter:
            interpreter = Interpreter(
                state=state,
                journal=journal,
                values=values,
                names=names,
                bodies=bodies,
                blobs=project.blobs,
                clock=clock,
                wall=Wall(clock, zone, reporter.note, ahead_ns=state.wall_ahead_ns),
                project=folder,
                store=project.store,
                reporter=reporter,
                run=run.id,
                file=graph.file,
                sources=SourceLines(graph, folder),
                publishing=publishing,
                recipes=recipes,
                judge=judge,
                plans=plans,
                recall=terms.recall,
                explainer=explainer,
                memory=memory,
                no_wait=terms.no_wait,
                grace_s=terms.grace_s,
                now_s=now_s,
            )
            made.append(interpreter)
            for key, files in lost_files.items():
                interpreter.discarding.lost(key, files)
            for event in told:
                if isinstance(event, PICTURED):
                    interpreter.picture.note(state, event)

            def mending() -> Mending:
                from .mending import Mending  # of an operator's repair, which few runs see

                return Mending(
                    interpreter,
                    run=run,
                    folder=folder,
                    values=values,
                    names=names,
                    reader=reader,
                    targets=terms.targets,
                    above=above,
                    compiler=sentences.compiler,
                )

            def answers() -> Answers:
                from .answers import Answers  # the same: few runs are asked

                return Answers(
                    state=state,
                    names=names,
                    reader=reader,
                    failure=interpreter.picture.failure,
                    pid_of=interpreter.attempts.pid,
                    log_of=bodies.log_path,
                    claims=interpreter.attempts.claims,
                    run=run.id,
                    now_ns=clock.now_ns,
                )

            def halts() -> Halts:
                from .halts import Halts

                return Halts(interpreter, names)

            def changing() -> Changing:
                from .changing import Changing

                return Changing(interpreter, names)

            desk = Desk(interpreter, sentences, mending, halts, changing, answers, folder)

            async def control(*, task_status: trio.TaskStatus[None]) -> None:
                await desk.serve(run.socket, task_status=task_status)

            async def signals(*, task_status: trio.TaskStatus[None]) -> None:
                with trio.open_signal_receiver(*SIGNALS) as receiver:
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, (PASSED_ON,))
                    task_status.started()
                    interrupts.append(Interrupts(partial(_interrupt, interpreter, reporter)))
                    async for number in receiver:
                        if number == signal.SIGHUP:
                            reporter.mute()
                        else:
                            interrupts[0].on(number)

            async def flush(*, task_status: trio.TaskStatus[None]) -> None:
                task_status.started()
                await trio.sleep(_FLUSH_AFTER_S)
                await trio.to_thread.run_sync(run.flush, abandon_on_cancel=True)

            reporter.start(graph.file, run.id)
            for note in (*secrets.notes, *notes):
                reporter.note(note)
            if terms.verbose:
                memory.tell(reporter.note)
            if not bodies.has_bash and wants_bash(graph):
                reporter.note("there is no bash here: scripts that choose no shell run in `sh -eu`")
            run.announce()
            await interpreter.run(first, [control, signals, flush])
            return interpreter

        # The warden may pass an interrupt on when the loop is over and listens no more: then there is nothing to end.
        signal.signal(PASSED_ON, signal.SIG_IGN)
        # At once, not in the loop's turn: the next picture must know that a shell has written meanwhile.
        before = signal.signal(signal.SIGCONT, lambda number, frame: reporter.resumed())
        try:
            interpreter = trio.run(main)
        except BaseExceptionGroup as group:
            raise first_of(group) from group
        finally:
            publishing.close()
            for each in made:
                each.recalling.close(ended=state.phase == "ended")
            signal.signal(signal.SIGCONT, before)
        sweep_scratch(run)
        if not interpreter.attempts.kept:
            run.clear_scratch()
        with suppress(CascadeError):  # for people, and the disk may be full: the journal knows it
            run.write_info(run.info()._replace(state=state.status or "running"))
        outputs = {
            node.name: values.get(handle(state, node.node, ()))
            for node in graph.nodes
            if isinstance(node, Output) and is_done(state, node.id)
        }
        assert state.status is not None
        return Ended(
            run=run.id,
            status=state.status,
            interrupted=any(one.steps for one in interrupts),
            outputs=outputs,
            nodes=counts(state),
            failures=interpreter.picture.failures,
            seconds=(clock.now_ns() - began_ns) / 1e9,
            folder=folder,
            on_failure=state.on_failure,
            freed_bytes=interpreter.discarding.freed_bytes,
        )


def _newer(
    run: Run,
    state: State,
    values: Values,
    sentences: Sentences,
    terms: Terms,
    above: Sequence[Word],
    folder: Path,
    notes: list[str],
) -> ReloadAsked | None:
    """The file as it is now, for a run that is gone on with: taken where that was asked for, else spoken of where it has changed."""
    graph = state.plan.graph
    changed = changed_files(graph, folder)
    if not terms.reload:
        if changed:
            notes.append(
                f"{', '.join(changed)} has changed since: the run goes on with what it had; "
                "`cascade continue --reload` takes what stands there now"
            )
        return None
    if not changed:
        notes.append(f"{graph.file} has not changed: there is nothing to read again")
        return None
    from .mending import new_text, short_changes

    assert sentences.load is not None
    params = {n.name: values.get(handle(state, n.id, ())) for n in graph.nodes if isinstance(n, Param)}
    found = new_text(
        graph,
        sentences.load(folder / graph.file),
        targets=terms.targets,
        params=params,
        above=above,
        folder=folder,
    )
    number, text = 2 + len(run.later_texts()), text_of(found.graph)
    run.write_graph(text, number)
    said = ", ".join(short_changes(found.changes)) or "nothing that runs has changed"
    notes.append(f"{graph.file} is read again: {said}")
    return ReloadAsked(graph=found.graph, graph_digest=digest_of(text), number=number, words=found.words)


def _publishing(
    project: Project,
    run: Run,
    graph: Graph,
    state: State,
    values: Values,
    names: Names,
    plans: dict[NodeKey, PublishPlanned],
) -> Publishing:
    """`plans`: what this run has published before it is continued, the newest plan of each node."""
    folder = str(project.folder)

    def params() -> dict[str, Any]:
        return {node.name: values.get(handle(state, node.id, ())) for node in graph.nodes if isinstance(node, Param)}

    own = {key: paths for key, plan in plans.items() if (paths := paths_of(plan, project.folder))}
    return Publishing(
        project=project.folder,
        destinations=Destinations(folder, {f.final: key for key, plan in plans.items() for f in plan.files}),
        claims=Claims(project.claims),
        earlier=Earlier(project, run.id, graph.file, own),
        named=Named(graph, params, folder),
        names=names,
    )


def _interrupt(interpreter: Interpreter, reporter: Reporter, step: int) -> None:
    interpreter.attempts.interrupted.set()
    match step:
        case 1:
            reporter.note("interrupted: what runs ends, nothing new starts; once more stops it")
            frozen = sum(running.frozen_ns is not None for running in interpreter.state.running.values())
            if frozen:
                reporter.note(f"{frozen} of what runs is frozen and ends only after `cascade resume`")
            interpreter.tell(DrainAsked(why="interrupted"))
        case 2:
            reporter.note("interrupted: what runs is stopped; once more kills it")
            interpreter.tell(CancelAsked(why="interrupted"))
        case _:
            reporter.note("interrupted: what runs is killed")
            interpreter.tell(CancelAsked(why="interrupted"))
            interpreter.attempts.kill()
