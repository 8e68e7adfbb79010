"""What may stand at the cursor of a command line: `cascade __complete WORD…`, the last word being the one at the cursor.

The scripts of `shells` ask this at each TAB. So it answers fast (neither the compiler nor the loop is loaded for verbs,
options and live runs), within a bound, and says nothing where something is wrong. A line of the answer is
VALUE<TAB>ABOUT; one that begins with a tab is for the script: `files csc json`, `dirs`, `nospace`.
"""

from __future__ import annotations

import os
import sys

from .options import _RUN, FLAG, MANY, MAYBE, VERBS, Option, Verb
from .parse import PROGRAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..store.live import LiveRun

BOUND_S = 1.5
"""After so long nothing is said; what a large program offers is found out all the same, for the next time.
CASCADE_COMPLETE_S in the environment is another bound, for a machine that is slow."""
_ANSWERS = 5
"""A live run may take this part of the bound for an answer: 300 ms."""
_AFTERWARDS_S = 60.0
NODES_MAX = 2000
LISTED_MAX = 60
"""Of more nodes only the next part of their names is offered."""

Item = tuple[str, str]


class Reply:
    """`items`: (value, about), all that begin with what is typed. `files`: names of files fit too, with these endings."""

    __slots__ = ("dirs", "files", "items", "nospace")

    def __init__(
        self,
        items: Iterable[Item] = (),
        *,
        files: tuple[str, ...] | None = None,
        dirs: bool = False,
        nospace: bool = False,
    ) -> None:
        self.items = list(items)
        self.files = files
        self.dirs = dirs
        self.nospace = nospace

    def lines(self) -> list[str]:
        """The answer as the scripts read it."""
        lines = [f"{value}\t{' '.join(about.split())}" for value, about in self.items if "\n" not in value]
        if self.files is not None:
            lines.append("\t" + " ".join(("files", *self.files)))
        if self.dirs:
            lines.append("\tdirs")
        if self.nospace:
            lines.append("\tnospace")
        return lines


def main(words: list[str]) -> int:
    """Answer on stdout; always 0, and silent about whatever goes wrong."""
    import signal

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)

    def give_up(*_: object) -> None:
        if os.fork():
            os._exit(0)
        os.dup2(silence, 1)  # the shell reads to the end of our output
        os.setsid()
        signal.signal(signal.SIGALRM, _end)
        signal.setitimer(signal.ITIMER_REAL, _AFTERWARDS_S)

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, bound_s())
    try:
        lines = complete(words).lines()
    except Exception:
        return 0
    try:
        sys.stdout.write("".join(line + "\n" for line in lines))
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(silence, 1)  # the shell has gone: what is left in the buffer is for nobody
    return 0


def bound_s() -> float:
    """How long an answer may take."""
    try:
        return min(max(float(os.environ.get("CASCADE_COMPLETE_S", "")), 0.01), 60.0)
    except ValueError:
        return BOUND_S


def _end(*_: object) -> None:
    os._exit(0)


def complete(words: list[str]) -> Reply:
    """What may stand for the last word."""
    current = words[-1] if words else ""
    if len(words) < 2:
        if current.startswith("-"):
            return _fitting(current, [("--help", "List all verbs."), ("--version", "Print the version.")])
        return _fitting(current, [*((verb.name, verb.help) for verb in VERBS.values()), ("help", "Explain a verb.")])
    if words[0] == "help":
        if len(words) == 2:
            return _fitting(current, ((verb.name, verb.help) for verb in VERBS.values()))
        words = words[1:]
    verb = VERBS.get(words[0])
    return Reply() if verb is None else _Line(verb, words[1:-1], current).reply()


def _fitting(current: str, items: Iterable[Item], *, nospace: bool = False) -> Reply:
    return Reply([item for item in items if item[0].startswith(current)], nospace=nospace)


class _Line:
    """A command line up to the cursor, against the table of options."""

    def __init__(self, verb: Verb, before: list[str], current: str) -> None:
        self.verb = verb
        self.current = current
        self.given: dict[str, str] = {}
        """Options that are there, with the last value."""
        self.args: list[str] = []
        self.open_option: Option | None = None
        self.open_param = ""
        self.after_dashes = False
        self._file: Any = None
        self.program = program_among(verb, before) if any(name == "FILE" for name, _ in verb.args) else ""
        by_name = {name: option for option in verb.options for name in (option.name, option.short) if name}
        self.by_name = by_name
        at = 0
        while at < len(before):
            word = before[at]
            at += 1
            if self.after_dashes or len(word) < 2 or word[0] != "-" or word[1].isdigit():
                self.args.append(word)
                continue
            if word == "--":
                self.after_dashes = True
                continue
            name, equals, value = word.partition("=")
            if not word.startswith("--") and len(word) > 2 and word[:2] in by_name and not equals:
                name, equals, value = word[:2], "=", word[2:]
            option = by_name.get(name)
            takes = option.kind != FLAG if option is not None else self._takes_value(name)
            name = name.replace("_", "-") if option is None else option.name
            self.given[name] = value
            if option is not None and option.kind == MAYBE and not equals:
                if at == len(before):
                    self.open_option = option
                elif not before[at].startswith("-") and not before[at].endswith(PROGRAMS):
                    self.given[name] = before[at]
                    at += 1
            elif takes and not equals:
                if at == len(before):
                    self.open_option, self.open_param = option, "" if option is not None else name
                else:
                    self.given[name] = before[at]
                    at += 1

    # ---- the place ----

    def reply(self) -> Reply:
        """What fits at the cursor."""
        current = self.current
        if self.open_option is not None and (self.open_option.kind != MAYBE or not current.startswith("-")):
            return self._value(self.open_option, current)
        if self.open_param:
            return self._param_value(self.open_param, current)
        if current.startswith("-") and not self.after_dashes:
            name, equals, value = current.partition("=")
            if not equals:
                return self._options(current)
            option = self.by_name.get(name)
            reply = self._param_value(name, value) if option is None else self._value(option, value)
            reply.items = [(f"{name}={item}", about) for item, about in reply.items]
            return reply
        names = self.verb.args
        at = len(self.args)
        if at < len(names):
            return self._argument(names[at][0], current)
        if names and names[-1][1] in ("some", "any", "words"):
            return self._argument("BECAUSE" if names[-1][1] == "words" else names[-1][0], current)
        return Reply()

    def _options(self, current: str) -> Reply:
        items: list[Item] = []
        for param in self.file.params if self.verb.open else ():
            option = param["option"]
            if option.startswith("--") and " " not in option and (param["many"] or option not in self.given):
                shown = "--" + option[2:].replace("-", "_") if "_" in current else option
                items.append((shown, param["about"]))
        for option in self.verb.options:
            if option.name not in self.given or option.kind in (MANY, MAYBE):
                items.append((option.name, option.help))
        items.append(("--help", "Explain the verb, or the program that is named."))
        return _fitting(current, items)

    def _value(self, option: Option, current: str) -> Reply:
        if option.choices:
            return _fitting(current, ((choice, "") for choice in option.choices))
        if option.kind == MAYBE:
            reply = _fitting(current, self.file.targets)
            reply.files = None if self.args else ("csc", "json")
            return reply
        if option.name == "--params":
            return Reply(files=("json", "toml", "yaml", "yml") if "YAML" in option.help else ("json", "toml"))
        if option.name == "--param":
            return self._assignment(current)
        if option.name == "--limit":
            return _fitting(current, self.file.scopes)
        if option.name == "--run":
            return _fitting(current, _live_runs() if option is _RUN else _past_runs())
        return Reply(files=()) if option.metavar in ("FILE", "PATH") else Reply()

    def _argument(self, name: str, current: str) -> Reply:
        """What fits for an argument; `NODE|SCOPE` is either."""
        replies = [self._one_argument(one, current) for one in name.split("|")]
        first, *more = replies
        for other in more:
            first.items += other.items
            first.nospace = first.nospace and other.nospace
        return first

    def _one_argument(self, name: str, current: str) -> Reply:
        match name:
            case "FILE":
                return Reply(files=("csc", "json"))
            case "PATH":
                return Reply(files=("csc",))
            case "DIR":
                return Reply(dirs=True)
            case "TARGET":
                return _fitting(current, self.file.targets)
            case "RUN":
                return _fitting(current, _past_runs())
            case "CODE":
                from ..base.codes import CODES

                return _fitting(current.upper(), CODES.items())
            case "ACTION":
                from .caching import ACTIONS

                return _fitting(current, ACTIONS.items())
            case "RESULT":
                return _results(current)
            case "TASK":
                return _fitting(current, [row for row in _results(current).items if row[1] == "task"])
            case "SHELL":
                return _fitting(current, (("bash", ""), ("zsh", ""), ("fish", "")))
            case "SCOPE":
                paused_only = self.verb.name == "resume"
                return _fitting(current, live_scopes(self.given.get("--run"), paused_only))
            case "NODE":
                if self.verb.name == "retry":
                    return _fitting(current, _parked(current, self.given.get("--run")))
                return _nodes(current, self.given.get("--run"))
            case "AMOUNT":
                return _fitting(current, [("none", "Take the limit back.")])
            case "PRIORITY":
                return _fitting(current, [("none", "What the program says.")])
            case "DEMAND":
                return _demands(current, self.given.get("--run"))
            case "BECAUSE":
                return _fitting(current, [] if "because" in self.args else [("because", "Why, for the record.")])
            case _:
                return Reply()

    # ---- params of the program ----

    @property
    def file(self) -> Any:
        """What the program on the line has to offer."""
        if self._file is None:
            from .offered import offered

            self._file = offered(self.program)
        return self._file

    def _param(self, option: str) -> dict[str, Any] | None:
        wanted = option.replace("_", "-")
        return next((param for param in self.file.params if param["option"] == wanted), None)

    def _takes_value(self, option: str) -> bool:
        if not self.verb.open or not option.startswith("--"):
            return False
        param = self._param(option)
        return param is not None and param["kind"] != "bool"

    def _param_value(self, option: str, current: str) -> Reply:
        param = self._param(option)
        return Reply() if param is None else _value_of(param, current)

    def _assignment(self, current: str) -> Reply:
        """NAME=VALUE of `--param`."""
        name, equals, value = current.partition("=")
        if not equals:
            return _fitting(current, ((f"{p['name']}=", p["about"]) for p in self.file.params), nospace=True)
        param = next((param for param in self.file.params if param["name"] == name), None)
        reply = Reply() if param is None else _value_of(param, value)
        reply.items = [(f"{name}={item}", about) for item, about in reply.items]
        return reply


def _value_of(param: dict[str, Any], current: str) -> Reply:
    match param["kind"]:
        case "file":
            return Reply(files=())
        case "dir":
            return Reply(dirs=True)
        case "bool":
            return _fitting(current, (("true", ""), ("false", "")))
        case _:
            return _fitting(current, ((choice, "") for choice in param["choices"]))


def program_among(verb: Verb, words: list[str]) -> str:
    """The program that a line names, as far as can be told without it: what follows an unknown option may be its value."""
    takes = {
        name
        for option in verb.options
        if option.kind not in (FLAG, MAYBE)
        for name in (option.name, option.short)
        if name
    }
    plain: list[str] = []
    after_option: list[str] = []
    before = ""
    for word in words:
        if not word.startswith("-") and before not in takes:
            (after_option if before.startswith("--") and "=" not in before else plain).append(word)
        before = word
    fits = (word for found in (plain, after_option) for ending in PROGRAMS for word in found if word.endswith(ending))
    return next(fits, "")


# ---- runs -------------------------------------------------------------------------------------------------------


def _live(wanted: str | None = None) -> list[LiveRun]:
    from ..store.live import find_live

    wanted = wanted or os.environ.get("CASCADE_RUN") or None
    return find_live(os.getcwd(), run=wanted)


def _live_runs() -> list[Item]:
    from ..store.live import find_live

    return [(run.run, run.file) for run in find_live(os.getcwd(), everywhere=True)]


def _past_runs() -> list[Item]:
    """Runs of this project, newest first."""
    from ..store.live import STATE_FOLDER, read_info

    here = os.getcwd()
    while not os.path.isdir(os.path.join(here, STATE_FOLDER, "runs")):
        here, before = os.path.dirname(here), here
        if here == before:
            return []
    folder = os.path.join(here, STATE_FOLDER, "runs")
    newest = sorted(os.listdir(folder), reverse=True)[:100]
    return [(name, str(read_info(os.path.join(folder, name)).get("file", ""))) for name in newest]


def _results(current: str) -> Reply:
    """Tasks and nodes of which a result is kept, as no shell minds them."""
    from pathlib import Path

    from ..base.spellings import dotted
    from ..store.results import read_entries
    from ..store.runs import Project
    from .past import project_folder

    folder = project_folder()
    entries = [] if folder is None else read_entries(Project(Path(folder)))
    tasks = {entry.task: "task" for entry in entries}
    nodes = {dotted(entry.node): entry.task for entry in entries[:NODES_MAX]}
    return _fitting(current, (tasks | nodes).items())


def live_scopes(wanted: str | None, paused_only: bool = False) -> list[Item]:
    """Scopes of the live runs that are meant, with what holds there now; only what is paused, for `resume`."""
    found: dict[str, str] = {}
    for run in _live(wanted)[:3]:
        status = _ask(run, "status")
        if status is None:
            continue
        if paused_only:
            found.update((scope, "paused") for scope in status["paused"])
            continue
        named = _ask(run, "scopes") or {}  # a run of an earlier version has its pools only
        pools = {pool["pool"]: pool for pool in status["pools"]}
        shown = [*named.get("scopes", ()), *(name for name in pools if not name.startswith("pause "))]
        for name in shown:
            found.setdefault(name, _held(pools.get(name)))
    return list(found.items())


def _demands(current: str, wanted: str | None) -> Reply:
    """`mem=` and the other resources of the live runs that are meant."""
    names = [name for name, _ in live_scopes(wanted) if ":" not in name and name != "global"]
    reply = _fitting(current, [(f"{name}=", "") for name in dict.fromkeys((*names, "cpu", "mem", "gpu"))])
    reply.nospace = True
    return reply


def _ask(run: LiveRun, verb: str) -> dict[str, Any] | None:
    """What a live run answers; None where it does not, or not soon enough."""
    from ..control.client import ask

    try:
        return ask(run, {"verb": verb}, timeout_s=bound_s() / _ANSWERS)
    except Exception:
        return None


def _held(pool: dict[str, Any] | None) -> str:
    """What a pool has now, in a word or two."""
    if pool is None or pool["dimension"] != "count":
        return ""
    of = "" if pool["capacity"] is None else f" of {pool['capacity']}"
    return f"{pool['taken']}{of} running, {pool['waiting']} waiting"


# ---- nodes ------------------------------------------------------------------------------------------------------


def _nodes(current: str, wanted: str | None) -> Reply:
    """Nodes of the run that is meant, of those that were started. `pages[oslo]` is offered as `pages.oslo`, which no shell minds."""
    from contextlib import closing
    from pathlib import Path

    from ..base.spellings import dotted
    from ..store.reading import open_to_read
    from .past import run_folder

    live = _live(wanted) if wanted is None else []
    folder = Path(live[0].folder) if len(live) == 1 else run_folder(wanted)
    bracketed = "[" in current
    stem = current.partition("[" if bracketed else ".")[0]
    with closing(open_to_read(folder / "journal.db")) as db:
        rows = db.execute(
            "SELECT DISTINCT name FROM attempts WHERE substr(name, 1, ?) = ? ORDER BY serial DESC LIMIT ?",
            (len(stem), stem, NODES_MAX),
        ).fetchall()
    names = [str(row[0]) if bracketed else dotted(str(row[0])) for row in rows]
    fits = list(dict.fromkeys(name for name in names if name.startswith(current)))
    if len(fits) <= LISTED_MAX or bracketed:
        return Reply((name, "") for name in fits)
    steps = {name[: _step(name, len(current))] for name in fits}
    if len(steps) > LISTED_MAX:
        return Reply((name, "") for name in fits)
    return Reply(((step, "") for step in sorted(steps)), nospace=any(step.endswith(".") for step in steps))


def _parked(current: str, wanted: str | None) -> list[Item]:
    """What may be retried in the live runs that are meant, with why it failed."""
    from ..base.spellings import dotted

    items: list[Item] = []
    for run in _live(wanted)[:3]:
        status = _ask(run, "status") or {}
        shown = str if "[" in current else dotted
        items += [(shown(failure["name"]), failure["message"]) for failure in status.get("held", ())]
    return [*items, ("all", "All that is held or waits to be tried again.")] if items else []


def _step(name: str, typed: int) -> int:
    at = name.find(".", typed)
    return len(name) if at < 0 else at + 1
