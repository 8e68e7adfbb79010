"""Which code a python body reaches: what must count, and what need not. Each case is told from the text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.runtime.modules import Modules, python_digest


class Code:
    """Modules in a folder, and what a body reaches there."""

    def __init__(self, folder: Path, **files: str) -> None:
        self.folder = folder
        for name, text in files.items():
            self.write(name.replace("__", "/") + ".py", text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def text(self, body: str) -> dict[str, str]:
        """What the text of a body reaches, with its digests."""
        return {p.name: p.digest for p in Modules(str(self.folder)).of_text(body, str(self.folder))}

    def function(self, name: str = "f", path: str | None = "m.py", module: str | None = None) -> dict[str, str]:
        full = None if path is None else str(self.folder / path)
        return {p.name: p.digest for p in Modules(str(self.folder)).of_function(full, module, name, str(self.folder))}


M = """\
import json
from other import helper as h, unused
import far.away
import third.part as tp

TABLE = [1]

def f(x):
    return g(x)

def g(x=TABLE):
    return h(x)

def lonely():
    return 1

class Plain:
    size = TABLE
    def m(self): return lonely2()

def lonely2(): ...
"""


def base(tmp_path: Path) -> Code:
    code = Code(tmp_path, m=M, other="def helper(x): return x\ndef unused(): ...\n", third__part="def z(): ...\n")
    code.write("third/__init__.py", "")
    return code


def test_a_function_reaches_what_it_names_and_the_tops_of_modules(tmp_path: Path) -> None:
    assert sorted(base(tmp_path).function()) == [
        "m.py", "m.py:f", "m.py:g", "other.py", "other.py:helper", "third/__init__.py", "third/part.py"
    ]  # fmt: skip


EDITS = [
    ("m.py", "return 1", "return 2", False),
    ("m.py", "def lonely2(): ...", "def lonely2(): return 3", False),
    ("m.py", "lonely2()\n", "lonely()\n", False),
    ("m.py", "return g(x)", "return g(x)  # said", False),
    ("m.py", "def f(x):\n", "\n\ndef f(x):\n        # in\n", False),
    ("m.py", "return g(x)", "return g(x) + 1", True),
    ("m.py", "return h(x)", "return h(x) + 1", True),
    ("m.py", "TABLE = [1]", "TABLE = [2]", True),
    ("m.py", "import json", "import json, re", True),
    ("other.py", "def unused(): ...", "def unused(): return 1", False),
    ("other.py", "return x", "return [x]", True),
    ("other.py", "def helper", "print(1)\ndef helper", True),
    ("third/part.py", "def z(): ...", "def z(): return 2", False),
    ("third/__init__.py", "", "import m", True),
]


@pytest.mark.parametrize(("name", "old", "new", "counts"), EDITS)
def test_an_edit_counts_exactly_where_it_is_reached(
    tmp_path: Path, name: str, old: str, new: str, counts: bool
) -> None:
    code = base(tmp_path)
    before = code.function()
    path = tmp_path / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert (code.function() != before) == counts


REACHED: list[tuple[str, str, str, list[str]]] = [
    ("an alias", "import a as b\ndef f(): return b.g()", "def g(): ...\ndef z(): ...", ["a.py", "a.py:g"]),
    ("an attribute", "import a\ndef f(): return a.g", "def g(): return h()\ndef h(): ...\ndef z(): ...", ["a.py", "a.py:g", "a.py:h"]),
    ("a module as a value", "import a\ndef f(): return use(a)\ndef use(x): ...", "def g(): ...", ["a.py", "a.py:g"]),
    ("getattr", "import a\ndef f(n): return getattr(a, n)()", "def g(): ...", ["a.py", "a.py:g"]),
    ("an import in a function", "def f():\n  from a import g\n  return g()", "def g(): ...\ndef z(): ...", ["a.py", "a.py:g"]),
    ("an import in a function that is not reached", "def f(): ...\ndef o():\n  import a", "def g(): ...", []),
    ("a star", "from a import *\ndef f(): return g()", "def g(): ...\ndef z(): ...", ["a.py", "a.py:g", "a.py:z"]),
    ("an import under a condition", "try:\n  from a import g\nexcept ImportError: pass\ndef f(): return g()", "def g(): ...", ["a.py", "a.py:g"]),
    ("a decorated function", "import a\ndef f(): ...", "def d(x): return x\n@d\ndef g(): ...", ["a.py", "a.py:d"]),
    ("a class with a base", "import a\ndef f(): ...", "class B: ...\nclass C(B): ...", ["a.py", "a.py:B"]),
    ("a default", "import a\ndef f(): ...", "def d(): ...\ndef g(x=d()): ...", ["a.py", "a.py:d"]),
    ("the body of a class", "import a\ndef f(): ...", "def d(): ...\nclass C:\n  x = d()\n  def m(self): e()\ndef e(): ...", ["a.py", "a.py:d"]),
    ("what the top calls", "import a\ndef f(): ...", "def d(): ...\nX = d()", ["a.py", "a.py:d"]),
    ("globals", "import a\ndef f(): return globals()['x']", "def g(): ...", ["a.py", "a.py:g"]),
    ("eval in a module", "import a\ndef f(): ...", "def g(): eval('h()')\ndef h(): ...", ["a.py", "a.py:g", "a.py:h"]),
    ("sys.modules", "import sys, a\ndef f(): return sys.modules['a'].g()", "def g(): ...", ["a.py", "a.py:g"]),
    ("unpickling", "import a, pickle\ndef f(): ...", "def g(): ...", ["a.py", "a.py:g"]),
    ("__globals__", "import a\ndef f(): return a.g.__globals__", "def g(): ...\ndef z(): ...", ["a.py", "a.py:g", "a.py:z"]),
    ("__getattr__ of a module", "import a\ndef f(): return a.anything", "def __getattr__(n): return g()\ndef g(): ...", ["a.py", "a.py:__getattr__", "a.py:g"]),
    ("defined twice", "import a\ndef f(): return a.g()", "def g(): ...\nX = g\ndef g(): return h()\ndef h(): ...", ["a.py", "a.py:g", "a.py:h"]),
]  # fmt: skip


@pytest.mark.parametrize(("m", "a", "reached"), [case[1:] for case in REACHED], ids=[case[0] for case in REACHED])
def test_what_is_reached(tmp_path: Path, m: str, a: str, reached: list[str]) -> None:
    found = Code(tmp_path, m=m, a=a).function()
    assert sorted(name for name in found if name.startswith("a.py")) == reached


def test_packages_and_relative_imports(tmp_path: Path) -> None:
    code = Code(tmp_path)
    code.write("pkg/__init__.py", "from .inner import deep\nX = 1\n")
    code.write(
        "pkg/inner.py", "from . import sibling\nfrom .sub.low import low\ndef deep(): return low() + sibling.s()\n"
    )
    code.write("pkg/sibling.py", "def s(): ...\ndef z(): ...\n")
    code.write("pkg/sub/__init__.py", "")
    code.write("pkg/sub/low.py", "from ..sibling import z\ndef low(): ...\ndef o(): z()\n")
    wanted = [
        "pkg/__init__.py", "pkg/inner.py", "pkg/inner.py:deep", "pkg/sibling.py", "pkg/sibling.py:s",
        "pkg/sub/__init__.py", "pkg/sub/low.py", "pkg/sub/low.py:low",
    ]  # fmt: skip
    assert sorted(code.text("import pkg\nreturn pkg.deep()")) == wanted
    assert sorted(code.text("from pkg import deep\nreturn deep()")) == wanted
    assert sorted(code.function("deep", None, "pkg.inner")) == wanted
    assert "pkg/sibling.py:z" in code.text("import pkg.sibling\nreturn pkg.sibling.z()")


def test_a_folder_without_init_is_a_package(tmp_path: Path) -> None:
    code = Code(tmp_path)
    code.write("ns/one.py", "def g(): ...\ndef z(): ...\n")
    assert sorted(code.text("from ns.one import g\ng()")) == ["ns/one.py", "ns/one.py:g"]
    assert sorted(code.text("import ns.one\nns.one.g()")) == ["ns/one.py", "ns/one.py:g", "ns/one.py:z"]


def test_modules_that_are_not_the_projects_do_not_count(tmp_path: Path) -> None:
    assert Code(tmp_path).text("import json, os.path\nfrom collections import abc\nimport not_there\nreturn 1") == {}


def test_a_cycle_of_imports_ends(tmp_path: Path) -> None:
    code = Code(tmp_path, m="import a\ndef f(): return a.g()", a="import m\ndef g(): return m.f()")
    assert sorted(code.function()) == ["a.py", "a.py:g", "m.py", "m.py:f"]


def test_what_is_no_python_counts_by_its_bytes(tmp_path: Path) -> None:
    code = Code(tmp_path, m="import a\nimport c\ndef f(): ...", a="def broken(:\n")
    (tmp_path / "c.cpython-311.so").write_bytes(b"\x7fELF")
    before = code.function()
    assert {"a.py", "c.cpython-311.so"} <= before.keys()
    code.write("a.py", "def broken(:\n\n")
    assert code.function() != before
    code.write("m.py", "def f(:\n")
    assert list(code.function()) == ["m.py"]


def test_a_search_path_inside_the_project_is_looked_in(tmp_path: Path) -> None:
    code = Code(tmp_path)
    code.write("src/lib.py", "def g(): ...\n")
    modules = Modules(str(tmp_path), (str(tmp_path / "src"), "/usr/lib/python3"))
    assert [p.name for p in modules.of_text("import lib\nlib.g()", str(tmp_path))] == ["src/lib.py", "src/lib.py:g"]


MOVED = [
    ("in the module", "import os, sys\nsys.path.insert(0, os.path.dirname(__file__) + '/lib')\nimport lib1\ndef f(): return lib1.g()", ""),
    ("in a module that it imports", "import a\nimport lib1\ndef f(): return lib1.g()", "from sys import path\npath.append('lib')"),
    ("in the function", "def f():\n  import site\n  site.addsitedir('lib')\n  from lib1 import g\n  return g()", ""),
    ("over another of the same name", "import sys\nsys.path[:0] = ['lib']\nimport twice\ndef f(): return twice.g()", ""),
]  # fmt: skip


@pytest.mark.parametrize(("m", "a"), [case[1:] for case in MOVED], ids=[case[0] for case in MOVED])
def test_where_something_changes_the_search_path_modules_are_looked_for_in_the_whole_project(
    tmp_path: Path, m: str, a: str
) -> None:
    code = Code(tmp_path, m=m, a=a, twice="def g(): ...\n")
    for name in ("lib/lib1.py", "lib/twice.py", ".hidden/lib1.py", "venv/lib1.py"):
        code.write(name, "def g(): return 1\n")
    code.write("venv/pyvenv.cfg", "")
    before = code.function()
    assert not [name for name in before if name.startswith((".hidden", "venv"))]
    code.write("lib/twice.py" if "twice" in m else "lib/lib1.py", "def g(): return 2\n")
    assert code.function() != before


def test_without_that_they_are_not(tmp_path: Path) -> None:
    code = Code(tmp_path, m="import sys\nimport lib1\ndef f(): return lib1.g(sys.argv)")
    code.write("lib/lib1.py", "def g(): ...\n")
    assert list(code.function()) == ["m.py", "m.py:f"]


@pytest.mark.parametrize(
    "how", ["importlib.import_module('pkg.a').g()", "import_module('.a', 'pkg')", "__import__('pkg.a')"]
)
def test_a_module_that_is_imported_by_its_written_name(tmp_path: Path, how: str) -> None:
    code = Code(tmp_path, pkg__m=f"import importlib\nfrom importlib import import_module\ndef f(): return {how}")
    code.write("pkg/__init__.py", "")
    code.write("pkg/a.py", "def g(): ...\n")
    assert "pkg/a.py:g" in code.function(path=None, module="pkg.m")


def test_a_compiled_module_goes_before_its_text(tmp_path: Path) -> None:
    code = Code(tmp_path, m="import c\ndef f(): return c.g()", c="def g(): ...\n")
    (tmp_path / "c.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    assert list(code.function()) == ["c.cpython-311-x86_64-linux-gnu.so", "m.py", "m.py:f"]


def test_a_method_of_a_class(tmp_path: Path) -> None:
    code = Code(tmp_path, m="class K:\n  @staticmethod\n  def run(): return g()\ndef g(): ...\ndef z(): ...\n")
    assert sorted(code.function("K.run")) == ["m.py", "m.py:K", "m.py:g"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("return 1", "return 1  # why", True),
        ("return (1 +\n  2)", "return 1 + 2", True),
        ("x = 'a'\nreturn x", 'x = "a"\n\n\nreturn x', True),
        ("return 1", "return 1.0", False),
        ("return 1", "return True", False),
        ("return x", "return y", False),
        ("return (", "return ( ", False),
    ],
)
def test_python_text_is_compared_as_a_tree(one: str, other: str, same: bool) -> None:
    assert (python_digest(one) == python_digest(other)) == same
