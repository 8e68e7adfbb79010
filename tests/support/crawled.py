"""The servers of `examples/crawl`, in a process of their own, and their logs."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from live_runs import BOUND_S
from obeyed import Arrival, read_log


class Sites:
    """Servers that are there until `close`, each with a gate; nobody is told too many."""

    def __init__(self, folder: Path, *, sites: int, pages: int, service_s: float = 0, closed: bool = False) -> None:
        words = [
            "--sites",
            str(sites),
            "--pages",
            str(pages),
            "--service",
            str(service_s),
            "--most",
            "999",
            "--port",
            "0",
        ]
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "serve.py", *words, *(["--closed"] if closed else [])],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.bases = [self._process.stdout.readline().strip().rpartition(" ")[2] for _ in range(sites)]
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def hosts(self) -> list[str]:
        """`127.0.0.1:PORT` of each."""
        return [base.rpartition("/")[2] for base in self.bases]

    def stats(self) -> list[dict[str, int]]:
        """What each has counted."""
        return [self._ask(base, "/stats") for base in self.bases]

    def served(self) -> int:
        """How many requests all have answered."""
        return sum(said["served"] for said in self.stats())

    def in_flight(self) -> list[int]:
        """How many requests each has."""
        return [said["in_flight"] for said in self.stats()]

    def gates(self, word: str) -> None:
        """Open or close all."""
        for base in self.bases:
            self._ask(base, f"/gate/{word}", b"")

    def log(self, place: int) -> list[Arrival]:
        """The access log of the server at a place."""
        return read_log((self._folder / "out" / f"access-{place + 1}.log").read_text())

    def _ask(self, base: str, path: str, data: bytes | None = None) -> dict[str, int]:
        with self._opener.open(base + path, data, timeout=BOUND_S) as answer:
            return json.load(answer)

    def close(self) -> None:
        """End them."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.communicate(timeout=BOUND_S)
