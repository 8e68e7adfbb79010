"""`log --follow`: what a node writes, from its newest attempt to its end, attempt after attempt.

Ten times a second it looks at the sizes of the journal and of the log; the journal is read only where it has grown, and let
go at once. What ended an attempt is told on stderr, so that stdout is what the node wrote and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.diagnostics import fail
from ..store.live import is_live
from ..store.reading import stamp
from .logs import find, items, log_at, no_attempt, no_log, nodes_of_program, open_journal, spellings
from .tail import Tail

if TYPE_CHECKING:
    from typing import BinaryIO

_LOOK_EVERY_S = 0.1
_KINDS = (
    "AttemptStarted", "AttemptFinished", "AttemptFailed", "AttemptLost", "Recalled", "RunEnded", "RunContinued",
)  # fmt: skip


def follow(run: Path, node: str, attempt: int | None = None) -> int:
    """Print what a node writes until it has ended or its run has, or one attempt of it to its end."""
    return _Follower(run, node, attempt, sys.stdout.buffer).run()


class _Follower:
    def __init__(self, run: Path, node: str, attempt: int | None, out: BinaryIO) -> None:
        self._run = run
        self._node = node
        self._attempt = attempt
        self._out = out
        self._stamp: object = None
        self._row = 0
        self._name: str | None = None
        self._key: list[int] = []
        self._started: deque[tuple[int, int, str]] = deque()
        """Attempts whose log is still to be printed: serial, number, log."""
        self._ends: dict[int, str] = {}
        """How attempts ended, by serial: `done`, or a sentence."""
        self._again: set[int] = set()
        """Of those that ended, the ones after which there is another."""
        self._last = self._most = 0
        self._over = False

    def run(self) -> int:
        waiting = False
        while True:
            live = is_live(self._run)
            self._look(first=not waiting and self._row == 0)
            if self._name is None:
                if not live or self._over:
                    return self._never_came()
                if not waiting:
                    waiting = True
                    self._say(f"{self._node} has not been started yet")
                time.sleep(_LOOK_EVERY_S)
                continue
            if not self._started:
                if self._over or not live or self._is_done:
                    return self._leave()
                time.sleep(_LOOK_EVERY_S)
                continue
            if self._print(live):
                return 0

    def _print(self, live: bool) -> bool:
        """Print the next attempt to its end; True where there is nothing to come after it."""
        serial, number, log = self._started.popleft()
        tail = Tail(log, self._out)
        try:
            while True:
                end = self._ends.get(serial)
                came = tail.pump()
                if end is not None:
                    break
                if self._over or not live:
                    tail.pump()
                    self._say(f"the run {self._run.name} was interrupted: `cascade continue` goes on with it")
                    return True
                if not came:
                    time.sleep(_LOOK_EVERY_S)
                live = is_live(self._run)
                self._look()
        finally:
            tail.close()
        more = serial in self._again and self._attempt is None
        self._say(f"{self._name}: attempt {number}: {end}" if number > 1 or end != "done" else f"{self._name}: done")
        return not more and not self._started

    def _leave(self) -> int:
        """No further attempt comes."""
        if self._attempt is not None and self._name is not None:
            raise no_attempt(self._name, self._attempt, self._most)
        how = "has ended" if self._over else "was interrupted: `cascade continue` goes on with it"
        self._say(f"the run {self._run.name} {how}")
        return 0

    def _never_came(self) -> int:
        with closing(open_journal(self._run)) as db:
            raise no_log(db, self._run, self._node)

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    # ---- the journal ----

    def _look(self, first: bool = False) -> None:
        """Read what the journal has got since the last look."""
        now = stamp(self._run / "journal.db")
        if now == self._stamp:
            return
        try:
            with closing(open_journal(self._run)) as db:
                if self._name is None:
                    self._name = find(db, self._node)
                    if self._name is None:
                        if first:
                            self._may_come(db)
                        self._read_end(db)
                    else:
                        self._found(db, self._name)
                        self._row = 0
                if self._name is not None:
                    self._read(db, first)
        except sqlite3.OperationalError:  # in the instant in which a journal is made, or written back
            return
        self._stamp = now

    def _may_come(self, db: sqlite3.Connection) -> None:
        """That a node of this name may still be started: its run lives, and a call of its program is called so."""
        program = nodes_of_program(self._run)
        names = {name.partition("[")[0] for name in spellings(self._node)}
        may = is_live(self._run) and any(each["_"] == "Call" and each["name"] in names for each in program)
        if not may or items(db, self._node):
            raise no_log(db, self._run, self._node)
        if any(each["_"] == "FanOut" and each["name"] == self._node for each in program):
            raise fail(
                "CSC508",
                f"`{self._node}` is a list in the run {self._run.name}, and none of its items has been started yet",
                help=f"follow one of them: `cascade log -f '{self._node}[…]'`",
            )

    def _found(self, db: sqlite3.Connection, name: str) -> None:
        key = db.execute("SELECT key FROM attempts WHERE name = ? LIMIT 1", (name,)).fetchone()[0]
        self._key = [int(part) for part in str(key).split(".")]

    def _read_end(self, db: sqlite3.Connection) -> None:
        last = db.execute("SELECT kind FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        self._over = last is not None and last[0] == "RunEnded"

    def _read(self, db: sqlite3.Connection, first: bool) -> None:
        marks = ",".join("?" * len(_KINDS))
        rows = db.execute(
            f"SELECT seq, t_ns, kind, payload FROM events WHERE seq > ? AND kind IN ({marks}) ORDER BY seq",
            (self._row, *_KINDS),
        ).fetchall()
        for seq, t_ns, kind, payload in rows:
            self._row = seq
            if kind in ("RunEnded", "RunContinued"):
                self._over = kind == "RunEnded"
                continue
            event: dict[str, Any] = json.loads(payload)
            if event["key"] == self._key:
                self._note(db, kind, t_ns, event)
        if first:
            self._choose()

    def _note(self, db: sqlite3.Connection, kind: str, t_ns: int, event: dict[str, Any]) -> None:
        match kind:
            case "AttemptStarted":
                self._last = event["serial"]
                self._most = max(self._most, event["attempt"])
                said = db.execute("SELECT log FROM attempts WHERE serial = ?", (self._last,)).fetchone()
                if self._attempt in (None, event["attempt"]):
                    self._started.append(
                        (self._last, event["attempt"], log_at(self._run, self._last, str(said[0]) if said else ""))
                    )
            case "AttemptFinished" | "Recalled":
                self._ends[self._last] = "done"
            case "AttemptLost":
                self._ends[self._last] = f"lost: {event['why']}; it is started again"
                self._again.add(self._last)
            case _:
                self._ends[self._last] = str(event["message"])
                if event["retry_at_ns"] is not None:
                    self._again.add(self._last)
                    left_s = max(0, event["retry_at_ns"] - t_ns) / 1e9
                    self._ends[self._last] += f"; again in {left_s:.1f}s"

    def _choose(self) -> None:
        """Of the attempts that were made before we came, only the newest is printed, or the one that is wanted."""
        while len(self._started) > 1:
            self._started.popleft()

    @property
    def _is_done(self) -> bool:
        """The node has ended for good."""
        return self._last in self._ends and self._last not in self._again
