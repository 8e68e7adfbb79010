"""Threads for what blocks on the disk, with a hand-over that costs microseconds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import trio

Job = tuple[Callable[[], Any], Callable[[Any], None]]


class Disk:
    """Runs jobs in a few threads; `then` is called in the trio thread with the result, or with the exception.

    What finishes together is handed back together: one wake-up of the loop for many results.
    """

    def __init__(self, threads: int = 4, *, fail: Callable[[Exception], None] | None = None) -> None:
        """`fail` is called in the trio thread with what a `then` raises, which the loop itself would not survive: to be given
        where one may.
        """
        self._fail = fail
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._lock = threading.Lock()
        self._waking = False
        self._token = trio.lowlevel.current_trio_token()
        self._threads = [threading.Thread(target=self._work, daemon=True, name="cascade-disk") for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run `job` in a thread; then `then(result or exception)` in the trio thread."""
        self._jobs.put((job, then))

    def close(self) -> None:
        """No more jobs come; the threads end when what is queued is done."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            job, then = given
            try:
                result: Any = job()
            except Exception as error:  # handed over: the caller decides
                result = error
            with self._lock:
                self._done.append((then, result))
                if self._waking:
                    continue
                self._waking = True
            try:
                self._token.run_sync_soon(self._hand_over)
            except trio.RunFinishedError:
                return

    def _hand_over(self) -> None:
        with self._lock:
            self._waking = False
            done = list(self._done)
            self._done.clear()
        for then, result in done:
            try:
                then(result)
            except Exception as error:
                if self._fail is None:
                    raise
                self._fail(error)
