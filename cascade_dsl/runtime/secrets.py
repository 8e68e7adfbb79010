"""The secrets of a run: found before anything runs, held by this process alone, and refused where they would be kept.

They come from the environment of the command, else from the file `.env` beside the program. What is stored of one is its
name: a run that goes on looks for them again.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.diagnostics import CascadeError, Diagnostic, Label
from ..executors.protocol import TELLS_SECRET
from ..ir.codec import graph_to_json
from ..ir.expr import Expr
from ..ir.graph import Call, Graph, Param, walk
from .refusals import CannotStart
from .sources import SourceLines

if TYPE_CHECKING:
    from ..executors.masking import Secrets
    from .places import ValueOf

DOTENV = ".env"
_LONGEST_BYTES = 64 * 1024
"""The kernel takes no variable of more than 128 KB."""
_FILE_BYTES = 1 << 20
_SHORT_BYTES = 8
_COMMON = frozenset(
    b"password passwd secret token default changeme localhost username true false none null admin root test "
    b"development production staging letmein qwerty abc123 1234 12345 123456 1234567 12345678 123456789".split()
)
_SCANNED_BYTES = 64 * 1024 * 1024
_PIECE = 1 << 18


class Held:
    """The secrets of a run that were found. Its representation shows names only."""

    __slots__ = ("masks", "names", "notes", "values")

    def __init__(
        self,
        names: tuple[str, ...] = (),
        values: Mapping[str, str] | None = None,
        masks: Secrets | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.names = names
        """All that the program declares."""
        self.values: Mapping[str, str] = values or {}
        self.masks = masks
        """None where there are none."""
        self.notes = notes
        """What people should know before the run begins."""

    def __repr__(self) -> str:
        return f"Held({', '.join(self.names)})"

    def without(self, environ: Mapping[str, str]) -> dict[str, str]:
        """An environment that the declared secrets are not in."""
        return {name: value for name, value in environ.items() if name not in self.names}

    def masked(self, text: str, *, cut: bool = False) -> str:
        """A sentence without secrets. `cut`: it was shortened."""
        return text if self.masks is None else self.masks.mask_text(text, cut=cut)

    def told_by(self, data: bytes | str, what: str) -> str | None:
        """Why something cannot be a result, None where no secret is in it."""
        if self.masks is None:
            return None
        name = self.masks.found(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        return None if name is None else _tells(what, name)

    def checked(self, value_of: ValueOf) -> ValueOf:
        """The same, but CannotStart where a value contains a secret: it would stand in a script, an argument, a path."""
        if self.masks is None:
            return value_of

        def checked(expr: Expr, variables: Mapping[str, Any]) -> Any:
            value = value_of(expr, variables)
            why = self.told_by(json.dumps(value, ensure_ascii=False), "a value that it uses")
            if why is not None:
                raise CannotStart(why)
            return value

        return checked

    def told_by_files(self, files: Iterable[tuple[Path, str]]) -> str | None:
        """The same of files and folders, each with the name of its output; of 64 MiB of each output."""
        if self.masks is None:
            return None
        from ..executors.masking import Stream

        for path, output in files:
            left = _SCANNED_BYTES
            for file in _files_of(path):
                stream = Stream(self.masks)
                with open(file, "rb") as data:
                    while left > 0 and not stream.seen and (piece := data.read(_PIECE)):
                        stream.feed(piece)
                        left -= len(piece)
                stream.end()
                if stream.seen:
                    return _tells(f"the output `{output}`", min(stream.seen))
        return None


def _tells(what: str, name: str) -> str:
    return TELLS_SECRET.format(what=what, name=name)


def _files_of(path: Path) -> Iterable[str]:
    if path.is_symlink() or not path.is_dir():
        return [str(path)] if path.is_file() and not path.is_symlink() else []
    found = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return (file for file in found if stat.S_ISREG(os.lstat(file).st_mode))


NO_SECRETS = Held()


def read_secrets(graph: Graph, folder: Path, environ: Mapping[str, str]) -> Held:
    """The secrets of a graph; CascadeError where one that a call uses is not given, or cannot be kept secret."""
    if not graph.secrets:
        return NO_SECRETS
    from ..executors.masking import Secrets

    used = _used(graph)
    found = {name: environ[name] for name in graph.secrets if environ.get(name)}
    notes: list[str] = []
    if any(name not in found for name in graph.secrets):
        kept = _dotenv(folder)
        taken = {name: kept[name] for name in graph.secrets if name not in found and kept.get(name)}
        found |= taken
        if taken:
            notes += _exposed(folder)
    missing = [name for name in graph.secrets if name in used and name not in found]
    if missing:
        raise CascadeError(_missing(missing, graph, folder, environ))
    refused = [d for name in found if name in used and (d := _unfit(name, found[name])) is not None]
    if refused:
        raise CascadeError(refused)
    values = {name: data for name, text in found.items() if len(data := os.fsencode(text)) >= _shortest()}
    for name, data in values.items():
        if name in used and data.lower() in _COMMON:
            notes.append(f"the secret {name} is a word that anybody may write: it is masked wherever it stands")
        elif name in used and len(data) < _SHORT_BYTES:
            notes.append(f"the secret {name} is short: what looks like it is masked too")
        for variable, value in environ.items():
            if value == found[name] and variable not in graph.secrets and _is_rare(data):
                notes.append(f"the variable {variable} has the value of the secret {name}, and every task inherits it")
    return Held(graph.secrets, found, Secrets(values) if values else None, tuple(notes))


def _is_rare(value: bytes) -> bool:
    """It does not stand somewhere by chance."""
    return len(value) >= _SHORT_BYTES and value.lower() not in _COMMON


def refuse_stored(graph: Graph, params: Mapping[str, Any], held: Held) -> None:
    """CascadeError where a secret stands in the program, or in the value of a param: both are stored, and these are in `ps`."""
    if held.masks is None:
        return
    if all(_is_rare(os.fsencode(value)) for value in held.values.values()):
        text = json.dumps(graph_to_json(graph), ensure_ascii=False)
        name = held.masks.found(text.encode("utf-8", "surrogatepass"))
        if name is not None:
            raise CascadeError(
                Diagnostic(
                    code="CSC575",
                    message=f"`{graph.file}` contains the value of the secret {name}, and would be stored",
                    help=f"replace the secret, since the file has told it, and read it from `${name}` in the body",
                )
            )
    found: list[Diagnostic] = []
    for node in graph.nodes:
        if isinstance(node, Param):
            text = json.dumps(params.get(node.name), ensure_ascii=False)
            name = held.masks.found(text.encode("utf-8", "surrogatepass"))
            if name is not None:
                found.append(
                    Diagnostic(
                        code="CSC574",
                        message=f"the value of the param `{node.name}` contains the secret {name}, and would be stored",
                        help=f"give it to the task that needs it, `env {{ {name} = {name} }}`",
                    )
                )
    if found:
        raise CascadeError(found)


def _shortest() -> int:
    from ..executors.masking import SHORTEST_BYTES

    return SHORTEST_BYTES


def _used(graph: Graph) -> set[str]:
    """The secrets of tasks that are called."""
    out: set[str] = set()
    for node in walk(graph.nodes):
        if isinstance(node, Call):
            clauses = node.clauses or graph.task(node.task).clauses
            out.update(name for _, name in clauses.secrets)
    return out


def _missing(names: list[str], graph: Graph, folder: Path, environ: Mapping[str, str]) -> Diagnostic:
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    what = f"the secret {listed} is" if len(names) == 1 else f"the secrets {listed} are"
    empty = [name for name in names if name in environ]
    return Diagnostic(
        code="CSC570",
        message=f"{what} not given",
        primary=_declared(graph, folder, names[0]),
        notes=(f"{', '.join(empty)} in the environment is empty",) if empty else (),
        help=f"set it in the environment, or write `{names[0]}=…` in a file `.env` beside the program",
    )


def _declared(graph: Graph, folder: Path, name: str) -> Label | None:
    sources = SourceLines(graph, folder)
    line = 1
    while (text := sources.whole(line)) or line < 10_000:
        if text.split("#")[0].split()[:2] == ["secret", name]:
            return sources.label(line, name)
        line += 1
    return None


def _unfit(name: str, value: str) -> Diagnostic | None:
    size = len(os.fsencode(value))
    if size < _shortest():
        why = f"it has {size} bytes, at least {_shortest()} are wanted: to mask it would riddle every log, and tell it"
    elif size > _LONGEST_BYTES:
        why = f"it is longer than {_LONGEST_BYTES // 1024} KiB, which no environment takes"
    elif "\0" in value:
        why = "there is a NUL in it, which no environment takes"
    else:
        return None
    return Diagnostic(code="CSC573", message=f"the secret {name} cannot be kept secret: {why}")


# ---- .env -------------------------------------------------------------------------------------------------------


def _dotenv(folder: Path) -> dict[str, str]:
    from .dotenv import BadLine, read_dotenv

    path = folder / DOTENV
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(error.strerror or str(error)) from None
    if len(data) > _FILE_BYTES:
        raise _unreadable("it is larger than 1 MiB")
    try:
        return read_dotenv(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _unreadable(f"it is not UTF-8 (byte {error.start})") from None
    except BadLine as error:
        raise CascadeError(
            Diagnostic(
                code="CSC571",
                message=f"`{DOTENV}`, line {error.line}: {error}",
                help='a line is `NAME=value`; a value with `#`, quotes or several lines stands in `"…"`',
            )
        ) from None


def _unreadable(why: str) -> CascadeError:
    help = "it is a file of lines `NAME=value`, beside the program"
    return CascadeError(Diagnostic(code="CSC572", message=f"`{DOTENV}` cannot be read: {why}", help=help))


def _exposed(folder: Path) -> list[str]:
    notes: list[str] = []
    path = folder / DOTENV
    try:
        mode = path.stat().st_mode
    except OSError:
        return notes
    if mode & 0o077:
        notes.append(f"`{DOTENV}` can be read by others: `chmod 600 {DOTENV}`")
    if _is_tracked(path):
        notes.append(f"`{DOTENV}` is tracked by git: `git rm --cached {DOTENV}`, and a line `{DOTENV}` in .gitignore")
    return notes


def _is_tracked(path: Path) -> bool:
    """A look into the index of git, which holds paths as they are up to its third version; of a fourth nothing is known."""
    for folder in path.resolve().parents:
        index = folder / ".git" / "index"
        try:
            data = index.read_bytes() if index.stat().st_size <= 64 * _FILE_BYTES else b""
        except OSError:
            if (folder / ".git").exists():
                return False
            continue
        name = os.fsencode(str(path.resolve().relative_to(folder)))
        at = data.find(name + b"\0")
        while at >= 0:
            if int.from_bytes(data[at - 2 : at], "big") & 0xFFF == len(name):
                return True
            at = data.find(name + b"\0", at + 1)
        return False
    return False
