"""What the help of a verb shows beside its options: command lines that work, and what they do. Read by the help alone."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "run": (
        ("cascade run words.csc", "run a program"),
        ("cascade run words.csc --help", "its params, outputs, tasks and limits"),
        ("cascade run words.csc --top 5 --pages a.txt --pages b.txt", "params are options"),
        ("cascade run words.csc -j 8 --limit 'task:fetch 3'", "limits from the command line"),
        ("cascade run words.csc table", "only what the output `table` needs"),
        ("cascade run words.csc --on-failure hold", "what fails waits to be mended and retried, the rest goes on"),
        ("cascade run words.csc --dry-run", "check everything and show what would run"),
        ("cascade run words.csc --dry-run --explain", "and why"),
    ),
    "continue": (
        ("cascade continue", "the newest run of this folder goes on where it was"),
        ("cascade continue 20260131-120000-k3f", "this one"),
        ("cascade continue --reload", "with the file as it is now, where that fits"),
    ),
    "check": (
        ("cascade check words.csc", "one program"),
        ("cascade check . --format json", "all below this folder, for a program to read"),
    ),
    "compile": (
        ("cascade compile words.csc", "the graph, to read"),
        ("cascade compile words.csc --format json > words.json", "the graph, which `cascade run words.json` runs"),
    ),
    "graph": (
        ("cascade graph words.csc > words.mmd", "as Mermaid, which many pages of documentation draw"),
        ("cascade graph words.csc --format svg -o words.svg", "as a picture"),
        ("cascade graph words.csc --format svg -o words.svg --run last", "with what a run has done"),
    ),
    "why-run": (
        ("cascade why-run table", "what has changed since its newest result, in the program that was run last"),
        ("cascade why-run 'pages[oslo]' words.csc --top 5", "an instance of a fan-out, with a program and params"),
    ),
    "explain": (("cascade explain CSC101", "what the diagnostic means and how to mend it"),),
    "ps": (
        ("cascade ps", "what runs, and what waits for what"),
        ("cascade ps --json", "the same for a program to read"),
    ),
    "why": (
        ("cascade why pages.oslo", "an instance of a fan-out: what it waits for, and what would let it start"),
        ("cascade why fetch", "all of a task, or of a binding: how many wait for what"),
        ("cascade why table --json", "the same for a program to read"),
    ),
    "limits": (
        ("cascade limits", "what is in force, who said so and until when"),
        ("cascade limits --json", "the same for a program to read"),
    ),
    "limit": (
        ("cascade limit task:fetch 3", "at most three of the task at once, from now on"),
        ("cascade limit tag:api 5 because 'they asked for it'", "with a reason, for the record"),
        ("cascade limit mem 8GB", "the capacity of a resource"),
        ("cascade limit global 0", "nothing new starts"),
        ("cascade limit task:fetch 3 --preempt", "what began last gives way at once, and is queued again"),
        ("cascade limit task:fetch 3 --sticky", "in runs to come too: it is written into cascade.toml"),
    ),
    "unlimit": (
        ("cascade unlimit task:fetch", "what the file or the command line said holds again"),
        ("cascade unlimit task:fetch --sticky", "and cascade.toml says no more of it"),
    ),
    "pause": (
        ("cascade pause", "nothing new starts; what runs goes on"),
        ("cascade pause task:fetch --because 'the server is down'", "only this task"),
        ("cascade pause task:fetch --for 20m", "and it goes on by itself; `--until 08:00` too"),
        ("cascade pause --freeze", "what runs stands still, until `cascade resume`"),
    ),
    "drain": (
        ("cascade drain", "what runs ends, then the run; `cascade continue` goes on later"),
        ("cascade drain --because 'the machine is needed'", "with a reason, for the record"),
    ),
    "cancel": (
        ("cascade cancel", "all that runs is stopped, and the run ends"),
        ("cascade cancel pages.oslo", "one node; `cascade retry pages.oslo` takes that back"),
        ("cascade cancel task:fetch", "all of a task that has not ended, also what comes later"),
    ),
    "resume": (
        ("cascade resume", "lift every pause"),
        ("cascade resume task:fetch", "lift this one"),
    ),
    "priority": (
        ("cascade priority task:fetch 5", "those that wait go before all of a lower priority; 0 is what all have"),
        ("cascade priority task:fetch none", "what the program says holds again"),
    ),
    "set": (
        ("cascade set task:align mem=16GB", "calls that have not started demand it; what runs keeps what it has"),
        ("cascade set task:align mem=16GB cpu=2 --dry-run", "what that would do"),
        ("cascade set task:align mem=none", "what the program says holds again"),
    ),
    "undo": (
        ("cascade undo", "the last limit, pause, priority, … is as it was before"),
        ("cascade undo --dry-run", "which one that is, and what it would do"),
    ),
    "retry": (
        ("cascade retry pages.oslo", "this one; edit its task first where that is what is wrong"),
        ("cascade retry fetch", "all of a task, or of a binding"),
        ("cascade retry task:fetch", "all in a scope; one that was cancelled is so no more"),
        ("cascade retry all", "all that is held or cancelled"),
    ),
    "reload": (
        ("cascade reload --dry-run", "what the edited file would change in the live run"),
        ("cascade reload", "take it"),
    ),
    "suggest": (
        ("cascade suggest", "what each task asked for and used, and the lines to change"),
        ("cascade suggest align --all", "one task, over all runs of this folder"),
    ),
    "completion": (
        ('eval "$(cascade completion bash)"', "now; the same line in ~/.bashrc, for good"),
        ('eval "$(cascade completion zsh)"', "in ~/.zshrc, after compinit"),
        ("cascade completion fish > ~/.config/fish/completions/cascade.fish", "for fish"),
    ),
    "history": (
        ("cascade history", "the newest twenty runs of this folder"),
        ("cascade history -n 100 --json", "more of them, for a program to read"),
    ),
    "show": (
        ("cascade show", "the newest run: what it did, and what was done to it"),
        ("cascade show k3f --json", "another one, by the end of its name, whole"),
    ),
    "log": (
        ("cascade log index", "what the node `index` wrote"),
        ("cascade log 'pages[oslo]'", "an instance of a fan-out; pages.oslo means the same"),
        ("cascade log index -f", "what it writes, until it has ended"),
        ("cascade log index --attempt 1 --run k3f", "of an older run, what the first attempt wrote"),
    ),
    "cache": (
        ("cascade cache ls", "the results that are kept"),
        ("cascade cache ls fetch", "of a task, or of a node"),
        ("cascade cache rm pages.oslo", "forget one: it is made again"),
        ("cascade cache gc --max-size 10GB", "what is wanted least goes until so much is left"),
        ("cascade cache verify", "read all that is kept, and drop what is damaged"),
    ),
    "clean": (
        ("cascade clean --keep 10 --dry-run", "what would go but for the newest ten runs"),
        ("cascade clean --older 30d", "runs that ended a month ago"),
        ("cascade clean --all", "all that is not live; published files and kept results stay"),
    ),
    "show-script": (
        ("cascade show-script index", "what `index` ran, with its folder and environment"),
        ("cascade show-script pages.oslo --run k3f", "what an instance of an older run ran"),
    ),
}

ARGS: dict[str, str] = {
    "FILE": "A program (.csc), or a graph that `compile --format json` wrote.",
    "TARGET": "A binding, an output or a task: only what it needs is run.",
    "RUN": "The run; the newest of this folder where it is not given.",
    "PATH": "Programs, or folders with programs.",
    "CODE": "The code of a diagnostic, such as CSC101.",
    "SCOPE": "global, task:NAME, tag:NAME (* matches) or a resource.",
    "PRIORITY": "A whole number, the higher goes first; none takes it back.",
    "DEMAND": "What each call demands, such as mem=16GB cpu=2 gpu=none.",
    "AMOUNT": "How many, or how much with its unit; none takes the limit back.",
    "NODE": "A node, as its failure calls it: index, pages[oslo].",
    "NODE|SCOPE": "A node (index, pages[oslo], all of pages), or a scope: global, task:NAME, tag:NAME or a resource.",
    "TASK": "The name of a task; all where it is not given.",
    "SHELL": "bash, zsh or fish.",
    "ACTION": "ls, rm, gc or verify.",
    "RESULT": "A node, a list of nodes, a task, or the beginning of a recipe, as `cascade cache ls` shows them.",
}

SHORT = """\
Workflows whose limits change while they are on.

  cascade run FILE              run a program
  cascade run FILE --help       its params, outputs, tasks and limits
  cascade check PATH…           errors and warnings, without running anything
  cascade ps                    what runs, and what waits for what
  cascade limit task:fetch 3    change a limit while it is on
  cascade log NODE              what a node wrote, or writes (-f)
  cascade why NODE              why a node of a live run waits now
  cascade why-run NODE          why a node would run again, or not
  cascade history               the runs of this folder; `show`: one of them
  cascade continue              go on with a run that was stopped or killed
  cascade explain CODE          an error, at length

`cascade --help` lists all verbs, `cascade help VERB` explains one.
"""

MEANT: dict[str, str] = {
    "dag": "graph",
    "exec": "run",
    "kill": "cancel",
    "lint": "check",
    "list": "ps",
    "logs": "log",
    "ls": "ps",
    "start": "run",
    "stats": "ps",
    "status": "ps",
    "stop": "cancel",
    "suspend": "pause",
    "top": "ps",
    "tail": "log",
    "unpause": "resume",
    "prune": "clean",
    "runs": "history",
    "validate": "check",
}
"""A verb as other programs call it → as it is called here."""
