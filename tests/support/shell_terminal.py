"""A real interactive bash on a pseudo-terminal: keys in, and the command line that it then has."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

BOUND_S = 20.0


class Bash:
    """`bash -i` in a folder. Ctrl-G shows the line that is being edited, between marks."""

    def __init__(self, folder: Path, env: dict[str, str], *commands: str) -> None:
        self._seen = b""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(
                "bash",
                ["bash", "--norc", "--noprofile", "-i"],
                {**env, "TERM": "dumb", "PS1": "$ ", "INPUTRC": "/dev/null"},
            )
        setup = [
            "set +o history",
            "bind 'set bell-style none'",
            "bind 'set completion-query-items 0'",
            "bind 'set page-completions off'",
        ]
        setup.append(r"""bind -x '"\C-g": printf "<<%s>>\n" "$READLINE_LINE"'""")
        for command in (*setup, *commands, "echo ready | tr a-z A-Z"):
            self._send(command + "\n")
        self._until(rb"READY\r?\n")

    def line_after(self, keys: str) -> str:
        """The line after these keys; it is thrown away."""
        self._seen = b""
        self._send(keys + "\x07")
        found = self._until(rb"<<(.*?)>>\r?\n")
        self._send("\x15")
        return found

    def shown_after(self, keys: str) -> str:
        """What is shown after these keys, up to the line that Ctrl-G shows."""
        self.line_after(keys)
        return self._seen.partition(b"<<")[0].decode()

    def _send(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def _until(self, pattern: bytes) -> str:
        end = time.monotonic() + BOUND_S
        while not (found := re.search(pattern, self._seen, re.S)):
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"waited in vain for {pattern!r} in {self._seen!r}"
            self._seen += os.read(self._terminal, 1 << 16)
        return found[found.lastindex or 0].decode()

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)
