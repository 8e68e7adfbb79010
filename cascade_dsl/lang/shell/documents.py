"""Here-documents: the word that ends one, its lines, and what stands in them."""

from __future__ import annotations

import re

from .arithmetic import Arithmetic
from .commands import Commands
from .frames import Document, Frame
from .interpreters import reads_program
from .places import MARK, REASONS, lost
from .words import Word

_HERE = re.compile(r"[^\\$`\0]+")
_ENDS = " \t\n;&|<>()"


class Documents(Arithmetic):
    """The part of the scanner that reads here-documents."""

    commands: Commands

    def end_word_of_document(self, at: int) -> tuple[str, bool, int]:
        """The word after `<<`: what it is without quotes, whether it had any, and where it ends."""
        text = self.text
        out: list[str] = []
        quoted = False
        start = at
        while at < len(text) and text[at] not in _ENDS:
            char = text[at]
            if char in "'\"":
                end = text.find(char, at + 1)
                if end < 0:
                    raise lost("the end word of a here-document has a quote that is not closed", start)
                out.append(text[at + 1 : end])
                quoted = True
                at = end + 1
            elif char == "\\":
                out.append(text[at + 1 : at + 2])
                quoted = True
                at += 2
            else:
                out.append(char)
                at += 1
        word = "".join(out)
        if MARK in word:
            raise lost("a value stands in the end word of a here-document", start, REASONS["end-word"][1])
        if re.search(r"[\n$`\\\"']", word) or (not word and not quoted):
            raise lost("the end word of a here-document is not plain", start, "write a plain word, such as `END`")
        return word, quoted, at

    def open_documents(self, frame: Frame) -> None:
        """After the newline: the lines of all here-documents that were begun before it."""
        documents, at = frame.documents, self.at
        holder = Frame("docs", at, frame)
        for document in documents:
            start, end, resume = self._lines(document, at)
            holder.queue.append((start, end, resume, document))
            at = resume
        self.pending -= len(documents)
        documents.clear()
        self.push(holder)

    def _lines(self, document: Document, start: int) -> tuple[int, int, int]:
        """Where the lines of a document begin and end, and where the script goes on."""
        text, at, joined, going = self.text, start, "", False
        inside = any(frame.kind in ("$(", "<(") for frame in self.stack)
        while at < len(text):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            line = text[at:end]
            bare = line.lstrip("\t") if document.tabs else line
            if inside and bare != document.word and ")" in line:
                whole = (bare, line, joined + line, (joined + line).lstrip("\t"))
                if any(w.startswith(document.word) for w in whole):
                    raise lost(
                        "a line of a here-document in `$( )` begins with its end word, and bash ends it there",
                        at,
                        "choose another end word",
                    )
            if going:
                if document.word in (bare, line, joined + line, (joined + line).lstrip("\t")):
                    raise lost("the end word of a here-document stands after a backslash", at)
            elif bare == document.word:
                return start, at, min(end + 1, len(text))
            slashes = len(line) - len(line.rstrip("\\"))
            going = not document.quoted and slashes % 2 == 1
            joined = (joined + line)[:-1] if going else ""
            if len(joined) > 4 * len(document.word) + 80:
                joined = "\0" * (len(document.word) + 1)
            at = end + 1
        raise lost(f"a here-document has no line `{document.word}`", start)

    def step_here(self, frame: Frame) -> None:
        """Inside a here-document whose end word is not quoted."""
        text, at = self.text, self.at
        if at >= frame.end:
            if at > frame.end:
                raise lost("something that begins in a here-document does not end in it", frame.start)
            self.stack.pop()
            self.at = frame.resume
            return
        char = text[at]
        if char == MARK:
            index = self.record("here")
            self.places[index].interpreter = frame.interpreter
            self.commands.feed(frame.command, index)
            self.at += 1
        elif char == "\\":
            if text.startswith(MARK, at + 1):
                self.at += 1
                self.record("here", "backslash")
            else:
                self.at += 1
            self.at += 1
            if self.at > frame.end:
                raise lost("a here-document ends in a backslash", at)
        elif char == "$":
            self.dollar(frame, None, quoted=True)
        elif char == "`":
            self.backquotes(None)
        else:
            found = _HERE.match(text, at, frame.end)
            assert found is not None
            self.at = found.end()

    def next_document(self, frame: Frame) -> None:
        """The next of the documents that wait."""
        if not frame.queue:
            self.stack.pop()
            return
        start, end, resume, document = frame.queue.pop(0)
        if document.quoted:
            self.skip_marks(start, end, "quoted-here")
            self.at = resume
            return
        body = Frame("here", start, frame)
        body.quoted, body.end, body.resume, body.word = True, end, resume, Word(start)
        body.interpreter = reads_program(document.command.words)
        body.command = document.command
        self.at = start
        self.push(body)
