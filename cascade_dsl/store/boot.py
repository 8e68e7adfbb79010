"""Which start of the machine this is: what was recorded under another one was not flushed by whoever wrote it."""

from __future__ import annotations

_FILE = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """A name that every start of the machine has anew; empty where it cannot be read."""
    try:
        with open(_FILE, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
