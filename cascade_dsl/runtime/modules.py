"""What code of the project a python body can reach, found in the text alone: nothing is imported or run.

The unit is a function or class at the top of a module; all else at the top of a module runs when it is imported, and
counts as soon as the module is imported by something that counts. A name that is used counts what has that name, wherever
it leads; who can reach names by text (`globals`, `eval`, `importlib`, unpickling …) can reach all, and then modules count whole.
Units are compared as syntax trees: comments and layout do not count. Modules are those that a worker would find in the
folders that it looks in, as far as they lie in the project; where something changes `sys.path`, in any folder of the project.
"""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from ..store.hashes import mark_of
from ..store.recipes import DIGEST_BYTES, Part

_TEXT_NAMES = frozenset({"globals", "locals", "vars", "eval", "exec", "compile", "__import__", "__builtins__"})
"""Who uses one of these can reach a name that stands nowhere in the text."""
_TEXT_ATTRIBUTES = frozenset({"__globals__", "f_globals"})
_TEXT_MODULES = frozenset(
    {"importlib", "inspect", "pkgutil", "runpy", "pickle", "shelve", "marshal", "copyreg", "dill", "cloudpickle"}
    | {"joblib", "imp", "gc"}
)
_NO_CODE = frozenset({"__pycache__", "node_modules", "site-packages"})
_SHOWN_MAX = 20_000


@dataclass(slots=True)
class _Unit:
    """A function, a class, or what of a module runs when it is imported (`name` empty)."""

    name: str
    digest: str
    text: str
    names: set[str] = field(default_factory=set[str])
    attributes: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """(name, what is asked of it), where a name stands before a dot; it is then not among `names`."""
    imports: list[_Import] = field(default_factory=list["_Import"])


@dataclass(slots=True, frozen=True)
class _Import:
    """`import module as alias` where `name` is empty, else `from module import name as alias`."""

    module: str
    level: int
    name: str
    alias: str
    is_dotted: bool = False
    """`import a.b`, which gives the name `a` alone."""


@dataclass(slots=True)
class _Module:
    """A file of code, read."""

    path: str
    package: str
    """What a relative import in it begins from."""
    top: _Unit
    units: dict[str, _Unit]
    aliases: dict[str, list[_Import]]
    """Names that its top level imports."""
    by_text: bool
    """Something in it can reach names by text."""
    moves_path: bool
    """Something in it may change where modules are looked for."""


class Modules:
    """The python code of a project, as it is in the files when it is first asked for. Blocks on the disk."""

    def __init__(self, project: str, search: tuple[str, ...] = ()) -> None:
        """`search`: absolute folders in which a worker looks for modules, after the folder of the body."""
        self._project = os.path.join(os.path.normpath(project), "")
        self._search = tuple(folder for folder in search if self._is_inside(folder))
        self._loaded: dict[tuple[str, str], _Module | None] = {}
        self._found: dict[tuple[str, str], str | None] = {}
        self._tops: dict[str, list[str]] | None = None
        """Name of a module or package → the folders of the project in which it lies."""
        self.files: dict[str, tuple[int, ...]] = {}
        """Absolute paths of all files that were read, and what would change with them."""

    def of_text(self, source: str, folder: str) -> tuple[Part, ...]:
        """What the text of a body reaches by its imports; its own text is no part of it."""
        module = _parsed("<body>", source.encode("utf-8", "surrogatepass"), "")
        if module is None:
            return ()

        def begin(walk: _Walk) -> None:
            walk.enter(module)
            for name in module.units:
                walk.add(module, name)

        return self._walked(begin, folder).parts(skip=module)

    def of_function(self, path: str | None, module: str | None, function: str, folder: str) -> tuple[Part, ...]:
        """What `path.py:function` or `package.module:function` is and reaches."""

        def begin(walk: _Walk) -> None:
            if path is not None:
                loaded = self.load(path, "")
                if loaded is None:
                    walk.add_plain(path)
            else:
                assert module is not None
                walk.reach_module(module)
                loaded = walk.module(module)
            if loaded is not None:
                walk.add(loaded, function.partition(".")[0])

        return self._walked(begin, folder).parts()

    def _walked(self, begin: Callable[[_Walk], None], folder: str) -> _Walk:
        walk = _Walk(self, folder)
        begin(walk)
        if walk.moves_path:  # what was looked for before that was known is looked for again
            walk = _Walk(self, folder, everywhere=True)
            begin(walk)
        return walk

    def load(self, path: str, package: str) -> _Module | None:
        """A module by its file; None where it cannot be read."""
        key = path, package
        if key not in self._loaded:
            data = self.read(path)
            self._loaded[key] = None if data is None else _parsed(path, data, package)
        return self._loaded[key]

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, which is from now on one of `files`."""
        try:
            self.files[path] = mark_of(os.stat(path))
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            return None

    def find(self, name: str, folder: str) -> str | None:
        """The file of a module, or the folder of a package without `__init__.py`, where it lies in the project."""
        key = name, folder
        if key not in self._found:
            self._found[key] = self._look(name, folder)
        return self._found[key]

    def find_everywhere(self, name: str) -> list[str]:
        """The files of all modules of that name, whichever folder of the project `sys.path` leads to."""
        if self._tops is None:
            self._tops = self._list_tops()
        inner = name.replace(".", os.sep)
        found = (self._look_at(os.path.join(base, inner)) for base in self._tops.get(name.partition(".")[0], ()))
        return [path for path in found if path is not None]

    def _list_tops(self) -> dict[str, list[str]]:
        tops: dict[str, list[str]] = {}
        for base, folders, files in os.walk(self._project):
            folders[:] = sorted(f for f in folders if f[0] != "." and f not in _NO_CODE)
            if "pyvenv.cfg" in files:
                folders.clear()
                continue
            code = {f.partition(".")[0] for f in files if f.endswith((".py", ".so"))}
            for name in {*code, *folders}:
                tops.setdefault(name, []).append(base)
        return tops

    def _look(self, name: str, folder: str) -> str | None:
        inner = name.replace(".", os.sep)
        top = name.partition(".")[0]
        for base in (folder, *self._search):
            if not self._is_inside(base):
                continue
            found = self._look_at(os.path.join(base, inner))
            if found is not None:
                return found
            if os.path.isdir(os.path.join(base, top)) or os.path.isfile(os.path.join(base, f"{top}.py")):
                return None  # the first that has the package has the module, or nobody
        return None

    def _look_at(self, at: str) -> str | None:
        """What stands at the path of a module without its ending, in the order in which an import looks."""
        package = os.path.join(at, "__init__.py")
        if os.path.isfile(package):
            return package
        native = self._compiled(at)
        if native is not None:
            return native
        if os.path.isfile(f"{at}.py"):
            return f"{at}.py"
        return at if os.path.isdir(at) else None

    def _compiled(self, at: str) -> str | None:
        """A compiled module."""
        folder, name = os.path.split(at)
        try:
            names = os.listdir(folder)
        except OSError:
            return None
        return next(
            (os.path.join(folder, n) for n in sorted(names) if n.startswith(f"{name}.") and n.endswith(".so")), None
        )

    def _is_inside(self, folder: str) -> bool:
        return os.path.join(os.path.normpath(folder), "").startswith(self._project)

    def shown(self, path: str) -> str:
        """A path as people know it."""
        return os.path.normpath(path).removeprefix(self._project)


class _Walk:
    """What one body reaches."""

    def __init__(self, modules: Modules, folder: str, *, everywhere: bool = False) -> None:
        """`everywhere`: a module may come from any folder of the project."""
        self._modules = modules
        self._everywhere = everywhere
        self.moves_path = False
        """Something that counts may change where modules are looked for."""
        self._folder = folder
        self._counted: dict[tuple[str, str], tuple[_Module, _Unit]] = {}
        self._entered: dict[str, _Module] = {}
        self._whole: set[str] = set()
        self._plain: dict[str, str] = {}
        """Files that are no python text → their digest."""
        self._by_text = False

    def parts(self, skip: _Module | None = None) -> tuple[Part, ...]:
        """What counts, in the order of files and names."""
        if self._by_text:
            for module in self._entered.values():
                self.add_all(module)
        found = [
            Part(
                "code",
                f"{self._modules.shown(path)}:{name}" if name else self._modules.shown(path),
                unit.digest,
                unit.text,
            )
            for (path, name), (module, unit) in self._counted.items()
            if module is not skip
        ]
        found += [Part("code", self._modules.shown(path), digest) for path, digest in self._plain.items()]
        return tuple(sorted(found, key=lambda part: part.name))

    # -- what counts ----------------------------------------------------------------------------------------------

    def enter(self, module: _Module) -> None:
        """A module is imported: what stands at its top runs."""
        if module.path in self._entered:
            return
        self._entered[module.path] = module
        self._by_text |= module.by_text
        self.moves_path |= module.moves_path
        self._count(module, module.top)
        for name in module.units:
            if name.startswith("__"):  # `__getattr__` and the like are called by nobody that names them
                self.add(module, name)

    def add_all(self, module: _Module) -> None:
        """The whole of a module counts."""
        self.enter(module)
        if module.path not in self._whole:
            self._whole.add(module.path)
            for unit in module.units.values():
                self._count(module, unit)
            for imports in module.aliases.values():
                for one in imports:
                    self._follow(module, one)

    def add(self, module: _Module, name: str) -> None:
        """A name of a module counts: what has it there, or what it was imported as."""
        self.enter(module)
        unit = module.units.get(name)
        if unit is not None:
            self._count(module, unit)
        for one in module.aliases.get(name, ()):
            self._follow(module, one)
        if unit is None and name not in module.aliases and name not in module.top.names:
            for one in module.aliases.get("*", ()):
                self._follow(module, one)

    def _count(self, module: _Module, unit: _Unit) -> None:
        stack = [(module, unit)]
        while stack:
            at, one = stack.pop()
            key = at.path, one.name
            if key in self._counted:
                continue
            self._counted[key] = at, one
            local: dict[str, list[_Import]] = {}
            for each in one.imports:
                self._import(at, each)
                local.setdefault(each.alias, []).append(each)
            for name in one.names:
                self._use(at, local, name)
            for name, attribute in one.attributes:
                self._use_attribute(at, local, name, attribute)

    def _use(self, module: _Module, local: dict[str, list[_Import]], name: str) -> None:
        for one in local.get(name, ()):
            self._follow(module, one)
        for one in local.get("*", ()):
            self._follow(module, one)
        if name in module.units or name in module.aliases:
            self.add(module, name)
        elif "*" in module.aliases:
            for one in module.aliases["*"]:
                self._follow(module, one)

    def _use_attribute(self, module: _Module, local: dict[str, list[_Import]], name: str, attribute: str) -> None:
        """`name.attribute`: of a module that attribute alone, of anything else the name."""
        imports = [*local.get(name, ()), *module.aliases.get(name, ())]
        if not imports or name in module.units:
            self._use(module, local, name)
            return
        for one in imports:
            target = self._target(module, one)
            if target is None:
                self._follow(module, one)
                continue
            found, inner = target
            if inner:  # a class or an object of that module, or a module in a package
                self._follow(module, one)
            else:
                sub = self._below(found, attribute)
                if sub is not None:
                    self.add_all(sub)
                self.add(found, attribute)

    def _follow(self, module: _Module, one: _Import) -> None:
        """What was imported is used as a whole."""
        target = self._target(module, one)
        if target is None:
            return
        found, name = target
        if name and name != "*":
            self.add(found, name)
        else:
            self.add_all(found)

    # -- imports --------------------------------------------------------------------------------------------------

    def _import(self, module: _Module, one: _Import) -> None:
        """An import statement that runs."""
        full = _absolute(module, one)
        if full is None:
            return
        self.reach_module(full)
        if one.name and one.name != "*":
            self.reach_module(f"{full}.{one.name}")
        elif not one.name and one.is_dotted:
            # what follows `a.b.` is not looked at
            inner = self.module(full)
            if inner is not None:
                self.add_all(inner)

    def reach_module(self, name: str) -> None:
        """Enter a module and the packages around it."""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            module = self.module(".".join(parts[:count]))
            if module is not None:
                self.enter(module)

    def module(self, name: str) -> _Module | None:
        """A module of the project; None where it is none, or no python text."""
        path = self._modules.find(name, self._folder)
        if self._everywhere:
            every = self._modules.find_everywhere(name)
            if len(every) > 1 or (path is not None and every not in ([], [path])):
                for one in every:  # which of them it is stands nowhere
                    loaded = self._loaded(name, one)
                    if loaded is not None:
                        self.add_all(loaded)
            path = path or next(iter(every), None)
        return None if path is None else self._loaded(name, path)

    def _loaded(self, name: str, path: str) -> _Module | None:
        if os.path.isdir(path):
            return None
        if not path.endswith(".py"):
            self.add_plain(path)
            return None
        package = name if os.path.basename(path) == "__init__.py" else name.rpartition(".")[0]
        module = self._modules.load(path, package)
        if module is None:
            self.add_plain(path)
        return module

    def add_plain(self, path: str) -> None:
        """A file that is compared by its bytes."""
        if path not in self._plain:
            data = self._modules.read(path)
            self._plain[path] = "" if data is None else blake2b(data, digest_size=DIGEST_BYTES).hexdigest()

    def _target(self, module: _Module, one: _Import) -> tuple[_Module, str] | None:
        """What an alias stands for: a module, or a name in it; None where that is not the project's."""
        full = _absolute(module, one)
        if full is None:
            return None
        if not one.name:
            found = self.module(full)
            return None if found is None else (found, "")
        if one.name != "*":
            inner = self.module(f"{full}.{one.name}")
            if inner is not None:
                return inner, ""
        found = self.module(full)
        return None if found is None else (found, one.name)

    def _below(self, module: _Module, name: str) -> _Module | None:
        if os.path.basename(module.path) != "__init__.py":
            return None
        return self.module(f"{module.package}.{name}")


def _absolute(module: _Module, one: _Import) -> str | None:
    if not one.level:
        return one.module
    parts = module.package.split(".") if module.package else []
    if one.level - 1 > len(parts) or not parts:
        return None
    base = parts[: len(parts) - (one.level - 1)]
    return ".".join([*base, one.module] if one.module else base) or None


# ---- one module -------------------------------------------------------------------------------------------------


def _parsed(path: str, data: bytes, package: str) -> _Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = data.decode("utf-8", "replace").splitlines()
    units: dict[str, _Unit] = {}
    rest: list[ast.stmt] = []
    top = _Unit("", "", "")
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _is_plain(statement):
            earlier = units.get(statement.name)
            unit = _unit(statement, lines)
            if earlier is not None:  # the later one counts, and the earlier where something took it in between
                unit.digest = _digest(earlier.digest, unit.digest)
                unit.text = f"{earlier.text}\n{unit.text}"
                unit.names |= earlier.names
                unit.attributes |= earlier.attributes
                unit.imports += earlier.imports
            units[statement.name] = unit
            _read(top, _run_at_once(statement))
        else:
            rest.append(statement)
    _read(top, rest)
    top.digest = _digest(*(ast.dump(s, annotate_fields=False) for s in rest))
    top.text = "\n".join(_segment(s, lines) for s in rest)[:_SHOWN_MAX]
    aliases: dict[str, list[_Import]] = {}
    for one in top.imports:
        aliases.setdefault(one.alias, []).append(one)
    by_text = any(_is_by_text(unit) for unit in (top, *units.values()))
    moves_path = any(_moves_path(unit) for unit in (top, *units.values()))
    return _Module(path, package, top, units, aliases, by_text, moves_path)


def _is_plain(statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """To define it runs nothing of its own but what `_run_at_once` gives."""
    if statement.decorator_list:
        return False
    if isinstance(statement, ast.ClassDef):
        return not statement.bases and not statement.keywords
    return True


def _run_at_once(statement: ast.AST) -> list[ast.AST]:
    """What of a definition runs when the module is imported: defaults, annotations, the body of a class."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = statement.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        found: list[ast.AST] = [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
        found += [a.annotation for a in every if a.annotation is not None]
        found += [statement.returns] if statement.returns is not None else []
        return [*found, *statement.decorator_list]
    if isinstance(statement, ast.ClassDef):
        found = [*statement.decorator_list, *statement.bases, *statement.keywords]
        for inner in statement.body:
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found += _run_at_once(inner)
            else:
                found.append(inner)
        return found
    return [statement]


def _unit(statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: list[str]) -> _Unit:
    text = _segment(statement, lines)[:_SHOWN_MAX]
    unit = _Unit(statement.name, _digest(ast.dump(statement, annotate_fields=False)), text)
    _read(unit, [statement])
    return unit


def _read(unit: _Unit, nodes: list[ast.AST] | list[ast.stmt]) -> None:
    """Names, attributes and imports that stand in some nodes, whatever scope they are of."""
    stack: list[ast.AST] = list(nodes)
    while stack:
        at = stack.pop()
        if isinstance(at, ast.Attribute):
            if at.attr in _TEXT_ATTRIBUTES:
                unit.names.add("globals")
            if isinstance(at.value, ast.Name):
                unit.attributes.add((at.value.id, at.attr))
                continue
        if isinstance(at, ast.Call):
            unit.imports += _imported_by_text(at)
        if isinstance(at, ast.Name):
            unit.names.add(at.id)
        elif isinstance(at, ast.Import):
            for one in at.names:
                first = one.name.partition(".")[0]
                is_dotted = one.asname is None and "." in one.name
                unit.imports.append(_Import(one.name, 0, "", one.asname or first, is_dotted))
                if is_dotted:
                    unit.imports.append(_Import(first, 0, "", first))
        elif isinstance(at, ast.ImportFrom):
            for one in at.names:
                alias = one.asname or one.name
                unit.imports.append(_Import(at.module or "", at.level, one.name, alias))
        stack.extend(ast.iter_child_nodes(at))


def _imported_by_text(call: ast.Call) -> list[_Import]:
    """`import_module("a.b")` and the like, where the name stands there."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = call.args[0] if call.args else None
    if called not in ("import_module", "__import__", "run_module") or not isinstance(given, ast.Constant):
        return []
    if not isinstance(given.value, str):
        return []
    name = given.value.lstrip(".")
    return [_Import(name, len(given.value) - len(name), "", "", True)]


def _moves_path(unit: _Unit) -> bool:
    if ("sys", "path") in unit.attributes or "addsitedir" in {attribute for _, attribute in unit.attributes}:
        return True
    return any((one.module, one.name) in (("sys", "path"), ("site", "addsitedir")) for one in unit.imports)


def _is_by_text(unit: _Unit) -> bool:
    if unit.names & _TEXT_NAMES or any(name in _TEXT_NAMES for name, _ in unit.attributes):
        return True
    if ("sys", "modules") in unit.attributes:
        return True
    return any(
        one.module.partition(".")[0] in _TEXT_MODULES or (one.module == "sys" and one.name in ("modules", "*"))
        for one in unit.imports
    )


def _segment(node: ast.stmt, lines: list[str]) -> str:
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    return "\n".join(lines[first - 1 : node.end_lineno])


def _digest(*texts: str) -> str:
    state = blake2b(digest_size=DIGEST_BYTES)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        state.update(b"%d:%b" % (len(data), data))
    return state.hexdigest()


def python_digest(source: str) -> str:
    """A digest of python text by its syntax tree: comments and layout do not count. Of what is no python, of the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _digest(source)
    return _digest(ast.dump(tree, annotate_fields=False))


def folders_of(search: str, base: str) -> Iterator[str]:
    """The folders that PYTHONPATH names; a relative one is below `base`."""
    for folder in search.split(os.pathsep):
        if folder:
            yield os.path.normpath(os.path.join(base, folder))
