"""Why a type does not go where another is wanted, in words: what names stand for, and fields one by one."""

from __future__ import annotations

from ..base.suggest import did_you_mean
from ..ir.notation import literal_text
from ..ir.types import (
    ChoiceType,
    DictType,
    ListType,
    OptionalType,
    RecordType,
    Type,
    named_parts,
    spelled,
)
from ..values.types import assignable, required

_FIELDS_SHOWN = 12


def meanings(*types: Type) -> list[str]:
    """What the names in some types stand for, each once."""
    found = {part.name: spelled(part) for type_ in types for part in named_parts(type_)}
    return [f"`{name}` is {text}" for name, text in found.items()]


def field_faults(want: Type, have: Type, way: str = "") -> list[str]:
    """A sentence for each field that is missing, unknown or of another type; none where it is not about records."""
    want, have = required(want), required(have)
    match want, have:
        case (ListType(inner), ListType(given)) | (DictType(inner), DictType(given)):
            return field_faults(inner, given, f"{way}[…]")
        case RecordType(fields), RecordType(given):
            pass
        case _:
            return []
    where = f" in `{way.lstrip('.')}`" if way else ""
    missing = [n for n, t in fields if have.get(n) is None and not isinstance(t, OptionalType)]
    out = [f"the field `{name}: {want.get(name)}` is missing{where}" for name in missing]
    for name in (n for n, _ in given if want.get(n) is None):
        hint = did_you_mean(name, missing) or did_you_mean(name, [n for n, _ in fields if have.get(n) is None])
        out.append(f"there is no field `{name}`{where}" + (f" ({hint})" if hint else ""))
    for name, wanted in fields:
        found = have.get(name)
        if found is not None and not assignable(wanted, found):
            choice, text = choice_of(wanted), no_option(wanted, found)
            hint = None if choice is None or text is None else did_you_mean(text, choice.options)
            said = f"the field `{name}`{where} wants {wanted}, found {found}" + (f" ({hint})" if hint else "")
            out += field_faults(wanted, found, f"{way}.{name}") or [said]
    return [*out[:_FIELDS_SHOWN], f"and {len(out) - _FIELDS_SHOWN} more"] if len(out) > _FIELDS_SHOWN + 1 else out


def choice_of(type_: Type) -> ChoiceType | None:
    """The choice that a type is, or may be none of."""
    inner = required(type_)
    return inner if isinstance(inner, ChoiceType) else None


def no_option(want: Type, have: Type, texts: frozenset[str] = frozenset()) -> str | None:
    """A text that a value may be and that is no option of the choice that is wanted; `texts` are those of a `str`, if known."""
    choice, given = choice_of(want), choice_of(have)
    if choice is None or isinstance(have, OptionalType):
        return None
    known = given.options if given is not None else sorted(texts)
    return next((t for t in known if t not in choice.options), None)


def one_of(text: str, choice: ChoiceType) -> str:
    """The nearest option, or all of them."""
    return did_you_mean(text, choice.options) or "one of " + ", ".join(literal_text(o) for o in choice.options)
