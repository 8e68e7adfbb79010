"""`cascade` and `python -m cascade_dsl`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process; its exit code."""
    from .cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
