"""The rule language's reference, made from the classes themselves: nodes, measures, comparisons, units and flags.

In: the docstrings and fields of `model` and `measures`, and the glossary. Out: Markdown tables and lists, which
`docs/rule-language.md` carries.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from pbr.rulebook.check import COMPARATORS, EXPECTED_UNITS
from pbr.rulebook.glossary import glossary
from pbr.rulebook.measures import MEASURES, Node, OffendingMeasure, TermMeasure, WindowMeasure
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    Criterion,
    CriterionRef,
    DatedValue,
    Every,
    InForce,
    NearThresholdFlag,
    Pack,
    Parameter,
    ParameterUnit,
    ReducedBy,
    Route,
    Some,
    Standing,
    SubjectKind,
    Tariff,
    Test,
    UnverifiedRuleFlag,
    When,
)

_NODES: tuple[type[Node], ...] = (Test, ReducedBy, AllOf, AnyOf, AtLeast, When, Every, Some, CriterionRef)
_THINGS: tuple[type[Node], ...] = (Pack, InForce, Parameter, DatedValue, Criterion, Route, Tariff)
_FLAGS: tuple[type[Node], ...] = (ConditionFlag, NearThresholdFlag, UnverifiedRuleFlag)
_UNITS: tuple[str, ...] = get_args(ParameterUnit)
_WRITTEN = {
    "share": "`15%`, `5/6`",
    "pence": "`£3,200`, `£0.50`",
    "codes": "`[ESA, JSA]`",
    "need": "`local_discretion`",
}


def things() -> str:
    """What a pack is made of: a row for each thing, with its keys."""
    return _table(("thing", "what it is", "keys"), ((_name(cls), _says(cls), _keys(cls)) for cls in _THINGS))


def nodes() -> str:
    """The expressions: a row for each node, with its keys."""
    return _table(("keys", "what it says"), ((_keys(cls), _says(cls)) for cls in _NODES))


def measures() -> str:
    """The measures: a row for each, with its arguments, subject, unit and the tables that it reads."""
    rows = (
        (f"`{name}`", _keys(cls, leave_out=("name",)), cls.subject, cls.unit, ", ".join(cls.sources), _says(cls))
        for name, cls in MEASURES.items()
    )
    notes = "".join(
        f"\n\nOf those with {_keys(cls)}: {_says(cls)}" for cls in (TermMeasure, WindowMeasure, OffendingMeasure)
    )
    return _table(("measure", "arguments", "subject", "unit", "tables", "what it is"), rows) + notes


def arguments() -> str:
    """What can be given as each argument of a measure: words, or the name of a parameter."""
    words: dict[str, list[str]] = {}
    for cls in MEASURES.values():
        for name, annotation in get_type_hints(cls).items():
            if name in cls.model_fields and name != "name":
                words.setdefault(name, []).extend(_literals(annotation))
    rows = (
        (f"`{name}`", ", ".join(dict.fromkeys(given)) or f"a parameter in {EXPECTED_UNITS[name]}")
        for name, given in words.items()
    )
    return _table(("argument", "is given"), rows)


def words() -> str:
    """The glossary: a list for each group of words."""
    return "\n\n".join(
        f"### {group.title}\n\n" + "\n".join(f"- **{word.word}**: {word.means}" for word in group.words)
        for group in glossary()
    )


def comparisons() -> str:
    """How a measure of each unit is tested, and against what."""
    against = {"boolean": "`true` or `false`", "words": "a parameter in codes"}
    rows = (
        (unit, ", ".join(f"`{comparator}`" for comparator in fitting), against.get(unit, f"a parameter in {unit}"))
        for unit, fitting in COMPARATORS.items()
    )
    return _table(("a measure in", "is tested by", "against"), rows)


def units() -> str:
    """The units of parameters, how their values are written, and which keys need them."""
    needed_by = {unit: [f"`{key}`" for key, needed in EXPECTED_UNITS.items() if needed == unit] for unit in _UNITS}
    needed_by["count"].insert(0, "`at_least` beside `of`")
    rows = (
        (unit, _WRITTEN.get(unit, "`3`"), ", ".join(keys) or f"the limits of a measure in {unit}")
        for unit, keys in needed_by.items()
    )
    return _table(("unit", "written", "needed by"), rows)


def flags() -> str:
    """The kinds of flag, with their keys."""
    rows = ((f"`{get_args(cls.model_fields['kind'].annotation)[0]}`", _says(cls), _keys(cls)) for cls in _FLAGS)
    return _table(("kind", "what it is", "keys"), rows)


def words_of(kind: str) -> str:
    """The words that stand for standings or subjects, as a list in one line."""
    words = {"standings": Standing, "subjects": SubjectKind}[kind]
    return ", ".join(f"`{word}`" for word in get_args(words))


def _literals(annotation: Any) -> list[str]:
    """The words that a type allows, as they are written; none for other types."""
    if get_origin(annotation) is Literal:
        return [f"`{'true' if word is True else word}`" for word in get_args(annotation)]
    return [word for inner in get_args(annotation) for word in _literals(inner)]


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, *rows)]
    lines.insert(1, "|" + "---|" * len(heads))
    return "\n".join(lines)


def _name(cls: type[Node]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()


def _says(cls: type[Node]) -> str:
    return " ".join((inspect.getdoc(cls) or "").split())


def _keys(cls: type[Node], leave_out: tuple[str, ...] = ()) -> str:
    """The keys of a thing; those that can be left out in brackets."""
    keys = [_key(name, field) for name, field in _fields(cls) if name not in leave_out]
    return ", ".join(keys)


def _fields(cls: type[Node]) -> list[tuple[str, FieldInfo]]:
    """A node's fields, the key that names it first."""
    own = [(name, field) for name, field in cls.model_fields.items() if name in vars(cls).get("__annotations__", {})]
    return own + [pair for pair in cls.model_fields.items() if pair not in own]


def _key(name: str, field: FieldInfo) -> str:
    key = f"`{field.alias or name}`"
    return key if field.is_required() else f"[{key}]"
