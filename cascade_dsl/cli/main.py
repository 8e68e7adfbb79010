"""The way in: dispatch on the first word, before anything is imported that the verb does not need.

Control verbs run on the standard library alone; `run` forks its warden first; help is drawn by typer.
"""

from __future__ import annotations

import sys

from .options import VERBS
from .parse import parse

EXIT_REFUSED = 2
EXIT_INTERNAL = 70


def main(argv: list[str] | None = None) -> int:
    """Run a command line; its exit code."""
    words = sys.argv[1:] if argv is None else argv
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; keep the interpreter from complaining at exit.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        _print_refusal(error, words)
        return report_error(error)


def _print_refusal(error: Exception, words: list[str]) -> None:
    """With `--json` a refusal is a document too; `run` and its like print one of their own."""
    verb = VERBS.get(words[0]) if words else None
    if "--json" not in words or verb is None or verb.open or verb.name == "continue":
        return
    from ..base.diagnostics import CascadeError

    if isinstance(error, CascadeError) and any(option.name == "--json" for option in verb.options):
        import json

        found = [diagnostic.to_json() for diagnostic in error.diagnostics]
        print(json.dumps({"status": "refused", "diagnostics": found}, ensure_ascii=False))


def _dispatch(words: list[str]) -> int:
    if not words:
        from .examples import SHORT

        print(SHORT, end="")
        return 0
    verb = words[0]
    if verb in ("--version", "-V"):
        from .. import __version__

        print(f"cascade {__version__}")
        return 0
    if verb == "__complete":
        from .complete import main as complete

        return complete(words[1:])
    if verb in ("--help", "-h", "help"):
        return _help([word for word in words[1:] if word not in ("--help", "-h")])
    known = VERBS.get(verb)
    if known is None:
        return _unknown_verb(verb)
    rest = words[1:]
    if _asks_for_help(rest):
        from .help import show_help

        return show_help(known, rest)
    match verb:
        case "run" | "continue":
            from ..runtime.warden import supervise

            def engine(alive: int) -> int:
                try:
                    from .run import read_words, run_engine

                    return run_engine(read_words(known, rest), alive)
                except Exception as error:
                    return report_error(error)

            return supervise(engine)
        case "check" | "compile":
            from .compiling import check, compile_

            return (check if verb == "check" else compile_)(parse(known, rest))
        case "graph":
            from .drawing import graph

            return graph(parse(known, rest))
        case "why-run":
            from .run import read_words
            from .why import why_run

            return why_run(read_words(known, rest))
        case "explain":
            from .past import explain

            return explain(parse(known, rest))
        case "history" | "show":
            from .history import history, show

            return (history if verb == "history" else show)(parse(known, rest))
        case "cache":
            from .caching import cache

            return cache(parse(known, rest))
        case "clean":
            from .cleaning import clean_

            return clean_(parse(known, rest))
        case "log":
            parsed = parse(known, rest)
            if parsed.args:
                from .logs import log
            else:
                from .changes import log

            return log(parsed)
        case "show-script":
            from .scripts import show_script

            return show_script(parse(known, rest))
        case "suggest":
            from .suggest import suggest

            return suggest(parse(known, rest))
        case "completion":
            from .shells import completion

            return completion(parse(known, rest))
        case "ps":
            from .steer import ps

            return ps(parse(known, rest))
        case _:
            from .steer import steer

            return steer(parse(known, rest))


def _asks_for_help(rest: list[str]) -> bool:
    before = rest[: rest.index("--")] if "--" in rest else rest
    return "--help" in before or "-h" in before


def _help(words: list[str]) -> int:
    """`help`, `help VERB`, `help run FILE`, and `help CODE` for one who has just seen it."""
    known = VERBS.get(words[0]) if words else None
    if words and known is None:
        if words[0].strip("[]").upper().startswith("CSC") and not words[0].endswith(".csc"):
            return _dispatch(["explain", words[0]])
        if words[0].endswith((".csc", ".json")):
            return _dispatch(["run", *words, "--help"])
        return _unknown_verb(words[0])
    from .help import show_help

    return show_help(known, words[1:])


def _unknown_verb(verb: str) -> int:
    from ..base.diagnostics import fail
    from ..base.suggest import did_you_mean
    from .examples import MEANT

    if verb.startswith("-"):
        options = ("--help", "--version")
        help = did_you_mean(verb, options) or "options stand after the verb: cascade run FILE --dry-run"
        return report_error(fail("CSC500", f"`{verb}` is no option of `cascade`", help=help))
    meant = MEANT.get(verb)
    help = did_you_mean(verb, VERBS) or "`cascade --help` lists the verbs"
    if meant in VERBS:
        help = f"did you mean `{meant}`?"
    if verb.endswith((".csc", ".json")):
        help = f"did you mean `cascade run {verb}`?"
    return report_error(fail("CSC504", f"`{verb}` is no verb of cascade", help=help))


def _is_nowhere() -> bool:
    """The current folder is no more."""
    import os

    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def report_error(error: Exception, refused: int = EXIT_REFUSED) -> int:
    """Say what went wrong on stderr; the exit code: what a user did is 2, no such run 4, a fault of ours 70."""
    from ..base.diagnostics import CascadeError, Diagnostic
    from ..report.plain import render_all, terminal_width, wants_color

    color = wants_color(sys.stderr)
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        help = "change into a folder that is there; `cd .` finds one that was made again under the same name"
        said = Diagnostic(code="CSC010", message="the folder in which this was typed has been removed", help=help)
        error = CascadeError((said,))
    if isinstance(error, CascadeError):
        from ..control.client import UNREACHABLE

        most = 50 if len(error.diagnostics) > 50 else None
        print(render_all(error.diagnostics, color, terminal_width(sys.stderr), most), file=sys.stderr)
        none = {*UNREACHABLE, "CSC708"}
        return 4 if any(d.code in none for d in error.diagnostics) else refused
    import traceback

    traceback.print_exception(error)
    fault = Diagnostic(
        code="CSC900",
        message=f"a fault of Cascade itself: {type(error).__name__}: {error}",
        help="please report it with the lines above and the program that shows it",
    )
    print(render_all((fault,), color), file=sys.stderr)
    return EXIT_INTERNAL
