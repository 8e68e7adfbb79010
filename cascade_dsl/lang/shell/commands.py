"""What simple commands do with their words: those that take names, evaluate, run text, or write files."""

from __future__ import annotations

import re
from itertools import pairwise

from .frames import Frame
from .interpreters import interpreted, reads_program
from .places import MARK, Dialect, Place, lost
from .words import ASSIGNMENT, DECLARING, EXPANDED, QUOTED, Command, Word

_EVALUATED = frozenset({
    "RANDOM", "SRANDOM", "SECONDS", "LINENO", "BASHPID", "HISTCMD", "OPTIND", "OPTERR", "EPOCHSECONDS", "EPOCHREALTIME",
    "EUID", "UID", "PPID", "TMOUT", "COLUMNS", "LINES", "HISTSIZE", "HISTFILESIZE", "FUNCNEST", "BASH_SUBSHELL",
})  # fmt: skip
"""Variables that bash holds as numbers: what is assigned to them is evaluated."""
_ARRAYS = frozenset({
    "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_LINENO", "BASH_REMATCH", "BASH_SOURCE", "BASH_VERSINFO",
    "COMPREPLY", "COMP_WORDS", "COPROC", "DIRSTACK", "FUNCNAME", "GROUPS", "MAPFILE", "PIPESTATUS",
})  # fmt: skip
_RUN = frozenset({"PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "BASH_ENV", "ENV", "BASH_ALIASES"})
"""Variables whose value a shell expands or runs."""
_NAMING = frozenset({"read", "mapfile", "readarray", "getopts", "unset"})
_READING = frozenset({"read", "mapfile", "readarray"})
_RUNNING = frozenset({"compgen", "complete", "compopt", "bind", "fc", "history"})
_BEFORE = frozenset({"command", "builtin", "time"})
"""The words behind them are a command of this shell."""
_TESTS = frozenset({
    "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "-a", "-o", ")",
})  # fmt: skip
_NAMES = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RELATIVE = re.compile(r"(?![/~&-])[^\x02\x03\0*?\[\]{}]+")
_FOLLOWED = 16
"""Places that are followed from one variable to the next."""
_PRINTING = frozenset({"echo", "printf"})
"""They put out what they are given."""
_LEAVING = frozenset({"cd", "pushd", "popd", "chroot"})


class Commands:
    """Looks at words and commands as they become whole; changes what is known of their places."""

    def __init__(self, places: list[Place], dialect: Dialect, named: set[str]) -> None:
        self.places = places
        self.dialect = dialect
        self.writes: list[tuple[int, str]] = []
        self.assigned: dict[str, list[int]] = {}
        self.named = named
        self.executed: dict[str, str] = {}
        self.associative: set[str] = set()
        """Arrays whose subscripts are text."""
        self.counted: set[str] = set()
        self.numbered: set[str] = set(_EVALUATED)
        """Variables whose values are evaluated when they are assigned; `*` for one whose name is not known."""
        self._arrays: set[str] = set(_ARRAYS)
        self._references: set[str] = set()
        self._assignments: list[tuple[str, int]] = []
        """(variable, place) of each place in a value that is assigned."""
        self._declarations: list[tuple[str, int]] = []
        self._copied: list[tuple[str, list[str]]] = []
        """(variable, variables in the value that it is given)"""
        self._filled: list[tuple[str, int]] = []
        """(variable, offset) of each variable that `read` and the like fill."""
        self._fed: list[int] = []
        """The places in what compound commands get on their standard input."""
        self._aliases = -1
        self._left = False
        """The script may have gone to another folder."""

    # ---- marks on places ----

    def refuse(self, word: Word, reason: str) -> None:
        """None of the word's places is sound."""
        for index in word.places:
            self.places[index].refused = self.places[index].refused or reason

    def only_int(self, word: Word, reason: str) -> None:
        """A whole number alone is sound in the word."""
        for index in word.places:
            self.places[index].ints = self.places[index].ints or reason
        if reason in ("arithmetic", "test-variable"):
            self.counted.update(word.reads, _NAMES.findall(word.value))

    def one_word(self, word: Word) -> None:
        """The shell takes one word here."""
        for index in word.places:
            if self.places[index].where == "word":
                self.places[index].lists = "refused"

    def joined(self, word: Word) -> None:
        """The word is a value that is assigned: it is never split."""
        for index in word.places:
            self.places[index].lists = "joined"

    # ---- words ----

    def check_shape(self, word: Word) -> None:
        """What the characters outside quotes around a place would do to it."""
        if MARK not in word.skeleton:
            if word.places and word.skeleton[0] == "~":
                self.refuse(word, "tilde")
            return
        bare = [i for i in word.places if self.places[i].where == "word" and self.places[i].refused not in _SHAPELESS]
        number = -1
        tail, braces, brackets = "", 0, 0
        dotted = ".." in word.shape
        for piece in word.skeleton:
            if piece != MARK:
                tail = (tail + piece)[-80:]
                for char in piece:
                    if char == "{":
                        braces += 1
                    elif char == "}":
                        braces -= 1
                    elif char == "[":
                        brackets += 1
                    elif char == "]":
                        brackets -= 1
                continue
            number += 1
            if number >= len(bare):
                break
            place = self.places[bare[number]]
            if re.search(r"(?:^|[=:])~[A-Za-z0-9_.+-]*$", tail):
                place.refused = place.refused or "tilde"
            if braces > 0:
                place.lists = "refused"
                if dotted:
                    place.refused = place.refused or "sequence"
            if brackets > 0:
                place.ints = place.ints or "bracket"
            tail = "x"

    def target(self, word: Word, operator: str) -> None:
        """What a redirection names."""
        self.one_word(word)
        if operator in (">&", "<&"):
            self.only_int(word, "descriptor")
        elif (
            operator in (">", ">>", ">|", "&>")
            and word.plain is not None
            and not self._left
            and _RELATIVE.fullmatch(word.value)
            and _RELATIVE.fullmatch(word.shape.replace(QUOTED, "x"))
        ):
            self.writes.append((word.start, word.value))

    def looped(self, name: str, word: Word) -> None:
        """A word that a `for` goes over: its variable is assigned."""
        self._assignments += [(name, index) for index in word.places]
        self._copied.append((name, word.reads))

    def arguments(self, frame: Frame) -> None:
        """A `for` without `in` goes over the arguments."""
        self._copied.append((frame.name, [f"{frame.function} @"]))

    # ---- commands ----

    def examine(self, command: Command, frame: Frame) -> None:
        """A whole command: its assignments, then its words."""
        for word in command.assignments:
            self._assign(word, declared=False)
        words = command.words
        if not words:
            return
        words = self._own_words(words)
        if not words:
            return
        if _unfolds(words[0]):
            raise lost("braces make up the name of a command", words[0].start)
        name = _name(words[0])
        if name not in _PRINTING:
            for word in words:
                for index in word.places:
                    self.places[index].in_arithmetic = False
        for word in words[1:]:
            found = word.assigns
            if found in _RUN and word.places:
                self.refuse(word, "shell-variable")
        for index, interpreter in interpreted(words):
            self.places[index].interpreter = self.places[index].interpreter or interpreter
        reader = reads_program(words) if command.fed else ""
        for index in (index for word in command.fed for index in word.places):
            self.places[index].interpreter = self.places[index].interpreter or reader
        if name is None:
            return
        self._call(name, words)
        if name in _LEAVING:
            self._left = True
        elif name in DECLARING:
            self._declare(name, words)
        elif name in ("[", "test"):
            self._test(name, words)
        elif name in _NAMING:
            self._naming(name, words)
            for index in (index for word in command.fed for index in word.places):
                self.feed(command, index)
        elif name in ("set", "shopt"):
            self._options(words)
        elif name in _RUNNING:
            self._refuse_all(words, "complete")
        elif name in ("trap", "let"):
            self._refuse_all(words, name)
            if name == "trap":
                self._execute(words[1:2], name)
            if name == "let":
                for word in words[1:]:
                    self.counted.update(word.reads)
                for word in words:
                    self.counted.update(re.findall(r"[A-Za-z_]\w*", word.value, re.ASCII))
        elif name == "alias":
            self._refuse_all(words, "alias")
            if len(words) > 1:
                self._aliases = words[0].start
        elif name in ("printf", "wait"):
            self._named_result(name, words)
        del frame

    def _named_result(self, name: str, words: list[Word]) -> None:
        """The variable after `printf -v` and `wait -p`, and values that may be such an option."""
        if name == "wait":
            for word in words[1:]:
                if word.value.startswith(("-", MARK)):
                    self.only_int(word, "job")
        elif len(words) > 1:
            first = next((w for w in words[1:] if w.places or not w.may_vanish), words[1])
            if _unfolds(first) or re.match(r"-?v?\0(?:.*[\0\x03\]])?\Z", first.value, re.DOTALL):
                self.refuse(first, "format")
            if len(words) > 2 and re.match(r"-?v?\x03(?:.*[\x03\]])?\Z", first.value, re.DOTALL):
                self.named.update(first.reads)
            skipped = 3 if first.value == "-v" else 2 if first.value == "--" or first.value.startswith("-v") else 0
            form = words[skipped] if 0 < skipped < len(words) else first
            if any(word.places for word in words[words.index(form) + 1 :]):
                self.refuse(form, "format-part")
            if re.match("-v", first.value):
                rest = words[2:] if first.value != "-v" else words[3:]
                variable = first.value[2:] or (words[2].value if len(words) > 2 else "")
                for word in rest:
                    self.fill(variable.split("[", 1)[0], word)
        pairs = list(pairwise(words))
        for before, word in pairs[:2] if name == "printf" else pairs:
            if before.value in ("-v", "-p") or re.match(r"-[vp].", word.value):
                self.refuse(word, "variable-name")
                self.named.update(word.reads)

    def _refuse_all(self, words: list[Word], reason: str) -> None:
        for word in words[1:]:
            self.refuse(word, reason)

    def _assign(self, word: Word, *, declared: bool) -> None:
        name = word.assigns
        if name is None:
            return
        self.joined(word)
        if name == "BASH_ALIASES":
            self._aliases = word.start
        self._copied.append((name, word.reads))
        if word.shape.endswith("("):
            self._arrays.add(name)
        if ASSIGNMENT.match(word.shape)[2]:  # pyright: ignore[reportOptionalSubscript]
            self._arrays.add(name)
        if name in _RUN:
            self.refuse(word, "shell-variable")
        rows = [(name, index) for index in word.places if self.places[index].where != "subscript"]
        self._assignments += rows
        if declared:
            self._declarations += rows

    def _declare(self, name: str, words: list[Word]) -> None:
        flags = ""
        unknown = False
        """A word before, which the shell makes out of a variable, may be an option."""
        for word in words[1:]:
            value = word.value
            if word.plain is not None and re.match(r"[-+][A-Za-z]", value) and not _unfolds(word):
                flags += value
                continue
            equals = value.find("=")
            head = value if equals < 0 else value[:equals]
            folded = "{" in word.shape.split("=", 1)[0]
            if EXPANDED in head and name not in ("export", "readonly"):
                self.named.update([r for r in word.reads if r != "@"][: head.count(EXPANDED)])
            if MARK in head:
                self.refuse(word, "declared-name")
                continue
            variable = head.removesuffix("+").split("[", 1)[0]
            if EXPANDED in variable or folded:
                variable = "*"
            if "i" in flags or unknown:
                self.numbered.add(variable)
            if ("n" in flags or unknown) and name != "export":
                self._references.add(variable)
            if "A" in flags:
                self.associative.add(variable)
            if re.search("[aA]", flags) or "[" in head or word.shape.endswith("("):
                self._arrays.add(variable)
            unknown = unknown or folded or (equals < 0 and re.match(r"[-+]?[A-Za-z]*\x03", value) is not None)
            if equals >= 0:
                self.joined(word)
                self._copied.append((variable, word.reads))
                if variable == "BASH_ALIASES":
                    self._aliases = word.start
                if re.search("[aA]", flags) and not word.shape.endswith("(") and "[" not in head:
                    self._execute([word], name)
                if variable in _RUN:
                    self.refuse(word, "shell-variable")
                rows = [(variable, index) for index in word.places if self.places[index].where != "subscript"]
                self._assignments += rows
                self._declarations += rows
                if unknown:
                    self.refuse(word, "declared-array")

    def _naming(self, name: str, words: list[Word]) -> None:
        self._refuse_all(words, "read-name")
        for before, word in pairwise(words):
            if name in ("read", "unset") and not re.fullmatch(r"-[a-zA-Z]*[dfinNptu]", before.value):
                self.named.update(() if word.value.startswith("-") else word.reads)
        if name == "unset":
            return
        self._filled += [(word.value.split("[", 1)[0], word.start) for word in words[1:]]
        arrays = name in ("mapfile", "readarray") or any(re.match(r"-[a-z]*a", w.value) for w in words[1:])
        if arrays:
            last = words[-1].plain if len(words) > 1 else "MAPFILE"
            self._arrays.add(last if last is not None else "*")

    def feed(self, command: Command, index: int) -> None:
        """A place in what a command gets on its standard input: `read` and the like assign it."""
        if not command.words and not command.assignments:
            self._fed.append(index)
        words = self._own_words(command.words)
        if not words or _name(words[0]) not in _READING:
            return
        for word in words[1:]:
            variable = word.value.split("[", 1)[0]
            self._assignments.append(("*" if EXPANDED in variable else variable, index))

    def fill(self, variable: str, word: Word) -> None:
        """A variable gets what the word holds, otherwise than by `variable=word`."""
        for index in word.places:
            if self.places[index].where != "subscript":
                self._assignments.append(("*" if EXPANDED in variable else variable, index))
        self._copied.append((variable, word.reads))

    def _own_words(self, words: list[Word]) -> list[Word]:
        """A command without what stands before it and may be nothing: `command`, an expansion, a list."""
        while words:
            if words[0].plain in _BEFORE:
                words = words[1:]
                while words and (words[0].value.startswith("-") or _may_be_option(words)):
                    words = words[1:]
            elif len(words) > 1 and words[0].may_vanish:
                special = next((n for n, w in enumerate(words) if not w.may_vanish), len(words))
                if special == len(words) or _name(words[special]) not in _SPECIAL:
                    return words
                words = words[special:]
            else:
                return words
        return words

    def _options(self, words: list[Word]) -> None:
        """`set` and `shopt`: what could be an option changes how the rest of the script is read."""
        for word in words[1:]:
            if word.plain in ("--", "-") and words[0].plain == "set":
                return
            self.refuse(word, "option" if words[0].plain == "set" else "shopt")

    def _test(self, name: str, words: list[Word]) -> None:
        """`[ … ]`: a value may be mistaken for an operator, of which bash evaluates the operand of one."""
        arguments = words[1:-1] if name == "[" else words[1:]
        if name == "[" and words[-1].plain != "]":
            for word in words[1:]:
                self.refuse(word, "test-operator")
            return
        for number, word in enumerate(arguments):
            if not word.places:
                if number and arguments[number - 1].plain in ("-v", "-R"):
                    self.counted.update(word.reads, _NAMES.findall(word.value))
                continue
            if any(map(_unfolds, arguments)):
                self.refuse(word, "test-operator")
            self.one_word(word)
            before = arguments[number - 1] if number else None
            after = arguments[number + 1] if number + 1 < len(arguments) else None
            said = "" if before is None else before.plain
            if said in ("-v", "-R"):
                self.only_int(word, "test-variable")
            elif said is None and before is not None:
                self.refuse(word, "test-operator")
            if after is not None and after.plain not in _TESTS:
                self.refuse(word, "test-operator")

    # ---- what travels in variables ----

    def _call(self, name: str, words: list[Word]) -> None:
        """The arguments of what may be a function; code for another shell."""
        for number, word in enumerate(words[1:], 1):
            self._assignments += [(f"{name} {which}", index) for index in word.places for which in (number, "@")]
            self._copied += [(f"{name} {which}", word.reads) for which in (number, "@")]
        if name == "set":
            given = next((n for n, w in enumerate(words) if w.plain in ("--", "-")), len(words))
            for number, word in enumerate(words[given + 1 :], 1):
                self._assignments += [(f" {which}", index) for index in word.places for which in (number, "@")]
                self._copied += [(f" {which}", word.reads) for which in (number, "@")]
        elif name == "eval":
            self._execute(words[1:], name)

    def _execute(self, words: list[Word], name: str) -> None:
        for read in (read for word in words for read in word.reads):
            self.executed.setdefault(read, name)

    def _carry(self) -> None:
        """Variables that are given what others hold hold the same values."""
        targets: dict[str, list[str]] = {}
        for name, reads in self._copied:
            for read in reads:
                targets.setdefault(read, []).append(name)
        waiting = list(self.assigned)
        while waiting:
            read = waiting.pop()
            for name in targets.get(read, ()):
                known = self.assigned.setdefault(name, [])
                if name != read and (more := [i for i in self.assigned[read][:_FOLLOWED] if i not in known]):
                    known += more
                    waiting.append(name)

    # ---- the whole ----

    def conclude(self, text: str) -> None:
        """What is known once the script has been read."""
        if self._aliases >= 0 and self.places:
            raise lost("an alias changes how the rest of it is read", self._aliases, "write a function")
        for name, offset in self._filled:
            if self.places and name in self.numbered - _EVALUATED:
                raise lost(f"the shell evaluates what is read into `{name}`", offset, "declare it without `-i`")
            if self.places and name in _RUN:
                raise lost(f"the shell runs what is read into `{name}`", offset, "read into another variable")
        self._assignments += [(name, index) for name, _ in self._filled[:_FOLLOWED] for index in self._fed[:_FOLLOWED]]
        for name, reads in self._copied:
            if name in _RUN:
                for read in reads:
                    self.executed.setdefault(read, name)
            if name in self.numbered or "*" in self.numbered:
                self.counted.update(reads)
            if name in self._references:
                self.named.update(reads)
        for name, index in self._assignments:
            place = self.places[index]
            if name in _RUN:
                place.refused = place.refused or "shell-variable"
            if name in self.numbered or "*" in self.numbered or (name == "*" and len(self.numbered) > len(_EVALUATED)):
                place.ints = place.ints or "integer"
            if name in self._references or "*" in self._references or (name == "*" and self._references):
                place.refused = place.refused or "reference"
            self.assigned.setdefault(name, []).append(index)
        self._carry()
        for name, index in self._declarations:
            if name in self._arrays or "*" in self._arrays or name == "*" or re.search(rf"\b{re.escape(name)}\[", text):
                self.places[index].refused = self.places[index].refused or "declared-array"


def _unfolds(word: Word) -> bool:
    """Braces make several words of it."""
    return re.search(r"\{.*(?:,|\.\.).*\}", word.shape, re.DOTALL) is not None


def _may_be_option(words: list[Word]) -> bool:
    """The first word begins with what the shell puts there, and the next is a command that does more."""
    return words[0].value[:1] in (EXPANDED, MARK) and len(words) > 1 and _name(words[1]) in _SPECIAL


def _name(word: Word) -> str | None:
    """The command that a word names, whatever an expansion in it adds; None where nothing is known of it."""
    if word.plain is not None or word.places:
        return word.plain
    rest = word.value.replace(EXPANDED, "")
    return rest if rest in _SPECIAL else None


_SPECIAL = DECLARING | _NAMING | _RUNNING | _BEFORE | {"[", "test", "trap", "let", "alias", "printf", "wait"}
"""Commands that do more with their words than to read them."""
_SHAPELESS = frozenset({"dollar", "backslash"})
"""Places with these reasons stand in no skeleton as MARK."""
