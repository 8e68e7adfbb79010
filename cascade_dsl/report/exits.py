"""What an exit code says beside its number, and what mends it. Pure: knows codes and the words of a command, runs nothing.

A meaning is never more certain than the code: a program may exit with any number for a reason of its own. So `grep`, `diff`
and `timeout` are named only where the command uses them.
"""

from __future__ import annotations

import re
import signal
from typing import NamedTuple

_SHELL = 128
"""A shell gives this and the number of the signal that ended a command."""


class Meaning(NamedTuple):
    """One clause for brackets behind the code, and a sentence of help; both may be empty."""

    text: str = ""
    help: str = ""


_SIGNALS = {
    "SIGKILL": "by hand, or by the system for want of memory",
    "SIGSEGV": "it touched memory that is not its own",
    "SIGBUS": "it touched memory that is not there, such as a file that became shorter",
    "SIGABRT": "it gave itself up, most often after a check of its own failed",
    "SIGFPE": "an arithmetic fault, such as a whole number divided by 0",
    "SIGILL": "an instruction that this processor does not have",
    "SIGTERM": "it was asked to end",
    "SIGINT": "it was interrupted",
    "SIGHUP": "its terminal went away",
    "SIGPIPE": "what it wrote to was closed",
    "SIGXCPU": "it used up its limit of processor time",
    "SIGXFSZ": "a file reached its limit of size",
    "SIGSYS": "a system call that is not allowed here",
}
_HELP = {
    "SIGKILL": "where memory was short, `requires mem = …` keeps fewer of them at once",
    "SIGPIPE": "",
}
_OF_ONE = {
    "grep": Meaning("grep exits with 1 where no line matches", "`|| true` behind it lets that pass"),
    "diff": Meaning("diff exits with 1 where the two differ", "`|| true` behind it lets that pass"),
    "test": Meaning("a test that is false exits with 1"),
    "false": Meaning("`false` exits with 1"),
    "expr": Meaning("expr exits with 1 where its result is 0 or empty", "`|| true` behind it lets that pass"),
    "arithmetic": Meaning("(( )) and let exit with 1 where the result is 0", "`|| true` behind it lets that pass"),
}
_CURL = {
    6: "curl could not find the host",
    7: "curl could not connect",
    22: "curl was answered with an HTTP error",
    28: "curl ran out of time",
    35: "curl could not agree on TLS",
    60: "curl does not trust the certificate",
}
_SAME = {
    "egrep": "grep",
    "fgrep": "grep",
    "zgrep": "grep",
    "rg": "grep",
    "cmp": "diff",
    "[": "test",
    "[[": "test",
    "((": "arithmetic",
    "let": "arithmetic",
}
_LEADING = frozenset(
    [
        "if",
        "then",
        "else",
        "elif",
        "fi",
        "while",
        "until",
        "do",
        "done",
        "esac",
        "!",
        "{",
        "}",
        "(",
        "time",
        "command",
        "exec",
    ]
)
"""Words in front of which, or behind which, a command may stand."""
_ASSIGN = re.compile(r"[A-Za-z_]\w*\+?=\S*\s*")
_SPLIT = re.compile(r"\|\||&&|\$\((?!\()|[;|&`)]")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\$`]|\\.)*\"|\\.|(?<![\w$])#[^\n]*")


def meaning(code: int | None, command: str = "", log: tuple[str, ...] = (), out_of_memory: bool = False) -> Meaning:
    """What a code means for the command or script that ended with it; negative: killed by that signal.

    `log` is the end of what it wrote, where a shell may have said which command it was.
    """
    if code is None or code == 0:
        return Meaning()
    if code < 0 or code > _SHELL:
        return _of_signal(-code if code < 0 else code - _SHELL, code, command, out_of_memory)
    match code:
        case 127:
            name = _missing(log)
            what = f"`{name}` was not found" if name else "a command was not found"
            return Meaning(what, "is it installed, and in a folder of PATH?")
        case 126:
            return Meaning(
                "a command was found but may not be run",
                "make it executable (`chmod +x`), or run it by its interpreter",
            )
        case 124 if "timeout" in commands(command):
            return Meaning("timeout exits with 124 where the time is up")
        case 125 if commands(command) & {"timeout", "docker", "podman", "env", "nohup", "nice"}:
            return Meaning("125 says that the tool which starts the command failed itself")
        case _ if code in _CURL and "curl" in commands(command):
            return Meaning(_CURL[code])
        case 1:
            return _of_one(command, log)
        case 2:
            return _of_two(command)
        case _:
            return Meaning()


def _of_signal(number: int, code: int, command: str, out_of_memory: bool) -> Meaning:
    if number not in signal.valid_signals():
        return Meaning()
    name = signal.Signals(number).name
    if name == "SIGPIPE" and code > 0:
        return Meaning(
            "SIGPIPE: the reader of a pipe closed it, and under pipefail that counts",
            "let the reader take everything (`sed -n 1p` for `head -1`), or put `|| true` behind the pipe",
        )
    if name == "SIGKILL" and out_of_memory:
        return Meaning("killed by SIGKILL: the kernel killed for want of memory meanwhile", _HELP["SIGKILL"])
    why = _SIGNALS.get(name, "")
    return Meaning(f"killed by {name}" + (f": {why}" if why else ""), _HELP.get(name, ""))


def _of_one(script: str, log: tuple[str, ...]) -> Meaning:
    """Who of the script's commands exits with 1 as an answer: the last, or, where nothing was said, one on the way."""
    lines = [line for line in _bare(script).splitlines() if line.strip()]
    if not lines:
        return Meaning()
    found = _answering(lines[-1])
    if found is not None:
        return found
    if any(line.strip() for line in log):
        return Meaning()
    for line in lines:
        found = None if re.match(r"\s*(if|elif|while|until)\b", line) else _answering(line)
        if found is not None:
            return found
    return Meaning()


def _answering(line: str) -> Meaning | None:
    """A command of a line whose 1 is an answer; what stands before a `||` has been taken care of."""
    names = (_SAME.get(name, name) for name in _words_in_front(line.rpartition("||")[2]))
    return next((_OF_ONE[name] for name in names if name in _OF_ONE), None)


def _of_two(script: str) -> Meaning:
    if commands(script) & {"grep", "egrep", "fgrep", "diff", "cmp"}:
        return Meaning("2 is an error of grep or diff, not an answer")
    return Meaning("2 often says that a command was called wrongly")


def commands(script: str) -> set[str]:
    """The words that stand where a command may stand, as far as can be told without a shell."""
    return {name for line in _bare(script).splitlines() for name in _words_in_front(line)}


def _bare(script: str) -> str:
    """A script without what stands in plain quotes and comments: it names no command."""
    return _QUOTED.sub(lambda m: "" if m[0].startswith("#") else "_", script.replace("\\\n", " "))


def _words_in_front(line: str) -> list[str]:
    found: list[str] = []
    for piece in _SPLIT.split(line):
        words = _ASSIGN.sub("", piece.strip().lstrip('("')).split()
        while words and words[0] in _LEADING:
            words.pop(0)
        if words:
            name = "((" if words[0].startswith("((") else words[0].strip('"')
            found.append(name.rpartition("/")[2] or name)
    if "((" in line.replace("$((", ""):
        found.append("((")
    return found


_NOT_FOUND = (
    re.compile(r"(?:line )?\d+: ([^:]+): (?:command )?not found$"),
    re.compile(r"env: [‘'\"]?([^’'\":]+)[’'\"]?: No such file or directory$"),
    re.compile(r"(?:line )?\d+: ([^:]+): No such file or directory$"),
    re.compile(r"^(?:\S*/)?(?:sh|bash|dash|zsh): ([^:]+): (?:command )?not found$"),
)


def _missing(log: tuple[str, ...]) -> str:
    """The command that a shell says it did not find, the last of them."""
    for line in reversed(log):
        for pattern in _NOT_FOUND:
            match = pattern.search(line)
            if match is not None:
                return match[1].strip()
    return ""
