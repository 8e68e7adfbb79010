"""Processes that lead a session of their own, and all that they leave in it.

`subprocess` starts them, but does not wait for them: the reaper here wants resource usage, and wants to kill the rest
of a group while its leader is still a zombie, so that the number of the group cannot have passed to someone else.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache

from ..ir.used import PeakFrom, Used
from . import procfs
from .monitor import Seen
from .protocol import AttemptSpec, CommandSpec, StartFailed

_PR_GET_CHILD_SUBREAPER = 37

_SAME_PEAK_KB = 1024
"""The kernel counts memory in batches for each core: two peaks that differ by less may be the same."""

_LEADERS: set[int] = set()
"""Children that somebody here will wait for. Process-wide, as children are."""


class Group:
    """A started process, leader of its session and group, with a descriptor that is readable once it has ended."""

    __slots__ = (
        "_began",
        "_cpu_s",
        "_ended",
        "_floor_kb",
        "_maxrss_kb",
        "_moved",
        "_stands_since",
        "_stood_s",
        "pid",
        "pidfd",
    )

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Raises OSError or ValueError where nothing was started."""
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        self._began = self._ended = time.monotonic()
        self._stands_since: float | None = None
        self._stood_s = 0.0
        # Linux lets a process begin with the peak memory of the one that started it: of a smaller one nothing is known.
        self._floor_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._cpu_s = 0.0
        self._maxrss_kb = 0
        self._moved: procfs.Moved | None = None
        self.pid = process.pid
        process.returncode = 0  # it is ours to reap: keeps Popen from waiting, and from warning that nobody did
        _LEADERS.add(self.pid)
        self.pidfd = os.pidfd_open(self.pid)

    def send(self, number: int) -> None:
        """A signal to all of the group that we may signal. Only before `reap`."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def stand(self) -> None:
        """Stop all of the group; the time that it stands is no time that it took."""
        self.send(signal.SIGSTOP)
        self._stands_since = time.monotonic()

    def go_on(self) -> None:
        """The end of `stand`."""
        self.send(signal.SIGCONT)
        self._count_standing()

    def _count_standing(self) -> None:
        if self._stands_since is not None:
            self._stood_s += time.monotonic() - self._stands_since
            self._stands_since = None

    @property
    def stood_s(self) -> float:
        """For how long it has stood, up to the last `go_on`."""
        return self._stood_s

    def reap(self) -> tuple[int | None, int | None]:
        """Exit code and signal of the ended leader; what it left in its group is killed."""
        self.send(signal.SIGKILL)
        self._ended = time.monotonic()
        self._count_standing()
        self._moved = procfs.moved(self.pid)
        _, status, used = os.wait4(self.pid, 0)
        os.close(self.pidfd)
        _LEADERS.discard(self.pid)
        self._count(used)
        if os.WIFSIGNALED(status):
            return None, os.WTERMSIG(status)
        return os.WEXITSTATUS(status), None

    def _count(self, used: resource.struct_rusage) -> None:
        self._cpu_s += used.ru_utime + used.ru_stime
        self._maxrss_kb = max(self._maxrss_kb, used.ru_maxrss)

    def used(self, seen: Seen | None) -> Used:
        """After `reap`: what the leader, and all that it and we waited for, used together."""
        moved = self._moved or procfs.Moved(0, 0)
        peak, peak_from = _peak(seen, self._maxrss_kb, self._floor_kb)
        return Used(
            cpu_ms=round(self._cpu_s * 1000),
            peak_bytes=peak,
            read_bytes=moved.read_bytes,
            written_bytes=moved.written_bytes,
            wall_ms=round((self._ended - self._began - self._stood_s) * 1000),
            peak_from=peak_from,
        )

    def is_empty(self) -> bool:
        """After `reap`: nothing of the group is left. Must not be asked again once true."""
        with suppress(ChildProcessError):
            while (ended := os.wait4(-self.pid, os.WNOHANG))[0]:  # members that became our children, in a subreaper
                self._count(ended[2])
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # somebody there has another owner: not ours to end
            return False
        return False


def _peak(seen: Seen | None, maxrss_kb: int, floor_kb: int) -> tuple[int, PeakFrom]:
    """The most memory of an attempt, from what was seen of it and the kernel's peak of its largest process."""
    is_known = maxrss_kb > floor_kb + _SAME_PEAK_KB
    if seen is None or not seen.looks:
        return maxrss_kb * 1024, "process" if is_known else "atmost"
    largest = maxrss_kb * 1024 - seen.mapped if is_known else 0
    return max(seen.peak, largest), "sampled"


def reap_orphans() -> None:
    """Wait for ended processes that fell to this process as subreaper: daemons of ended tasks. Others' children stay."""
    if not _is_subreaper():
        return
    own_session = os.getsid(0)
    try:
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            pid = found.si_pid
            if pid in _LEADERS or os.getsid(pid) == own_session:
                return  # its owner waits for it soon, and uncovers what is behind it
            os.waitpid(pid, os.WNOHANG)
    except (ChildProcessError, ProcessLookupError):
        return


@cache
def _is_subreaper() -> bool:
    import ctypes

    flag = ctypes.c_int()
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0) == 0 and flag.value == 1


def start_failed(spec: AttemptSpec, program: str, error: OSError | ValueError) -> StartFailed:
    """The outcome of a start that was refused, in words."""
    return StartFailed(id=spec.id, message=_refusal(spec, program, error))


def _refusal(spec: AttemptSpec, program: str, error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return f"cannot start {program}: {error}"
    if error.filename == spec.log_path:
        return f"cannot write the log {spec.log_path}: {error.strerror}"
    if isinstance(spec.work, CommandSpec) and error.filename is not None and error.filename == spec.work.stdout_path:
        return f"cannot write the output {spec.work.stdout_path}: {error.strerror}"
    if error.errno == errno.E2BIG:
        return f"the arguments and environment of {program} are too long for the system"
    if not os.path.isdir(spec.cwd):
        return f"the working directory {spec.cwd} does not exist"
    if not program:
        return "the command is empty"
    match error.errno:
        case errno.ENOENT if "/" in program and os.path.isfile(os.path.join(spec.cwd, program)):
            return f"cannot start {program}: the interpreter in its first line does not exist"
        case errno.ENOENT:
            return f"command not found: {program}"
        case errno.EACCES:
            return f"cannot start {program}: it is not executable"
        case errno.ENOEXEC:
            return f"cannot start {program}: it is neither a program nor a script with a #! line"
        case _:
            return f"cannot start {program}: {error.strerror}"
