"""Attempts from the effect that starts them to the input that says how they ended.

Prepared here, run by an executor, their results read and their files published. What may block is done in a thread or
a worker; every attempt is answered by exactly one input, whatever happens on its way.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGKILL, Signals
from typing import Any

import trio

from ..base.diagnostics import CascadeError
from ..base.quantity import show_duration
from ..engine.effects import Publish, StartAttempt
from ..engine.inputs import AttemptBroke, AttemptSucceeded, AttemptVanished, FilesPublished, Input, ResultsGone
from ..engine.plan import Site
from ..engine.state import State
from ..engine.status import Ran
from ..executors.process import ProcessExecutor
from ..executors.protocol import AttemptExited, AttemptLost, CommandSpec, Executor, Outcome, StartFailed
from ..executors.python import PythonExecutor
from ..ir.events import FailureReason
from ..ir.graph import NodeKey
from ..ir.used import Used, over_message
from ..store.blobs import Blobs
from ..store.layout import make_private
from ..store.output_paths import Stamp, stamps
from .bodies import Bodies, Prepared
from .disk import Disk
from .evaluating import Evaluator
from .lost import removed_inputs
from .memory import MemoryDemands
from .names import Names
from .places import CannotStart, FilePlace, GlobPlace, ValueOf, ValuePlace
from .publishing import Publishing, Taken, is_of_the_disk, unfinished
from .ran import OutOfMemory, ran_of
from .recalling import Recalling
from .results import BadResult, Results, left_in_place, read_results
from .values import INLINE_BYTES, Values

_CLAIM_EVERY_S = 0.2
_FILE_TICK_NS = 20_000_000
"""File systems stamp with a clock that goes on every 4 to 10 ms."""
_SHORTENED = 400
"""A message that is so long may have been cut off."""
_INTERRUPT_IS_KNOWN_AFTER_S = 0.5
_FEW_FILES = 32
"""So many are looked at once more in the loop's thread."""


class Attempts:
    """The attempts of one run. `tell` takes inputs of the engine, `note` a sentence for people, `fail` a fault of ours."""

    def __init__(
        self,
        *,
        state: State,
        evaluator: Evaluator,
        bodies: Bodies,
        names: Names,
        blobs: Blobs,
        project: Path,
        store: Path,
        publishing: Publishing,
        recalling: Recalling,
        values: Values,
        grace_s: float,
        memory: MemoryDemands,
        tell: Callable[[Input], None],
        note: Callable[[str], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._state = state
        self._evaluator = evaluator
        self._bodies = bodies
        self._names = names
        self._blobs = blobs
        self._project = project
        self._store = store
        self._publishing = publishing
        self._recalling = recalling
        self._values = values
        self._grace_s = grace_s
        self._memory = memory
        self._tell = tell
        self._note = note
        self._fail = fail
        self._prepared: dict[str, Prepared] = {}
        self._before: dict[str, dict[str, dict[str, Stamp]]] = {}
        """By attempt and output: what matched the patterns of outputs in place when it began."""
        self._first: dict[NodeKey, dict[str, dict[str, Stamp]]] = {}
        """The same of the first attempt of a node that has not succeeded: what failed attempts left is told from it."""
        self._planned: dict[tuple[NodeKey, int, int], Prepared] = {}
        """Attempts whose files have still to be moved out of their scratch folder."""
        self._on: dict[str, Executor] = {}
        self._commands: Executor = ProcessExecutor(self._on_outcome, memory.monitor, memory.groups)
        self._python: Executor = PythonExecutor(self._on_outcome, memory.monitor)
        self._disk = Disk(fail=fail)
        self._slow: deque[Callable[[], Awaitable[None]]] = deque()
        self._slow_bell = trio.Event()
        self.interrupted = trio.Event()
        """A signal has asked the run to end."""
        self._out_of_memory = OutOfMemory()
        self.remains: dict[NodeKey, tuple[Ran, bool]] = {}
        """Of instances whose attempt has just ended badly: what it ran, and whether the kernel killed for want of memory."""
        self.kept: list[Path] = []
        """Scratch folders that failed attempts worked in, left for the user to look at."""

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Until cancelled; nothing that was started outlives it."""
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._commands.serve)
                await nursery.start(self._python.serve)
                task_status.started()
                while True:
                    await self._slow_bell.wait()
                    self._slow_bell = trio.Event()
                    while self._slow:
                        nursery.start_soon(self._slow.popleft())
        finally:
            self._disk.close()
            self._memory.close()

    def _later(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have something done that has to wait."""
        self._slow.append(work)
        self._slow_bell.set()

    # -- start and stop -------------------------------------------------------------------------------------------

    def stop(self, serial: int) -> None:
        """TERM to an attempt, KILL after the grace; one that is still being prepared is stopped when it starts."""
        executor = self._on.get(str(serial))
        if executor is not None:
            executor.stop(str(serial), self._grace_s)

    def freeze(self, serial: int) -> None:
        """Let an attempt stand still; one that is still being prepared does when it starts, one whose body has ended does not."""
        executor = self._on.get(str(serial))
        if executor is not None:
            executor.freeze(str(serial))

    def thaw(self, serial: int) -> None:
        """Let it go on."""
        executor = self._on.get(str(serial))
        if executor is not None:
            executor.thaw(str(serial))

    def kill(self) -> None:
        """KILL to all that runs, at once."""
        for id_, executor in list(self._on.items()):
            executor.stop(id_, 0)

    def pid(self, serial: int) -> int | None:
        """The process that runs the attempt of that serial number."""
        executor = self._on.get(str(serial))
        return None if executor is None else executor.pid(str(serial))

    def start(self, effect: StartAttempt) -> None:
        """Prepare an attempt and hand it to its executor; whatever goes wrong is an input."""
        if self._recalling.touches:
            self._pass_over(effect)
            return
        site = self._state.plan.sites[effect.key[0]]
        path = effect.key[1:]
        if self._evaluator.may_be_slow(site) and self._evaluator.is_slow_call(site, path):
            self._later(partial(self._start_slowly, effect, copy(site)))  # it keeps the text of now
            return
        self._launch(effect, partial(self._prepare, effect, site, self._evaluator.value_of(path)))

    def _pass_over(self, effect: StartAttempt) -> None:
        """Nothing is run: what has no outputs counts as done, what keeps none cannot be adopted."""
        task = self._state.plan.sites[effect.key[0]].task
        assert task is not None
        key, epoch, attempt = effect.key, effect.epoch, effect.attempt
        if task.outputs:
            message = "it is not adopted: its results are never kept (`cache off`)"
            self._break(key, epoch, attempt, "value", None, message, "")
        else:
            self._note(f"{self._names.of(key)} is not run: it has no outputs")
            self._tell(AttemptSucceeded(key=key, epoch=epoch, attempt=attempt, value="null"))

    async def _start_slowly(self, effect: StartAttempt, site: Site) -> None:
        try:
            prepared = await self._evaluator.slowly(effect.key[1:], partial(self._prepare, effect, site))
        except CannotStart as error:
            self._break(effect.key, effect.epoch, effect.attempt, "value", None, str(error), "")
            return
        self._launch(effect, lambda: prepared)

    def _prepare(self, effect: StartAttempt, site: Site, value_of: ValueOf) -> Prepared:
        return self._bodies.prepare(
            site,
            effect.key,
            effect.epoch,
            effect.attempt,
            effect.serial,
            effect.facts,
            value_of,
            effect.units,
            effect.granted,
        )

    def _launch(self, effect: StartAttempt, prepare: Callable[[], Prepared]) -> None:
        if self._publishing.has_stood:
            self._later(self._claim_stood)
        try:
            prepared = prepare()
            if self._lacks_inputs(effect, prepared):
                return
            refused = self._publishing.take(prepared)
        except (CannotStart, Taken) as error:
            self._break(effect.key, effect.epoch, effect.attempt, "value", None, str(error), "")
            return
        if refused:
            self._later(partial(self._await_claim, effect, prepared, refused))
        elif self._recalling.wants(effect.key):
            self._recalling.make(effect.key, partial(self._look, effect, prepared))
        else:
            self._look(effect, prepared)

    def _lacks_inputs(self, effect: StartAttempt, prepared: Prepared) -> bool:
        """Somebody has removed what an earlier node made: that is made again first."""
        lost = removed_inputs(self._state, self._values, effect.key, prepared.inputs, self._project)
        if not lost:
            return False
        names = ", ".join(map(self._names.of, lost))
        self._tell(ResultsGone(keys=lost))
        why = f"what {names} made was removed before it was read"
        self._tell(AttemptVanished(key=effect.key, epoch=effect.epoch, attempt=effect.attempt, why=why))
        self._tidy(prepared)
        return True

    async def _claim_stood(self) -> None:
        """Something runs: what earlier results published is claimed, so that it stays while it is read."""
        while self._publishing.claim_stood():
            await trio.lowlevel.checkpoint()

    def _look(self, effect: StartAttempt, prepared: Prepared) -> None:
        """Begin an attempt; where it writes in place, look first at what is there."""
        places = [p for p in prepared.places if isinstance(p, GlobPlace) and p.in_place]
        if not places:
            self._begin(effect, prepared)
            return

        def then(found: dict[str, dict[str, Stamp]] | Exception) -> None:
            if isinstance(found, OSError):
                message = f"what its outputs match could not be read: {found}"
                self._break(effect.key, effect.epoch, effect.attempt, "value", None, message, "")
            elif isinstance(found, Exception):
                self._fail(found)
            else:
                self._before[prepared.spec.id] = found
                self._first.setdefault(prepared.key, found)
                self._begin(effect, prepared)

        self._disk.submit(partial(_look_at, places), then)

    def _begin(self, effect: StartAttempt, prepared: Prepared) -> None:
        id_ = prepared.spec.id
        self._prepared[id_] = prepared
        executor = self._commands if isinstance(prepared.spec.work, CommandSpec) else self._python
        self._on[id_] = executor
        executor.start(self._memory.held(prepared.spec))
        running = self._state.running.get(effect.key)
        if running is not None and running.stopping is not None:
            executor.stop(id_, self._grace_s)
        elif running is not None and running.frozen_ns is not None:
            executor.freeze(id_)

    def _is_stopping(self, key: NodeKey) -> bool:
        running = self._state.running.get(key)
        return running is not None and running.stopping is not None

    async def _await_claim(self, effect: StartAttempt, prepared: Prepared, refused: tuple[str, ...]) -> None:
        """Another live run publishes the path now: wait until it has ended."""
        key, shown = effect.key, refused[0]
        self._note(f"{self._names.of(key)} waits: another live run publishes {shown}")
        while refused:
            await trio.sleep(_CLAIM_EVERY_S)
            if self._is_stopping(key):
                message = f"stopped while it waited for {shown}"
                self._break(key, effect.epoch, effect.attempt, "cancelled", None, message, "")
                return
            refused = self._publishing.take(prepared)
        if self._recalling.wants(key):
            self._recalling.make(key, partial(self._look, effect, prepared))
        else:
            self._look(effect, prepared)

    # -- outcomes -------------------------------------------------------------------------------------------------

    def _on_outcome(self, outcome: Outcome) -> None:
        if not isinstance(outcome, AttemptLost) and outcome.message:
            secrets, message = self._bodies.secrets, outcome.message
            outcome = replace(outcome, message=secrets.masked(message, cut=len(message) >= _SHORTENED))
        prepared = self._prepared.pop(outcome.id)
        before = self._before.pop(outcome.id, {})
        del self._on[outcome.id]
        key, epoch, attempt = prepared.key, prepared.epoch, prepared.attempt
        log = prepared.spec.log_path
        match outcome:
            case StartFailed():
                self._keep(prepared)
                self._break(key, epoch, attempt, "start", None, outcome.message, log)
            case AttemptLost():
                self._tell(AttemptVanished(key=key, epoch=epoch, attempt=attempt, why=outcome.reason))
            case AttemptExited(code=0, message="", used=used):
                if prepared.task.outputs or self._publishing.earlier.may_have(prepared.task.name):
                    self._read_results(prepared, outcome, before)
                else:
                    self._tell(AttemptSucceeded(key=key, epoch=epoch, attempt=attempt, value="null", used=used))
                    self._tidy(prepared)
                return
            case AttemptExited() if outcome.signal == SIGINT and not self._is_stopping(key):
                self._later(partial(self._after_interrupt, prepared, outcome, before))
                return
            case AttemptExited():
                self._on_bad_end(prepared, outcome, before)
        self._leave(prepared)

    def _leave(self, prepared: Prepared) -> None:
        """An attempt that failed: what it wrote goes, its own scratch folder stays for the user to look at."""
        drafts = [str(p.scratch) for p in prepared.places if isinstance(p, FilePlace | ValuePlace)]
        if drafts:
            self._disk.submit(partial(_discard, drafts), _ignore)
        if Path(prepared.spec.cwd).is_relative_to(prepared.folder):
            self.kept.append(prepared.folder)
            self._disk.submit(partial(_make_private, prepared.folder), _ignore)
        else:
            self._tidy(prepared)

    def _read_results(self, prepared: Prepared, outcome: AttemptExited, before: dict[str, dict[str, Stamp]]) -> None:
        """A short value here, it has just been written; files and what is long in a thread."""
        draft, secrets = self._recalling.draft(prepared.key), self._bodies.secrets
        read = partial(
            read_results, prepared, outcome, self._project, self._store, self._blobs, before, secrets, draft=draft
        )
        earlier = self._publishing.earlier
        if earlier.may_have(prepared.task.name):
            of = partial(earlier.of, prepared.key, self._names.of(prepared.key), prepared.task.name)
            self._disk.submit(lambda: read(earlier=of()), partial(self._on_results, prepared, outcome.used))
            return
        is_made_of_many = draft is not None and len(draft.files) > _FEW_FILES
        if prepared.places or outcome.result_file or is_made_of_many or not _is_short(prepared.stdout_path):
            self._disk.submit(read, partial(self._on_results, prepared, outcome.used))
            return
        try:
            results: Results | BadResult = read()
        except BadResult as error:
            results = error
        self._on_results(prepared, outcome.used, results)

    def _on_bad_end(self, prepared: Prepared, outcome: AttemptExited, before: dict[str, dict[str, Stamp]]) -> None:
        reason: FailureReason = "exit" if outcome.code is not None else "signal"
        code = outcome.code if outcome.code is not None else -(outcome.signal or 0)
        message = (outcome.message or self._sentence(prepared, outcome)) + _gone(prepared)
        if outcome.over_bytes and not self._is_stopping(prepared.key):
            reason, code = "signal", -SIGKILL  # a shell whose command was killed ends with a code of its own
            message = over_message(outcome.over_bytes, prepared.spec.mem_bytes or 0)
        if outcome.place:
            message = f"{message}, at {outcome.place}"
        log = prepared.spec.log_path
        was_killed = code in (-SIGKILL, 128 + SIGKILL) and not self._is_stopping(prepared.key)
        # The kernel counts what it kills in a control group of ours as well: that is no want of memory.
        self._keep(prepared, was_killed and self._out_of_memory.happened() and not outcome.over_bytes)

        def broke(left: str | Exception) -> None:
            tail = left if isinstance(left, str) else ""
            self._break(prepared.key, prepared.epoch, prepared.attempt, reason, code, message + tail, log, outcome.used)

        if before:
            self._disk.submit(partial(left_in_place, prepared, self._first.get(prepared.key, before)), broke)
        else:
            broke("")

    def _keep(self, prepared: Prepared, out_of_memory: bool = False) -> None:
        self.remains[prepared.key] = (ran_of(prepared), out_of_memory)

    async def _after_interrupt(
        self, prepared: Prepared, outcome: AttemptExited, before: dict[str, dict[str, Stamp]]
    ) -> None:
        """A Ctrl-C meant for the run may reach a child that has only just been forked: then it did not fail."""
        with trio.move_on_after(_INTERRUPT_IS_KNOWN_AFTER_S):
            await self.interrupted.wait()
        if self.interrupted.is_set():
            self._tell(
                AttemptVanished(
                    key=prepared.key, epoch=prepared.epoch, attempt=prepared.attempt, why="stopped", used=outcome.used
                )
            )
        else:
            self._on_bad_end(prepared, outcome, before)
        self._leave(prepared)

    def _sentence(self, prepared: Prepared, outcome: AttemptExited) -> str:
        running = self._state.running.get(prepared.key)
        if running is not None and running.stopping == "timeout":
            return f"took longer than its timeout of {show_duration(running.facts.timeout_ns or 0)}"
        if running is not None and running.stopping is not None:
            return "stopped"
        if outcome.signal is not None:
            return f"killed by {Signals(outcome.signal).name}"
        return f"exit {outcome.code}"

    def _on_results(self, prepared: Prepared, used: Used, results: Results | Exception) -> None:
        key, epoch, attempt = prepared.key, prepared.epoch, prepared.attempt
        if isinstance(results, BadResult):
            self._keep(prepared)
            self._break(key, epoch, attempt, "result", 0, str(results), prepared.spec.log_path, used)
            self._leave(prepared)
            return
        if isinstance(results, Exception):
            self._fail(results)
            return
        try:
            refused = self._publishing.take_matched(key, results.matched) if results.matched else ()
        except Taken as error:
            self._break(key, epoch, attempt, "result", 0, str(error), prepared.spec.log_path, used)
            self._leave(prepared)
            return
        if refused:
            self._later(partial(self._await_matched, prepared, used, results, refused))
        else:
            self._succeed(prepared, used, results)

    async def _await_matched(self, prepared: Prepared, used: Used, results: Results, refused: tuple[str, ...]) -> None:
        """What a body has made is what another live run publishes: it stays in its scratch folder until that has ended."""
        shown = refused[0]
        self._note(f"{self._names.of(prepared.key)} waits: another live run publishes {shown}")
        while refused:
            await trio.sleep(_CLAIM_EVERY_S)
            if self._is_stopping(prepared.key):
                message = f"stopped while it waited for {shown}"
                self._break(prepared.key, prepared.epoch, prepared.attempt, "cancelled", None, message, "", used)
                self._leave(prepared)
                return
            refused = self._publishing.take_matched(prepared.key, results.matched)
        self._succeed(prepared, used, results)

    def _succeed(self, prepared: Prepared, used: Used, results: Results) -> None:
        key, epoch, attempt = prepared.key, prepared.epoch, prepared.attempt
        stored = results.stored
        self._first.pop(key, None)
        self._recalling.read(key, results.since_ns)
        removals = self._publishing.removable(key, results.removals) if results.removals else ()
        published = bool(results.files or removals)
        if published:
            self._planned[key, epoch, attempt] = prepared
        self._tell(
            AttemptSucceeded(
                key=key,
                epoch=epoch,
                attempt=attempt,
                value=stored.value,
                blob=stored.blob,
                length=stored.length,
                files=results.files,
                removals=removals,
                recipe=results.recipe,
                used=used,
            )
        )
        if not published:
            self._tidy(prepared)

    def _tidy(self, prepared: Prepared) -> None:
        """Remove what the attempt left in the scratch folder, but for what it publishes."""
        if prepared.stdout_path is not None:
            with suppress(OSError):
                os.unlink(prepared.stdout_path)
        if prepared.may_have_folder and os.path.isdir(prepared.folder):
            self._disk.submit(partial(shutil.rmtree, prepared.folder, ignore_errors=True), _ignore)

    def publish(self, effect: Publish) -> None:
        """Move the files of a committed plan to their places, and remove what they replace."""
        self._publishing.publish(effect, self._disk, self._on_published)

    def _on_published(self, effect: Publish, result: bool | Exception) -> None:
        prepared = self._planned.pop((effect.key, effect.epoch, effect.attempt), None)
        if result is True:
            self._tell(FilesPublished(key=effect.key, epoch=effect.epoch, attempt=effect.attempt))
        elif result is False:
            why = "its results were not all there after a crash"
            self._tell(AttemptVanished(key=effect.key, epoch=effect.epoch, attempt=effect.attempt, why=why))
        elif is_of_the_disk(result):
            # The plan is committed and stays so: half of it may be done. `continue` carries out the rest.
            self._fail(unfinished(self._names.of(effect.key), result))
        elif isinstance(result, CascadeError | OSError):
            what = "; ".join(d.message for d in result.diagnostics) if isinstance(result, CascadeError) else str(result)
            message = f"its results could not be published: {what}"
            self._break(effect.key, effect.epoch, effect.attempt, "result", None, message, "")
        else:
            self._fail(result)
        if prepared is not None:
            if result is True:
                self._tidy(prepared)
            else:
                self._leave(prepared)

    def _break(
        self,
        key: NodeKey,
        epoch: int,
        attempt: int,
        reason: FailureReason,
        code: int | None,
        message: str,
        log: str,
        used: Used | None = None,
    ) -> None:
        message = self._bodies.secrets.masked(message)
        self._tell(
            AttemptBroke(
                key=key, epoch=epoch, attempt=attempt, reason=reason, exit=code, message=message, log=log, used=used
            )
        )


def _gone(prepared: Prepared) -> str:
    """Why a body may have failed that ran while somebody removed files, as the end of a sentence."""
    gone = [path for path in prepared.inputs if not os.path.lexists(path)]
    return f", and its input {os.path.relpath(gone[0], prepared.spec.cwd)} is gone" if gone else ""


def _look_at(places: list[GlobPlace]) -> dict[str, dict[str, Stamp]]:
    """What is there before a body writes in place, by output; returns when the clock of the files has gone on.

    A file that is written again in the same tick of that clock would look as if it had not been touched.
    """
    found = {place.spec.name: stamps(place.root, place.pattern) for place in places}
    newest = max((stamp[2] for one in found.values() for stamp in one.values()), default=0)
    left_ns = newest + _FILE_TICK_NS - time.time_ns()
    if 0 < left_ns <= _FILE_TICK_NS:
        time.sleep(left_ns / 1e9)
    return found


def _make_private(folder: Path) -> None:
    with suppress(OSError):
        make_private(str(folder))


def _discard(paths: list[str]) -> None:
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(path)


def _is_short(path: str | None) -> bool:
    """A result that stands in its event."""
    try:
        return path is None or os.stat(path).st_size <= INLINE_BYTES
    except OSError:
        return False


def _ignore(_: Any) -> None:
    return None
