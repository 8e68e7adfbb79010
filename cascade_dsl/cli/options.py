"""The verbs, their arguments and options: one table, read by the parser of the command line and by its help.

Plain data without dataclasses or typing: the control verbs, which are to cost hardly more than the start of Python,
import this.
"""

from __future__ import annotations

FLAG, VALUE, MANY, MAYBE = "flag", "value", "many", "maybe"


class Option:
    """An option: `name` with its dashes, `kind` a flag, a value, a value that may be given several times, or that may lack.

    After one that may lack its value, a word that is no option and names no program is its value.
    """

    __slots__ = ("choices", "help", "kind", "metavar", "name", "short")

    def __init__(
        self, name: str, kind: str, help: str, metavar: str = "", short: str = "", choices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.metavar = metavar
        self.short = short
        self.choices = choices


class Verb:
    """A verb: `args` are (name, how many: one, maybe, some, any, words), in order."""

    __slots__ = ("args", "help", "name", "open", "options")

    def __init__(
        self, name: str, help: str, args: tuple[tuple[str, str], ...], options: tuple[Option, ...], open: bool = False
    ) -> None:
        self.name = name
        self.help = help
        self.args = args
        self.options = options
        self.open = open
        """Whether options that are not in the table are kept: params of the program."""


_RUN = Option("--run", VALUE, "The live run that is meant, where there are several.", "ID")
_PAST_RUN = Option("--run", VALUE, "A run of this folder; the newest where it is not given.", "ID")
_JSON = Option("--json", FLAG, "Print one JSON document to stdout.")
_DRY = Option("--dry-run", FLAG, "Say what it would do now, and do nothing.", short="-n")
_STICKY = Option("--sticky", FLAG, "For runs to come too: written into cascade.toml of the project.")
_STEER = (_RUN, _DRY, _JSON)
"""What every verb that changes a live run takes."""
_VERBOSE = Option("--verbose", FLAG, "Show every start and end, and what tasks print.", short="-v")
_KEEP_TEMP = Option("--keep-temp", FLAG, "Leave temporary files where they are.")
_NO_WAIT = Option("--no-wait", FLAG, "End with exit code 3 where nothing can start any more, instead of waiting.")
_CACHE_MAX = Option(
    "--cache-max", VALUE, "At the end keep what .cascade stores to a size, as CASCADE_CACHE_MAX says too.", "SIZE"
)
_NO_ENFORCE_MEM = Option("--no-enforce-mem", FLAG, "Let tasks use more memory than they demand.")
_BECAUSE = Option("--because", VALUE, "Why, for the record.", "TEXT")
_SENTENCE = (
    Option("--burst", VALUE, "How many may start at once under a rate.", "N"),
    Option("--whole", FLAG, "Count instances of a flow from begin to end."),
    Option("--by", VALUE, "One limit for each value of an expression over the inputs.", "EXPR"),
    Option("--for", VALUE, "How long the limit holds.", "DURATION"),
    Option("--until", VALUE, "Until when the limit holds.", "TIME"),
    Option("--from", VALUE, "When the hours begin in which the limit holds, in local time.", "TIME"),
    Option("--to", VALUE, "When they end.", "TIME"),
    Option("--days", VALUE, "On which days: mon-fri, or sat,sun.", "DAYS"),
    Option("--hard", FLAG, "Upper layers may lower it, not raise it."),
    _BECAUSE,
)

RUN = Verb(
    "run",
    "Compile a program and run it. Its params are options: --top 5, --deep, --urls a --urls b.",
    (("FILE", "one"), ("TARGET", "any")),
    (
        Option("--params", VALUE, "Params from a YAML, JSON or TOML file.", "FILE"),
        Option("--param", MANY, "A param, also one whose name is an option of run.", "NAME=VALUE"),
        Option("--jobs", VALUE, "At most N at once.", "N", short="-j"),
        Option("--limit", MANY, "A limit sentence, such as 'task:fetch 3'.", "SENTENCE"),
        Option(
            "--on-failure",
            VALUE,
            "When a task failed: finish what runs, continue with what does not depend on it, cancel what runs, or hold "
            "it until it is retried.",
            "WHAT",
            choices=("finish", "continue", "cancel", "hold"),
        ),
        Option("--keep-going", FLAG, "The same as --on-failure continue.", short="-k"),
        Option("--dry-run", FLAG, "Check everything and show what would run; nothing is started.", short="-n"),
        Option("--explain", FLAG, "Say of each node why it runs, or does not."),
        _KEEP_TEMP,
        _CACHE_MAX,
        Option("--force", MAYBE, "Run what is up to date too: all, or what a name stands for.", "[TARGET]"),
        Option("--touch", FLAG, "Run nothing: take the outputs that are there for the results."),
        Option("--paranoid", FLAG, "Read every file again instead of trusting its size and times."),
        _NO_ENFORCE_MEM,
        _NO_WAIT,
        _VERBOSE,
        _JSON,
    ),
    open=True,
)
CONTINUE = Verb(
    "continue",
    "Go on with a run that was killed or stopped.",
    (("RUN", "maybe"),),
    (
        Option("--reload", FLAG, "Take the file as it is now."),
        _KEEP_TEMP,
        _CACHE_MAX,
        _NO_ENFORCE_MEM,
        _NO_WAIT,
        _VERBOSE,
        _JSON,
    ),
)
_FORMAT = Option("--format", VALUE, "The form of the output.", "FORM", choices=("text", "json"))

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        RUN,
        CONTINUE,
        Verb(
            "check",
            "Show errors and warnings of programs, of folders, or of standard input (-), without running them.",
            (("PATH", "some"),),
            (
                Option(
                    "--format",
                    VALUE,
                    "The form of the findings.",
                    "FORM",
                    choices=("full", "concise", "json", "sarif", "github"),
                ),
                Option("--strict", FLAG, "Exit code 2 for warnings too."),
            ),
        ),
        Verb("compile", "Print the compiled graph of a program.", (("FILE", "one"),), (_FORMAT,)),
        Verb(
            "graph",
            "Draw the graph of a program, or what became of it in a run.",
            (("FILE", "one"), ("TARGET", "any")),
            (
                Option(
                    "--format",
                    VALUE,
                    "Mermaid text, Graphviz text, or an SVG.",
                    "FORM",
                    choices=("mermaid", "dot", "svg"),
                ),
                Option("--output", VALUE, "Write to a file.", "FILE", short="-o"),
                Option("--run", VALUE, "Show the states of a run of this program; `last`: of the newest.", "ID"),
                Option(
                    "--pools",
                    VALUE,
                    "The pools to show: those that a limit names (limited), all that are asked for, or none.",
                    "WHICH",
                    choices=("limited", "all", "none"),
                ),
                Option("--expand", FLAG, "Frame no rows and groups of an SVG: every arrow by itself."),
            ),
        ),
        Verb(
            "why-run",
            "Say why a node would run again in a new run, or that it is up to date.",
            (("NODE", "one"), ("FILE", "maybe")),
            (
                Option("--params", VALUE, "Params from a YAML, JSON or TOML file.", "FILE"),
                Option("--param", MANY, "A param, also one whose name is an option here.", "NAME=VALUE"),
                _JSON,
            ),
            open=True,
        ),
        Verb("explain", "Explain a diagnostic at length.", (("CODE", "one"),), ()),
        Verb("ps", "Show live runs: nodes, pools, and what waits for what.", (), (_RUN, _JSON)),
        Verb(
            "why",
            "Say why a node of a live run waits now: who has what it lacks, and what would let it start.",
            (("NODE", "one"),),
            (_RUN, _JSON),
        ),
        Verb(
            "limits",
            "Show every pool of a live run, and what each layer says of it: by whom, why, until when.",
            (),
            (_RUN, _JSON),
        ),
        Verb(
            "limit",
            "Set a limit of a live run: cascade limit task:fetch 3.",
            (("SCOPE", "one"), ("AMOUNT", "words")),
            (
                *_SENTENCE,
                Option(
                    "--preempt", FLAG, "Stop what began last, and queue it again, until the rest is within the limit."
                ),
                _STICKY,
                *_STEER,
            ),
        ),
        Verb("unlimit", "Take back the limit that an operator set.", (("SCOPE", "one"),), (_STICKY, *_STEER)),
        Verb(
            "pause",
            "Let nothing new start, in a scope or at all.",
            (("SCOPE", "maybe"),),
            (
                Option("--for", VALUE, "How long; then it goes on by itself.", "DURATION"),
                Option("--until", VALUE, "Until when, a time of the day.", "TIME"),
                Option("--freeze", FLAG, "What runs there stands still meanwhile, its timeout too."),
                _BECAUSE,
                *_STEER,
            ),
        ),
        Verb("resume", "Lift a pause; without a scope, every pause.", (("SCOPE", "maybe"),), (_BECAUSE, *_STEER)),
        Verb("drain", "Let what runs end and start nothing new; then the run ends.", (), (_BECAUSE, *_STEER)),
        Verb(
            "cancel",
            "Stop the run; or a node, or all in a scope: what runs is stopped, the rest of it does not start.",
            (("NODE|SCOPE", "maybe"),),
            (
                Option(
                    "--as",
                    VALUE,
                    "Which one is meant, where a node and a resource have that name.",
                    "WHICH",
                    choices=("node", "scope"),
                ),
                _BECAUSE,
                *_STEER,
            ),
        ),
        Verb(
            "priority",
            "Let calls go before others, or after them: the higher goes first; `none` takes that back.",
            (("SCOPE", "one"), ("PRIORITY", "one")),
            (_BECAUSE, *_STEER),
        ),
        Verb(
            "set",
            "Set what calls demand that have not started: cascade set task:align mem=16GB; `none` takes that back.",
            (("SCOPE", "one"), ("DEMAND", "words")),
            (_BECAUSE, *_STEER),
        ),
        Verb("undo", "Take back the last change of a live run, then the one before it.", (), _STEER),
        Verb(
            "retry",
            "Run again what failed and is held, waits to be tried again, or was cancelled; with the text of its file now.",
            (("NODE|SCOPE", "one"),),
            (Option("--old-text", FLAG, "Leave the file alone, also where it has changed."), *_STEER),
        ),
        Verb(
            "reload",
            "Take the edited file into a live run, where it fits: what has not started runs with the new text.",
            (("FILE", "maybe"),),
            _STEER,
        ),
        Verb(
            "suggest",
            "Show what tasks demand against what their attempts used, and the edit to make. Changes nothing.",
            (("TASK", "maybe"),),
            (
                Option("--run", VALUE, "Look at one run of this folder; the 20 newest where it is not given.", "ID"),
                Option("--all", FLAG, "Look at all runs of this folder."),
                _JSON,
            ),
        ),
        Verb("completion", "Print the script that completes words of cascade in a shell.", (("SHELL", "one"),), ()),
        Verb(
            "history",
            "List the runs of this folder, newest first.",
            (),
            (Option("--number", VALUE, "At most N; 20 where it is not given.", "N", short="-n"), _JSON),
        ),
        Verb(
            "show",
            "Show one run: params, changes, nodes with their attempts, failures, outputs.",
            (("RUN", "maybe"),),
            (_JSON,),
        ),
        Verb(
            "clean",
            "Remove what old runs left in .cascade: never a live run, never published files.",
            (),
            (
                Option("--keep", VALUE, "All but the N newest runs.", "N"),
                Option("--older", VALUE, "Runs that ended so long ago, such as 30d.", "DURATION"),
                Option("--all", FLAG, "Every run that is not live."),
                Option("--dry-run", FLAG, "Say what would go and how many bytes, and remove nothing.", short="-n"),
                _JSON,
            ),
        ),
        Verb(
            "cache",
            "Results that are kept for later runs: list (ls), forget (rm, gc), check (verify).",
            (("ACTION", "one"), ("RESULT", "any")),
            (
                Option(
                    "--max-size", VALUE, "gc: as much of .cascade is left, what is wanted least goes first.", "SIZE"
                ),
                Option("--older", VALUE, "gc: what nobody wanted for so long, such as 30d.", "DURATION"),
                Option("--dry-run", FLAG, "rm, gc: say what would go, and remove nothing.", short="-n"),
                _JSON,
            ),
        ),
        Verb(
            "log",
            "Print what a node wrote in its newest attempt, or follow it; without a node what operators changed in the run.",
            (("NODE", "maybe"),),
            (
                Option("--follow", FLAG, "Print what comes, until the node has ended.", short="-f"),
                Option("--attempt", VALUE, "That attempt, counted from 1.", "N"),
                _PAST_RUN,
                Option("--json", FLAG, "Without a node: print one JSON document to stdout."),
            ),
        ),
        Verb(
            "show-script",
            "Print the script of a node's newest attempt as it ran, to paste into a terminal.",
            (("NODE", "one"),),
            (_PAST_RUN,),
        ),
    )
}
