"""The simulation shell: the same `step`, driven in virtual time by an oracle instead of processes.

Time moves to the next timer or end only when nothing is in flight at the present instant. Nothing here decides what
starts: that is the engine's, and what is simulated is what would happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Protocol

from ..engine.effects import (
    Ask,
    Discard,
    Effect,
    EndRun,
    Evaluate,
    EvaluateFacts,
    FreezeAttempt,
    Gather,
    KeyNodes,
    Measure,
    Publish,
    Recall,
    StartAttempt,
    StopAttempt,
    ThawAttempt,
)
from ..engine.facts import base_amount
from ..engine.handles import elements
from ..engine.inputs import (
    AttemptBroke,
    AttemptSucceeded,
    AttemptVanished,
    ContinueRequested,
    Evaluated,
    EvaluationFailed,
    FactsEvaluated,
    FilesPublished,
    GatherBuilt,
    Input,
    Measured,
    NodesKeyed,
    NothingRecalled,
    ReloadAsked,
    ResultRecalled,
    ResultsGone,
    RetryAsked,
    RunRequested,
    TimeReached,
)
from ..engine.plan import Site
from ..engine.state import State
from ..engine.step import is_stalled, new_state, next_due, replay, step, take_effects
from ..engine.temporary import holders
from ..ir.events import Event, Facts, OnFailure, ParamBound, PlannedFile, PlannedRemoval, Word
from ..ir.expr import Lit
from ..ir.graph import Graph, NodeKey, Param, Requirement
from ..ir.requirement import Dimension
from ..ir.used import Used


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How an attempt goes: how long it takes, its exit code (None: it is lost), and what it gives."""

    takes_ns: int = 0
    exit: int | None = 0
    length: int | None = None
    publishes: bool = False
    deaf: bool = False
    """It ignores a request to stop until its time is over."""
    peak_bytes: int = 0
    """Memory that it was seen to use, where it fails."""


class Oracle(Protocol):
    """Answers what a real run would find out."""

    def attempt(self, key: NodeKey, attempt: int) -> Played: ...
    def value(self, key: NodeKey) -> tuple[int | None, bool | None] | str:
        """(length, fact) of a Compute instance, or the message of its failure."""
        ...

    def recalled(self, key: NodeKey) -> int | bool:
        """Whether an earlier result stands, and the length of its list where it is one; not asked where `recalls` is off."""
        ...

    def remains(self, key: NodeKey) -> bool:
        """Whether the temporary files of that earlier result stand."""
        ...

    def length(self, key: NodeKey) -> int | str: ...
    def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str: ...
    def key(self, key: NodeKey, by: str) -> str:
        """To which pool of a limit with that `by` a Call instance belongs."""
        ...

    def keying_takes_ns(self) -> int:
        """How long keys of what is queued or runs are waited for."""
        ...

    def param_length(self, node: int) -> int | None: ...


class Simulation:
    """One run in virtual time; `events` is its journal."""

    def __init__(
        self,
        graph: Graph,
        oracle: Oracle,
        *,
        words: Iterable[Word] = (),
        on_failure: OnFailure = "finish",
        run: str = "simulated",
        recalls: bool = False,
        keeps_temp: bool = False,
        check: Callable[[State], None] | None = None,
    ) -> None:
        self.graph = graph
        self.oracle = oracle
        self.state = new_state(graph)
        self.now_ns = 0
        self.events: list[tuple[int, Event]] = []
        self.status: str | None = None
        self.disk: set[str] = set()
        """Files of outputs that are there, named by `file_of`."""
        self._check = check
        self._due: list[tuple[int, int, Input]] = []
        self._answers: dict[int, Ask | KeyNodes] = {}
        """By the number of a row of `_due`: the question that it answers. An answer to an older one is dropped."""
        self._texts = 1
        self._count = 0
        self._ends: dict[int, tuple[Input, bool]] = {}
        self._left: dict[int, int] = {}
        """Of attempts that stand still, how long each will take from when it goes on."""
        params = tuple(
            ParamBound(node=node.id, value="null", length=oracle.param_length(node.id))
            for node in graph.nodes
            if isinstance(node, Param)
        )
        self.turn(
            RunRequested(
                run=run,
                graph_digest="",
                on_failure=on_failure,
                words=tuple(words),
                params=params,
                recalls=recalls,
                keeps_temp=keeps_temp,
            )
        )

    def at(self, t_ns: int, given: Input, ask: Ask | KeyNodes | None = None) -> None:
        """Something happens outside at an instant to come."""
        self._count += 1
        if ask is not None:
            self._answers[self._count] = ask
        heappush(self._due, (t_ns, self._count, given))

    def turn(self, *inputs: Input) -> list[Event]:
        """One turn at the present instant; the events that it emitted."""
        events = step(self.state, inputs, self.now_ns)
        self.events += [(self.now_ns, e) for e in events]
        for effect in take_effects(self.state):
            self._perform(effect)
        if self._check is not None:
            self._check(self.state)
        return events

    def next_outside(self) -> int | None:
        """The next instant at which something happens that the engine does not know of yet."""
        return self._due[0][0] if self._due else None

    def advance(self) -> bool:
        """One turn at the next instant at which something happens; False where nothing will."""
        if self.status is not None:
            return False
        due = next_due(self.state)
        if not self._due and due is None:
            return False
        if due is None or (self._due and self._due[0][0] <= due):
            t_ns, number, given = heappop(self._due)
            self.now_ns = max(self.now_ns, t_ns)
            ask = self._answers.pop(number, None)
            if ask is not None and not self._is_asked(ask):
                return True
            if isinstance(given, AttemptSucceeded | AttemptBroke | AttemptVanished):
                running = self.state.running.get(given.key)
                if running is None or (running.epoch, running.attempt) != (given.epoch, given.attempt):
                    return True
                if self._ends.pop(running.serial, None) is None:
                    return True  # its outcome was told already
            self.turn(given)
        else:
            self.now_ns = max(self.now_ns, due)
            self.turn(TimeReached())
        return True

    def _is_asked(self, ask: Ask | KeyNodes) -> bool:
        """Whether that very question still stands."""
        return (self.state.keying if isinstance(ask, KeyNodes) else self.state.asked.get(ask.key)) is ask

    def next_ns(self) -> int | None:
        """The instant of the next end or answer that is under way."""
        return self._due[0][0] if self._due else None

    def retry(self, *keys: NodeKey) -> list[Event]:
        """Somebody retries what is parked: these, or all."""
        return self.turn(RetryAsked(keys=keys or tuple(self.state.parked)))

    def reload(self, graph: Graph, words: Iterable[Word] = ()) -> list[Event]:
        """The run goes on with another text."""
        self._texts += 1
        digest = f"text {self._texts}"
        return self.turn(ReloadAsked(graph=graph, graph_digest=digest, number=self._texts, words=tuple(words)))

    def play(self, turns: int = 1_000_000) -> str:
        """Until the run has ended or is stalled: `done`, `failed`, …, or `stalled`."""
        for _ in range(turns):
            if not self.advance():
                break
        else:
            raise AssertionError("the simulation does not end")
        if self.status is None and is_stalled(self.state):
            return "stalled"
        assert self.status is not None, "nothing happens any more, and the run has not ended"
        return self.status

    def crash(self, words: Iterable[Word] = ()) -> None:
        """The engine dies, or the run was stopped, and another takes over: what was in flight is forgotten, the journal is not.

        Files that are not on `disk` any more and that somebody needs are reported.
        """
        self._due = sorted(d for d in self._due if not isinstance(d[2], _OWN))
        self._ends.clear()
        self._left.clear()
        self._answers.clear()
        self.status = None
        self.state = replay(self.graph, self.events, self.state.graphs)
        # What is owed is done after the first turn, as in a real run.
        gone = tuple(key for key in holders(self.state) if not self._files(key) <= self.disk)
        self.turn(ContinueRequested(words=tuple(words)), ResultsGone(keys=gone))

    def _outputs(self, key: NodeKey) -> tuple[tuple[str, bool], ...]:
        """The outputs of a call that are files, and whether they are temporary."""
        task = self.state.site_of(key).task
        return () if task is None else tuple((o.name, o.temp) for o in task.outputs if o.form != "value")

    def _files(self, key: NodeKey) -> set[str]:
        return {file_of(key, name) for name, _ in self._outputs(key)}

    def _perform(self, effect: Effect) -> None:
        match effect:
            case StartAttempt(key=key, epoch=epoch, attempt=attempt, serial=serial):
                played = self.oracle.attempt(key, attempt)
                end: Input
                if played.exit is None:
                    end = AttemptVanished(key=key, epoch=epoch, attempt=attempt, why="lost")
                elif played.exit:
                    end = AttemptBroke(
                        key=key,
                        epoch=epoch,
                        attempt=attempt,
                        reason="exit",
                        exit=played.exit,
                        message="failed",
                        used=Used(peak_bytes=played.peak_bytes) if played.peak_bytes else None,
                    )
                else:
                    files = tuple(
                        PlannedFile(
                            scratch="s",
                            final=file_of(key, name),
                            size=0,
                            digest="",
                            inode=0,
                            temporary=name if temporary else "",
                        )
                        for name, temporary in self._outputs(key)
                    )
                    if played.publishes and not files:
                        files = (PlannedFile(scratch="s", final="f", size=0, digest="", inode=0),)
                    end = AttemptSucceeded(
                        key=key, epoch=epoch, attempt=attempt, value="null", length=played.length, files=files
                    )
                self._ends[serial] = (end, played.deaf)
                self.at(self.now_ns + played.takes_ns, end)
            case FreezeAttempt(serial=serial):
                self._freeze(serial)
            case ThawAttempt(serial=serial):
                self._thaw(serial)
            case StopAttempt(key=key, serial=serial):
                self._thaw(serial)
                known = self._ends.get(serial)
                running = self.state.running.get(key)
                if known is not None and not known[1] and running is not None:
                    self.at(
                        self.now_ns,
                        AttemptBroke(
                            key=key,
                            epoch=running.epoch,
                            attempt=running.attempt,
                            reason="signal",
                            exit=-15,
                            message="stopped",
                        ),
                    )
            case Publish(key=key, epoch=epoch, attempt=attempt, files=files):
                self.disk.update(file.final for file in files)
                self.at(self.now_ns, FilesPublished(key=key, epoch=epoch, attempt=attempt))
            case Evaluate(key=key):
                value = self.oracle.value(key)
                if isinstance(value, str):
                    self.at(self.now_ns, EvaluationFailed(key=key, message=value), effect)
                else:
                    self.at(self.now_ns, Evaluated(key=key, value="null", length=value[0], fact=value[1]), effect)
            case EvaluateFacts(key=key, attempt=number, peak_bytes=peak, by=by):
                constant = self.state.site_of(key).facts
                facts = self.oracle.facts(key, number, peak) if constant is None else constant
                if isinstance(facts, str):
                    self.at(self.now_ns, EvaluationFailed(key=key, message=facts), effect)
                else:
                    if constant is None:  # constants are those of what an operator has set already
                        facts = _patched(self.state.site_of(key), facts, self.state.plan.dimensions)
                    keys = tuple((text, self.oracle.key(key, text)) for text, _ in by)
                    self.at(self.now_ns, FactsEvaluated(key=key, facts=replace(facts, keys=keys)), effect)
            case KeyNodes(by=by, keys=nodes):
                keyed = tuple((key, self.oracle.key(key, by)) for key in nodes)
                self.at(self.now_ns + self.oracle.keying_takes_ns(), NodesKeyed(by=by, keyed=keyed), effect)
            case Recall(key=key):
                found = self.oracle.recalled(key)
                if found is False:
                    self.at(self.now_ns, NothingRecalled(key=key), effect)
                else:
                    self.at(self.now_ns, self._recalled(key, None if found is True else found), effect)
            case Measure(key=key):
                length = self.oracle.length(key)
                if isinstance(length, str):
                    self.at(self.now_ns, EvaluationFailed(key=key, message=length), effect)
                else:
                    self.at(self.now_ns, Measured(key=key, length=length), effect)
            case Gather(key=key):
                count = sum(1 for _ in elements(self.state, key))
                self.at(self.now_ns, GatherBuilt(key=key, value="null", length=count), effect)
            case Discard(removals=removals):
                self.disk.difference_update(one.path for one in removals)
            case EndRun(status=status):
                self.status = status

    def _freeze(self, serial: int) -> None:
        known = self._ends.get(serial)
        row = None if known is None else next((row for row in self._due if row[2] is known[0]), None)
        if row is not None:
            self._due.remove(row)
            heapify(self._due)
            self._left[serial] = row[0] - self.now_ns

    def _thaw(self, serial: int) -> None:
        left_ns = self._left.pop(serial, None)
        if left_ns is not None:
            self.at(self.now_ns + left_ns, self._ends[serial][0])

    def _recalled(self, key: NodeKey, length: int | None) -> ResultRecalled:
        stand = self.oracle.remains(key)
        temporary = [file_of(key, name) for name, temporary in self._outputs(key) if temporary]
        self.disk |= self._files(key) - (set() if stand else set(temporary))
        return ResultRecalled(
            key=key,
            recipe="r",
            value="null",
            length=length,
            temporary=tuple(PlannedRemoval(path=path, size=0, digest="") for path in temporary) if stand else (),
            gone=bool(temporary) and not stand,
        )


def _patched(site: Site, facts: Facts, dimensions: dict[str, Dimension]) -> Facts:
    """The facts that an oracle knows of the text, with what an operator has set over it."""
    now, text = site.clauses, site.written
    if now is None or text is None or now == text:
        return facts
    said = {r.resource: (r.amount, amount) for r, amount in zip(text.requires, facts.amounts, strict=True)}

    def amount(requirement: Requirement) -> int:
        known = said.get(requirement.resource)
        if known is not None and known[0] == requirement.amount:
            return known[1]
        assert isinstance(requirement.amount, Lit)
        return base_amount(dimensions[requirement.resource], requirement.amount.value)

    priority = facts.priority
    if now.priority != text.priority:
        assert isinstance(now.priority, Lit)
        assert isinstance(now.priority.value, int)
        priority = now.priority.value
    return replace(facts, amounts=tuple(amount(r) for r in now.requires), priority=priority)


def file_of(key: NodeKey, output: str) -> str:
    """The name of a simulated file."""
    return f"{'.'.join(map(str, key))}/{output}"


_OWN = (
    AttemptSucceeded,
    AttemptBroke,
    AttemptVanished,
    FilesPublished,
    Evaluated,
    EvaluationFailed,
    FactsEvaluated,
    ResultRecalled,
    NothingRecalled,
    Measured,
    GatherBuilt,
    NodesKeyed,
)
"""What the shell itself has in flight, and a crash loses."""
