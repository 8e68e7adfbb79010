"""`clean`: remove what old runs left."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..base.quantity import parse_duration_ns, show_size
from ..store.clean import Cleaned, Which, clean
from .history import project_here, whole_number
from .parse import Parsed, misuse


def clean_(parsed: Parsed) -> int:
    """Remove runs, and the values and files that only they referred to."""
    which = _which(parsed)
    dry = "--dry-run" in parsed.flags
    project = project_here()
    if project is None:
        print("no program was run in this folder yet", file=sys.stderr)
        return 0
    done = clean(project, which, dry=dry)
    if "--json" in parsed.flags:
        print(json.dumps(_json(done, dry), ensure_ascii=False))
        return 0
    for one in done.runs:
        print(
            f"{'would remove' if dry else 'removed'} {one.run}  {one.file}  {one.status}  {show_size(one.size_bytes)}"
        )
    print(_total(done, dry))
    for run in done.live:
        print(f"kept {run}: it is live", file=sys.stderr)
    if done.kept:
        print(done.kept, file=sys.stderr)
    return 0


def older_of(parsed: Parsed) -> int | None:
    """The value of `--older` in nanoseconds; CSC504 where it is no duration."""
    text = parsed.values.get("--older")
    if text is None:
        return None
    found = parse_duration_ns(text)
    if found is None:
        raise misuse(parsed.verb, f"`--older` is a duration, not `{text}`", "write it as 30d, 12h or 1h30m")
    return found


def _which(parsed: Parsed) -> Which:
    keep, older_ns = whole_number(parsed, "--keep", 0), older_of(parsed)
    if "--all" in parsed.flags:
        if keep is not None or older_ns is not None:
            raise misuse(parsed.verb, "`--all` goes with neither `--keep` nor `--older`")
        return Which()
    if keep is None and older_ns is None:
        raise misuse(
            parsed.verb,
            "`cascade clean` removes nothing unless it is told which runs",
            "`--keep 10` all but the newest ten, `--older 30d` those that ended before, `--all` every one; with --dry-run first",
        )
    return Which(keep, older_ns)


def _total(done: Cleaned, dry: bool) -> str:
    runs = len(done.runs)
    parts = [f"{runs} run{'' if runs == 1 else 's'}"]
    could = sum(one.could_continue for one in done.runs)
    if could:
        parts[0] += f" ({could} that `cascade continue` could {'go on' if dry else 'have gone on'} with)"
    values = sum(one.path.parent.name == "blobs" for one in done.objects)
    files = len(done.objects) - values
    parts += [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((values, "value"), (files, "file"))
        if number
    ]
    return f"{'would remove' if dry else 'removed'} {', '.join(parts)}: {show_size(done.size_bytes)}"


def _json(done: Cleaned, dry: bool) -> dict[str, object]:
    return {
        "dry": dry,
        "runs": [
            {"run": one.run, "file": one.file, "status": one.status, "bytes": one.size_bytes} for one in done.runs
        ],
        "objects": [{"path": _short(one.path), "bytes": one.size_bytes} for one in done.objects],
        "live": list(done.live),
        "kept": done.kept,
        "bytes": done.size_bytes,
    }


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
