"""Pieces of words: quotes, expansions, substitutions, patterns and subscripts."""

from __future__ import annotations

import re

from .documents import Documents
from .frames import LISTS, Frame
from .places import MARK, Stands, lost
from .words import DECLARING, NAME, Word

_PLAIN = re.compile(
    r"[^\\'\"$`\s;&|<>()\[\0]+|[\r\v\f\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
_SINGLE = re.compile(r"'[^']*+'")
_ANSI = re.compile(r"\$'(?:[^'\\]++|\\.)*+'", re.DOTALL)
_BACKQUOTE = re.compile(r"`(?:[^`\\]++|\\.)*+`", re.DOTALL)
_DOUBLE = re.compile(r"[^\"\\$`\0]+")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|[0-9@*#?$!-])", re.ASCII)
_PARAMETER = re.compile(r"[^\\'\"$`}<>\0]+")
_PARAMETER_HEAD = re.compile(
    r"\$\{([!#]?)([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])(?:\[[^\]'\"`\\${}\0]*\])?(:?[-=+?])?", re.ASCII
)
_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Pieces(Documents):
    """The part of the scanner that reads words."""

    # ---- outside quotes ----

    def piece(self, frame: Frame) -> None:
        """One piece of a word outside quotes; not a blank, an operator or a bracket."""
        text, at = self.text, self.at
        char = text[at]
        word = self.own(frame)
        if char == MARK:
            word.place(self.record("word"), quoted=False)
            self.at += 1
        elif char == "'":
            self._single(word)
        elif char == '"':
            self.open_double(frame, word)
        elif char == "\\":
            self._escape(word)
        elif char == "$":
            self.dollar(frame, word, quoted=False)
        elif char == "`":
            self.backquotes(word)
        elif char == "[":
            self._bracket(frame, word)
        else:
            found = _PLAIN.match(text, at)
            if found is None:
                word.literal(char)
                self.at += 1
                return
            word.literal(found[0])
            self.at = found.end()

    def _escape(self, word: Word) -> None:
        after = self.text[self.at + 1 : self.at + 2]
        if after == MARK:
            self.at += 1
            word.place(self.record("word", "backslash"), quoted=True)
            self.at += 1
        elif after == "\n":
            self.continuation()
        elif not after:
            raise lost("the script ends in a backslash", self.at)
        else:
            word.quote(after)
            self.at += 2

    def _single(self, word: Word) -> None:
        found = _SINGLE.match(self.text, self.at)
        if found is None:
            raise lost("a `'` is not closed", self.at)
        self._quoted(word, found.end(), found.end() - 1, "single", "")

    def _quoted(self, word: Word, end: int, stop: int, where: Stands, refused: str) -> None:
        """What stands in quotes that know no expansion, from here to `end`."""
        self.crossed(self.at, end)
        start = self.at + (1 if where == "single" else 2)
        word.quote("")
        for number, part in enumerate(self.text[start:stop].split(MARK)):
            if number:
                word.place(self.record(where, refused), quoted=True)
                self.at += 1
            else:
                self.at = start
            word.quote(part)
            self.at += len(part)
        self.at = end

    def _ansi(self, word: Word) -> None:
        found = _ANSI.match(self.text, self.at)
        if found is None:
            raise lost("a `$'` is not closed", self.at)
        if self.dialect == "posix" and "\\'" in found[0]:
            raise lost("`$'…'` is read by bash, and otherwise by another sh", self.at, "write \"…\" or '…' there")
        if "\\" + MARK in found[0]:
            raise lost("a value stands after a backslash", self.at)
        self._quoted(word, found.end(), found.end() - 1, "ansi", "ansi" if self.dialect == "posix" else "")
        word.dynamic = word.dynamic or "\\" in found[0]

    def backquotes(self, word: Word | None) -> None:
        """A substitution in backquotes; its end is the next one without a backslash."""
        found = _BACKQUOTE.match(self.text, self.at)
        if found is None:
            raise lost("a backquote is not closed", self.at)
        if "<<" in found[0] and MARK in self.text:
            raise lost("a here-document stands in backquotes", self.at, "write `$( … )` there")
        self.crossed(self.at, found.end())
        self.skip_marks(self.at, found.end(), "backquotes")
        self.at = found.end()
        if word is not None:
            word.expand()

    def _bracket(self, frame: Frame, word: Word) -> None:
        named = len(word.skeleton) == 1 and NAME.fullmatch(word.skeleton[0])
        if (named and self._takes_assignment(frame)) or (frame.kind == "array" and not word.skeleton):
            if self.dialect == "posix":
                end = re.compile(r"[^\s\\'\"$`;&|<>()\]\0]*+\]?").match(self.text, self.at)
                assert end is not None
                if not end[0].endswith("]"):
                    raise lost("`[` after a name is a subscript for bash, and not for another sh", self.at)
            word.literal("[")
            self.at += 1
            inner = Frame("subscript", self.at, frame, word=word)
            inner.evaluates = frame.name if frame.kind == "array" else word.skeleton[0]
            self.push(inner)
            return
        word.literal("[")
        self.at += 1

    def _takes_assignment(self, frame: Frame) -> bool:
        """The word that is being read may assign a variable."""
        if frame.kind not in LISTS or frame.command.redirect or frame.command.state not in ("start", "prefix"):
            return False
        return frame.kind not in ("for", "case") or frame.stage == "body"

    def step_subscript(self, frame: Frame) -> None:
        """`name[ … ]` where it is assigned to: evaluated, so that only whole numbers may stand in it, and alone."""
        text, word = self.text, frame.word
        assert word is not None
        char = text[self.at]
        if char == MARK:
            alone = text[self.at - 1] == "[" and text.startswith("]", self.at + 1) and frame.depth == 0
            index = self.record("subscript", "" if alone else "subscript-part")
            self.places[index].ints = "subscript"
            word.text.append(MARK)
            word.places.append(index)
            self.at += 1
        elif char == "]" and frame.depth == 0:
            word.literal("]")
            self.at += 1
            self.stack.pop()
        elif char in "[]":
            frame.depth += 1 if char == "[" else -1
            self.at += 1
        elif char == '"':
            frame.refuse, before = frame.refuse or "subscript-part", frame.refuse
            self.open_double(frame, word)
            frame.refuse = before
        elif char == "'":
            found = _SINGLE.match(text, self.at)
            if found is None:
                raise lost("a `'` is not closed", self.at)
            self.crossed(self.at, found.end())
            self.skip_marks(self.at, found.end(), "subscript-part")
            self.at = found.end()
        elif char == "\\":
            if text.startswith(MARK, self.at + 1):
                raise lost("a value stands after a backslash", self.at)
            self.at += 2
        elif char == "$":
            self.dollar(frame, word, quoted=False)
        elif char == "`":
            self.backquotes(word)
        elif char in "\n;&|<>()":
            raise lost(f"`{char}` stands in a subscript".replace("\n", "a newline"), self.at)
        else:
            end = self.at + 1
            while end < len(text) and text[end] not in "[]\"'\\$`\n;&|<>()\0":
                end += 1
            self.subscripts += [(frame.evaluates or "", name) for name in _NAMES.findall(text, self.at, end)]
            self.at = end

    def opens_array(self, frame: Frame, word: Word) -> bool:
        """`(` after `name=` begins an array."""
        shape = word.shape
        command = frame.command
        declares = command.state == "args" and command.words and command.words[0].plain in DECLARING
        if not declares and not self._takes_assignment(frame):
            return False
        if command.redirect or not shape.endswith("=") or not NAME.fullmatch(shape.removesuffix("=").removesuffix("+")):
            return False
        self.only_bash("an array", 'write `set -- …`, and `"$@"`')
        self.at += 1
        word.literal("(")
        inner = Frame("array", self.at - 1, frame)
        inner.name = word.assigns or "*"
        self.push(inner)
        return True

    def opens_extended(self, frame: Frame, word: Word) -> bool:
        """`(` after one of `?*+@!` begins a pattern."""
        last = word.skeleton[-1] if word.skeleton else ""
        if not last or last[-1] not in "?*+@!" or self.text[self.at - 1] != last[-1]:
            return False
        if word.shape == "!" and frame.kind != "cond" and frame.command.state != "args":
            raise lost("`!(` is a pattern or a negation, by the options of the shell", self.at - 1, "write `! (`")
        self.only_bash("a pattern `@( )`", "")
        inner = Frame("ext", self.at, frame, refuse="pattern", word=word)
        inner.depth = 1
        self.at += 1
        self.push(inner)
        return True

    def step_extended(self, frame: Frame) -> None:
        """Inside `@( … )`."""
        char, word = self.text[self.at], frame.word
        assert word is not None
        if char in "()":
            frame.depth += 1 if char == "(" else -1
            word.literal(char)
            self.at += 1
            if frame.depth == 0:
                self.stack.pop()
        elif char in "\n;&<>":
            raise lost("a pattern `@( )` is not closed on its line", frame.start)
        elif char in " \t|":
            word.literal(char)
            self.at += 1
        else:
            self.piece(frame)

    # ---- in double quotes ----

    def open_double(self, frame: Frame, word: Word | None) -> None:
        """`"`."""
        inner = Frame("dq", self.at, frame, word=word)
        inner.quoted = True
        inner.literal = frame.kind == "param" and frame.quoted
        if word is not None:
            word.quote("")
        self.push(inner)
        self.at += 1

    def step_double(self, frame: Frame) -> None:
        """Inside `"…"`."""
        text, at, word = self.text, self.at, frame.word
        char = text[at]
        if char == '"':
            self.stack.pop()
            self.at += 1
        elif char == MARK:
            index = self.record("double")
            if word is not None:
                word.place(index, quoted=True)
            self.at += 1
        elif char == "\\":
            self._escape_quoted(word)
        elif char == "$":
            self.dollar(frame, word, quoted=True)
        elif char == "`":
            self.backquotes(word)
        else:
            found = _DOUBLE.match(text, at)
            assert found is not None
            self.crossed(at, found.end())
            if frame.literal and "}" in found[0]:
                raise lost("`}` stands in quotes inside a `${ }` in quotes, which shells read differently", at)
            if word is not None:
                word.quote(found[0])
            self.at = found.end()

    def _escape_quoted(self, word: Word | None) -> None:
        after = self.text[self.at + 1 : self.at + 2]
        if after == MARK:
            self.at += 1
            index = self.record("double", "backslash")
            if word is not None:
                word.place(index, quoted=True)
            self.at += 1
            return
        self.crossed(self.at, self.at + 2)
        if word is not None and after != "\n":
            word.quote(after if after in ("$", "`", '"', "\\") else "\\" + after)
        self.at += 2

    # ---- expansions ----

    def dollar(self, frame: Frame, word: Word | None, *, quoted: bool) -> None:
        """What begins with `$`."""
        text, at = self.text, self.at
        after = text[at + 1 : at + 2]
        if after == "(":
            if text.startswith("((", at + 1):
                self.open_arithmetic(frame, "$((", word)
            else:
                self.substitution(frame, "$(", word)
        elif after == "{":
            self._parameter(frame, word, quoted=quoted)
        elif after == "[":
            self.only_bash("`$[ ]`", "write `$(( … ))`")
            self.open_arithmetic(frame, "$[", word)
        elif after == MARK:
            self.at += 1
            index = self.record("double" if quoted else "word", "dollar")
            if word is not None:
                word.place(index, quoted=True)
            self.at += 1
        elif after == "\\" and text.startswith("\n", at + 2):
            raise lost("a `$` is split by a backslash at the end of its line", at)
        elif after == "'" and not quoted:
            if word is None:
                raise lost("`$'` stands where no shell expects it", at)
            self._ansi(word)
        elif after == '"' and not quoted:
            self.at += 1
        else:
            found = _VARIABLE.match(text, at)
            if found is None:
                if word is not None:
                    (word.quote if quoted else word.literal)("$")
                self.at += 1
                return
            name = self._variable(frame, found[0][1:])
            if word is not None:
                word.expand()
                word.reads += ["@"] if found[0] == "$@" else []
                word.reads += [f"{frame.function} @"] if found[0] in ("$@", "$*") else [name] if name else []
            self.evaluated(frame, name)
            self.at = found.end()

    def substitution(self, frame: Frame, opening: str, word: Word | None) -> None:
        """`$( … )`, `<( … )`: commands of their own."""
        self.push(Frame("$(" if opening == "$(" else "<(", self.at, frame))
        if word is not None:
            word.expand()
        self.at += 2

    def process(self, frame: Frame) -> None:
        """`<( … )` or `>( … )`."""
        self.only_bash(f"`{self.text[self.at]}( )`", "write into a file")
        self.substitution(frame, "<(", self.own(frame))

    def _parameter(self, frame: Frame, word: Word | None, *, quoted: bool) -> None:
        found = _PARAMETER_HEAD.match(self.text, self.at)
        if found is None:
            if not self.text.startswith("${" + MARK, self.at) and not self.text.startswith("${#}", self.at):
                raise lost("`${` is not followed by the name of a variable", self.at)
            end = self.at + 2
        else:
            end = found.end()
        inner = Frame("param", self.at, frame, refuse="braces", word=word)
        inner.quoted = quoted
        inner.literal = quoted and found is not None and found[3] is not None
        name = self._variable(frame, found[2]) if found is not None else ""
        measures = self.text.startswith("${#", self.at) or (found is not None and (found[3] or "").endswith("+"))
        if word is not None:
            word.expand()
            word.reads += [name] if name and not measures else []
            word.reads += ["@"] if self.text.find("@", self.at, end) >= 0 else []
        if not measures:
            self.evaluated(frame, name)
        if self.text.startswith("!", self.at + 2) and name and self.text[end : end + 1] not in ("*", "@", "["):
            self.named.update(() if "[" in self.text[self.at : end] else (name,))
        if self.text.startswith("@P}", end):
            self.named.update((name,) if name else ())
        head = "" if found is None else found[0]
        if self.text.startswith("[", end):
            inner.stage, inner.evaluates = "subscript", name
        elif "[" in head:
            self.subscripts += [(name, n) for n in _NAMES.findall(head, head.index("["))]
        if self.text.startswith(":", end):
            inner.stage, inner.evaluates = "offset", ""
        self.push(inner)
        self.at = end

    def step_parameter(self, frame: Frame) -> None:
        """Inside `${ … }`: nothing may stand there; where it ends is what matters."""
        text, at = self.text, self.at
        char = text[at]
        if char == "}":
            self.stack.pop()
            self.at += 1
        elif char == MARK:
            self.record("word")
            self.at += 1
        elif char == "\\":
            if text.startswith(MARK, at + 1):
                self.at += 1
                return
            self.crossed(at, at + 2)
            self.at += 2
        elif char == '"':
            self.open_double(frame, None)
        elif char == "'":
            self._single_in_parameter(frame)
        elif char == "$":
            if text.startswith("$'", at):
                raise lost("`$'` stands in `${ }`", at)
            self.dollar(frame, None, quoted=frame.quoted)
        elif char == "`":
            self.backquotes(None)
        elif char in "<>":
            if text.startswith("(", at + 1):
                raise lost(f"`{char}(` stands in `${{ }}`", at)
            self.at += 1
        else:
            found = _PARAMETER.match(text, at)
            assert found is not None
            self.crossed(at, found.end())
            if frame.evaluates is not None:
                end = at + (found[0].find("]") if frame.stage == "subscript" and "]" in found[0] else len(found[0]))
                self.subscripts += [(frame.evaluates, name) for name in _NAMES.findall(text, at, end)]
                if frame.stage == "subscript" and "]" in found[0]:
                    frame.evaluates, frame.stage = None, ""
                    if text.startswith(":", end + 1):
                        frame.stage, frame.evaluates = "offset", ""
            self.at = found.end()

    def evaluated(self, frame: Frame, name: str) -> None:
        """A variable is read here: its value is evaluated in arithmetic and in subscripts."""
        if name and (
            frame.kind == "arith" or (frame.kind == "dq" and frame.arithmetic and frame.refuse == "arithmetic-quotes")
        ):
            self.counted.add(name)
        elif name and frame.evaluates is not None:
            self.subscripts.append((frame.evaluates, name))

    def _variable(self, frame: Frame, name: str) -> str:
        """A variable's name; that of an argument holds its function's; empty for what else a `$` reads."""
        if name.isdigit():
            return f"{frame.function} {name}" if name != "0" else ""
        return name if NAME.fullmatch(name) else ""

    def _single_in_parameter(self, frame: Frame) -> None:
        if frame.literal:
            self.at += 1
            return
        found = _SINGLE.match(self.text, self.at)
        if found is None or (frame.quoted and re.search(r"[\"}`$\\\0]", found[0])):
            raise lost("a `'` stands in a `${ }` in quotes, which shells read differently", self.at)
        self.crossed(self.at, found.end())
        self.skip_marks(self.at, found.end(), "braces")
        self.at = found.end()
