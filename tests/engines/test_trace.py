"""An explanation: every step of a decision, and what evidence would change it, exactly at the limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from pbr.engines import bulk
from pbr.engines.trace import Step, Trace, trace
from pbr.errors import Faults
from pbr.measures.calendar import Calendar
from pbr.measures.facts import Facts
from pbr.measures.measure import measure
from pbr.rulebook.load import load_pack
from tests.measures.made_evidence import AS_OF, ENGAGED, evidence, family, person

RULES = load_pack("phase-1").rules(AS_OF)
CHILD = person("P1")
ADULT = person("P2", born=AS_OF.replace(year=1975))
TERMS = [("2012/13", "summer"), ("2013/14", "autumn"), ("2013/14", "spring"), ("2013/14", "summer")]
MORE = [("2012/13", "autumn"), ("2012/13", "spring")]


def school(possible: int, unauthorised: int) -> list[dict[str, Any]]:
    """Rows of every term; the last three sum to so many sessions."""
    rows: list[dict[str, Any]] = [
        {"academic_year": year, "term": term, "sessions_possible": 0} for year, term in (*MORE, *TERMS)
    ]
    rows[-1] |= {"sessions_possible": possible, "sessions_unauthorised": unauthorised}
    return rows


def facts_of(**records: Any) -> Facts:
    told: dict[str, Any] = {
        "attendance": school(380, 57),
        "offending": [],
        "exclusions": [],
        "employment": [],
        "needs": [],
    }
    return measure(evidence(CHILD, ADULT, **(told | records)), RULES, Calendar()).facts


def traced(**records: Any) -> Trace:
    return trace(facts_of(**records), RULES, "F1")


def steps(of: Step) -> Iterator[Step]:
    yield of
    for part in of.parts:
        yield from steps(part)


def step(of: Trace, item: str, subject: str = "", says: str = "") -> Step:
    """The leaf of a criterion about a subject."""
    ruling = next(each for each in of.rulings if each.item == item)
    leaves = [
        each for each in steps(ruling.step) if not each.parts and each.subject_id == subject and says in each.says
    ]
    assert leaves, ruling.step
    return leaves[0]


def asb(*, before: int, since: int) -> list[dict[str, Any]]:
    days = [ENGAGED.replace(month=9, day=n + 1, year=2013) for n in range(before)]
    days += [AS_OF.replace(day=n + 1) for n in range(since)]
    return [{"occurred_on": day} for day in days]


# ------------------------------------------------------------------------------------------------ what would change it


@pytest.mark.parametrize(
    ("possible", "unauthorised", "would_change"),
    [
        (380, 56, ""),
        (380, 57, "at most 56 of 380 sessions"),
        (380, 380, "at most 56 of 380 sessions"),
        (100, 15, "at most 14 of 100 sessions"),
        (101, 16, "at most 15 of 101 sessions"),
        (3, 1, "at most 0 of 3 sessions"),
    ],
)
def test_absence_would_change_with_the_most_sessions_that_are_below_the_limit(
    possible: int, unauthorised: int, would_change: str
) -> None:
    found = step(traced(attendance=school(possible, unauthorised)), "attendance_improved", "P1")
    assert found.value == f"{unauthorised}/{possible}"
    assert found.would_change == would_change
    if would_change:
        most = int(would_change.split()[2])
        assert most * 100 < 15 * possible <= (most + 1) * 100


@pytest.mark.parametrize(
    ("before", "since", "would_change"),
    [
        (5, 2, ""),
        (5, 3, "at most 2 in the window, against 5 before"),
        (4, 2, "at most 1 in the window, against 4 before"),
        (1, 1, "at most 0 in the window, against 1 before"),
        (0, 1, "no event since: there were none before"),
    ],
)
def test_a_reduction_would_change_with_the_most_events_that_make_it(before: int, since: int, would_change: str) -> None:
    found = step(traced(offending=asb(before=before, since=since)), "asb_reduced")
    assert (found.value, found.baseline, found.would_change) == (str(since), str(before), would_change)
    if before and would_change:
        assert (
            step(traced(offending=asb(before=before, since=int(would_change.split()[2]))), "asb_reduced").verdict
            == "met"
        )


@pytest.mark.parametrize(("count", "would_change"), [(2, ""), (3, "at most 2"), (4, "at most 2")])
def test_suspensions_would_change_below_the_limit(count: int, would_change: str) -> None:
    rows = [{"starts_on": AS_OF.replace(month=6, day=n + 1)} for n in range(count)]
    assert step(traced(exclusions=rows), "suspensions_below_three", "P1").would_change == would_change


def test_what_is_unknown_would_change_with_the_evidence_that_is_missing() -> None:
    found = traced(attendance=[])
    assert step(found, "attendance_improved", "P1").would_change == "an attendance record for every term of school age"
    found = trace(facts_of(covers={"offending": None}), RULES, "F1")
    assert step(found, "asb_reduced").would_change == "an extract that covers every day of the window"


def test_two_reasons_ask_for_two_kinds_of_evidence() -> None:
    facts = facts_of(covers={"offending": None}, doubtful_families=(("offending", "F1"),))
    found = step(trace(facts, RULES, "F1"), "asb_reduced")
    assert found.reason == "not_covered;quarantined"
    assert found.would_change.count(" and ") == 1


# --------------------------------------------------------------------------------------------------- what was found


@pytest.mark.parametrize(
    ("unauthorised", "found"), [(57, "57 of 380 (15%)"), (56, "56 of 380 (just over 14.7%)"), (0, "0 of 380 (0%)")]
)
def test_a_share_is_found_as_sessions_and_percent(unauthorised: int, found: str) -> None:
    assert step(traced(attendance=school(380, unauthorised)), "attendance_improved", "P1").found == found


def test_a_reduction_is_found_with_what_was_before() -> None:
    assert step(traced(offending=asb(before=5, since=2)), "asb_reduced").found == "2, before: 5"


def test_nothing_is_found_where_nothing_is_known() -> None:
    assert step(trace(facts_of(covers={"offending": None}), RULES, "F1"), "asb_reduced").found == ""
    assert step(traced(attendance=[]), "attendance_improved", "P1").found == ""


def test_yes_and_no_are_found_of_what_is_so_or_not() -> None:
    spell = {"person_id": "P2", "kind": "benefit", "code": "JSA", "starts_on": ENGAGED.replace(year=2012)}
    found = traced(employment=[spell])
    assert step(found, "worklessness", "P2").found == "yes"
    assert step(traced(), "worklessness", "P2").found == "no"


# ----------------------------------------------------------------------------------------------------------- the tree


def test_an_explanation_has_every_criterion_and_route_with_its_citation_and_standing() -> None:
    found = traced()
    pack = RULES.pack
    assert {(ruling.part, ruling.item) for ruling in found.rulings} == {
        *(("eligibility", name) for name in pack.eligibility),
        *(("result", name) for name in pack.results),
        *(("route", name) for name in pack.routes),
    }
    assert all(ruling.citation and ruling.standing and ruling.title for ruling in found.rulings)


def test_an_explanation_says_what_the_engines_decide() -> None:
    facts = facts_of(offending=asb(before=5, since=3), covers={"needs": None})
    decided = bulk.decide(facts, RULES).filter(pl.col("subject_id") == "")
    verdicts = {(part, item): (verdict, reason, flags) for part, item, verdict, reason, flags in decided.select(
        "part", "item", "verdict", "reason", "flags").rows()}  # fmt: skip
    for ruling in trace(facts, RULES, "F1").rulings:
        told = (ruling.step.verdict, ruling.step.reason, ";".join(ruling.flags))
        assert told == verdicts[ruling.part, ruling.item], ruling.item


def test_a_step_holds_the_records_behind_both_sides_of_a_comparison() -> None:
    assert step(traced(offending=asb(before=2, since=1)), "asb_reduced").records == ("o1", "o2", "o3")


def test_an_explanation_is_of_the_decision_that_a_claim_rests_on() -> None:
    found = traced()
    assert len(found.decision_id) == 64
    assert found.decision_id != traced(offending=asb(before=1, since=0)).decision_id


@pytest.mark.parametrize("family_id", ["F9", "", "f1", " F1"])
def test_a_family_without_a_decision_is_a_fault(family_id: str) -> None:
    with pytest.raises(Faults, match="E405"):
        trace(facts_of(), RULES, family_id)


def test_a_family_engaged_on_the_as_of_date_has_none_to_explain() -> None:
    late = measure(evidence(families=(family(engaged_on=AS_OF),)), RULES, Calendar()).facts
    with pytest.raises(Faults, match="E405"):
        trace(late, RULES, "F1")


# ------------------------------------------------------------------------------------------- what links leave open


def leaves(of: Trace, item: str) -> list[Step]:
    """Every step of a criterion, whoever it is about."""
    ruling = next(each for each in of.rulings if each.item == item)
    return list(steps(ruling.step))


def test_a_share_that_links_leave_open_is_told_between_its_ends_with_the_share_it_would_take() -> None:
    perhaps = {"academic_year": "2013/14", "term": "summer", "sessions_possible": 20, "possible": True}
    told = traced(attendance=[*school(380, 0), perhaps | {"sessions_unauthorised": 5, "record_id": "perhaps"}])
    (leaf,) = [leaf for leaf in leaves(told, "attendance_improved") if leaf.found]
    assert (leaf.verdict, leaf.found) == ("met", "0 of 380 (0%) to 5 of 400 (just over 1.2%)")
    assert "perhaps" in leaf.records
    far_over = [*school(380, 200), perhaps | {"sessions_unauthorised": 0, "record_id": "perhaps"}]
    (leaf,) = [leaf for leaf in leaves(traced(attendance=far_over), "attendance_improved") if leaf.found]
    assert (leaf.verdict, leaf.would_change) == ("not_met", "less than 15%")


def test_a_baseline_that_links_leave_open_is_told_between_its_ends() -> None:
    before = ENGAGED.replace(month=ENGAGED.month - 1)
    since = AS_OF.replace(month=AS_OF.month - 1, day=1)
    events = [{"occurred_on": before}, {"occurred_on": before, "possible": True}, *[{"occurred_on": since}] * 5]
    (leaf,) = [leaf for leaf in leaves(traced(offending=events), "asb_reduced") if leaf.found]
    assert (leaf.verdict, leaf.found) == ("not_met", "5, before: 1 to 2")
    assert leaf.would_change == "fewer since, or another answer about the links: there were 1 to 2 before"
