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
    given = {flag.removeprefix("--") for flag in flags}
    before, at = "", 0
    while at < len(said):
        before = said[at]
        given.add(before)
        at += 2 if before in _TAKE_ONE else 1
    if at > len(said) or before == "by":
        return []
    if before == "from":
        return [("to", "When they end.")]
    given |= {"for", "until"} if given & {"for", "until"} else set()
    words = [(word, about) for word, about in _OPTIONS.items() if word not in given]
    return [*DAYS, *words] if before == "to" else words
