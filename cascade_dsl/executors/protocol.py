"""What an executor is told and what it answers. The runtime speaks only this; a conformance suite holds each executor to it.

An attempt is started once under an id of the runtime's choice and gets exactly one outcome, delivered in the trio
thread from inside `serve`, never from inside `start` or `stop`, and only after its process is dead or declared lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

import trio

from ..ir.used import Used

if TYPE_CHECKING:
    from .masking import Secrets

VALUE_BYTES_MAX = 64 * 1024 * 1024
"""A value that is larger fails the attempt: a file is the place for it."""
NOTHING = Used()
RESULT_INLINE_BYTES = 4096
"""A python result of up to so many bytes of JSON travels in its outcome, a larger one through its file."""

TELLS_SECRET = "{what} contains the secret {name}: a result is kept, a secret is not"
"""Why an attempt fails whose body ended well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A program. Its stdout goes to a file of its own where it is a value, else to the log; its stderr to the log."""

    argv: tuple[str, ...]
    stdout_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonSpec:
    """A call in a warm worker: `source` is a body's text, else `path` or `module` names where `function` stands."""

    source: str | None = None
    path: str | None = None
    """Absolute."""
    module: str | None = None
    function: str = ""
    file: str = ""
    """The `.csc` and line where `source` starts, for tracebacks."""
    line: int = 1
    folder: str = ""
    """Put first on `sys.path` during the call; where empty, the folder of `path`, else the working directory."""
    inputs: str = "{}"
    """JSON text of {name: value}."""
    outputs: dict[str, str]
    """Name of each file output → its scratch path."""
    extras: str = "{}"
    """JSON text of what the body may ask for by name: `attempt`, `need`, params."""
    result_path: str
    """Where a result over `RESULT_INLINE_BYTES` is written, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSpec:
    """One attempt. `env` is the whole environment; `log_path` is appended to, its folder exists."""

    id: str
    work: CommandSpec | PythonSpec
    cwd: str
    env: dict[str, str] = field(repr=False)
    log_path: str
    secrets: tuple[tuple[str, str], ...] = ()
    """Variables of `env` that hold secrets, and the names of these."""
    masks: Secrets | None = None
    """What it must not tell: its log, and a value on its standard output, go through these. None: straight to the file."""
    mem_bytes: int | None = None
    """How much memory it asked for; it is ended when it uses more than `monitor.bound_of` that. None: nobody looks."""
    ends_worker: bool = False
    """A warm worker takes no calls after this one, and is dead before it counts as ended: what the call had to itself, as
    the memory of a GPU, its process would keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptExited:
    """The body ended, with a code or by a signal. It succeeded when the code is 0 and there is no `message`."""

    id: str
    code: int | None = None
    signal: int | None = None
    used: Used = NOTHING
    over_bytes: int = 0
    """What it used when it was ended because that was more than `AttemptSpec.mem_bytes`; 0: it was not."""
    result: str | None = None
    """JSON text of what a python body returned, where it is short."""
    result_file: bool = False
    """The result stands in `PythonSpec.result_path`."""
    message: str = ""
    """One line that says what went wrong, where more is known than the code: an exception, a value too large."""
    place: str = ""
    """Where in the user's code that was: `rank.py:12 in rank`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLost:
    """Nobody will learn how it ended; the attempt is to be run again."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed:
    """It never ran: no such command, no such folder, arguments too long."""

    id: str
    message: str


Outcome: TypeAlias = AttemptExited | AttemptLost | StartFailed
Deliver: TypeAlias = Callable[[Outcome], None]


class Executor(Protocol):
    """Runs attempts. Constructed with `deliver`; used from one trio thread."""

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; then kill what still runs, wait until it is dead, and deliver its outcomes."""
        ...

    def start(self, spec: AttemptSpec) -> None:
        """Begin an attempt; blocks no longer than a spawn. What goes wrong is an outcome, not an exception."""
        ...

    def stop(self, id: str, grace_s: float) -> None:
        """TERM to the whole process group, KILL after the grace; KILL at once where it is 0. Unknown or ended ids are ignored."""
        ...

    def freeze(self, id: str) -> None:
        """Stop the processes of an attempt, until `thaw` or `stop`. Unknown, ended and stopping ids are ignored, as is a second time.

        Meant is all that is found below the process that was started, in other groups and sessions too. What left both
        its session and its parent, and was not seen before, goes on.
        """
        ...

    def thaw(self, id: str) -> None:
        """Let a frozen attempt go on; others are ignored."""
        ...

    def pid(self, id: str) -> int | None:
        """The process that runs an attempt now, for `ps`."""
        ...
