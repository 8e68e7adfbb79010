"""Why an attempt cannot be started, in a sentence for the user."""

from __future__ import annotations


class CannotStart(Exception):
    """An attempt that has no sense: the message is a sentence for the user."""


def no_nul(what: str, text: str) -> str:
    """The text; CannotStart where it holds a NUL."""
    if "\0" in text:
        raise CannotStart(f"{what} holds a NUL character, which no program can be given")
    return text
