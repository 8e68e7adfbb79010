"""What may follow in a limit sentence on a command line, for completion."""

from __future__ import annotations

_OPTIONS: dict[str, str] = {
    "burst": "How many may start at once under a rate.",
    "by": "One limit for each value of an expression over the inputs.",
    "for": "How long the limit holds.",
    "until": "Until when the limit holds.",
    "from": "When the hours begin in which it holds.",
    "because": "Why, for the record.",
}
DAYS = (
    ("mon-fri", ""),
    ("sat,sun", ""),
    ("mon", ""),
    ("tue", ""),
    ("wed", ""),
    ("thu", ""),
    ("fri", ""),
    ("sat", ""),
    ("sun", ""),
)
_TAKE_ONE = ("burst", "for", "until", "from", "to", "because")


def rest_of_sentence(said: list[str], flags: set[str]) -> list[tuple[str, str]]:
    """What may follow the amount of a limit and these words."""
    last = said[-1] if said else ""
    if last in _TAKE_ONE or last == "by":
        return []
    if len(said) > 1 and said[-2] == "from":
        return [("to", "When they end.")]
    given = {word for at, word in enumerate(said) if at == 0 or said[at - 1] not in _TAKE_ONE}
    given |= {flag.removeprefix("--") for flag in flags}
    given |= {"for", "until"} if given & {"for", "until"} else set()
    words: list[tuple[str, str]] = [(word, about) for word, about in _OPTIONS.items() if word not in given]
    return [*DAYS, *words] if len(said) > 1 and said[-2] == "to" else words
