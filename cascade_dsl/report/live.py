"""The view of a run on a terminal: what runs, what waits for which pool, what is done; failures stay above it.

Redrawn only when a status arrives (some seven times a second), never by a thread of its own. It takes the size of the
terminal at every drawing, so that a resize needs no signal.
"""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..engine.status import FailureView, RunningView, Status
from ..ir.events import Event
from .result import RunResult, last_line
from .words import elapsed, failure_lines, progress, show_seconds, waits_of

_NAMES_MOST = 48
_WAITS_SHOWN = 4


class LiveView:
    """A consumer of a run's status. Everything stays inside `console`, which should be stderr."""

    wants: tuple[type, ...] | None = ()
    wants_status = True

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._muted = False

    def start(self, file: str, run: str) -> None:
        """A run of `file` begins."""
        self._live.start()

    def event(self, t_ns: int, event: Event, name: str) -> None:
        """Events are not shown one by one."""

    def status(self, status: Status) -> None:
        """Draw a picture of the run."""
        if not self._muted:
            width, height = self._console.size
            self._live.update(
                Text("\n", overflow="ellipsis", no_wrap=True).join(view(status, width, height)), refresh=True
            )

    def failed(self, failure: FailureView) -> None:
        """A node failed for good: said above the view, to stay."""
        first, *more = failure_lines(failure)
        self._say(first, "bold red")
        for line in more:
            self._say(line, "dim" if line.startswith("  log:") else "")

    def stalled(self, status: Status) -> None:
        """Nothing runs and nothing can start."""
        self._say("stalled: nothing runs and nothing can start", "yellow")
        for wait in waits_of(status):
            self._say(f"  {wait}", "")

    def note(self, text: str) -> None:
        """Something to be said once."""
        self._say(text, "yellow")

    def mute(self) -> None:
        """The terminal is gone: draw nothing any more."""
        self._muted = True

    def finish(self, result: RunResult) -> None:
        """The run has ended: the view goes, what happened stays."""
        if not self._muted:
            self._live.stop()
            self._say(last_line(result), "green" if result.status == "done" else "bold red")

    def close(self) -> None:
        """Give the terminal back, also where the run ended with an error of its own."""
        if not self._muted:
            self._live.stop()

    def _say(self, text: str, style: str) -> None:
        if not self._muted:
            self._console.print(Text(text, style=style), soft_wrap=True)


def view(status: Status, width: int, height: int) -> list[Text]:
    """The lines of the view, at most `height` - 1 of them, none wider than `width`."""
    head = Text(f"{status.file} ", style="bold")
    head.append(f"{elapsed(status.started_ns, status.now_ns)}  {progress(status.nodes)}", style="not bold")
    if status.phase != "running":
        head.append(f" ({status.phase})", style="yellow")
    waits = [Text(f"  {_waiting(text)}", style="dim") for text in waits_of(status)]
    if len(waits) > _WAITS_SHOWN:
        waits = [*waits[:_WAITS_SHOWN], Text(f"  and {len(waits) - _WAITS_SHOWN} more kinds of waiting", style="dim")]
    paused = [Text(f"  paused: {', '.join(status.paused)}", style="yellow")] if status.paused else []
    room = max(1, height - 2 - len(waits) - len(paused))
    shown = status.running if status.running_total <= room else status.running[: room - 1]
    lines = [head, *_running(shown, status, width)]
    if status.running_total > len(shown):
        lines.append(Text(f"  and {status.running_total - len(shown)} more", style="dim"))
    lines += [*paused, *waits]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _waiting(text: str) -> str:
    return text if text.startswith("starved: ") else f"waiting: {text}"


def _running(rows: tuple[RunningView, ...], status: Status, width: int) -> list[Text]:
    if not rows:
        return []
    names = min(max(len(row.name) for row in rows), _NAMES_MOST, max(8, width - 26))
    out: list[Text] = []
    for row in rows:
        name = _short(row.name, names)
        line = Text(f"  {name:<{names}}")
        time = show_seconds(max(0, status.now_ns - row.since_ns) / 1e9)
        line.append(f"  {time:>6}", style="cyan")
        if row.task != row.name:
            line.append(f"  {row.task}", style="dim")
        if row.attempt > 1:
            line.append(f"  attempt {row.attempt}", style="yellow")
        out.append(line)
    return out


def _short(name: str, most: int) -> str:
    """A name cut in its middle: the end of it tells the instances of a fan-out apart."""
    if len(name) <= most:
        return name
    tail = most // 2
    return f"{name[: most - tail - 1]}…{name[-tail:]}"
