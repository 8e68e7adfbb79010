"""Files that travel with the package: grammar, standard library, pages of codes.

One function finds them in a wheel (below `_assets`), an editable install and a checkout (beside the package).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_BESIDE = {"grammar": "grammar", "stdlib": "stdlib", "codes": "docs/codes"}


def asset(kind: str, name: str = "") -> Path:
    """The path of an asset: `kind` is grammar, stdlib or codes."""
    packed = _PACKAGE / "_assets" / kind
    root = packed if packed.is_dir() else _PACKAGE.parent / _BESIDE[kind]
    return root / name if name else root
