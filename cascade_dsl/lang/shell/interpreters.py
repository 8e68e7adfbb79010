"""Commands that read one of their arguments as a program of another language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .words import Word

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "rbash"})
_CODE_OPTION: dict[str, str] = {
    **dict.fromkeys(_SHELLS, r"-[A-Za-z]*c"),
    **dict.fromkeys(("python", "python2", "python3", "pypy", "pypy3"), r"-[A-Za-z]*c"),
    "perl": r"-[A-Za-z0-9]*[eE]",
    "ruby": r"-[A-Za-z]*e",
    "lua": r"-e",
    "node": r"-[A-Za-z]*[ep]|--eval|--print",
    "php": r"-r",
    "Rscript": r"-e",
    "R": r"-e",
    "julia": r"-[eE]|--eval",
    "osascript": r"-e",
    "su": r"-[a-z]*c|--command",
    "script": r"-[a-z]*c|--command",
    "flock": r"-c|--command",
    "psql": r"-[A-Za-z]*c|--command",
    "mysql": r"-[A-Za-z]*e|--execute",
    "mariadb": r"-[A-Za-z]*e|--execute",
    "duckdb": r"-c|-cmd",
    "clickhouse-client": r"-q|--query",
    "tclsh": r"-c",
    "vim": r"-c|\+.*",
    "gdb": r"-ex",
}
"""Program → the option after which its code stands; joined to it in short options too."""
_FIRST = frozenset({"awk", "gawk", "mawk", "nawk", "sed", "gsed", "jq", "yq", "bc", "xmlstarlet"})
"""Their first argument that is no option is code, unless an option has brought it."""
_FILE_OPTION = re.compile(r"-[A-Za-z]*f|--file(?:=.*)?|--from-file(?:=.*)?")
_CODE_OF_FIRST = re.compile(r"-[A-Za-z]*e|--expression|--source")
_TAKES_VALUE: dict[str, frozenset[str]] = {
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), frozenset({"-v", "-F", "-i", "--assign", "--field-separator"})),
    "jq": frozenset({"--indent"}),
    "sed": frozenset({"-l"}),
}
_TAKES_TWO = frozenset({"--arg", "--argjson", "--slurpfile", "--rawfile"})
_SECOND = frozenset({"sqlite3"})
_PROGRAMS = frozenset({*_CODE_OPTION, *_FIRST, *_SECOND, "ssh", "rsh", "parallel", "watch"})
_MOST = 8
"""Interpreters that are looked for in one command."""
_WRAPPERS = frozenset({
    "exec", "env", "nohup", "nice", "time", "timeout", "sudo", "doas", "setsid", "stdbuf", "ionice", "chroot", "unshare",
    "nsenter", "taskset", "xargs", "parallel", "watch", "busybox", "docker", "podman", "kubectl", "srun", "strace",
    "command", "builtin", "find", "fd", "conda", "mamba", "singularity", "apptainer", "flatpak", "entr", "chrt", "runuser",
})  # fmt: skip
"""What stands among their arguments may be a command."""


def interpreted(words: list[Word]) -> Iterator[tuple[int, str]]:
    """(place, interpreter) of each place that stands in a program of a second interpreter."""
    if not any(word.places for word in words):
        return
    name = _base(words[0])
    if name == "eval":
        yield from _all(words[1:], "eval")
        return
    starts = range(len(words)) if name in _WRAPPERS else range(1)
    found = 0
    for start in starts:
        program = _base(words[start])
        if program in _PROGRAMS:
            yield from _of_command(words, start, program)
            found += 1
            if found == _MOST:
                return


def reads_program(words: list[Word]) -> str:
    """The interpreter among the words that reads its program from standard input; empty for none."""
    starts = range(len(words)) if words and _base(words[0]) in _WRAPPERS else range(min(1, len(words)))
    for start in starts:
        name = _base(words[start])
        if name in (".", "source") and [w.value for w in words[start + 1 : start + 2]] == ["/dev/stdin"]:
            return name
        if name in ("ssh", "rsh", "psql", "mysql", "mariadb", "sqlite3", "duckdb", "bc", "dc"):
            return name
        if name in _CODE_OPTION:
            rest = [w.value for w in words[start + 1 :]]
            if "-s" in rest or "-" in rest or all(v.startswith("-") and v not in ("-c", "-e") for v in rest):
                return name
    return ""


def _of_command(words: list[Word], start: int, name: str) -> Iterator[tuple[int, str]]:
    if name in _CODE_OPTION:
        option = re.compile(_CODE_OPTION[name])
        for number in range(start + 1, len(words)):
            value = words[number].value
            found = option.match(value)
            if found is None:
                continue
            if found.end() == len(value):
                yield from _all(words[number + 1 : number + 2], f"{name} {value}")
            elif value.startswith("-"):
                yield from _all(words[number : number + 1], f"{name} {found[0]}")
        return
    if name in _FIRST:
        yield from _first_argument(words, start, name)
    elif name in _SECOND:
        plain = [w for w in words[start + 1 :] if not w.value.startswith("-")]
        yield from _all(plain[1:], name)
    elif name in ("ssh", "rsh"):
        host = _host(words, start)
        yield from _all(words[host + 1 :], name)
    elif name in ("parallel", "watch"):
        yield from _all(words[start + 1 :], name)


def _first_argument(words: list[Word], start: int, name: str) -> Iterator[tuple[int, str]]:
    number, brought = start + 1, False
    values = _TAKES_VALUE.get(name, frozenset())
    while number < len(words):
        value = words[number].value
        if value in _TAKES_TWO:
            number += 3
        elif value in values:
            number += 2
        elif _CODE_OF_FIRST.fullmatch(value) and name not in ("jq", "yq"):
            yield from _all(words[number + 1 : number + 2], f"{name} {value}")
            brought, number = True, number + 2
        elif _FILE_OPTION.fullmatch(value):
            brought, number = True, number + (1 if "=" in value else 2)
        elif value.startswith("-") and len(value) > 1:
            number += 1
        else:
            if not brought:
                yield from _all(words[number : number + 1], name)
            return


def _host(words: list[Word], start: int) -> int:
    number = start + 1
    while number < len(words):
        value = words[number].value
        if re.fullmatch(r"-[BbcDEeFIiJLlmOopQRSWw]", value):
            number += 2
        elif value.startswith("-"):
            number += 1
        else:
            break
    return number


def _all(words: list[Word], interpreter: str) -> Iterator[tuple[int, str]]:
    for word in words:
        for index in word.places:
            yield index, interpreter


def _base(word: Word) -> str:
    plain = word.plain
    return "" if plain is None else plain.rsplit("/", 1)[-1]
