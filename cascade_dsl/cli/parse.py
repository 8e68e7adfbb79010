"""The command line against the table of `options`: no library, since the fast verbs have no time to load one."""

from __future__ import annotations

from .options import FLAG, MANY, MAYBE, Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..base.diagnostics import CascadeError


PROGRAMS = (".csc", ".json")
"""How the names of programs end."""


class Parsed:
    """What a command line says: `args` in order, with unknown options among them where the verb keeps those."""

    __slots__ = ("args", "flags", "many", "values", "verb")

    def __init__(self, verb: Verb) -> None:
        self.verb = verb
        self.args: list[str] = []
        self.flags: set[str] = set()
        self.values: dict[str, str] = {}
        self.many: dict[str, list[str]] = {}


def parse(verb: Verb, words: list[str]) -> Parsed:
    """Read the words after a verb; CSC500 for an unknown option, CSC504 for any other misuse."""
    parsed = Parsed(verb)
    by_name = {option.name: option for option in verb.options}
    by_name |= {option.short: option for option in verb.options if option.short}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            parsed.args += words[at - 1 if verb.open else at :]
            break
        if len(word) < 2 or word[0] != "-" or word[1].isdigit():
            parsed.args.append(word)
            if word == "because" and not verb.open:
                # what follows is text, whatever it looks like
                parsed.args += words[at : at + 1]
                at += 1
            continue
        name, equals, value = word.partition("=")
        if not word.startswith("--") and len(word) > 2 and word[:2] in by_name and not equals:
            name, equals, value = word[:2], "=", word[2:]
        option = by_name.get(name)
        if option is None:
            if not verb.open or not word.startswith("--"):
                raise unknown(name, verb)
            parsed.args.append(word)
        elif option.kind == FLAG:
            if equals:
                raise misuse(verb, f"`{option.name}` takes no value")
            parsed.flags.add(option.name)
        elif option.kind == MAYBE and not equals:
            if at < len(words) and not words[at].startswith("-") and not words[at].endswith(PROGRAMS):
                _give(parsed, option, words[at])
                at += 1
            else:
                parsed.flags.add(option.name)
        else:
            if not equals:
                if at == len(words):
                    raise misuse(verb, f"`{option.name}` needs a value: {option.name} {option.metavar}")
                value = words[at]
                at += 1
            _give(parsed, option, value)
    _count(parsed)
    return parsed


def _give(parsed: Parsed, option: Option, value: str) -> None:
    if option.choices and value not in option.choices:
        from ..base.suggest import did_you_mean

        message = f"`{option.name}` is one of {', '.join(option.choices)}, not `{value}`"
        raise misuse(parsed.verb, message, did_you_mean(value, option.choices))
    if option.kind in (MANY, MAYBE):
        parsed.many.setdefault(option.name, []).append(value)
    elif option.name in parsed.values:
        raise misuse(parsed.verb, f"`{option.name}` is given twice")
    else:
        parsed.values[option.name] = value


def _count(parsed: Parsed) -> None:
    verb = parsed.verb
    least = sum(many in ("one", "some", "words") for _, many in verb.args)
    endless = any(many in ("some", "any", "words") for _, many in verb.args)
    given = len(parsed.args)
    if given == 1 and least == 2:
        given = len(parsed.args[0].split())  # a whole sentence in quotes
    if given < least:
        missing = verb.args[given][0]
        raise misuse(verb, f"`cascade {verb.name}` needs {missing}")
    if not endless and not verb.open and len(parsed.args) > len(verb.args):
        raise misuse(verb, f"`cascade {verb.name}` has no use for `{parsed.args[len(verb.args)]}`")


def whole_number(parsed: Parsed, option: str, least: int = 1) -> int | None:
    """The value of an option that is a whole number, None where it is not given; CSC504."""
    text = parsed.values.get(option)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise misuse(parsed.verb, f"`{option}` is a whole number from {least} on, not `{text}`")
    return int(text)


def misuse(verb: Verb, message: str, help: str | None = None) -> CascadeError:
    """A command line that cannot be meant so."""
    from ..base.diagnostics import fail

    return fail("CSC504", message, help=help or f"`cascade {verb.name} --help` shows how it is used")


def unknown(name: str, verb: Verb, params: tuple[str, ...] = ()) -> CascadeError:
    """An option that is neither in the table nor a param of the program."""
    from ..base.diagnostics import fail
    from ..base.suggest import did_you_mean

    options = [option.name for option in verb.options] + [f"--{param}" for param in params]
    what = "neither an option nor a param of this program" if verb.open else f"no option of `cascade {verb.name}`"
    help = did_you_mean(name, options) or f"`cascade {verb.name} --help` shows the options"
    return fail("CSC500", f"`{name}` is {what}", help=help)
