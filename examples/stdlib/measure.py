"""Finding, parsing and ranking the packages of the standard library."""

from __future__ import annotations

import ast
import csv
import sysconfig
import warnings
from pathlib import Path

SKIPPED = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test", "lib2to3"}
BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.IfExp, ast.comprehension, ast.match_case, ast.BoolOp)


def packages():
    """Name and files of every package."""
    root = Path(sysconfig.get_path("stdlib"))
    found = []
    for folder in sorted(root.iterdir()):
        if folder.name in SKIPPED or not (folder / "__init__.py").is_file():
            continue
        inside = [path for path in sorted(folder.rglob("*.py")) if not SKIPPED & set(path.relative_to(root).parts)]
        found.append({"name": folder.name, "files": [str(path) for path in inside]})
    return found


def measure(package):
    """Counts over all modules of a package."""
    total = dict.fromkeys(("modules", "lines", "code", "functions", "classes", "branches"), 0)
    for path in package["files"]:
        text = Path(path).read_text("utf-8", "replace")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, path)
        lines = text.splitlines()
        total["modules"] += 1
        total["lines"] += len(lines)
        total["code"] += sum(1 for line in lines if line.strip() and not line.lstrip().startswith("#"))
        for node in ast.walk(tree):
            total["functions"] += isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            total["classes"] += isinstance(node, ast.ClassDef)
            total["branches"] += isinstance(node, BRANCHES)
    return {"name": package["name"], **total}


def rank(sizes, table):
    """Write the table, the largest package first."""
    rows = sorted(sizes, key=lambda row: (-row["code"], row["name"]))
    with open(table, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
