"""Type expressions to types. Names of types may be declared in any order; one that holds itself is an error."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import assert_never

from ..base.suggest import did_you_mean
from ..ir import types as ir
from . import ast
from .symbols import Report

_WRITABLE = tuple(name for name in ir.SCALARS if name != "none")
_FOREIGN = {
    "string": "str",
    "text": "str",
    "integer": "int",
    "number": "float",
    "double": "float",
    "boolean": "bool",
    "path": "file",
    "array": "list[…]",
    "map": "dict[…]",
    "any": "json",
    "object": "json",
    "bytes": "size",
    "time": "duration",
}
"""What people coming from elsewhere write."""


_PARTS_MAX = 10_000


class Annotations:
    """Turns type expressions into types, named ones once."""

    def __init__(self, report: Report, declarations: Sequence[ast.TypeDecl], refused: Collection[str] = ()) -> None:
        self.report = report
        self.refused = refused
        """Names of types whose declarations could not be read."""
        self.declared: dict[str, ast.TypeDecl] = {}
        self.known: dict[str, ir.Type | None] = {}
        self.open: list[str] = []
        self.sizes: dict[int, tuple[ir.Type, int]] = {}
        """How many parts a type has, by its id; the type beside it keeps the id its own."""
        for decl in declarations:
            name = decl.name.name
            if name in (*_WRITABLE, "list", "dict"):
                report.error("CSC104", decl.name.span, f"`{name}` is a type of the language already")
            elif name in self.declared:
                first = self.declared[name].name.span
                report.error(
                    "CSC104", decl.name.span, f"the type `{name}` is declared twice", also=[(first, "first here")]
                )
            else:
                self.declared[name] = decl
        for name in self.declared:
            self._named(name)

    def type(self, expr: ast.TypeExpr) -> ir.Type | None:
        """The type that an expression stands for; None where it is wrong, which is reported."""
        match expr:
            case ast.NamedType():
                return self._name(expr)
            case ast.ListType():
                item = self.type(expr.item)
                return None if item is None else ir.ListType(item)
            case ast.DictType():
                value = self.type(expr.value)
                return None if value is None else ir.DictType(value)
            case ast.RecordType():
                return self._record(expr)
            case ast.OptionalType():
                inner = self.type(expr.inner)
                return inner if inner is None or isinstance(inner, ir.OptionalType) else ir.OptionalType(inner)
            case ast.ChoiceType():
                return ir.ChoiceType(tuple(dict.fromkeys(expr.options)))
            case _:
                assert_never(expr)

    def _record(self, expr: ast.RecordType) -> ir.Type | None:
        fields: dict[str, ir.Type] = {}
        sound = True
        places: dict[str, ast.TypeField] = {}
        for field in expr.fields:
            if field.key in places:
                also = [(places[field.key].key_span, "first here")]
                self.report.error("CSC104", field.key_span, f"the field `{field.key}` comes twice", also=also)
                sound = False
            places[field.key] = field
            found = self.type(field.type)
            if found is None:
                sound = False
            else:
                fields[field.key] = found
        return ir.RecordType(tuple(fields.items())) if sound else None

    def _name(self, expr: ast.NamedType) -> ir.Type | None:
        name = expr.name
        if name in _WRITABLE:
            return ir.Scalar(name)
        if not name or name in self.refused:
            return None
        if name in self.declared:
            return self._named(name, expr)
        if "." in name:
            self.report.unbuilt(expr.span, "a type of another module")
        elif name in ("list", "dict"):
            self.report.error("CSC103", expr.span, f"`{name}` wants the type of its items", help=f"write `{name}[str]`")
        else:
            mend = _FOREIGN.get(name.lower())
            known = (*self.declared, *_WRITABLE)
            near = None if self.report.flooded else did_you_mean(name, known)
            hint = f"the type is called `{mend}`" if mend else near
            self.report.error("CSC103", expr.span, f"there is no type `{name}`", help=hint)
        return None

    def _bounded(self, name: str, type_: ir.Type) -> ir.Type | None:
        """The type, where it is not too large to be written out: names may be used in each other without end."""
        if self._parts(type_) <= _PARTS_MAX:
            return type_
        at = self.declared[name].name.span
        self.report.error("CSC216", at, f"written out, the type `{name}` has more than {_PARTS_MAX} parts")
        return None

    def _parts(self, type_: ir.Type) -> int:
        known = self.sizes.get(id(type_))
        if known is not None:
            return known[1]
        match type_:
            case ir.ListType(inner) | ir.DictType(inner) | ir.OptionalType(inner):
                found = 1 + self._parts(inner)
            case ir.RecordType(fields):
                found = 1 + sum(self._parts(t) for _, t in fields)
            case ir.ChoiceType(options):
                found = len(options)
            case _:
                found = 1
        self.sizes[id(type_)] = (type_, found)
        return found

    def _named(self, name: str, use: ast.NamedType | None = None) -> ir.Type | None:
        if name in self.known:
            return self.known[name]
        if name in self.open:
            ring = [*self.open[self.open.index(name) :], name]
            at = self.declared[name].name.span
            self.report.error(
                "CSC106",
                at,
                "a type cannot hold itself: " + " → ".join(f"`{n}`" for n in ring),
                also=[] if use is None else [(use.span, f"`{ring[-2]}` holds `{name}` here")],
                help="let it hold the name of the other, a `str`, or leave its form open, `json`",
            )
            return None
        self.open.append(name)
        found = self.type(self.declared[name].type)
        if found is not None:
            found = self._bounded(name, ir.named(found, name))
        self.open.pop()
        self.known[name] = found
        return found
