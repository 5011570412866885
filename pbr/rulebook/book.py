"""A rule pack as a book that people read: each rule in words, with its figures, its sources and its worked cases.

In: a loaded pack and the day it is read for. Out: `Rulebook`, in words only, which the command line prints, `pages`
makes a page of, and programs read as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from pbr.rulebook import words
from pbr.rulebook.cases import Case, load_cases
from pbr.rulebook.glossary import WordGroup, glossary_for
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.model import (
    ConditionFlag,
    Criterion,
    CriterionRef,
    Every,
    Expression,
    Flag,
    InForce,
    NearThresholdFlag,
    Pack,
    ReducedBy,
    Route,
    Some,
    Tariff,
    Test,
)
from pbr.rulebook.rules import Rules, own_parameters, value_on, walk

SECTIONS = {"eligibility": "eligibility", "result": "results", "route": "routes", "flag": "flags"}
"""The parts of a book, in their order, and the pack's key for each."""

PARTS = {
    "eligibility": "Eligibility, judged at engagement",
    "result": "Results, judged as of a day",
    "route": "Routes, by which results are paid",
    "flag": "Flags, which change no verdict",
}
"""What each part is called."""

_FIXED = "fixed by the framework"


@dataclass(frozen=True)
class DatedFigure:
    """A parameter's value as `words.figure` has it, from one day until another (None: for good). `in_force`: on the
    book's day.
    """

    value: str
    since: date
    until: date | None
    in_force: bool
    standing: str
    citation: str
    of_overlay: bool


@dataclass(frozen=True)
class Figure:
    """A parameter with all of its values, in the order of their days. `title` says where the framework fixes it."""

    parameter: str
    title: str
    values: tuple[DatedFigure, ...]

    def on(self, day: date) -> DatedFigure | None:
        """The value of a day; None before the first."""
        return next((dated for dated in reversed(self.values) if dated.since <= day), None)


@dataclass(frozen=True)
class Link:
    """Another entry of the book."""

    part: str
    id: str
    title: str


@dataclass(frozen=True)
class Example:
    """A worked case: what it is about, why, and the verdict. `flags` are in the pack's order, and None where the case
    does not speak of them.
    """

    name: str
    basis: str
    as_of: date
    expected: str
    flags: tuple[str, ...] | None


@dataclass(frozen=True)
class Entry:
    """A criterion, route or flag. `lines` are its test, each with how deep it stands; a flag has no standing."""

    part: str
    id: str
    title: str
    standing: str
    citation: str
    of_overlay: bool
    lines: tuple[tuple[int, str], ...]
    rests_on: tuple[Link, ...]
    used_by: tuple[Link, ...]
    figures: tuple[Figure, ...]
    cases: tuple[Example, ...]


@dataclass(frozen=True)
class Payment:
    """A row of the tariff: what is paid for, or what bounds it, and the figure."""

    title: str
    figure: Figure


@dataclass(frozen=True)
class Rulebook:
    """A pack as people read it on a day. `overlay` is the title of the plan that is over the pack, empty for none."""

    pack: str
    title: str
    citation: str
    digest: str
    overlay: str
    on: date
    words: tuple[WordGroup, ...]
    in_force: tuple[InForce, ...]
    entries: tuple[Entry, ...]
    tariff_lines: tuple[str, ...]
    tariff: tuple[Payment, ...]
    tariff_citation: str
    claimed_until: date

    @property
    def tariff_days(self) -> tuple[date, ...]:
        """The days from which some amount of the tariff is another."""
        return tuple(sorted({dated.since for payment in self.tariff for dated in payment.figure.values}))


def rulebook(loaded: LoadedPack, on: date | None = None, *, with_cases: bool = True) -> Rulebook:
    """A pack in plain English as of a day, by default the last on which claims can be made.

    Raises Faults: E214 before a figure's first day, E241 to E245 where the pack's cases cannot be read.
    """
    has_cases = with_cases and any(loaded.cases_folder.glob("*.yaml"))
    return _Reading(loaded, on or loaded.last_day, load_cases(loaded) if has_cases else ()).book()


class _Reading:
    """One pack as it is read for one day."""

    def __init__(self, loaded: LoadedPack, on: date, cases: tuple[Case, ...]) -> None:
        self.loaded = loaded
        self.rules: Rules = loaded.rules(on)
        # As its authors wrote it: what a reference leaves out is said there, and not written out.
        self.pack: Pack = self.rules.written
        self.cases = cases

    def book(self) -> Rulebook:
        pack, tariff = self.pack, self.pack.tariff
        return Rulebook(
            pack=pack.id,
            title=pack.title,
            citation=_one_line(pack.citation),
            digest=self.loaded.digest,
            overlay=self.loaded.merge.overlay.title if self.loaded.merge else "",
            on=self.rules.on,
            words=glossary_for(set(self.measured())),
            in_force=pack.in_force,
            entries=tuple(self.entries()),
            tariff_lines=tuple(words.tariff(pack)),
            tariff=tuple(self.payments(tariff)),
            tariff_citation=_one_line(tariff.citation),
            claimed_until=tariff.claimed_until,
        )

    def measured(self) -> Iterator[str]:
        """The measures that the pack reads, and the arguments that it gives them."""
        for node in (node for test in self.rules.expressions() for node in walk(test)):
            if isinstance(node, Test | ReducedBy):
                yield from (node.measure.name, *node.measure.arguments())
            if isinstance(node, Every | Some) and node.leaving_out:
                yield "leaving_out"

    # ------------------------------------------------------------------------------------------------- the entries

    def entries(self) -> Iterator[Entry]:
        for part, section in SECTIONS.items():
            rules: dict[str, Criterion | Route | Flag] = getattr(self.pack, section)
            for name, rule in rules.items():
                yield self.entry(part, name, rule)

    def entry(self, part: str, name: str, rule: Criterion | Route | Flag) -> Entry:
        said = words.outline(rule.test, self.rules) if isinstance(rule, Criterion) else words.flag(rule, self.rules)
        notes = [(0, words.turned_around(rule))] if isinstance(rule, Route) else []
        notes += [(0, _FIXED)] if rule.fixed else []
        return Entry(
            part=part,
            id=name,
            title=rule.title,
            standing=rule.standing if isinstance(rule, Criterion) else "",
            citation=_one_line(rule.citation),
            of_overlay=self.of_overlay(SECTIONS[part], name),
            lines=(*said, *notes),
            rests_on=tuple(self.link(*self.found(other)) for other in _referred(_tests(rule))),
            used_by=tuple(self.users(part, name)),
            figures=tuple(self.figure(parameter) for parameter in _read_by(rule)),
            cases=tuple(self.example(case) for case in self.cases if (case.part, case.item) == (part, name)),
        )

    def users(self, part: str, name: str) -> Iterator[Link]:
        for other_part, section in SECTIONS.items():
            rules: dict[str, Criterion | Route | Flag] = getattr(self.pack, section)
            for other, rule in rules.items():
                if any(self.found(referred) == (part, name) for referred in _referred(_tests(rule))):
                    yield self.link(other_part, other)

    def found(self, criterion: str) -> tuple[str, str]:
        """The part in which a criterion that is referred to stands, and its id."""
        return "result" if criterion in self.pack.results else "eligibility", criterion

    def link(self, part: str, name: str) -> Link:
        return Link(part, name, getattr(self.pack, SECTIONS[part])[name].title)

    def example(self, case: Case) -> Example:
        expected = words.verdict(case.expected, case.reason or "")
        flags = None if case.flags is None else tuple(flag for flag in self.pack.flags if flag in case.flags)
        return Example(case.name, _one_line(case.basis), case.as_of, expected, flags)

    # ------------------------------------------------------------------------------------------------- the figures

    def figure(self, name: str) -> Figure:
        parameter = self.pack.parameters[name]
        in_force = value_on(self.pack, name, self.rules.on)
        ends = [dated.start - timedelta(days=1) for dated in parameter.values[1:]]
        values = (
            DatedFigure(
                value=words.figure(parameter, dated),
                since=dated.start,
                until=until,
                in_force=dated is in_force,
                standing=dated.standing,
                citation=_one_line(dated.citation),
                of_overlay=self.of_overlay("parameters", name, "values", position),
            )
            for position, (dated, until) in enumerate(zip(parameter.values, [*ends, None], strict=True))
        )
        title = f"{parameter.title}, {_FIXED}" if parameter.fixed else parameter.title
        return Figure(name, title, tuple(values))

    def of_overlay(self, *path: str | int) -> bool:
        return self.loaded.merge is not None and self.loaded.merge.place(path) is not None

    def payments(self, tariff: Tariff) -> Iterator[Payment]:
        named = {
            "Attachment fee": tariff.attachment_fee,
            **{self.pack.routes[route].title: parameter for route, parameter in tariff.routes.items()},
            "The most for one family": tariff.family_cap,
            "Any route, in an Earned Autonomy area": tariff.earned_autonomy,
            "Share of the families agreed that is paid for": tariff.funded_share,
        }
        for title, parameter in named.items():
            if parameter is not None:
                yield Payment(title, self.figure(parameter))


def _tests(rule: Criterion | Route | Flag) -> tuple[Expression, ...]:
    if isinstance(rule, Criterion):
        return (rule.test,)
    if isinstance(rule, ConditionFlag):
        return tuple(test for test in (rule.when, rule.unless) if test is not None)
    return ()


def _referred(tests: Iterable[Expression]) -> tuple[str, ...]:
    """The criteria that tests refer to, each once."""
    named = (node.criterion for test in tests for node in walk(test) if isinstance(node, CriterionRef))
    return tuple(dict.fromkeys(named))


def _read_by(rule: Criterion | Route | Flag) -> tuple[str, ...]:
    """The parameters that a rule reads, each once, in the order of the reading."""
    if isinstance(rule, NearThresholdFlag):
        return (rule.session, rule.incident, rule.exclusion, rule.days_in_work)
    read = (name for test in _tests(rule) for node in walk(test) for name in own_parameters(node))
    return tuple(dict.fromkeys(read))


def _one_line(text: str) -> str:
    return " ".join(text.split())
