"""What differs between two packs, in words: figures by the day, criteria, routes and flags, tariff, whom they decide.

In: two loaded packs, the second as the later. Out: `Difference`s in the order of a rulebook. Both packs are said with
the figures of one day, the last on which either can be claimed under. A rule is another where it asks something else; a
rule whose figure alone is another stays the same, and the figure differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from pbr.rulebook import words
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.model import (
    ConditionFlag,
    Criterion,
    CriterionRef,
    Expression,
    Flag,
    NearThresholdFlag,
    Pack,
    Parameter,
    Route,
)
from pbr.rulebook.rules import Rules, own_parameters, value_on, walk

PARTS = {"eligibility": "eligibility", "results": "result", "routes": "route", "flags": "flag"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both packs.

    `part`: pack, in_force, parameter, eligibility, result, route, flag or tariff. `title` is the later pack's where it
    has the thing. `what` of it differs: added, removed, name, value, unit, fixed, test, turned_around, source (standing
    and citation, where nothing else does), order, or a key of the tariff. `since`: for values, the day from which.
    `before` and `after` are words, empty where there is nothing; the parts of a test stand on lines of their own.
    `standing` and `citation` are the later pack's, or those of what was removed; empty where there is none.
    """

    part: str
    id: str
    title: str
    what: str
    since: date | None
    before: str
    after: str
    standing: str
    citation: str


def differences(before: LoadedPack, after: LoadedPack) -> tuple[Difference, ...]:
    """All that differs. Raises Faults (E214) where a figure of either has no value on the day they are said for."""
    day = max(before.last_day, after.last_day)
    return tuple(
        _differences(*(pack.rules(day if pack.decides_on(day) else pack.last_day) for pack in (before, after)))
    )


def _differences(before: Rules, after: Rules) -> Iterator[Difference]:
    yield from _of_things("pack", _head(before, after), _head(after, after))
    yield from _of_things("in_force", _periods(before), _periods(after))
    for name in _in_both(before.written.parameters, after.written.parameters):
        yield from _of_parameter(name, before.written, after.written)
    for section, part in PARTS.items():
        things = _things(section, before), _things(section, after)
        yield from _of_things(part, *things)
        yield from _of_order(part, list(things[0]), list(things[1]))
    yield from _of_things("tariff", {"": _tariff(before)}, {"": _tariff(after)})


# --------------------------------------------------------------------------------------------------- what is compared


@dataclass(frozen=True)
class _Aspect:
    """What a thing says in one respect. `content` is equal where it says the same, however it is put in words."""

    content: object
    text: str
    reads: str = ""
    """What it reads, by id: tells apart what is the same in words, as two figures of one value are."""

    @classmethod
    def plain(cls, text: str) -> _Aspect:
        return cls(text, text)


@dataclass(frozen=True)
class _Thing:
    """A thing of a pack, by what it says, and where that comes from."""

    title: str
    says: Mapping[str, _Aspect]
    standing: str
    citation: str

    @property
    def source(self) -> str:
        return f"{self.standing}: {self.citation}" if self.standing else self.citation


def _of_things(part: str, before: Mapping[str, _Thing], after: Mapping[str, _Thing]) -> Iterator[Difference]:
    for name in _in_both(before, after):
        old, new = before.get(name), after.get(name)
        one = new or old
        assert one is not None
        for what, was, is_now in _between(old, new):
            yield Difference(part, name, one.title, what, None, was, is_now, one.standing, one.citation)


def _between(old: _Thing | None, new: _Thing | None) -> Iterator[tuple[str, str, str]]:
    """What of a thing differs, with both texts."""
    if old is None or new is None:
        one = new or old
        text = "\n".join(aspect.text for what, aspect in one.says.items() if what != "name") if one else ""
        yield ("removed", text, "") if new is None else ("added", "", text)
        return
    found = False
    for what in _in_both(old.says, new.says):
        was, is_now = old.says.get(what, _NOTHING), new.says.get(what, _NOTHING)
        if was.content == is_now.content:
            continue
        found = True
        if was.text == is_now.text:
            yield what, f"{was.text}\nreads {was.reads}", f"{is_now.text}\nreads {is_now.reads}"
        else:
            yield what, was.text, is_now.text
    if not found and old.source != new.source:
        yield "source", old.source, new.source


_NOTHING = _Aspect.plain("")


def _of_order(part: str, before: list[str], after: list[str]) -> Iterator[Difference]:
    """Things are read in their order, and routes paid in it."""
    then, now = [name for name in before if name in after], [name for name in after if name in before]
    if then != now:
        yield Difference(part, "", "", "order", None, ", ".join(then), ", ".join(now), "", "")


def _of_parameter(name: str, before: Pack, after: Pack) -> Iterator[Difference]:
    """What a parameter is called and counted in, and its values: a row for each day from which they differ anew."""
    given = [pack.parameters[name] for pack in (before, after) if name in pack.parameters]
    if len(given) == 2:
        yield from _of_things("parameter", *({name: _named(parameter)} for parameter in given))
    last: tuple[_Thing | None, _Thing | None] = (None, None)
    for day in sorted({dated.start for parameter in given for dated in parameter.values}):
        both = _value(before, name, day), _value(after, name, day)
        if both != last:
            last, one = both, both[1] or both[0]
            assert one is not None
            for what, was, is_now in _between(*both):
                yield Difference("parameter", name, one.title, what, day, was, is_now, one.standing, one.citation)


# ------------------------------------------------------------------------------------------------- the things of a pack


def _head(rules: Rules, later: Rules) -> dict[str, _Thing]:
    pack = rules.written
    named = _Aspect.plain(f"{pack.title} ({pack.id})")
    return {later.written.id: _Thing("", {"name": named}, "", _one_line(pack.citation))}


def _periods(rules: Rules) -> dict[str, _Thing]:
    things = {}
    for one in rules.written.in_force:
        engaged, decided = one.engaged, one.decided
        said = f"engaged {engaged.start} until {engaged.until}, decided {decided.start} until {decided.until}"
        things[said] = _Thing("", {"": _Aspect.plain(said)}, one.standing, _one_line(one.citation))
    return things


def _named(parameter: Parameter) -> _Thing:
    says = {"name": _Aspect.plain(parameter.title), "unit": _Aspect.plain(parameter.unit)} | _fixed(parameter)
    return _Thing(parameter.title, says, "", "")


def _value(pack: Pack, name: str, day: date) -> _Thing | None:
    dated = value_on(pack, name, day) if name in pack.parameters else None
    if dated is None:
        return None
    parameter = pack.parameters[name]
    said = _Aspect.plain(words.figure(parameter, dated))
    return _Thing(parameter.title, {"value": said}, dated.standing, _one_line(dated.citation))


def _things(section: str, rules: Rules) -> dict[str, _Thing]:
    given: Mapping[str, Criterion | Flag] = getattr(rules.written, section)
    return {name: _thing(one, rules) for name, one in given.items()}


def _thing(one: Criterion | Flag, rules: Rules) -> _Thing:
    lines = words.outline(one.test, rules) if isinstance(one, Criterion) else words.flag(one, rules)
    text = "\n".join(f"{'  ' * depth}{line}" for depth, line in lines)
    content = one.test if isinstance(one, Criterion) else one.model_copy(update=_UNSAID)
    says = {"name": _Aspect.plain(one.title), "test": _Aspect(content, text, ", ".join(_read_by(one)))} | _fixed(one)
    if isinstance(one, Route):
        says["turned_around"] = _Aspect.plain(words.turned_around(one))
    return _Thing(one.title, says, one.standing if isinstance(one, Criterion) else "", _one_line(one.citation))


_UNSAID = {"title": "", "citation": "", "fixed": False}
"""What of a flag is compared by itself."""


def _fixed(one: Parameter | Criterion | Flag) -> dict[str, _Aspect]:
    return {"fixed": _Aspect.plain("fixed by the framework")} if one.fixed else {}


def _read_by(one: Criterion | Flag) -> Iterator[str]:
    """The parameters and criteria that a rule reads, by id."""
    tests: tuple[Expression | None, ...] = ()
    if isinstance(one, Criterion):
        tests = (one.test,)
    elif isinstance(one, ConditionFlag):
        tests = (one.when, one.unless)
    elif isinstance(one, NearThresholdFlag):
        yield from (one.session, one.incident, one.exclusion, one.days_in_work)
    for test in tests:
        for node in walk(test) if test else ():
            yield from (node.criterion,) if isinstance(node, CriterionRef) else own_parameters(node)


def _tariff(rules: Rules) -> _Thing:
    pack, tariff = rules.written, rules.written.tariff
    says = {"claimed_until": str(tariff.claimed_until)}
    keys = ("attachment_fee", "family_cap", "funded_share", "earned_autonomy")
    named = {key: getattr(tariff, key) for key in keys} | {f"pays {route}": to for route, to in tariff.routes.items()}
    says |= {key: f"{pack.parameters[name].title} ({name})" for key, name in named.items() if name is not None}
    says |= {f"{route} instead of": ", ".join(others) for route, others in tariff.instead_of.items()}
    return _Thing("", {key: _Aspect.plain(text) for key, text in says.items()}, "", _one_line(tariff.citation))


def _in_both(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """The names of both: those of the later in their order, then what it no longer has."""
    return [*after, *(name for name in before if name not in after)]


def _one_line(text: str) -> str:
    return " ".join(text.split())
