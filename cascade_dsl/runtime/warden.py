"""The warden: the process above the engine that lets nothing outlive the run, whichever of the two is killed.

`supervise` forks before anything heavy is imported. The parent is the warden, the child the engine; both are child
subreapers. If the engine ends, all that it started and left, daemons in sessions of their own included, falls to the
warden, which kills until it has no children. If the warden dies, a thread in the engine reads end-of-file and lets a
killer process stop the engine, kill all below it, then the engine itself. If both die, the next run calls `sweep`.
Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from types import FrameType
from typing import NoReturn

MARKER = "CASCADE_RUN"
"""The environment variable that names the run, in every process of it."""
PASSED_ON = signal.SIGRTMIN
"""By which the warden passes an interrupt on: a terminal sends its own to the engine too, and they are told apart."""
INTERNAL_FAULT_EXIT = 70

_PR_SET_CHILD_SUBREAPER = 36
_KILL_BOUND_S = 10.0
_KILL_PAUSE_S = 0.002
_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def supervise(engine: Callable[[int], int]) -> int:
    """Run `engine` in a child process, and give its exit code once nothing of the run lives any more.

    `engine` gets a descriptor for `start_death_watch`. It returns only in the warden; an engine that a signal killed
    gives 128 + its number, after a sentence on stderr.
    """
    become_subreaper()
    spared = set(_children(os.getpid()))  # of whoever became this process by `exec`: not ours to kill
    alive_read, alive_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*_HELD, PASSED_ON))  # until each side has its own handlers
    pid = os.fork()
    if pid == 0:
        os.close(alive_write)
        # Until the run begins an interrupt that is passed on waits: one that came to the engine itself ends it.
        signal.pthread_sigmask(signal.SIG_SETMASK, mask | {PASSED_ON})
        _be_engine(engine, alive_read)
    os.close(alive_read)

    def forward(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, PASSED_ON if number == signal.SIGINT else number)

    signal.signal(signal.SIGINT, forward)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGHUP, forward)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _, status = os.waitpid(pid, 0)
    for number in _HELD:
        signal.signal(number, signal.SIG_IGN)  # its number may soon be somebody else's
    _kill_children(spared)
    os.close(alive_write)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
        print(
            f"cascade: the engine was killed by {name} (CSC520); finished work is kept: go on with `cascade continue`",
            file=sys.stderr,
        )
        return 128 + number
    return os.WEXITSTATUS(status)


def _be_engine(engine: Callable[[int], int], alive: int) -> NoReturn:
    code = INTERNAL_FAULT_EXIT
    try:
        become_subreaper()
        code = engine(alive)
    except SystemExit as exit:
        if exit.code is None or isinstance(exit.code, int):
            code = exit.code or 0
        else:
            print(exit.code, file=sys.stderr)
            code = 1
    except KeyboardInterrupt:  # before it had a handler of its own
        code = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # a reader that has gone is no reason to stay
                stream.flush()
        os._exit(code)


def become_subreaper() -> None:
    """Orphans below this process become its children, instead of falling to init."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


# ---- the warden is dead -------------------------------------------------------------------------------------------


def start_death_watch(fd: int) -> None:
    """In the engine: a thread that ends the engine and all below it as soon as the warden is dead."""
    threading.Thread(target=_watch, args=(fd,), name="death watch", daemon=True).start()


def _watch(fd: int) -> None:
    with suppress(OSError):
        while os.read(fd, 1):
            pass
    end_with_descendants()


def end_with_descendants() -> NoReturn:
    """Kill all below this process, then this process.

    Done by a child that stops this process first: a thread of it could go on starting processes behind our back.
    """
    engine = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads; this child touches no lock
        try:
            killer = os.fork()
        except OSError:  # no process left to be had: do it from here
            killer = -1
    if killer == 0:
        os.setsid()
        os.kill(engine, signal.SIGSTOP)
        end = time.monotonic() + _KILL_BOUND_S
        while _state(engine) not in (b"T", b"Z", b"") and time.monotonic() < end:
            time.sleep(_KILL_PAUSE_S)
        kill_descendants(engine)
        os.kill(engine, signal.SIGKILL)
        os._exit(0)
    if killer == -1:
        kill_descendants(engine)
        os._exit(128 + signal.SIGKILL)
    while True:
        signal.pause() if threading.current_thread() is threading.main_thread() else time.sleep(1)


# ---- killing ------------------------------------------------------------------------------------------------------


def _kill_children(spared: Collection[int]) -> None:
    """In a subreaper: kill and reap until there is no child left but those spared, so that nothing else below is left."""
    end = time.monotonic() + _KILL_BOUND_S
    quiet = 0
    while quiet < 2 and time.monotonic() < end:
        found = [pid for pid in _below(os.getpid(), spared) if not _has_ended(pid)]
        for pid in found:
            _kill(pid)
        quiet = 0 if found else quiet + 1
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                quiet = 0  # what the reaped one leaves has just become our child
        except ChildProcessError:
            return
        time.sleep(_KILL_PAUSE_S)


def kill_descendants(root: int) -> None:
    """Kill all below a process, not itself and not the caller, until only ended ones are left."""
    end = time.monotonic() + _KILL_BOUND_S
    quiet = 0
    while quiet < 2 and time.monotonic() < end:  # twice: a list read while processes come and go may miss one
        found = [pid for pid in _below(root) if pid != os.getpid() and not _has_ended(pid)]
        for pid in found:
            _kill(pid)
        quiet = 0 if found else quiet + 1
        time.sleep(_KILL_PAUSE_S)


def _below(root: int, spared: Collection[int] = ()) -> Iterator[int]:
    """All descendants, as /proc shows them now, without the spared and what is below them."""
    todo = [root]
    while todo:
        for child in _children(todo.pop()):
            if child not in spared:
                yield child
                todo.append(child)


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                yield from [int(word) for word in file.read().split()]


def _has_ended(pid: int) -> bool:
    return _state(pid) in (b"Z", b"X", b"")


def _state(pid: int) -> bytes:
    """The letter of /proc: R, S, D, T, Z … Empty where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0]
    except OSError:
        return b""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


# ---- both are dead ------------------------------------------------------------------------------------------------


def sweep(run_ids: Collection[str]) -> int:
    """Kill every process of ours whose environment names one of these dead runs; gives how many.

    A process is held by a pidfd from before its environment is read, so that a reused number can never be hit.
    """
    markers = {f"{MARKER}={run_id}".encode() for run_id in run_ids}
    killed: set[int] = set()
    if not markers:
        return 0
    spared = _self_and_ancestors()
    end = time.monotonic() + _KILL_BOUND_S
    while time.monotonic() < end:
        found = [fd for pid in _own_processes() if pid not in spared and (fd := _marked(pid, markers, killed)) >= 0]
        for fd in found:
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        for fd in found:
            select.select([fd], [], [], max(0.0, end - time.monotonic()))
            os.close(fd)
        if not found:
            break
    return len(killed)


def _marked(pid: int, markers: set[bytes], killed: set[int]) -> int:
    """A pidfd of a process that lives and carries a marker, else -1."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return -1
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            carries = not markers.isdisjoint(file.read().split(b"\0"))
        signal.pidfd_send_signal(fd, 0)  # still there: what was read is its own
    except OSError:
        carries = False
    if carries and not _has_ended(pid):
        killed.add(pid)
        return fd
    os.close(fd)
    return -1


def _own_processes() -> Iterator[int]:
    uid = os.getuid()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == uid:
                    yield int(name)


def _self_and_ancestors() -> set[int]:
    out: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in out:
        out.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return out
