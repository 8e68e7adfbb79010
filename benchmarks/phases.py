"""`cascade run PROGRAM` timed from inside, by `one.py`: it imports nothing before that counts.

python benchmarks/phases.py MARKS PROGRAM
"""

from __future__ import annotations

import builtins
import json
import sys
import time
from collections.abc import Callable
from typing import Any


def main(to: str, program: str) -> int:
    """Run it; writes to a file, at each mark, (instant, seconds spent in import statements until then)."""
    rows = [(time.perf_counter(), 0.0)]
    importing = 0.0
    depth = 0
    import_ = builtins.__import__

    def timed_import(*args: Any, **kwargs: Any) -> Any:
        nonlocal importing, depth
        depth += 1
        began = time.perf_counter()
        try:
            return import_(*args, **kwargs)
        finally:
            depth -= 1
            if depth == 0:
                importing += time.perf_counter() - began

    def marked(work: Callable[..., Any]) -> Callable[..., Any]:
        def marking(*args: Any, **kwargs: Any) -> Any:
            rows.append((time.perf_counter(), importing))
            result = work(*args, **kwargs)
            rows.append((time.perf_counter(), importing))
            with open(to, "w") as file:
                json.dump(rows, file)
            return result

        return marking

    builtins.__import__ = timed_import
    from cascade_dsl import api
    from cascade_dsl.cli.main import main as run

    api.compile_file = marked(api.compile_file)
    api.run = marked(api.run)
    return run(["run", program])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
