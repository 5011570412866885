"""Mutants of a rule pack: every small mistake that could be made in it, each of which one of its cases must tell.

In: a pack and its cases. Out: for each mutant whether a case fails with it; `python -m tests.rulebook.mutants` prints a
table for each pack that comes with pbr, and every mutant that no case tells, with its place. A mutant that cannot be
told, because it means the same, stands in `equivalent_mutants.yaml` with the reason.

A case speaks of facts by name, and not of the window or the day they are read over; a mutant that reads a fact over
another is asked about a fact that the case says nothing of. It is given an answer that is as far as can be from what
the case says of the fact in its place; and where only who is of school age is asked over other terms, each child is
what they are not. So the mutant is told where some case rests on that very fact, and survives where none does. Where a
mutant looks for other codes or needs, the case itself is read again, for it says which are found. Everything else is
judged on the facts as they are. A price, or a day of the tariff, is asked of the cases of payments.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from pbr.engines import reference
from pbr.engines.reference import Fact, Family, Member
from pbr.jobs.cases import Outcome, payment_outcome
from pbr.rulebook.cases import Case, CaseFact, CaseMember, PaymentCase, case_files, read_cases, read_payments
from pbr.rulebook.check import ENROLMENTS, Draft, check, inside
from pbr.rulebook.load import LoadedPack, load_pack, pack_ids
from pbr.rulebook.marked import Marked
from pbr.rulebook.measures import Measure, TermMeasure, WindowMeasure
from pbr.rulebook.model import (
    Against,
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    CriterionRef,
    Every,
    Expression,
    Flag,
    NearThresholdFlag,
    Pack,
    Parameter,
    ReducedBy,
    Some,
    Tariff,
    Test,
    When,
)
from pbr.rulebook.rules import Role, Rules, criterion_of, walk
from pbr.values import Share

Keys = tuple[str | int, ...]

SECTIONS = ("eligibility", "results", "routes")
PARTS = {"eligibility": "eligibility", "result": "results", "route": "routes"}
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")

OTHER_COMPARATORS = {
    "at_least": ("more_than", "less_than"),
    "more_than": ("at_least", "at_most"),
    "at_most": ("less_than", "more_than"),
    "less_than": ("at_most", "at_least"),
}
STEP = {"share": Share(3, 1000), "reduction": Share(1, 100)}
"""One session of the 380 of a year is 2.6 thousandths, and one incident of a hundred is a hundredth: so a case at the
limit and one just beside it tell a limit that is moved by so much."""
SMALLEST = {"months": 1, "terms": 1, "weeks": 1}


@dataclass(frozen=True)
class Mutant:
    """A pack with one mistake in it. `path` is where, `change` is what; both together are its name."""

    kind: str
    path: Keys
    change: str
    pack: Pack
    reads: str = ""
    """`another fact` where the cases say nothing of what is read instead; `other codes` where they are read again."""

    @property
    def name(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.change}"

    @property
    def section(self) -> str:
        return str(self.path[0])

    @property
    def item(self) -> str:
        return str(self.path[1])


@dataclass(frozen=True)
class _Change:
    """What is put in a node's place, with the parameters that it needs beside those of the pack."""

    kind: str
    change: str
    node: Expression
    new: Mapping[str, Parameter] = field(default_factory=dict)
    reads: str = ""


def mutants(pack: Pack) -> Iterator[Mutant]:
    """Every mutant of the criteria, routes, flags and tariff, in the pack's order; some are no packs (`is_pack`).

    The share of families that is paid for is left out: no case of one family can tell it.
    """
    for section in SECTIONS:
        for item, criterion in getattr(pack, section).items():
            for keys, node in _nodes(criterion.test, ()):
                for change in _changes(node, pack, section):
                    test = _put(criterion.test, keys, change.node)
                    changed = criterion.model_copy(update={"test": test})
                    yield _mutant(change, (section, item, "test", *keys), pack, changed)
    for item, flag in pack.flags.items():
        yield from _of_flag(flag, item, pack)
    yield from _of_tariff(pack)


def _of_tariff(pack: Pack) -> Iterator[Mutant]:
    tariff = pack.tariff
    for key in ("attachment_fee", "family_cap", "earned_autonomy"):
        if (name := getattr(tariff, key)) is not None:
            for kind, text, new in _prices(name, pack):
                changed = tariff.model_copy(update={key: next(iter(new))})
                yield _priced(kind, (key,), text, pack, changed, new)
            if key != "family_cap":
                yield _priced("part", (key,), "dropped", pack, tariff.model_copy(update={key: None}), {})
    for route, name in tariff.routes.items():
        for kind, text, new in _prices(name, pack):
            changed = tariff.model_copy(update={"routes": {**tariff.routes, route: next(iter(new))}})
            yield _priced(kind, ("routes", route), text, pack, changed, new)
    for route, others in tariff.instead_of.items():
        for position, other in enumerate(others):
            left = others[:position] + others[position + 1 :]
            changed = tariff.model_copy(update={"instead_of": {**tariff.instead_of, route: left}})
            yield _priced("part", ("instead_of", route), f"without {other}", pack, changed, {})
    for day in _beside(tariff.claimed_until):
        changed = tariff.model_copy(update={"claimed_until": day})
        yield _priced("day", ("claimed_until",), f"{tariff.claimed_until} -> {day}", pack, changed, {})


def _priced(kind: str, keys: Keys, change: str, pack: Pack, tariff: Tariff, new: Mapping[str, Parameter]) -> Mutant:
    changed = pack.model_copy(update={"tariff": tariff, "parameters": {**pack.parameters, **new}})
    return Mutant(kind, ("tariff", *keys), change, changed)


def _prices(name: str, pack: Pack) -> Iterator[tuple[str, str, dict[str, Parameter]]]:
    """A price a penny off, and one that starts a day off: the kind, what changes, and the new parameter."""
    for text, new in _moved(name, pack):
        yield "price", text, new
    parameter = pack.parameters[name]
    for position, dated in enumerate(parameter.values[1:], start=1):
        for day in _beside(dated.start):
            values = list(parameter.values)
            values[position] = dated.model_copy(update={"start": day})
            moved = parameter.model_copy(update={"values": tuple(values)})
            yield "day", f"{name} from {dated.start} -> {day}", {f"{name}_mutated": moved}


def _beside(day: date) -> tuple[date, date]:
    return day + timedelta(days=1), day - timedelta(days=1)


def _of_flag(flag: Flag, item: str, pack: Pack) -> Iterator[Mutant]:
    match flag:
        case ConditionFlag():
            tests = {key: test for key in ("when", "unless") if (test := getattr(flag, key)) is not None}
            for key, test in tests.items():
                for keys, node in _nodes(test, ()):
                    for change in _changes(node, pack, "flags"):
                        changed = flag.model_copy(update={key: _put(test, keys, change.node)})
                        yield _mutant(change, ("flags", item, key, *keys), pack, changed)
                if len(tests) > 1:
                    without = _with(pack, "flags", item, flag.model_copy(update={key: None}), {})
                    yield Mutant("part", ("flags", item, key), "dropped", without)
            if flag.met_routes is not None:
                everywhere = _with(pack, "flags", item, flag.model_copy(update={"met_routes": None}), {})
                yield Mutant("routes of a flag", ("flags", item, "met_routes"), "dropped", everywhere)
        case NearThresholdFlag():
            for key in ("session", "incident", "exclusion", "days_in_work"):
                for text, new in _moved(getattr(flag, key), pack):
                    (name,) = new
                    changed = flag.model_copy(update={key: name})
                    path = ("flags", item, key)
                    yield Mutant("margin", path, text, _with(pack, "flags", item, changed, new))


def _mutant(change: _Change, path: Keys, pack: Pack, changed: Any) -> Mutant:
    mutated = _with(pack, str(path[0]), str(path[1]), changed, change.new)
    return Mutant(change.kind, path, change.change, mutated, change.reads)


def _with(pack: Pack, section: str, item: str, changed: Any, new: Mapping[str, Parameter]) -> Pack:
    parameters = {**pack.parameters, **new}
    return pack.model_copy(update={section: {**getattr(pack, section), item: changed}, "parameters": parameters})


def is_pack(pack: Pack) -> bool:
    """Whether a mutant passes the static checks; a figure that nothing reads any more is not held against it."""
    draft = Draft(
        parameters=pack.parameters,
        eligibility=pack.eligibility,
        results=pack.results,
        routes=pack.routes,
        flags=pack.flags,
        in_force=pack.in_force,
        tariff=pack.tariff,
        declared={section: frozenset(getattr(pack, section)) for section in ("parameters", *SECTIONS, "flags")},
        whole=False,
    )
    return not check(draft, lambda path: ".".join(map(str, path)))


# ------------------------------------------------------------------------------------------------------- the changes


def _nodes(node: Expression, keys: Keys) -> Iterator[tuple[Keys, Expression]]:
    yield keys, node
    for steps, part in inside(node):
        yield from _nodes(part, (*keys, *steps))


def _put(node: Expression, keys: Keys, new: Expression) -> Expression:
    """The expression with another node at the end of the keys."""
    if not keys:
        return new
    key, *rest = keys
    if key in ("all_of", "any_of", "of"):
        position, *rest = rest
        parts = list(getattr(node, key))
        parts[position] = _put(parts[position], tuple(rest), new)
        return node.model_copy(update={key: tuple(parts)})
    return node.model_copy(update={key: _put(getattr(node, str(key)), tuple(rest), new)})


def _changes(node: Expression, pack: Pack, section: str) -> Iterator[_Change]:
    match node:
        case Test():
            yield from _of_test(node, pack)
            yield from _of_measure(node, pack)
        case ReducedBy():
            for text, new in _moved(node.reduced_by, pack, "reduction"):
                yield _Change("limit", text, node.model_copy(update={"reduced_by": next(iter(new))}), new)
            for text, new, name in _windows(node.against.months_before_engagement, pack):
                against = node.model_copy(update={"against": Against(months_before_engagement=name)})
                yield _Change("window", f"against {text}", against, new, "another fact")
            yield from _of_measure(node, pack)
        case AllOf() | AnyOf():
            own, other = ("all_of", "any_of") if isinstance(node, AllOf) else ("any_of", "all_of")
            parts = node.all_of if isinstance(node, AllOf) else node.any_of
            if len(parts) > 1:
                swapped = AnyOf(any_of=parts) if isinstance(node, AllOf) else AllOf(all_of=parts)
                yield _Change("all or any", f"{own} -> {other}", swapped)
            yield from _without_parts(node, own)
        case AtLeast():
            for text, new in _moved(node.at_least, pack):
                yield _Change("limit", text, node.model_copy(update={"at_least": next(iter(new))}), new)
            yield from _without_parts(node, "of")
        case When():
            yield _Change("part", "when dropped", node.then)
        case Every() | Some():
            yield from _of_quantifier(node, pack)
        case CriterionRef():
            if node.leaving_out:
                alone = node.model_copy(update={"leaving_out": None})
                yield _Change("leaving out", "leaving_out dropped", alone, reads="another fact")
            yield from _neighbours(node, pack)


def _without_parts(node: AllOf | AnyOf | AtLeast, key: str) -> Iterator[_Change]:
    parts = getattr(node, key)
    for position in range(len(parts) if len(parts) > 1 else 0):
        left = parts[:position] + parts[position + 1 :]
        yield _Change("part", f"{key}.{position} dropped", node.model_copy(update={key: left}))


def _neighbours(node: CriterionRef, pack: Pack) -> Iterator[_Change]:
    known = list(pack.results if node.criterion in pack.results else pack.eligibility)
    for one, other in pairwise(known):
        if node.criterion in (one, other):
            name = other if node.criterion == one else one
            neighbour = node.model_copy(update={"criterion": name})
            yield _Change("reference", f"{node.criterion} -> {name}", neighbour)


def _of_quantifier(node: Every | Some, pack: Pack) -> Iterator[_Change]:
    given = {"at": node.at, "last_terms": node.last_terms, "leaving_out": node.leaving_out, "that": node.that}
    if isinstance(node, Every):
        yield _Change("every or some", "every -> some", Some(some=node.every, **given))
    else:
        yield _Change("every or some", "some -> every", Every(every=node.some, **given))
    at = _other_day(node.at)
    yield _Change("anchor", f"at {node.at} -> {at}", node.model_copy(update={"at": at}))
    if node.leaving_out:
        yield _Change("leaving out", "leaving_out dropped", node.model_copy(update={"leaving_out": None}))
    if node.last_terms is not None:
        # Those who are asked about, and what is asked of them for the same day, are of one number of terms.
        for text, new, name in _windows(node.last_terms, pack):
            that = _with_terms(node.that, node.last_terms, node.at, name)
            changed = node.model_copy(update={"last_terms": name, "that": that})
            yield _Change("window", f"last_terms {text}", changed, new, "another fact")


def _with_terms(node: Expression, terms: str, at: str, name: str) -> Expression:
    for keys, inner in _nodes(node, ()):
        if isinstance(inner, Test) and isinstance(inner.measure, TermMeasure):
            measure = inner.measure
            if (measure.last_terms, measure.at) == (terms, at):
                measure = measure.model_copy(update={"last_terms": name})
                node = _put(node, keys, inner.model_copy(update={"measure": measure}))
    return node


def _of_test(node: Test, pack: Pack) -> Iterator[_Change]:
    comparator, limit = node.comparison
    if comparator == "is":
        yield _Change("truth", f"is {limit} -> {not limit}", node.model_copy(update={"is_": not limit}))
    elif comparator == "is_one_of":
        for text, new, _ in _codes(str(limit), pack, ENROLMENTS):
            yield _Change("codes", f"is_one_of {text}", node.model_copy(update={comparator: next(iter(new))}), new)
    else:
        for other in OTHER_COMPARATORS[comparator]:
            changed = node.model_copy(update={comparator: None, other: limit})
            yield _Change("comparator", f"{comparator} -> {other}", changed)
        for text, new in _moved(str(limit), pack):
            yield _Change("limit", text, node.model_copy(update={comparator: next(iter(new))}), new)


def _of_measure(node: Test | ReducedBy, pack: Pack) -> Iterator[_Change]:
    measure = node.measure

    def change(kind: str, text: str, update: dict[str, Any], new: Mapping[str, Parameter], reads: str) -> _Change:
        changed = node.model_copy(update={"measure": measure.model_copy(update=update)})
        return _Change(kind, text, changed, new, reads)

    for argument, name in measure.parameters().items():
        match pack.parameters[name].unit:
            case "codes" | "need" as unit:
                for text, new, other in _codes(name, pack):
                    yield change("codes" if unit == "codes" else "need", text, {argument: other}, new, "other codes")
            case _:
                for text, new, other in _windows(name, pack):
                    yield change("window", f"{argument} {text}", {argument: other}, new, "another fact")
    arguments = measure.arguments()
    for argument in ("at", "on"):
        if argument in arguments:
            day = _other_day(str(arguments[argument]))
            text = f"{argument} {arguments[argument]} -> {day}"
            yield change("anchor", text, {argument: day}, {}, "another fact")
    if isinstance(measure, WindowMeasure) and isinstance(node, Test):
        own, other = ("last_months", "months_before_engagement")
        if measure.last_months is None:
            own, other = other, own
        yield change("anchor", f"{own} -> {other}", {own: None, other: arguments[own]}, {}, "another fact")
    for argument in ("by_departed", "leaving_out"):
        if argument in arguments:
            yield change("leaving out", f"{argument} dropped", {argument: None}, {}, "another fact")


def _other_day(day: str) -> str:
    return "as_of" if day == "engagement" else "engagement"


def _moved(name: str, pack: Pack, step: str = "share") -> Iterator[tuple[str, dict[str, Parameter]]]:
    """A figure moved one step up and down, each of its dated values by itself: what changes, and the new parameter."""
    parameter = pack.parameters[name]
    for position, dated in enumerate(parameter.values):
        value = dated.value
        if isinstance(value, Share):
            by = STEP[step]
            above, below = (
                Share(
                    value.numerator * by.denominator + sign * by.numerator * value.denominator,
                    value.denominator * by.denominator,
                )
                for sign in (1, -1)
            )
            others: list[Any] = [share for share in (above, below) if 0 <= share.numerator <= share.denominator]
        else:
            assert isinstance(value, int), name
            others = [other for other in (value + 1, value - 1) if other >= SMALLEST.get(parameter.unit, 0)]
        since = f" from {dated.start}" if len(parameter.values) > 1 else ""
        for other in others:
            values = list(parameter.values)
            values[position] = dated.model_copy(update={"value": other})
            moved = parameter.model_copy(update={"values": tuple(values)})
            yield f"{name} {value} -> {other}{since}", {f"{name}_mutated": moved}


def _windows(name: str, pack: Pack) -> Iterator[tuple[str, dict[str, Parameter], str]]:
    """A window moved one step, or that of another parameter of its unit: what changes, what is new, and its name."""
    for text, new in _moved(name, pack):
        yield text, new, next(iter(new))
    own = pack.parameters[name]
    for other, parameter in pack.parameters.items():
        if parameter.unit == own.unit and parameter.values[-1].value != own.values[-1].value:
            yield f"{name} -> {other}", {}, other
            return


def _codes(name: str, pack: Pack, words: Iterable[str] = ()) -> Iterator[tuple[str, dict[str, Parameter], str]]:
    """A list without one of its codes; where it is one code or need, another in its place (one of `words`, if any)."""
    parameter = pack.parameters[name]
    for position, dated in enumerate(parameter.values):
        codes = dated.value if isinstance(dated.value, tuple) else (str(dated.value),)
        since = f" from {dated.start}" if len(parameter.values) > 1 else ""
        for code in codes:
            left: Any = tuple(one for one in codes if one != code)
            text = f"{name} without {code}"
            if not left:
                other = next((word for word in words if word != code), f"other_than_{code}")
                left = (other,) if isinstance(dated.value, tuple) else other
                text = f"{name} {code} -> {other}"
            values = list(parameter.values)
            values[position] = dated.model_copy(update={"value": left})
            changed = parameter.model_copy(update={"values": tuple(values)})
            yield text + since, {f"{name}_mutated": changed}, f"{name}_mutated"


# ------------------------------------------------------------------------------------------------------- the judging


class Bench:
    """A pack's cases, ready to be judged by its mutants."""

    def __init__(self, loaded: LoadedPack) -> None:
        self.loaded = loaded
        self.documents, unreadable = case_files(loaded)
        cases, faults = read_cases(loaded, self.documents)
        self.payments, of_payments = read_payments(loaded, self.documents)
        if wrong := [*unreadable, *faults, *of_payments]:
            raise ValueError(f"{loaded.pack.id}: the cases cannot be read: {wrong[0]}")
        self.by_item: dict[tuple[str, str], list[Case]] = {}
        for case in cases:
            self.by_item.setdefault((PARTS[case.part], case.item), []).append(case)
        self.files: dict[tuple[str, str], list[Marked]] = {}
        for document in self.documents:
            if "payments" in document.data:
                continue
            item = str(document.data.get("criterion") or document.data.get("route"))
            self.files.setdefault((_section(item, loaded.pack), item), []).append(document)
        self.rests_on = {key: frozenset(_closure(key, loaded.pack)) for key in self.by_item}
        self.flags_rest_on = frozenset(
            key
            for flag in loaded.pack.flags.values()
            for test in _tests(flag)
            for referred in _referred(test, loaded.pack)
            for key in _closure(referred, loaded.pack)
        )

    def failing(self, mutant: Mutant) -> Case | PaymentCase | None:
        """A case that fails with the mutant; None where none does. Cases of what is mutated are judged first."""
        if mutant.section == "tariff":
            mutated = cache(replace(self.loaded, pack=mutant.pack).rules)
            paid = (payment_outcome(case, mutated(case.as_of)) for case in self.payments)
            return next((one.case for one in paid if one.differences), None)
        own = (mutant.section, mutant.item)
        flag = mutant.item if mutant.section == "flags" else None
        read = _Read(mutant.pack, self.loaded, flag)
        original = _Read(self.loaded.pack, self.loaded, flag) if mutant.reads == "another fact" else None
        for key in sorted(self.by_item, key=lambda key: key != own):
            with_flags = mutant.section == "flags" or own in self.flags_rest_on
            if own not in self.rests_on[key] and not (with_flags and key[0] == "routes"):
                continue
            for case in self._cases(key, mutant):
                if own not in self.rests_on[key] and case.flags is None:
                    continue
                if _outcome(case, read, original).differences:
                    return case
        return None

    def _cases(self, key: tuple[str, str], mutant: Mutant) -> Iterable[Case]:
        """The cases of a criterion or route; read again where the mutant looks for other codes."""
        if mutant.reads != "other codes":
            return self.by_item[key]
        cases, _ = read_cases(replace(self.loaded, pack=mutant.pack), self.files[key])
        return cases  # a case that gives no list of codes may not be readable any more: then it tells nothing

    def failures(self) -> list[str]:
        """The cases that fail before anything is mutated."""
        read = _Read(self.loaded.pack, self.loaded)
        judged = [_outcome(case, read, None) for cases in self.by_item.values() for case in cases]
        paid = [payment_outcome(case, self.loaded.rules(case.as_of)) for case in self.payments]
        return [f"{one.case.place}: {'; '.join(one.differences)}" for one in (*judged, *paid) if one.differences]


def _section(item: str, pack: Pack) -> str:
    return next(section for section in SECTIONS if item in getattr(pack, section))


def _tests(flag: Flag) -> list[Expression]:
    return [test for test in (flag.when, flag.unless) if test is not None] if isinstance(flag, ConditionFlag) else []


def _referred(test: Expression, pack: Pack) -> Iterator[tuple[str, str]]:
    for node in walk(test):
        if isinstance(node, CriterionRef):
            yield ("results" if node.criterion in pack.results else "eligibility"), node.criterion


def _closure(key: tuple[str, str], pack: Pack) -> Iterator[tuple[str, str]]:
    """A criterion or route, and all that it rests on."""
    yield key
    section, item = key
    for referred in _referred(getattr(pack, section)[item].test, pack):
        yield from _closure(referred, pack)


class _Rules(Rules):
    """Rules that remember what they said of a measure or test, for they are asked time and again."""

    def __init__(self, pack: Pack, on: date, digest: str, engaged: date) -> None:
        super().__init__(pack, on, digest, None, engaged)
        self.said: dict[
            int, tuple[Measure | Expression, Any]
        ] = {}  # with what was asked about, lest another get its id

    def fact_key(self, measure: Measure) -> str:
        if id(measure) not in self.said:
            self.said[id(measure)] = (measure, super().fact_key(measure))
        return str(self.said[id(measure)][1])

    def is_unverified(self, node: Expression) -> bool:
        if id(node) not in self.said:
            self.said[id(node)] = (node, super().is_unverified(node))
        return bool(self.said[id(node)][1])


class _Read:
    """A pack as it is read for cases: with no more of it than they ask about, and once for cases of the same days.

    `flag`: of flags, with this one only.
    """

    def __init__(self, pack: Pack, loaded: LoadedPack, flag: str | None = None) -> None:
        self.pack = pack
        self.digest = loaded.digest
        self.flags = pack.flags if flag is None else {flag: pack.flags[flag]}
        self.rules: dict[tuple[str, str, bool, date, date], _Rules] = {}

    def for_case(self, case: Case) -> Rules:
        key = (PARTS[case.part], case.item, case.flags is not None, case.as_of, case.engaged_on)
        if key not in self.rules:
            self.rules[key] = self._trimmed(case)
        return self.rules[key]

    def _trimmed(self, case: Case) -> _Rules:
        needed = set(_closure((PARTS[case.part], case.item), self.pack))
        flags = self.flags if case.flags is not None else {}
        for flag in flags.values():
            for test in _tests(flag):
                needed |= {inner for referred in _referred(test, self.pack) for inner in _closure(referred, self.pack)}
        kept = {
            section: {name: one for name, one in getattr(self.pack, section).items() if (section, name) in needed}
            for section in SECTIONS
        }
        trimmed = self.pack.model_copy(update={**kept, "flags": flags})
        return _Rules(trimmed, case.as_of, self.digest, case.engaged_on)


def _outcome(case: Case, read: _Read, original: _Read | None) -> Outcome:
    """What the reference engine makes of a case. `original`: the pack as it is, where a mutant reads another fact."""
    rules = read.for_case(case)
    instead = _instead(original.for_case(case), rules) if original else {}
    judged = reference.judge(_family(case, rules, instead), rules)
    section: Mapping[str, reference.Judgement] = getattr(judged, PARTS[case.part])
    own = section[case.item]
    if case.flags is not None:
        case = replace(case, flags=case.flags & read.flags.keys())
    return Outcome(case, "reference", own.verdict, own.reason, frozenset(judged.flags.get(case.item, ())))


def _instead(rules: Rules, mutated: Rules) -> dict[str, str]:
    """What a mutant reads in the place of something else, by key: facts, or only who is of school age."""
    facts = {other: one for one, other in zip(_facts(rules), _facts(mutated), strict=True) if other != one}
    if facts:
        return facts
    asked = zip(_quantifiers(rules), _quantifiers(mutated), strict=True)
    roles = ((rules.role(one), mutated.role(other)) for one, other in asked)
    return {other.key: one.key for one, other in roles if other.last_terms != one.last_terms}


def _facts(rules: Rules) -> list[str]:
    """The key of every fact, in its place."""
    found = []
    for node in _places(rules):
        if isinstance(node, Test | ReducedBy):
            found.append(rules.fact_key(node.measure))
        if isinstance(node, ReducedBy):
            found.append(rules.fact_key(node.baseline))
    return found


def _quantifiers(rules: Rules) -> list[Every | Some]:
    return [node for node in _places(rules) if isinstance(node, Every | Some)]


def _places(rules: Rules) -> list[Expression]:
    """Every node in its place, those of criteria that are referred to as well; a reference is none by itself."""

    def inner(top: Expression) -> Iterator[Expression]:
        for node in walk(top):
            if isinstance(node, CriterionRef):
                yield from inner(criterion_of(node, rules).test)
            else:
                yield node

    return [node for top in rules.expressions() for node in inner(top)]


def _family(case: Case, rules: Rules, instead: Mapping[str, str]) -> Family:
    facts = {
        key: _fact(case.fact, case.family, key, measure, instead) for key, measure in rules.family_measures.items()
    }
    members = tuple(_member(member, f"{number}", rules, instead) for number, member in enumerate(case.members))
    return Family("case", facts, members)


def _member(member: CaseMember, subject_id: str, rules: Rules, instead: Mapping[str, str]) -> Member:
    held = {role for role in rules.roles if _holds(member, role, instead)}
    facts = {
        key: _fact(member.fact, member.facts, key, measure, instead)
        for key, (measure, roles) in rules.member_measures.items()
        if held & set(roles)
    }
    return Member(subject_id, frozenset(role.key for role in held), facts)


def _holds(member: CaseMember, role: Role, instead: Mapping[str, str]) -> bool:
    """Whether the member is a subject; where the case does not say, whether they are not of school age."""
    if role.key in instead:
        return member.kind == "child" and role.at in member.present and not member.holds(role)
    return member.holds(role)


def _fact(
    said: Callable[[str, Measure], CaseFact],
    given: Mapping[str, CaseFact],
    key: str,
    measure: Measure,
    instead: Mapping[str, str],
) -> Fact:
    """What the case says; of a fact that it says nothing of, the opposite of what it says of the one in its place."""
    fact = said(key, measure)
    if key in instead and key not in given:
        fact = _opposite(said(instead[key], measure))
    value, of = (fact.value.numerator, fact.value.denominator) if isinstance(fact.value, Share) else (fact.value, None)
    return Fact(value, of, fact.reason, ())


def _opposite(fact: CaseFact) -> CaseFact:
    match fact.value:
        case bool(value):
            return CaseFact(not value)
        case int(value):
            return CaseFact(0 if value else 1000)
        case Share(numerator=numerator, denominator=denominator):
            return CaseFact(Share(0 if numerator else denominator, denominator))
        case str(value):
            return CaseFact("not_on_roll" if value == "registered" else "registered")
        case None:
            return fact


# ------------------------------------------------------------------------------------------------------- the report


@dataclass(frozen=True)
class Report:
    """What became of a pack's mutants. `wrong` has what must be mended, in sentences."""

    pack: str
    made: Counter[str]
    refused: Counter[str]
    killed: Counter[str]
    equivalent: Counter[str]
    survivors: tuple[Mutant, ...]
    wrong: tuple[str, ...]


def report(loaded: LoadedPack, chosen: Iterable[Mutant], equivalent: Mapping[str, str], all_of_them: bool) -> Report:
    """Judge mutants of a pack. `all_of_them`: then every case must pass with nothing mutated, and what `equivalent`
    lists must be among them, too.
    """
    bench = Bench(loaded)
    wrong = [f"{failure} (with nothing mutated)" for failure in bench.failures()] if all_of_them else []
    made, refused, killed, same = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    survivors = []
    names = set()
    for mutant in chosen:
        names.add(mutant.name)
        made[mutant.kind] += 1
        if not is_pack(mutant.pack):
            refused[mutant.kind] += 1
        elif (case := bench.failing(mutant)) is not None:
            killed[mutant.kind] += 1
            if mutant.name in equivalent:
                wrong.append(f"{mutant.name}: is called equivalent, and {case.place} tells it.")
        elif mutant.name in equivalent:
            same[mutant.kind] += 1
        else:
            survivors.append(mutant)
            wrong.append(f"{loaded.place(*mutant.path)} {mutant.kind}: {mutant.name}")
    if all_of_them:
        wrong += [f"{name}: is called equivalent, and is no mutant." for name in equivalent if name not in names]
    return Report(loaded.pack.id, made, refused, killed, same, tuple(survivors), tuple(wrong))


def equivalents(pack_id: str) -> dict[str, str]:
    """The mutants of a pack that mean the same as it does, each with the reason."""
    listed: dict[str, dict[str, str]] = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or {}
    return listed.get(pack_id, {})


def _table(one: Report) -> str:
    heads = ("mutants of", "made", "refused", "killed", "equivalent", "survived")
    survived = Counter(mutant.kind for mutant in one.survivors)
    columns = (one.made, one.refused, one.killed, one.equivalent, survived)
    rows = [heads, *((kind, *(str(column[kind]) for column in columns)) for kind in one.made)]
    rows.append(("all", *(str(column.total()) for column in columns)))
    return "\n".join(f"{row[0]:<18}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows)


def _report(pack: str) -> tuple[Report, float]:
    began = time.monotonic()
    loaded = load_pack(pack)
    return report(loaded, mutants(loaded.pack), equivalents(loaded.pack.id), all_of_them=True), time.monotonic() - began


def main(packs: list[str]) -> int:
    """Print the report of each pack (by default of all that come with pbr); 1 where something must be mended."""
    wrong = 0
    with ProcessPoolExecutor() as pool:
        for one, seconds in pool.map(_report, packs or pack_ids()):
            print(f"{one.pack}, {seconds:.0f} s\n{_table(one)}\n", flush=True)
            print("\n".join(one.wrong), end="\n\n" if one.wrong else "", flush=True)
            wrong += len(one.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
