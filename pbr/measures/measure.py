"""All measures that the rules ask for, read off the evidence: evidence and rules in, facts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pbr.linkage import Evidence
from pbr.measures import attendance, employment, exclusions, offending, people, practice, social_care, subjects
from pbr.measures.calendar import Calendar
from pbr.measures.facts import Facts
from pbr.rulebook.measures import (
    Absence,
    Age,
    DaysSince,
    EmploymentMeasure,
    Enrolment,
    Expecting,
    MeasureNode,
    MonthsSince,
    NeedIdentified,
    NeedsIdentified,
    NeedsOutstanding,
    OffendingMeasure,
    OpenSocialCare,
    PermanentExclusions,
    Recorded,
    Resident,
    SchoolAge,
    Suspensions,
    TermMeasure,
    UnauthorisedAbsence,
)
from pbr.rulebook.rules import Rules

ONE_MEMBER = ["family_id", "subject_id"]


@dataclass(frozen=True)
class Measured:
    """The facts, and what a person should know of how they were read.

    `differing_terms` (`person_id`, `academic_year`, `term`): the termly row was used though the marks sum to another.
    """

    facts: Facts
    differing_terms: pl.DataFrame


def measure(evidence: Evidence, rules: Rules, calendar: Calendar) -> Measured:
    """The facts that `rules` read, for every family engaged before the as-of date (`rules.on`)."""
    families = subjects.families(evidence, rules)
    members = subjects.members(evidence, rules, calendar, families)
    of_families = families.select("family_id", "engaged_on")
    for frame in (
        offending.measure(_named(rules.family_measures, OffendingMeasure), families, evidence, rules),
        practice.measure(_named(rules.family_measures, *_PRACTICE), families, evidence, rules),
    ):
        of_families = of_families.join(frame, on="family_id", maintain_order="left")

    term_records, differing = attendance.term_records(evidence, calendar)
    of_members = members.select(*ONE_MEMBER, *[role.key for role in rules.roles])
    for (kind, _), calls in _together(rules).items():
        holders = {key: pl.any_horizontal(role.key for role in rules.member_measures[key][1]) for key in calls}
        of = members.filter(pl.any_horizontal(holders.values()))
        match kind:
            case "attendance":
                frame = attendance.measure(calls, of, term_records, rules, calendar)
            case "exclusions":
                frame = exclusions.measure(calls, of, evidence, rules, calendar)
            case "employment":
                frame = employment.measure(calls, of, evidence, rules)
            case "people":
                frame = people.measure(calls, of, rules)
            case _:
                frame = social_care.measure(calls, of, evidence, rules)
        of_members = of_members.join(frame, on=ONE_MEMBER, how="left", maintain_order="left").with_columns(
            pl.when(holds).then(pl.col(key)).alias(key) for key, holds in holders.items()
        )
    facts = Facts(
        as_of=rules.on,
        families=of_families.select("family_id", "engaged_on", *rules.family_measures),
        members=of_members.select(*ONE_MEMBER, *[role.key for role in rules.roles], *rules.member_measures),
    )
    return Measured(facts, differing)


def _named(measures: dict[str, Any], *kinds: type[MeasureNode]) -> dict[str, Any]:
    return {key: measure for key, measure in measures.items() if isinstance(measure, kinds)}


def _together(rules: Rules) -> dict[tuple[str, tuple[str, ...]], dict[str, Any]]:
    """Members' measures that are read in one go: of one kind of evidence, over the same terms."""
    groups: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for key, (call, _) in rules.member_measures.items():
        kind = next(kind for kind, measures in _KINDS.items() if isinstance(call, tuple(measures)))
        terms = (call.last_terms, call.at) if isinstance(call, TermMeasure) else ()
        groups.setdefault((kind, terms), {})[key] = call
    return groups


_KINDS: dict[str, Sequence[type[MeasureNode]]] = {
    "attendance": (UnauthorisedAbsence, Absence, Enrolment, SchoolAge),
    "exclusions": (Suspensions, PermanentExclusions),
    "employment": (EmploymentMeasure,),
    "social_care": (OpenSocialCare,),
    "people": (Age, Resident),
}
_PRACTICE = (NeedIdentified, NeedsIdentified, NeedsOutstanding, DaysSince, MonthsSince, Recorded, Expecting)
