"""The registry of diagnostic codes. A code is never reused; each has a page in docs/codes and a provoking test.

Ranges: syntax 0xx, names 1xx, types 2xx, requirements and limits 3xx, graph 4xx, run 5xx, control 6xx,
store 7xx, internal 9xx; warnings are CSCW….
"""

from __future__ import annotations

CODES: dict[str, str] = {
    # syntax 0xx (lang)
    # names 1xx (lang)
    # types 2xx (lang, values)
    # requirements and limits 3xx (lang, limits)
    # graph 4xx (lang, ir)
    "CSC400": "A file that is no graph of Cascade",
    "CSC401": "A graph of another schema",
    "CSC402": "A graph that does not hold together",
    "CSC403": "A graph with a cycle",
    "CSC404": "A graph that uses what Cascade does not have",
    "CSC405": "A graph that needs what is not built yet",
    "CSC406": "A graph that is nested too deeply",
    "CSC407": "No binding, output or task of this name",
    # run 5xx (runtime, executors)
    "CSC520": "The engine was killed",
    # control 6xx (control)
    "CSC600": "A control request that cannot be read",
    "CSC601": "Another version of the control protocol",
    "CSC602": "An unknown control verb",
    "CSC603": "A control request that is too long",
    "CSC604": "No live run",
    "CSC605": "Several live runs",
    "CSC606": "The run does not answer",
    "CSC607": "Too many control connections",
    "CSC608": "The control socket cannot be opened",
    # store 7xx (store)
    "CSC700": "The journal cannot be created or opened",
    "CSC701": "The journal is damaged",
    "CSC702": "The journal cannot be written",
    "CSC703": "The journal was written by another version",
    "CSC704": "A value is too large",
    "CSC705": "A stored value is gone or changed",
    "CSC706": "The state folder cannot be used",
    "CSC707": "The run is live",
    "CSC708": "No such run in this project",
    "CSC710": "An output was not written",
    "CSC711": "An output is a folder and not a file, or the reverse",
    "CSC712": "An output is neither a file nor a folder",
    "CSC713": "An output path outside the project",
    "CSC714": "An output cannot be published",
    # internal 9xx
    "CSC900": "A fault of Cascade itself",
    # warnings
}
"""Code → title of its page."""
