"""The main program of a python worker: calls the bodies of python tasks, one at a time. Standard library only.

It is started by path, not imported, and speaks with `python.py` over a sequenced-packet socket: a request is one
packet of JSON (or a note that the JSON stands in the memory file beside it), an answer one packet. After each call the
process is put back as it was; what cannot be put back (threads, children) is told in the answer, and the executor
ends the worker. A worker whose loaded files changed, or that is old, replaces itself by `exec` before the call.
"""

from __future__ import annotations

import _thread
import ast
import ctypes
import importlib
import importlib.util
import inspect
import io
import json
import keyword
import linecache
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Any, TextIO, cast

CALLS_MAX = 500
REQUEST_BYTES_MAX = 65536
_RESULT_INLINE_BYTES = 4096  # these three as in protocol.py, which this program must not load
_VALUE_BYTES_MAX = 64 * 1024 * 1024
_MESSAGE_MAX = 500
_PR_SET_CHILD_SUBREAPER = 36
_DEPTH_MAX = 200
_SIGNALS = tuple(sorted(int(s) for s in signal.valid_signals() if s < signal.SIGRTMIN))


class CannotStart(Exception):
    """The call cannot begin; the message is for the user."""


class BodyError(Exception):
    """A fault of a body that has no traceback worth showing: its message is all there is to say."""


# ---- results ----------------------------------------------------------------------------------------------------


class NotJson(BodyError):
    """A part of a result that JSON cannot say. The way to it is put together while the error travels up."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.way: list[str] = []

    def __str__(self) -> str:
        return f"result{''.join(reversed(self.way))} {self.what}"


def plain(value: object, depth: int = 0) -> Any:
    """A value as JSON knows it. Raises NotJson with the place and type of what is not."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if depth > _DEPTH_MAX:
        raise NotJson(f"is nested deeper than {_DEPTH_MAX}")
    if isinstance(value, float):
        if value - value != 0:
            raise NotJson(f"is {float(value)!r}, which JSON cannot say")
        return float(value)
    if isinstance(value, dict):
        return _plain_entries(cast("dict[Any, Any]", value), depth)
    if isinstance(value, list | tuple):
        return _plain_items(cast("list[Any]", value), depth)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(cast("os.PathLike[Any]", value))
    if kind.__module__.partition(".")[0] == "numpy":
        array: Any = value
        if getattr(array, "ndim", None) == 0:
            return plain(array.item(), depth + 1)
        raise NotJson(f"is of type {_type_name(value)}, which JSON cannot say; give its .tolist()")
    hint = "; give sorted(…)" if kind in (set, frozenset) else ""
    raise NotJson(f"is of type {_type_name(value)}, which JSON cannot say{hint}")


def _plain_entries(entries: dict[Any, Any], depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in entries.items():
        if not isinstance(key, str):
            raise NotJson(f"has the key {key!r}; keys must be text, not {_type_name(key)}")
        try:
            out[str.__str__(key)] = plain(item, depth + 1)
        except NotJson as error:
            error.way.append(f"[{json.dumps(key)}]")
            raise
    return out


def _plain_items(items: list[Any], depth: int) -> list[Any]:
    out: list[Any] = []
    for item in items:
        try:
            out.append(plain(item, depth + 1))
        except NotJson as error:
            error.way.append(f"[{len(out)}]")
            raise
    return out


def _type_name(value: object) -> str:
    kind = type(value)
    module = kind.__module__
    return kind.__name__ if module == "builtins" or module.startswith("cascade_") else f"{module}.{kind.__name__}"


def encode_result(value: object) -> bytes:
    """A result as JSON text in UTF-8. Raises BodyError."""
    try:
        text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise BodyError("the result holds text that is not valid Unicode (a lone surrogate)") from None
    if len(text) > _VALUE_BYTES_MAX:
        raise BodyError(f"the result is larger than {_VALUE_BYTES_MAX // 1024 // 1024} MiB; write it to a file output")
    return text


# ---- code -------------------------------------------------------------------------------------------------------


class Code:
    """Bodies and modules that this worker has loaded, with what it needs to see that they changed."""

    def __init__(self) -> None:
        self._bodies: dict[tuple[str, str, int, tuple[str, ...]], CodeType] = {}
        self._modules: dict[str, ModuleType] = {}
        """Modules loaded by path."""
        self._siblings: dict[str, dict[str, ModuleType]] = {}
        """Folder → modules that were imported from it by their plain names; out of `sys.modules` between calls."""
        self._stamps: dict[str, tuple[int, int]] = {}
        """File → (mtime, size) when it was loaded."""
        self._parameters: dict[Any, frozenset[str]] = {}

    def is_stale(self) -> bool:
        """A loaded file is not what it was."""
        return any(_stamp(file) != stamp for file, stamp in self._stamps.items())

    def body(self, spec: dict[str, Any], names: tuple[str, ...]) -> Callable[..., Any]:
        """The text of a body as a function of `names`; its frames name the file and lines where it stands."""
        source, file, line = spec["source"], spec["file"] or "<body>", spec["line"]
        padded = "\n" * (line - 1) + source
        # every line ends in a newline, or a traceback's marks under the last one are off by one
        linecache.cache[file] = (len(padded), None, [f"{text}\n" for text in padded.splitlines()], file)
        code = self._bodies.get((source, file, line, names))
        if code is None:
            tree = ast.parse(padded, file)
            function = ast.parse("def body(): pass").body[0]
            assert isinstance(function, ast.FunctionDef)
            function.args.kwonlyargs = [ast.arg(name) for name in names]
            function.args.kw_defaults = [None] * len(names)
            function.body = tree.body or function.body
            module = ast.Module([function], [])
            code = compile(ast.fix_missing_locations(module), file, "exec", dont_inherit=True)
            self._bodies[source, file, line, names] = code
        space: dict[str, Any] = {"__name__": "cascade_body", "__file__": file}
        exec(code, space)
        return space["body"]

    def function(self, spec: dict[str, Any]) -> Callable[..., Any]:
        """What `path.py:function` or `package.module:function` names."""
        path, name = spec["path"], spec["function"]
        module = importlib.import_module(spec["module"]) if path is None else self._load(path)
        where = path or spec["module"]
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if not callable(found):
            raise BodyError(f"{where} has no function {name}")
        if inspect.iscoroutinefunction(found):
            raise BodyError(f"{name} in {where} is an async function; give a plain one")
        return found

    def extras_wanted(self, function: Callable[..., Any]) -> frozenset[str]:
        """The parameters that a function names; what `**` takes is not named."""
        try:
            return self._parameters[function]
        except KeyError:
            pass
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:  # some builtins have none
            names = frozenset[str]()
        else:
            names = frozenset(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        self._parameters[function] = names
        return names

    def enter(self, folder: str) -> set[str]:
        """Make the modules of a folder importable; gives the names of all loaded modules for `leave`."""
        sys.path.insert(0, folder)
        sys.modules.update(self._siblings.get(folder, {}))
        return set(sys.modules)

    def leave(self, folder: str, before: set[str]) -> None:
        """Put the folder's modules aside, so that those of the same name in another folder never mix with them."""
        siblings = self._siblings.setdefault(folder, {})
        for name in sys.modules.keys() - before:
            module = sys.modules[name]
            top = sys.modules.get(name.partition(".")[0], siblings.get(name.partition(".")[0]))
            if top is not None and _stands_in(top, folder):
                siblings[name] = module
                file = getattr(module, "__file__", None)
                if isinstance(file, str):
                    self._stamps[file] = _stamp(file)
        for name in siblings:
            sys.modules.pop(name, None)

    def _load(self, path: str) -> ModuleType:
        module = self._modules.get(path)
        if module is not None:
            return module
        self._stamps[path] = _stamp(path)
        name = f"cascade_file_{len(self._modules)}_{os.path.basename(path).removesuffix('.py')}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise BodyError(f"{path} is not a Python file")
        if not os.path.isfile(path):
            raise BodyError(f"there is no file {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # pickle and dataclasses look a class's module up
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            del self._stamps[path]
            raise
        self._modules[path] = module
        return module


def _stamp(file: str) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size


def _stands_in(module: ModuleType, folder: str) -> bool:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        where = os.path.dirname(file)
        return where == folder or (os.path.basename(file) == "__init__.py" and os.path.dirname(where) == folder)
    paths: list[str] = list(getattr(module, "__path__", ()))
    return any(os.path.dirname(path) == folder for path in paths)


# ---- the process ------------------------------------------------------------------------------------------------


class Process:
    """The state of this process that bodies change, as it was at the start."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # so that orphans of a body are seen as children here
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._null = os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(self._null, False)
        self._environ = dict(os.environb)
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._handlers = [(number, signal.getsignal(number)) for number in _SIGNALS]
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._path = list(sys.path)
        self._recursion = sys.getrecursionlimit()
        self._stdin: TextIO = sys.stdin
        self._stdout: TextIO = _stream(1)
        self._stderr: TextIO = _stream(2)
        sys.stdout, sys.stderr = self._stdout, self._stderr

    def enter(self, request: dict[str, Any]) -> None:
        """Take on the environment, folder and log of a call. Raises CannotStart."""
        try:
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotStart(f"cannot write the log {request['log']}: {error.strerror}") from None
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        for name in request["unset"]:
            os.environ.pop(name, None)
        os.environ.update(request["set"])
        try:
            os.chdir(request["cwd"])
        except FileNotFoundError:
            raise CannotStart(f"the working directory {request['cwd']} does not exist") from None
        except OSError as error:
            raise CannotStart(f"cannot work in {request['cwd']}: {error.strerror}") from None
        sys.argv = [""]

    def flush(self) -> None:
        """Bring what the body printed, from Python and from C, to its log."""
        _flush(sys.stdout, sys.stderr, self._stdout, self._stderr)
        self._libc.fflush(None)

    def restore(self) -> bool:
        """Put everything back; False where something is left that cannot be."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._handlers:
            if signal.getsignal(number) is not handler and handler is not None:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        self.flush()
        os.dup2(self._null, 0)
        os.dup2(self._null, 1)
        os.dup2(self._null, 2)
        if self._stdout.closed:
            self._stdout = _stream(1)
        if self._stderr.closed:
            self._stderr = _stream(2)
        sys.stdin, sys.stdout, sys.stderr = self._stdin, self._stdout, self._stderr
        if dict(os.environb) != self._environ:
            for name in os.environb.keys() - self._environ.keys():
                del os.environb[name]
            os.environb.update(self._environ)
        os.umask(self._umask)
        os.chdir("/")
        sys.path[:] = self._path
        sys.settrace(None)
        sys.setprofile(None)
        sys.setrecursionlimit(self._recursion)
        return _thread._count() == 0 and not self._has_children()

    def _has_children(self) -> bool:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return False
        return True


def _stream(fd: int) -> TextIO:
    raw = io.FileIO(fd, "wb", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)


# ---- calls ------------------------------------------------------------------------------------------------------


class Need(dict[str, Any]):
    """What was granted: `need.mem` as in the language, and `need["mem"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the task needs no `{name}`") from None


def call(code: Code, spec: dict[str, Any]) -> object:
    """Call the body of a request and give what it returns."""
    inputs: dict[str, Any] = json.loads(spec["inputs"])
    extras: dict[str, Any] = json.loads(spec["extras"])
    if isinstance(extras.get("need"), dict):
        extras["need"] = Need(extras["need"])
    given: dict[str, Any] = {**inputs, **spec["outputs"]}
    if spec["source"] is not None:
        arguments = {name: value for name, value in {**extras, **given}.items() if _can_be_parameter(name)}
        return code.body(spec, tuple(arguments))(**arguments)
    function = code.function(spec)
    wanted = code.extras_wanted(function)
    for name, value in extras.items():
        if name not in given and name in wanted:
            given[name] = value
    return function(**given)


def _can_be_parameter(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def answer_call(code: Code, spec: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request: the result, or the exit code and message of a failure, its traceback printed."""
    folder = spec["folder"]
    before = code.enter(folder)
    try:
        text = encode_result(call(code, spec))
    except SystemExit as exit:
        return _answer_exit(exit.code)
    except BodyError as error:
        _say(str(error))
        return {"code": 1, "message": str(error)[:_MESSAGE_MAX]}
    except BaseException as error:
        error.__traceback__ = _users(error.__traceback__)
        message = _one_line(error)
        _say(_shown(error) or message)
        return {"code": 1, "message": message, "place": _place(error.__traceback__, spec)}
    finally:
        code.leave(folder, before)
    if len(text) <= _RESULT_INLINE_BYTES:
        return {"code": 0, "result": text.decode()}
    try:
        os.makedirs(os.path.dirname(spec["result_path"]), mode=0o700, exist_ok=True)
        with open(spec["result_path"], "wb", opener=_private) as file:
            file.write(text)
    except OSError as error:
        return {"code": 1, "message": f"cannot write the result: {error}"}
    return {"code": 0, "result_file": True}


def _answer_exit(status: object) -> dict[str, Any]:
    if status is None:
        return {"code": 0, "result": "null"}
    if isinstance(status, int):
        code = status & 0xFF
        return {"code": code} if code else {"code": 0, "result": "null"}
    _say(str(status))
    return {"code": 1, "message": str(status).partition("\n")[0][:_MESSAGE_MAX]}


def _users(at: TracebackType | None) -> TracebackType | None:
    """A traceback from the first frame that is the user's."""
    while at is not None and _is_ours(at.tb_frame):
        at = at.tb_next
    return at


def _place(at: TracebackType | None, spec: dict[str, Any]) -> str:
    """Where a traceback leaves the user's own files: file, line and function. Empty where it was never in them."""
    own = os.path.dirname(spec["path"]) if spec["path"] else spec["folder"]
    found = ""
    while at is not None:
        code = at.tb_frame.f_code
        file = code.co_filename
        inside = bool(own) and file.startswith(own.rstrip("/") + "/") and "/site-packages/" not in file
        if file == spec["file"] or inside:
            shown = os.path.relpath(file, own) if inside else file
            where = "" if code.co_name in ("body", "<module>") else f" in {code.co_name}"
            found = f"{shown}:{at.tb_lineno}{where}"
        at = at.tb_next
    return found


def _is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file in _OURS or file.startswith("<frozen importlib")


_OURS = {__file__, ast.__file__, importlib.__file__}


def _shown(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error)).rstrip("\n")
    except Exception:  # an exception of the user's that cannot even be shown
        return ""


def _say(text: str) -> None:
    """A line to the log, behind what the body printed, whatever the body did to its streams."""
    _flush(sys.stdout, sys.stderr)
    with suppress(OSError):  # the body may have closed it; the message travels in the answer too
        os.write(2, text.encode(errors="backslashreplace") + b"\n")


def _flush(*streams: Any) -> None:
    for stream in streams:
        with suppress(ValueError, OSError, AttributeError):  # closed or replaced by the body: nothing of it to save
            stream.flush()


def _one_line(error: BaseException) -> str:
    try:
        text = str(error).strip().partition("\n")[0]
    except Exception:
        text = ""
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:_MESSAGE_MAX]


def _receive(control: socket.socket, flags: int) -> dict[str, Any] | None:
    packet, fds, _, _ = socket.recv_fds(control, REQUEST_BYTES_MAX, 1, flags)
    if fds:
        with open(fds[0], "rb") as memory:
            memory.seek(0)
            return json.loads(memory.read())
    return json.loads(packet) if packet else None


def main() -> None:
    """Serve calls until the executor hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    process = Process()
    code = Code()
    calls = 0
    while True:
        if _is_used_up(control, code, calls):
            control.set_inheritable(True)
            os.execv(sys.executable, [sys.executable, "-P", __file__, str(control.fileno())])
        request = _receive(control, 0)
        if request is None:
            os._exit(0)
        calls += 1
        used = _usage()
        _forget_peak()
        try:
            process.enter(request)
        except CannotStart as error:
            answer: dict[str, Any] = {"failed": str(error)}
        else:
            answer = answer_call(code, request["spec"])
        if os.getpid() != process.pid:  # the body forked, and this is the child on its way back
            process.flush()
            os._exit(answer.get("code", 1))
        answer["used"] = _used_since(used)
        answer["reusable"] = process.restore()
        answer["rest"] = _memory()[0]
        control.send(json.dumps(answer).encode())


def _is_used_up(control: socket.socket, code: Code, calls: int) -> bool:
    """Wait for a request, without taking it; then: this worker is too old for it."""
    control.recv(1, socket.MSG_PEEK)
    return calls >= CALLS_MAX or code.is_stale()


def _usage() -> tuple[float, int, int, int]:
    """CPU seconds, bytes read and written, and the peak of the largest child, of this process's life so far."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    moved = _fields("io", (b"rchar", b"wchar"))
    return cpu_s, moved[0], moved[1], children.ru_maxrss * 1024


def _used_since(before: tuple[float, int, int, int]) -> list[int]:
    """CPU milliseconds, bytes read and written, the own peak, and that of the largest child where it is a new one."""
    now = _usage()
    largest_child = now[3] if now[3] > before[3] else 0
    peak = _memory()[1] if _PEAKS else 0
    return [round((now[0] - before[0]) * 1000), now[1] - before[1], now[2] - before[2], peak, largest_child]


_PEAKS: list[bool] = []
"""Holds something where the kernel lets us forget the peak of an earlier call."""


def _forget_peak() -> None:
    """Let the kernel's count of our peak memory begin anew."""
    _PEAKS.clear()
    with suppress(OSError), open("/proc/self/clear_refs", "wb", buffering=0) as file:
        file.write(b"5")
        _PEAKS.append(True)


def _memory() -> tuple[int, int]:
    """What is allocated now, and the peak of it, without mapped files, in bytes."""
    anon, shared, mapped, peak = _fields("status", (b"RssAnon", b"RssShmem", b"RssFile", b"VmHWM"))
    return (anon + shared) * 1024, max(0, peak - mapped) * 1024


def _fields(name: str, wanted: tuple[bytes, ...]) -> list[int]:
    text = b""
    with suppress(OSError), open(f"/proc/self/{name}", "rb", buffering=0) as file:
        text = b"\n" + file.read()
    found: list[int] = []
    for field in wanted:
        at = text.find(b"\n%b:" % field)
        found.append(int(text[at : at + 64].split(None, 2)[1]) if at >= 0 else 0)
    return found


if __name__ == "__main__":
    main()
