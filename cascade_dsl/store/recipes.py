"""Recipes: all that a result is made from, in named parts, so that two of them can be compared and not only told apart.

The digest of a recipe is the key of the result cache. Parts that are the same for every instance of a call (its body,
its environment, the code that it calls) come first, those of the instance (its inputs) after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, TypeAlias

PartKind: TypeAlias = Literal["task", "body", "code", "env", "value", "by", "input", "file"]
"""`task`: its outputs and what else of its declaration shapes the result; `body`: the text that would run; `code`: a function
or module of the project that it calls; `env`: a declared variable; `value`: a param or constant that it uses; `by`: what
`cache by` gives; `input`: the value of an input; `file`: the content of a file or folder in an input or a value, named
`INPUT:PATH`. The one `body` has no name, nor has `task`; `code` is named `FILE:FUNCTION`, or `FILE` alone for what of it runs
when it is imported, and `python` for the interpreter."""

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a result depends on. `digest` decides; `shown` is what people are told of it, and may be long."""

    kind: PartKind
    name: str
    digest: str
    shown: str = ""
    """Of `body` and `code` the text, of `value`, `env`, `by` and `input` the value as JSON, of `file` its size in bytes;
    of a secret, and where it is too long to keep, nothing."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parts in their order, and their digest."""

    parts: tuple[Part, ...]
    digest: str


def recipe_of(parts: tuple[Part, ...]) -> Recipe:
    """The recipe of these parts; what is only shown is no part of the digest."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        for text in (part.kind, part.name, part.digest):
            data = text.encode("utf-8", "surrogatepass")
            state.update(b"%d:%b" % (len(data), data))
    return Recipe(parts, state.hexdigest())
