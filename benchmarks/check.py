"""`cascade check` as a whole process: 100 lines, 5000 lines in one file and in fifty, and the same full of errors.

    python benchmarks/check.py [--reps 7]

The programs hold tasks with clauses and scripts, fan-outs over them, limits, records and text. Every tenth line of those
with errors is broken, half of them in their syntax, half in a name; how many were reported is checked. Targets: 5000 lines within
2 s, 100 lines within 0.3 s, errors or not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sidebyside import Peer, cascade, load, measure, table

BLOCK = '''\
## Fetches what {n} stands for.
task fetch{n}(url: str, depth: int = 1) -> page: file = "out/{n}/{{{{stem(url)}}}}.html" {{
  requires cpu = 0.5, mem = depth * 1MB + 64MB, api
  retry 3 backoff 1s..30s on 22, timeout
  timeout 20s
  env {{ DEPTH = str(depth) }}
  sh """
    set -u
    curl -fsS --max-time 10 {{{{url}}}} -o {{{{page}}}}.part
    mv {{{{page}}}}.part {{{{page}}}}
  """
}}

task count{n}(page: file) -> int {{ python "return len(open(page).read().split())" }}

limit task:fetch{n} {limit} because "it is a small server"
sites{n} = [{{id: "a{n}", url: "https://a{n}.example"}}, {{id: "b{n}", url: "https://b{n}.example"}}]
pages{n} = [fetch{n}(s.url, depth = 2) for s in sites{n} if len(s.id) > 1]
counts{n} = [count{n}(p) for p in pages{n}]
output total{n} = sum([c * 2 + 1 for c in counts{n}]) + len(sites{n})
'''
LINES = BLOCK.count("\n")
HEAD = "limit api 4\nlimit global 32\n"


def program(lines: int) -> str:
    """A sound program of so many lines."""
    blocks = (BLOCK.format(n=n, limit=n % 9 + 1) for n in range((lines - 2) // LINES))
    text = HEAD + "".join(blocks)
    return text + "# and so on\n" * (lines - text.count("\n"))


def broken(text: str) -> tuple[str, int]:
    """The program with two errors in each block, and how many that are."""
    count = text.count("sum([c * 2")
    text = text.replace("output total", "output = total").replace(".url, depth = 2) for s", ".url, depth = dept) for s")
    return text, 2 * count


def write(folder: Path, lines: int, files: int, errors: bool) -> int:
    """The programs of a project; how many errors are in them."""
    expected = 0
    for number in range(files):
        text = program(lines // files)
        if errors:
            text, more = broken(text)
            expected += more
        (folder / f"part{number}.csc").write_text(text)
    return expected


def peer(name: str, lines: int, files: int, errors: bool, form: str = "concise") -> Peer:
    """A check of such a project. Exit code 2 is what errors are to give."""
    wanted = 2 if errors else 0
    command = f"{cascade()} check . --format {form} > found; test $? = {wanted}"
    return Peer(
        name=name,
        command=("/bin/sh", "-c", command),
        prepare=lambda folder: void(partial(write, folder, lines, files, errors)),
        verify=partial(verify, lines=lines, files=files, errors=errors, form=form),
    )


def void(call: Callable[[], int]) -> None:
    """Do it for its effect."""
    call()


def verify(folder: Path, *, lines: int, files: int, errors: bool, form: str) -> None:
    """As many errors were reported as there are."""
    expected = sum(broken(program(lines // files))[1] for _ in range(files)) if errors else 0
    found = (folder / "found").read_text().count("error[CSC")
    if form == "concise" and found != expected:
        sys.exit(f"{folder.name}: {found} errors reported, {expected} made")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=7)
    given = parser.parse_args()
    peers = [
        Peer(name="python -c pass", command=(sys.executable, "-c", "pass")),
        peer("100 lines", 100, 1, errors=False),
        peer("100 lines, errors", 100, 1, errors=True),
        peer("5000 lines", 5000, 1, errors=False),
        peer("5000 lines, errors", 5000, 1, errors=True),
        peer("5000 lines, errors in full", 5000, 1, errors=True, form="full"),
        peer("5000 lines in 50 files", 5000, 50, errors=False),
        peer("50 files, errors", 5000, 50, errors=True),
    ]
    with tempfile.TemporaryDirectory(prefix="cascade-bench-") as base:
        print(table(measure(peers, reps=given.reps, base=Path(base)), against="python -c pass"))
    print(load())


if __name__ == "__main__":
    main()
