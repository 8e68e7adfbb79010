"""Processes that lead a session of their own, and all that they leave in it.

`subprocess` starts them, but does not wait for them: the reaper here wants resource usage, and wants to kill the rest
of a group while its leader is still a zombie, so that the number of the group cannot have passed to someone else.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache

from .protocol import AttemptSpec, CommandSpec, StartFailed, Usage

_PR_GET_CHILD_SUBREAPER = 37

_LEADERS: set[int] = set()
"""Children that somebody here will wait for. Process-wide, as children are."""


class Group:
    """A started process, leader of its session and group, with a descriptor that is readable once it has ended."""

    __slots__ = ("pid", "pidfd")

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
        self.pid = process.pid
        process.returncode = 0  # it is ours to reap: keeps Popen from waiting, and from warning that nobody did
        _LEADERS.add(self.pid)
        self.pidfd = os.pidfd_open(self.pid)

    def send(self, number: int) -> None:
        """A signal to all of the group that we may signal. Only before `reap`."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def reap(self) -> tuple[int | None, int | None, Usage]:
        """Exit code, signal and usage of the ended leader; what it left in its group is killed."""
        self.send(signal.SIGKILL)
        _, status, used = os.wait4(self.pid, 0)
        os.close(self.pidfd)
        _LEADERS.discard(self.pid)
        usage = Usage(user_s=used.ru_utime, sys_s=used.ru_stime, maxrss_kb=used.ru_maxrss)
        if os.WIFSIGNALED(status):
            return None, os.WTERMSIG(status), usage
        return os.WEXITSTATUS(status), None, usage

    def is_empty(self) -> bool:
        """After `reap`: nothing of the group is left. Must not be asked again once true."""
        with suppress(ChildProcessError):
            while os.waitpid(-self.pid, os.WNOHANG)[0]:  # members that became our children, in a subreaper
                pass
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # somebody there has another owner: not ours to end
            return False
        return False


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
