"""The registry of diagnostic codes. A code is never reused; each has a page in docs/codes and a provoking test.

Ranges: syntax 0xx, names 1xx, types 2xx, requirements and limits 3xx, graph 4xx, run 5xx, control 6xx,
store 7xx, internal 9xx; warnings are CSCW….
"""

from __future__ import annotations

CODES: dict[str, str] = {
    # syntax 0xx (lang)
    "CSC001": "Something else was expected here",
    "CSC002": "A bracket is not closed",
    "CSC003": "A bracket closes nothing",
    "CSC004": "A string is not closed",
    "CSC005": "Unknown escape",
    "CSC006": "A character that is not part of the language",
    "CSC007": "Not a number, or an unknown unit",
    "CSC008": "A number is too large",
    "CSC009": "Nested too deeply",
    "CSC010": "There is no such file",
    "CSC011": "A file cannot be read",
    "CSC012": "A file is not UTF-8",
    "CSC013": "A NUL byte",
    "CSC014": "An empty program",
    "CSC015": "An unknown word",
    "CSC016": "`;` inside brackets",
    "CSC017": "Given twice",
    "CSC018": "Options that do not go together",
    "CSC019": "No `{{ }}` here",
    "CSC020": "A reserved word",
    "CSC022": "A key of a record is a name or a string",
    "CSC023": "This takes no type in brackets",
    "CSC024": "Not an exit code",
    "CSC025": "Not a time of day, or not days",
    # names 1xx (lang)
    # types 2xx (lang, values)
    # requirements and limits 3xx (lang, limits)
    "CSC301": "An unknown kind of scope",
    "CSC302": "A scope that matches nothing",
    "CSC303": "A negative amount",
    "CSC304": "A fraction of something that is counted",
    "CSC305": "An amount is too large",
    "CSC306": "A size without a unit",
    "CSC307": "A size for something that is counted",
    "CSC308": "Not an amount",
    "CSC311": "`hard` stands in files only",
    "CSC312": "`for` takes a duration",
    "CSC313": "`burst` belongs to a rate",
    "CSC314": "`whole` belongs to flows",
    "CSC315": "`by` cannot stand here",
    "CSC316": "`until` cannot stand here",
    "CSC320": "This option of a limit is not built yet",
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
    "CSC500": "No param or option of this name",
    "CSC501": "A param that is not given",
    "CSC502": "A param of the wrong type",
    "CSC503": "A params file that cannot be read",
    "CSC504": "A command line that cannot be meant so",
    "CSC505": "No diagnostic of this code",
    "CSC506": "Nothing to go on with",
    "CSC507": "A demand that can never be met",
    "CSC508": "No log of this name",
    "CSC509": "A file that is not there",
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
