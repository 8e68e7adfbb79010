"""What the engine is told: facts in the past tense, and what an operator asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..ir.events import Facts, FailureReason, OnFailure, ParamBound, PlannedFile, PlannedRemoval, Word
from ..ir.graph import Graph, NodeKey
from ..ir.requirement import Layer, Scope, Window
from ..ir.used import Used


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequested:
    """A run is to begin."""

    run: str
    graph_digest: str
    on_failure: OnFailure
    words: tuple[Word, ...]
    params: tuple[ParamBound, ...]
    zone: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    recalls: bool = False
    """Whether calls whose results are kept ask for an earlier one."""
    keeps_temp: bool = False
    """Whether temporary files stay."""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueRequested:
    """A run that was interrupted is to go on."""

    words: tuple[Word, ...]
    """The machine layer as it is now."""
    keeps_temp: bool = False
    """Whether temporary files stay from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsGone:
    """Files of finished calls were found to be gone or changed."""

    keys: tuple[NodeKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """The answer to `Evaluate`."""

    key: NodeKey
    value: str | None
    blob: str | None = None
    length: int | None = None
    fact: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsEvaluated:
    """The answer to `EvaluateFacts`."""

    key: NodeKey
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesKeyed:
    """The answer to `KeyNodes`. What has ended meanwhile may be left out."""

    by: str
    keyed: tuple[tuple[NodeKey, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRecalled:
    """The answer to `Recall` where there is a result; its outputs have been checked."""

    key: NodeKey
    recipe: str
    value: str | None
    blob: str | None = None
    length: int | None = None
    temporary: tuple[PlannedRemoval, ...] = ()
    """Temporary files of it that stand there."""
    gone: bool = False
    """Temporary files of it have been removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingRecalled:
    """The answer to `Recall` where there is none."""

    key: NodeKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The answer to `Measure`."""

    key: NodeKey
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherBuilt:
    """The answer to `Gather`."""

    key: NodeKey
    value: str | None
    blob: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFailed:
    """The answer to any of these where there is no value."""

    key: NodeKey
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSucceeded:
    """The body ended well and its results were read; `files` are to be published, `removals` of an earlier result to go."""

    key: NodeKey
    epoch: int
    attempt: int
    value: str | None
    blob: str | None = None
    length: int | None = None
    files: tuple[PlannedFile, ...] = ()
    removals: tuple[PlannedRemoval, ...] = ()
    recipe: str = ""
    """Under what the result may be kept; empty: it may not."""
    used: Used | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptBroke:
    """The body, or the reading of its results, failed."""

    key: NodeKey
    epoch: int
    attempt: int
    reason: FailureReason
    exit: int | None
    message: str
    log: str = ""
    used: Used | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptVanished:
    """Nobody saw how it ended."""

    key: NodeKey
    epoch: int
    attempt: int
    why: str
    used: Used | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPublished:
    """Every file of the attempt's plan stands at its place."""

    key: NodeKey
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeReached:
    """A timer of `next_due` may be due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEdge:
    """A window of a word is open or closed until then: said with the word, and at each turn of the window."""

    window: Window
    is_open: bool
    until_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WallStepped:
    """The wall clock is ahead of the engine's by that much more than before: somebody set it, or the machine slept."""

    by_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitGiven:
    """An operator sets a limit."""

    word: Word
    who: str = ""
    preempt: bool = False
    """What has begun last is stopped and queued again until what is taken is within the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTaken:
    """An operator takes a limit back."""

    layer: Layer
    scope: Scope
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAsked:
    """Nothing new is to start in the scope."""

    scope: Scope
    who: str = ""
    because: str = ""
    for_ns: int | None = None
    """For how long from now; or with `until_ns` until when."""
    until_minute: int | None = None
    """A minute of the day, in local time; the shell makes an instant of it."""
    until_ns: int | None = None
    freezes: bool = False
    """What runs in the scope is to stand still meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAsked:
    """A pause is to end; of all scopes where none is given."""

    scope: Scope | None
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityGiven:
    """Calls in a scope are to have this priority; None: what their text says."""

    scope: Scope
    priority: int | None
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandGiven:
    """Calls in a scope that have not started are to demand these amounts, in base units; None: what their text says."""

    scope: Scope
    amounts: tuple[tuple[str, int | None], ...]
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoAsked:
    """The newest change of an operator is to be taken back."""

    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAsked:
    """What is parked, cancelled or in backoff is to run now. Others among `keys` are left as they are."""

    keys: tuple[NodeKey, ...]
    who: str = ""
    scopes: tuple[Scope, ...] = ()
    """Those among them that were cancelled are so no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadAsked:
    """The run is to go on with another text: of the same shape (`ir.compare`), written beside the journal under that number."""

    graph: Graph
    graph_digest: str
    number: int
    words: tuple[Word, ...]
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainAsked:
    """Nothing new starts."""

    why: str
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainEndAsked:
    """An operator's drain is taken back: the run goes on."""

    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked:
    """What runs is stopped."""

    why: str
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesCancelAsked:
    """Instances of calls are not to run; what has ended is left as it is."""

    keys: tuple[NodeKey, ...]
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeCancelAsked:
    """What is in a scope and has not ended is not to run."""

    scope: Scope
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StallAccepted:
    """Under `--no-wait`: a run that is stalled ends, as failed where something is parked."""


Input: TypeAlias = (
    RunRequested
    | ContinueRequested
    | ResultsGone
    | Evaluated
    | FactsEvaluated
    | NodesKeyed
    | ResultRecalled
    | NothingRecalled
    | Measured
    | GatherBuilt
    | EvaluationFailed
    | AttemptSucceeded
    | AttemptBroke
    | AttemptVanished
    | FilesPublished
    | TimeReached
    | WindowEdge
    | WallStepped
    | LimitGiven
    | LimitTaken
    | PauseAsked
    | ResumeAsked
    | PriorityGiven
    | DemandGiven
    | UndoAsked
    | RetryAsked
    | ReloadAsked
    | DrainAsked
    | DrainEndAsked
    | CancelAsked
    | NodesCancelAsked
    | ScopeCancelAsked
    | StallAccepted
)
