"""Looks for earlier results: makes the recipe of a call, finds what was kept under it, and checks that it still stands.

`decide` is the one place where it is decided whether a call runs: the run and the dry run both ask it. What a body then makes
is kept under the recipe, where nothing that it was made from has changed meanwhile. Recipes are drafted in the loop's thread, where
values are; files are looked at in threads, many calls at once.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import trio

from ..base.diagnostics import CascadeError
from ..engine.effects import Recall
from ..engine.inputs import EvaluationFailed, Input, NothingRecalled, ResultRecalled
from ..engine.plan import Site
from ..engine.state import WINDOW, State
from ..ir.events import AttemptFailed, AttemptFinished, AttemptLost, PlannedRemoval, PublishPlanned
from ..ir.graph import NodeKey
from ..store.blobs import Blobs
from ..store.cache import Cache, Entry, Kept, KeptFile, entry_of, is_old_use, is_stored
from ..store.hashes import Hashes
from ..values.faults import EvalError
from .adopting import Adoption, NotAdopted
from .disk import Disk
from .evaluating import Evaluator
from .names import Names
from .places import CannotStart, ValueOf
from .publishing import Taken
from .recipes import Draft, NoRecipe, Recipes
from .results import store_value
from .values import KnownLists

_BATCH = WINDOW
"""What becomes ready together is looked at together."""
_FLUSH_EVERY_S = 0.5

Reason: TypeAlias = Literal["recalled", "new", "expired", "output", "leftover", "value", "forced", "unsaid"]
"""`leftover`: a file stands that a later result of the node published, and that would go if the node ran; `new`: nothing is kept under the recipe; `expired`: it is older than the task's `cache` allows; `output`: a file of it is gone
or not what it was; `value`: its stored value is gone; `unsaid`: no recipe can be said."""


class Decision(NamedTuple):
    """Whether a call has an earlier result, and if not, why. `detail`: the file that is meant, or a sentence."""

    reason: Reason
    draft: Draft | None = None
    entry: Entry | None = None
    detail: str = ""
    gone: frozenset[str] = frozenset()
    """Paths of temporary files that are not there; the result stands without them."""

    @property
    def is_recalled(self) -> bool:
        return self.reason == "recalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallTerms:
    """What of earlier results a run is to use. `forced`: calls, by template id, that run although they have one."""

    forced: frozenset[int] = frozenset()
    force_all: bool = False
    touch: bool = False
    paranoid: bool = False


class Judge:
    """Decides by what is kept and what stands on the disk. From any thread; blocks."""

    def __init__(self, cache: Cache, hashes: Hashes, blobs: Blobs, project: Path, *, paranoid: bool = False) -> None:
        self.cache = cache
        self.hashes = hashes
        self.blobs = blobs
        self._folder = os.path.join(os.path.normpath(project), "")
        self._paranoid = paranoid

    def decide_all(self, drafts: Sequence[tuple[Draft, bool]], recipes: Recipes, now_ns: int) -> list[Decision]:
        """For each draft, whether it has an earlier result; where it is `forced`, it has none."""
        self.hashes.prefetch(path for draft, _ in drafts for _, path in draft.files)
        said: list[NoRecipe | None] = []
        for draft, _ in drafts:
            try:
                recipes.look(draft)
                said.append(None)
            except NoRecipe as error:
                said.append(error)
        found = self.cache.find(
            draft.digest for (draft, forced), fault in zip(drafts, said, strict=True) if fault is None and not forced
        )
        self.hashes.prefetch(
            self._folder + f.path for e in found.values() for f in e.files if f.temporary or not is_stored(f.path)
        )
        return [
            Decision("unsaid", None, None, str(fault))
            if fault is not None
            else Decision("forced", draft)
            if forced
            else self.decide(draft, found.get(draft.digest), now_ns)
            for (draft, forced), fault in zip(drafts, said, strict=True)
        ]

    def decide(self, draft: Draft, entry: Entry | None, now_ns: int) -> Decision:
        """Whether an entry that was found for a draft whose files have been looked at may stand for the call."""
        if entry is None:
            return Decision("new", draft)
        if draft.ttl_s is not None and now_ns - entry.t_ns > draft.ttl_s * 1e9:
            return Decision("expired", draft, entry)
        gone: list[str] = []
        for file in entry.files:
            if not self._stands(file):
                if not file.temporary:
                    return Decision("output", draft, entry, file.path)
                gone.append(file.path)
        # An item of a list may have got the label of another: what stands under that name is then no sign of anything.
        if entry.newest != entry.id and "[" not in entry.node:
            left = self._left_over(entry)
            if left:
                return Decision("leftover", draft, entry, left)
        if entry.blob is not None and not self._has_value(entry.blob):
            return Decision("value", draft, entry)
        return Decision("recalled", draft, entry, gone=frozenset(gone))

    def _stands(self, file: KeptFile) -> bool:
        path = self._folder + file.path
        if not is_stored(file.path) or file.temporary or self._paranoid:
            return self.hashes.published(path) == file.digest
        try:
            found = os.lstat(path)
        except OSError:
            return False
        return found.st_size == file.size or os.path.isdir(path)

    def lost(self, entry: Entry) -> list[tuple[str, bool]]:
        """The files of a result that do not stand as they were made: the path, and whether anything is there."""
        gone = [f for f in entry.files if not f.temporary and not self._stands(f)]
        return [(f.path, os.path.lexists(self._folder + f.path)) for f in gone]

    def _left_over(self, entry: Entry) -> str:
        """A file of the node's newest result that stands and is none of this one; empty where there is none."""
        newest = self.cache.nearest(entry.file, entry.node, entry.task)
        own = {file.path for file in entry.files}
        others = newest.files if newest is not None else ()
        return next((f.path for f in others if f.path not in own and not is_stored(f.path) and self._stands(f)), "")

    def learn(self, file: KeptFile, since_ns: int) -> None:
        """A published file, which was hashed after that instant, need not be hashed again."""
        self.hashes.learn(self._folder + file.path, file.digest, since_ns=since_ns)

    def _has_value(self, blob: str) -> bool:
        return self.blobs.verify(blob) if self._paranoid else self.blobs.path(blob).is_file()


class _Drafted(NamedTuple):
    """A draft, who waits for it, and with `--touch` where its outputs have to stand, or why they cannot."""

    key: NodeKey
    then: Callable[[], None] | Recall
    draft: Draft
    adoption: Adoption | NotAdopted | None = None


class Paths(Protocol):
    """Who of the run publishes what: see `Publishing`."""

    def take_recalled(self, key: NodeKey, finals: list[str], inputs: tuple[str, ...]) -> None: ...
    def is_free(self, key: NodeKey, path: str) -> bool: ...


class Recalling:
    """Answers the engine's `Recall`s, and keeps what attempts make. From the trio thread, but for what says otherwise."""

    def __init__(
        self,
        *,
        state: State,
        evaluator: Evaluator,
        recipes: Recipes,
        judge: Judge,
        names: Names,
        publishing: Paths,
        project: Path,
        run: str,
        file: str,
        plans: dict[NodeKey, PublishPlanned],
        terms: RecallTerms,
        now_ns: Callable[[], int],
        gone: dict[str, tuple[str, int]],
        tell: Callable[[Input], None],
        note: Callable[[str], None],
        fail: Callable[[BaseException], None],
        decided: Callable[[NodeKey, Decision], None] | None = None,
        keeps: bool = True,
    ) -> None:
        """`gone`: temporary files that are not there, by absolute path: digest and size; what is recalled without them is added.

        `decided` is told of each decision that the engine asked for; a dry run `keeps` nothing.
        """
        self._state = state
        self._evaluator = evaluator
        self._recipes = recipes
        self.gone = recipes.gone = gone
        self._judge = judge
        self._names = names
        self._publishing = publishing
        self._project = project
        self._folder = os.path.join(os.path.normpath(project), "")
        self._run = run
        self._file = file
        self._terms = terms
        self.touches = terms.touch
        """Nothing runs: outputs that are there are adopted."""
        self._now_ns = now_ns
        self._tell = tell
        self._note = note
        self._fail = fail
        self._decided = decided
        self._keeps = keeps
        self._asks: deque[tuple[NodeKey, Callable[[], None] | Recall]] = deque()
        """Calls, and who waits for their drafts alone, or what the engine asks."""
        self._bell = trio.Event()
        self._disk: Disk | None = None
        self._drafts: dict[NodeKey, Draft | None] = {}
        """Of calls that run or are to run; None: no recipe can be said."""
        self._unsaid: set[NodeKey] = set()
        """Of those that run, which began under an older text and are not drafted yet."""
        self._older: set[NodeKey] = set()
        """Of those that run, which began under an older text: their next attempt is drafted anew."""
        self._plans = dict(plans)
        self._since: dict[NodeKey, int] = {}
        self._keeping = _Keeping(judge)
        self._flushing = False

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                while True:
                    await self._bell.wait()
                    self._bell = trio.Event()
                    while self._asks:
                        some = [self._asks.popleft() for _ in range(min(_BATCH, len(self._asks)))]
                        self._draft_all(some, nursery)
                        await trio.lowlevel.checkpoint()
        finally:
            if self._disk is not None:
                self._disk.close()

    def ask(self, ask: Recall) -> None:
        """The engine's question; its answer comes later."""
        self._asks.append((ask.key, ask))
        self._bell.set()

    def renew(self, fresh: set[NodeKey]) -> None:
        """The run is of another text: what had not started, and what is `fresh` and runs under it already, is drafted anew.

        What runs, and is not drafted yet, runs under the older text: its result is not kept.
        """
        self._recipes.renew()
        running = self._state.running.keys() - fresh
        self._unsaid.update(key for key in running if key not in self._drafts)
        self._drafts = {key: draft for key, draft in self._drafts.items() if key in running}
        self._older.update(running)

    # -- drafts ---------------------------------------------------------------------------------------------------

    def _draft_all(self, asks: Iterable[tuple[NodeKey, Callable[[], None] | Recall]], nursery: trio.Nursery) -> None:
        drafted: list[_Drafted] = []
        known: KnownLists = {}
        for key, then in asks:
            site, path = self._state.plan.sites[key[0]], key[1:]
            if self._evaluator.may_be_slow(site) and self._evaluator.is_slow_call(site, path):
                nursery.start_soon(self._draft_slowly, key, then)
                continue
            try:
                drafted.append(self._drafted(key, then, site, self._evaluator.value_of(path, known)))
            except _UNSAID as error:
                self._conclude(key, then, Decision("unsaid", detail=str(error)))
        if drafted:
            self._submit(drafted)

    async def _draft_slowly(self, key: NodeKey, then: Callable[[], None] | Recall) -> None:
        site = self._state.plan.sites[key[0]]
        try:
            drafted = await self._evaluator.slowly(key[1:], partial(self._drafted, key, then, site))
        except _UNSAID as error:
            self._conclude(key, then, Decision("unsaid", detail=str(error)))
        else:
            self._submit([drafted])

    def _drafted(self, key: NodeKey, then: Callable[[], None] | Recall, site: Site, value_of: ValueOf) -> _Drafted:
        draft = self._recipes.draft(site, value_of)
        if not self.touches:
            return _Drafted(key, then, draft)
        try:
            return _Drafted(key, then, draft, self._recipes.adoption(site, value_of))
        except NotAdopted as error:
            return _Drafted(key, then, draft, error)

    def _submit(self, drafted: list[_Drafted]) -> None:
        if self._disk is None:
            self._disk = Disk(fail=self._fail)
        wanted = [(one.draft, not isinstance(one.then, Recall) or self._is_forced(one.key)) for one in drafted]
        decide = partial(self._judge.decide_all, wanted, self._recipes, self._now_ns())

        def job() -> list[Decision]:
            decisions = decide()
            if self.touches:
                return [self._adopt(one, decision) for one, decision in zip(drafted, decisions, strict=True)]
            return decisions

        def settle(decisions: list[Decision] | Exception) -> None:
            if isinstance(decisions, Exception):
                self._fail(decisions)
                return
            for one, decision in zip(drafted, decisions, strict=True):
                if decision.entry is None or not decision.entry.twins or not self._prefer_own(one, decision):
                    self._conclude(one.key, one.then, decision)

        self._disk.submit(job, settle)

    def _prefer_own(self, one: _Drafted, decision: Decision) -> bool:
        """Where several nodes have results of one recipe, each keeps its own: samples that differ by chance stay apart."""
        draft, entry = decision.draft, decision.entry
        assert draft is not None
        assert entry is not None
        assert self._disk is not None
        site = self._state.plan.sites[one.key[0]]
        mine = self._file, self._names.of(one.key), "" if site.task is None else site.task.name
        own = None
        if (entry.file, entry.node, entry.task) != mine:
            own = next((twin for twin in entry.twins if (twin.file, twin.node, twin.task) == mine), None)
        if own is None:
            return False

        def settle(again: Decision | Exception) -> None:
            if isinstance(again, Exception):
                self._fail(again)
            else:
                self._conclude(one.key, one.then, again if again.is_recalled else decision)

        self._disk.submit(partial(self._judge.decide, draft, own, self._now_ns()), settle)
        return True

    def _is_forced(self, key: NodeKey) -> bool:
        return self._terms.force_all or key[0] in self._terms.forced

    def _adopt(self, one: _Drafted, decision: Decision) -> Decision:
        """Where nothing is kept for a call, what stands at the paths of its outputs. Blocks."""
        if decision.draft is None or decision.is_recalled or one.adoption is None:
            return decision
        try:
            if isinstance(one.adoption, NotAdopted):
                raise one.adoption
            value, files = one.adoption.look(self._judge.hashes, self._project)
        except NotAdopted as error:
            return Decision("unsaid", detail=str(error))
        stored = store_value(value, self._judge.blobs)
        now_ns = self._now_ns()
        task = self._state.plan.sites[one.key[0]].task
        assert task is not None
        entry = Entry(
            recipe=decision.draft.digest,
            t_ns=now_ns,
            run=self._run,
            file=self._file,
            node="",
            task=task.name,
            value=stored.value,
            blob=stored.blob,
            length=stored.length,
            files=files,
            used_ns=now_ns,
        )
        return Decision("recalled", decision.draft, entry)

    # -- answers --------------------------------------------------------------------------------------------------

    def _conclude(self, key: NodeKey, then: Callable[[], None] | Recall, decision: Decision) -> None:
        if isinstance(then, Recall):
            if self._state.asked.get(key) is not then:
                return  # asked anew meanwhile, under another text
            if self._decided is not None:
                self._decided(key, decision)
        elif key in self._unsaid:
            self._unsaid.discard(key)
            decision = Decision("unsaid", detail="the program was read again meanwhile")
        if isinstance(then, Recall) and decision.is_recalled:
            self._recall(key, then, decision)
            return
        if self.touches and isinstance(then, Recall):
            self._tell(EvaluationFailed(key=key, message=f"it is not adopted: {decision.detail}"))
            return
        draft = decision.draft
        if draft is None or not draft.is_of_gone:
            self._drafts[key] = draft
        if draft is not None:
            self._keeping.recipe(draft)
            self._flush_soon()
        if isinstance(then, Recall):
            self._tell(NothingRecalled(key=key))
        else:
            then()

    def _recall(self, key: NodeKey, then: Recall, decision: Decision) -> None:
        draft, entry = decision.draft, decision.entry
        assert draft is not None
        assert entry is not None
        finals = [self._folder + f.path for f in entry.files if f.temporary or not is_stored(f.path)]
        try:
            self._publishing.take_recalled(key, finals, draft.inputs)
        except Taken as error:
            self._conclude(key, then, Decision("unsaid", draft, detail=str(error)))
            return
        standing, gone = self._temporary(key, entry, decision)
        for file in gone:
            self.gone[self._folder + file.path] = file.digest, file.size
        self._tell(
            ResultRecalled(
                key=key,
                recipe=entry.recipe,
                value=entry.value,
                blob=entry.blob,
                length=entry.length,
                temporary=tuple(
                    PlannedRemoval(path=self._folder + f.path, size=f.size, digest=f.digest) for f in standing
                ),
                gone=bool(gone),
            )
        )
        self._keeping.use(entry, self._now_ns())
        site = self._state.plan.sites[key[0]]
        task = site.task
        assert task is not None
        # Of a fan-out the label is not looked at: where the items of a list have moved, all of them would be written again.
        if entry.file != self._file or entry.task != task.name or entry.node.partition("[")[0] != site.node.name:
            # Adopted, or the same result under another name: what this node is compared with when it changes.
            node = self._names.of(key)
            if not entry.node:
                self._keeping.recipe(draft)
            self._keeping.entry(entry._replace(file=self._file, node=node, task=task.name), 0)
            self._flush_soon()

    def _temporary(self, key: NodeKey, entry: Entry, decision: Decision) -> tuple[list[KeptFile], list[KeptFile]]:
        """Of an earlier result, the temporary files that stand and are this run's to remove, and those that are gone.

        What another live run has it may remove at any time: to this run it is gone.
        """
        standing: list[KeptFile] = []
        gone: list[KeptFile] = []
        for file in entry.files:
            if file.temporary:
                stands = file.path not in decision.gone and self._publishing.is_free(key, self._folder + file.path)
                (standing if stands else gone).append(file)
        return standing, gone

    # -- results --------------------------------------------------------------------------------------------------

    def wants(self, key: NodeKey) -> bool:
        """An attempt is about to begin, and what it is made from has not been drafted, as after `continue`."""
        return self._state.plan.sites[key[0]].recalls and key not in self._drafts

    def make(self, key: NodeKey, then: Callable[[], None]) -> None:
        """Draft the recipe of a call, then go on."""
        self._asks.append((key, then))
        self._bell.set()

    def draft(self, key: NodeKey) -> Draft | None:
        """What an instance that runs is made from."""
        return self._drafts.get(key)

    def read(self, key: NodeKey, since_ns: int) -> None:
        """The results of an attempt have been read, from an instant on."""
        self._since[key] = since_ns

    def note(self, t_ns: int, event: PublishPlanned | AttemptFinished | AttemptFailed | AttemptLost) -> None:
        """A committed event: what is finished is kept."""
        if isinstance(event, PublishPlanned):
            if event.recipe:
                self._plans[event.key] = event
        elif isinstance(event, AttemptFinished):
            plan = self._plans.pop(event.key, None)
            draft = self._drafts.pop(event.key, None)
            since_ns = self._since.pop(event.key, 0)
            made = event if plan is None or (plan.epoch, plan.attempt) != (event.epoch, event.attempt) else plan
            if made.recipe:
                self._keep(t_ns, made, draft, since_ns)
        elif event.key in self._older or (isinstance(event, AttemptFailed) and event.retry_at_ns is None):
            self._drafts.pop(event.key, None)
        if self._older and isinstance(event, AttemptFinished | AttemptFailed | AttemptLost):
            self._older.discard(event.key)
            self._unsaid.discard(event.key)

    def _keep(self, t_ns: int, made: AttemptFinished | PublishPlanned, draft: Draft | None, since_ns: int) -> None:
        task = self._state.plan.sites[made.key[0]].task
        assert task is not None
        files = made.files if isinstance(made, PublishPlanned) else ()
        entry = entry_of(
            made,
            files,
            t_ns=t_ns,
            run=self._run,
            file=self._file,
            node=self._names.of(made.key),
            task=task.name,
            project=self._project,
        )
        self._keeping.entry(entry, since_ns if draft is not None else 0)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._keeps and not self._flushing:
            self._flushing = True
            self._nursery.start_soon(self._flush_later)

    async def _flush_later(self) -> None:
        await trio.sleep(_FLUSH_EVERY_S)
        self._flushing = False
        if self._disk is None:
            self._disk = Disk(fail=self._fail)
        self._disk.submit(self._keeping.flush, _ignore)

    def close(self, *, ended: bool) -> None:
        """Write down what is left. Blocks. `ended`: the journal has its last event."""
        self._keeping.close(ended=ended)


class _Keeping:
    """What is to be written to the index, in portions. From any thread."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._lock = threading.Lock()
        self._recipes: list[Kept] = []
        self._entries: list[tuple[Entry, int]] = []
        self._used: list[Entry] = []
        self._open: set[str] = set()
        """Recipes that have come to nothing yet."""

    def recipe(self, draft: Draft) -> None:
        base = draft.base
        self._recipes.append(Kept(draft.digest, base.bundle, base.shared, draft.parts()))
        self._open.add(draft.digest)

    def entry(self, entry: Entry, since_ns: int) -> None:
        self._entries.append((entry, since_ns))
        self._open.discard(entry.recipe)

    def use(self, entry: Entry, now_ns: int) -> None:
        if is_old_use(entry, now_ns):
            self._used.append(entry._replace(used_ns=now_ns))

    def flush(self) -> None:
        """Write. What is taken out is written before another flush looks, so that the last one knows of all."""
        with self._lock:
            recipes, self._recipes = self._recipes, []
            entries, self._entries = self._entries, []
            used, self._used = self._used, []
            self._judge.cache.keep(recipes, [entry for entry, _ in entries], used)
            for entry, since_ns in entries:
                if since_ns:
                    for file in entry.files:
                        if not is_stored(file.path):
                            self._judge.learn(file, since_ns)
            self._judge.hashes.flush()

    def close(self, *, ended: bool) -> None:
        self.flush()
        if ended:
            self._judge.cache.end_run(self._open)
        self._judge.cache.close()
        self._judge.hashes.close()


_UNSAID = (NoRecipe, CannotStart, EvalError, CascadeError, ValueError)


def _ignore(_: Any) -> None:
    return None
