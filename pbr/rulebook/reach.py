"""Tests whose verdict is certain before any evidence is read: those that can never be met, and those that always are.

In: a pack's criteria, routes, conditions of flags and parameters, and the days on which it is in force. Out: the
smallest tests at fault, each with the reason, for the figures of every engagement date and as-of date. Some at fault
may be overlooked (see `formulas`), and none is accused wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Any, assert_never

from pbr.rulebook.formulas import (
    Asks,
    Counted,
    Fact,
    Falls,
    Formula,
    Formulas,
    Members,
    OneOf,
    Ratio,
    Values,
    Where,
    Whole,
)
from pbr.rulebook.marked import Path
from pbr.rulebook.measures import (
    Age,
    DaysSince,
    Enrolment,
    LeftOut,
    LongestRunInWork,
    Measure,
    NeedsIdentified,
    NeedsOutstanding,
    SchoolAge,
    WeeksInWork,
)
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    Criterion,
    CriterionRef,
    DatedValue,
    Every,
    Expression,
    Flag,
    InForce,
    Parameter,
    ParameterValue,
    ReducedBy,
    Some,
    Test,
    When,
)
from pbr.rulebook.rules import Role
from pbr.values import Share, add_months

ENROLMENTS = ("registered", "alternative_provision", "not_on_roll")
OLDEST = 120


@dataclass(frozen=True)
class Certain:
    """A test that is met wherever it applies (`met`), or never. `path` is where it stands; `why` is a sentence."""

    path: Path
    met: bool
    why: str


def certain(
    criteria: Mapping[str, Mapping[str, Criterion]],
    flags: Mapping[str, Flag],
    parameters: Mapping[str, Parameter],
    in_force: Iterable[InForce],
) -> Iterator[Certain]:
    """The tests whose verdict is certain. `criteria`: those of eligibility, results and routes, by section and id.

    Everything that is named must be there, in a unit that fits, with a value on each day that the pack is in force.
    """
    tests: list[tuple[Path, Expression]] = [
        ((section, name, "test"), one.test) for section, named in criteria.items() for name, one in named.items()
    ]
    for name, flag in flags.items():
        if isinstance(flag, ConditionFlag):
            conditions = (("when", flag.when), ("unless", flag.unless))
            tests += [(("flags", name, key), test) for key, test in conditions if test is not None]
    reader = _Reader(criteria, parameters, tuple(in_force))
    for path, test in tests:
        readings = reader.readings(test, str(path[0]))
        found: dict[tuple[Path, bool], list[tuple[str, date]]] = {}
        for formula, since in readings:
            for at, part in _walk(path, test, formula):
                if (met := reader.formulas.certainty(part)) is not None:
                    place = (*at, part.comparator) if isinstance(part, Asks) else at
                    found.setdefault((place, met), []).append((_why(part, met), since))
        for (place, met), reasons in found.items():
            why, since = reasons[0]
            yield Certain(place, met, why if len(reasons) == len(readings) else f"{why}, with the figures of {since}")


def inside(node: Expression) -> Iterator[tuple[Path, Expression]]:
    """The expressions directly inside a node, each with the keys that lead to it."""
    match node:
        case AllOf():
            yield from ((("all_of", position), part) for position, part in enumerate(node.all_of))
        case AnyOf():
            yield from ((("any_of", position), part) for position, part in enumerate(node.any_of))
        case AtLeast():
            yield from ((("of", position), part) for position, part in enumerate(node.of))
        case When():
            yield ("when",), node.when
            yield ("then",), node.then
        case Every() | Some():
            yield ("that",), node.that
        case Test() | ReducedBy() | CriterionRef():
            return


def _walk(path: Path, node: Expression, formula: Formula) -> Iterator[tuple[Path, Formula]]:
    """The formulas of a test and of the tests inside it; of other criteria, where those are written."""
    if not isinstance(node, CriterionRef):
        yield path, formula
        for (steps, part), inner in zip(inside(node), formula.parts, strict=True):
            yield from _walk((*path, *steps), part, inner)


_SAID = {
    "at_least": "at least ",
    "more_than": "more than ",
    "at_most": "at most ",
    "less_than": "less than ",
    "is_one_of": "one of ",
    "is": "",
}


def _why(formula: Formula, met: bool) -> str:
    if isinstance(formula, Asks):
        fact, said = formula.fact, _SAID[formula.comparator] + formula.limit_said
        return f"{fact.measure} is {fact.values}, and so {'always' if met else 'never'} {said}"
    facts = [part.facts for part in formula.parts]
    contested = ", ".join(sorted({fact.measure for one, other in combinations(facts, 2) for fact in one & other}))
    if met:
        return f"this is met wherever it applies: what its parts ask of {contested} leaves nothing out"
    return f"this can never be met: what its parts ask of {contested} contradicts itself"


# ---------------------------------------------------------------------------------------------------------- reading


_TRUTH = OneOf((True, False), "true or false")
_TRUE = OneOf((True,), "true of all these members")
_WORDS = OneOf(
    tuple(frozenset(some) for n in range(len(ENROLMENTS)) for some in combinations(ENROLMENTS, n + 1)),
    f"one or more of {', '.join(ENROLMENTS)}",
)


@dataclass
class _Figures:
    """The figures of families engaged on one day and decided as of another.

    `read` has those that were asked for; `criteria` the criteria that were made with them.
    """

    parameters: Mapping[str, Parameter]
    engaged: date
    as_of: date
    read: dict[tuple[str, bool], DatedValue] = field(default_factory=dict)
    criteria: dict[tuple[str, LeftOut | None], Formula] = field(default_factory=dict)

    def value(self, name: str, early: bool) -> ParameterValue:
        """A parameter's value at engagement (`early`) or as of the day of decision."""
        self.read[name, early] = dated = self.dated(name, early)
        return dated.value

    def dated(self, name: str, early: bool) -> DatedValue:
        values, day = self.parameters[name].values, self.engaged if early else self.as_of
        return next((dated for dated in reversed(values) if dated.start <= day), values[0])


class _Reader:
    """Makes formulas of tests."""

    def __init__(
        self,
        criteria: Mapping[str, Mapping[str, Criterion]],
        parameters: Mapping[str, Parameter],
        in_force: tuple[InForce, ...],
    ) -> None:
        self.criteria = criteria
        self.parameters = parameters
        self.in_force = in_force
        self.formulas = Formulas()

    def readings(self, test: Expression, section: str) -> list[tuple[Formula, date]]:
        """A test with each set of figures that a family is judged by, and the day of the latest of them."""
        early = section == "eligibility"
        some = _Figures(self.parameters, self.in_force[0].engaged.start, self.in_force[0].decided.start)
        self.formula(test, early, some)
        readings: dict[tuple[int, ...], tuple[Formula, date]] = {}
        for engaged, as_of in self._days(some.read):
            figures = _Figures(self.parameters, engaged, as_of)
            dated = [figures.dated(*which) for which in some.read]
            key = tuple(map(id, dated))
            if key not in readings:
                since = max((one.start for one in dated), default=engaged)
                readings[key] = self.formula(test, early, figures), since
        return list(readings.values())

    def _days(self, read: Iterable[tuple[str, bool]]) -> Iterator[tuple[date, date]]:
        """Engagement dates and as-of dates after them, one for each of the figures that are read."""
        turns: dict[bool, set[date]] = {True: set(), False: set()}
        for name, early in read:
            turns[early] |= {dated.start for dated in self.parameters[name].values}
        for one in self.in_force:
            engaged = sorted({one.engaged.start, *(day for day in turns[True] if day in one.engaged)})
            decided = sorted({one.decided.start, *(day for day in turns[False] if day in one.decided)})
            lasts = [*(day - timedelta(days=1) for day in decided[1:]), one.decided.until]
            yield from ((e, a) for e in engaged for a, last in zip(decided, lasts, strict=True) if e < last)

    def formula(
        self,
        node: Expression,
        early: bool,
        figures: _Figures,
        left_out: LeftOut | None = None,
        role: Role | None = None,
    ) -> Formula:
        """A test of the family, or of a member of a role. `early`: what counts its parts is read at engagement."""

        def inner(part: Expression) -> Formula:
            return self.formula(part, early, figures, left_out, role)

        make = self.formulas.make
        match node:
            case Test():
                at_engagement = node.measure.is_read_at_engagement
                fact = self._fact(node.measure, at_engagement, figures, left_out, role)
                comparator, limit = node.comparison
                value = limit if isinstance(limit, bool) else figures.value(limit, at_engagement)
                named = "" if isinstance(limit, bool) else f" ('{limit}')"
                said = _limit_said(value) + named
                return make(Asks, fact=fact, comparator=comparator, limit=_limit(value), limit_said=said)
            case ReducedBy():
                current = self._fact(node.measure, False, figures, left_out, role)
                baseline = self._fact(node.baseline, False, figures, left_out, role)
                share = _limit(figures.value(node.reduced_by, False))
                return make(Falls, current=current, baseline=baseline, share=share)
            case AllOf():
                return make(Counted, parts=tuple(map(inner, node.all_of)), how="all_of")
            case AnyOf():
                return make(Counted, parts=tuple(map(inner, node.any_of)), how="any_of")
            case AtLeast():
                needed = figures.value(node.at_least, early)
                return make(Counted, parts=tuple(map(inner, node.of)), how="at_least", needed=needed)
            case When():
                return make(Where, parts=(inner(node.when), inner(node.then)))
            case Every() | Some():
                role = self._role(node, figures, left_out)
                part = self.formula(node.that, early, figures, left_out, role)
                return make(Members, parts=(part,), role=role, every=isinstance(node, Every))
            case CriterionRef():
                which = node.criterion, node.leaving_out or left_out
                if which not in figures.criteria:
                    home = "results" if node.criterion in self.criteria["results"] else "eligibility"
                    test = self.criteria[home][node.criterion].test
                    figures.criteria[which] = self.formula(test, home == "eligibility", figures, which[1])
                return figures.criteria[which]
            case _:
                assert_never(node)

    def _role(self, node: Every | Some, figures: _Figures, left_out: LeftOut | None) -> Role:
        kind = node.every if isinstance(node, Every) else node.some
        terms = None if node.last_terms is None else figures.value(node.last_terms, node.at == "engagement")
        leaving_out = left_out or node.leaving_out
        return self.formulas.make(Role, kind=kind, at=node.at, last_terms=terms, leaving_out=leaving_out)

    def _fact(
        self, measure: Measure, early: bool, figures: _Figures, left_out: LeftOut | None, role: Role | None
    ) -> Fact:
        named, given = measure.parameters(), measure.arguments()
        given |= {argument: _limit(figures.value(name, early)) for argument, name in named.items()}
        if left_out is not None and "leaving_out" in type(measure).model_fields:
            given["leaving_out"] = left_out
        key = (role, *sorted(given.items(), key=lambda item: item[0]))
        return self.formulas.make(Fact, measure=measure.name, key=key, values=_values(measure, given, role))


def _limit(value: ParameterValue) -> Any:
    match value:
        case Share():
            return Fraction(value.numerator, value.denominator)
        case tuple():
            return frozenset(value)
        case _:
            return value


def _limit_said(value: ParameterValue) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Share():
            return value.percent
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)


def _values(measure: Measure, given: Mapping[str, Any], role: Role | None) -> Values:
    """The values that a measure can have of a subject; `given` has its arguments as values."""
    match measure:
        case Age():
            return _age(measure.at, role)
        case SchoolAge() if role and (role.kind, role.at) == ("school_age_child", measure.at):
            return _TRUE if given["last_terms"] == role.last_terms else _TRUTH
        case Enrolment():
            return _WORDS
        case WeeksInWork():
            return Whole(0, given["out_of_last"])
        case LongestRunInWork():
            return Whole(0, most_days(given.get("last_months") or given["months_before_engagement"]))
        case NeedsIdentified() | NeedsOutstanding():
            return Whole(0, len(given["needs"]))
        case DaysSince():
            return Whole(1, None)
        case _ if measure.unit == "share":
            return Ratio()
        case _ if measure.unit == "boolean":
            return _TRUTH
        case _:
            return Whole(0, None)


def _age(at: str, role: Role | None) -> Whole:
    """A child on one day was one before; an adult on one day still is one later."""
    match role:
        case Role(kind="adult") if at == role.at or role.at == "engagement":
            return Whole(18, OLDEST)
        case Role(kind="child" | "school_age_child") if at == role.at or role.at == "as_of":
            return Whole(0, 17)
        case _:
            return Whole(0, OLDEST)


@cache
def most_days(months: int) -> int:
    """The most days that a window of so many months can have."""
    firsts = [date(2000 + month // 12, month % 12 + 1, 1) for month in range(48)]
    return max((add_months(first, months) - first).days for first in firsts)
