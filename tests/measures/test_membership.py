"""Who belongs to a family on which day, who is a child or an adult, and whose events count."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.measures.made_evidence import AS_OF, ENGAGED, asking, evidence, fact, facts, family, person, subjects

DAY = timedelta(days=1)
SINCE = {"last_months": "n6"}
BEFORE = {"months_before_engagement": "n6"}
JULY = date(2014, 7, 10)


def events(of: Any, name: str = "asb_incidents", **window: Any) -> Any:
    return fact(of, name, **(window or SINCE))


# ------------------------------------------------------------------------------------------------------- membership


@pytest.mark.parametrize(
    ("when", "counts"), [(JULY - DAY, False), (JULY, True), (JULY + 9 * DAY, True), (JULY + 10 * DAY, False)]
)
def test_an_event_counts_from_the_day_of_joining_until_the_day_before_leaving(when: date, counts: bool) -> None:
    stayed_ten_days = person(joined_on=JULY, left_on=JULY + 10 * DAY)
    assert events(evidence(stayed_ten_days, offending=[{"occurred_on": when}]))["value"] == int(counts)


def test_an_event_of_somebody_who_has_left_since_still_counts() -> None:
    told = evidence(person(left_on=date(2014, 9, 1)), offending=[{"occurred_on": JULY}])
    assert events(told)["value"] == 1
    assert subjects(told, "child") == []


def test_an_event_between_two_stays_counts_for_nobody_and_one_within_a_stay_once() -> None:
    away = person(left_on=JULY), person(joined_on=JULY + 20 * DAY)
    told = evidence(*away, offending=[{"occurred_on": JULY + n * DAY} for n in (-1, 0, 19, 20)])
    assert events(told)["records"] == ["o1", "o4"]


def test_an_event_of_a_mover_counts_for_the_family_they_were_in_on_its_day() -> None:
    moved = person(left_on=JULY), person(family_id="F2", joined_on=JULY)
    both = (family("F1"), family("F2"))
    told = evidence(*moved, families=both, offending=[{"occurred_on": JULY - DAY}, {"occurred_on": JULY}])
    rules = asking({"name": "asb_incidents", **SINCE})
    found = facts(told, rules).families
    key = next(iter(rules.family_measures))
    assert [cell["records"] for cell in found[key].to_list()] == [["o1"], ["o2"]]


def test_a_members_own_measures_read_all_of_their_records_also_from_before_they_joined() -> None:
    newcomer = person(born=date(1980, 1, 1), joined_on=JULY)
    spell = {"kind": "provision", "code": "esf", "starts_on": JULY - 30 * DAY}
    told = evidence(newcomer, employment=[spell])
    assert fact(told, "provision_starts", "adult", codes="courses", **SINCE)["value"] == 1


@pytest.mark.parametrize(("left_on", "by_departed"), [(None, 0), (AS_OF + DAY, 0), (AS_OF, 1), (ENGAGED + DAY, 1)])
def test_a_baseline_event_is_a_departed_members_when_they_are_no_member_at_the_as_of_date(
    left_on: date | None, by_departed: int
) -> None:
    told = evidence(person(left_on=left_on), offending=[{"occurred_on": ENGAGED - DAY}])
    assert events(told, by_departed=True, **BEFORE)["value"] == by_departed


def test_somebody_who_left_and_came_back_has_not_departed() -> None:
    back = person(left_on=JULY), person(joined_on=date(2014, 10, 1))
    told = evidence(*back, offending=[{"occurred_on": ENGAGED - DAY}])
    assert events(told, by_departed=True, **BEFORE)["value"] == 0


# ----------------------------------------------------------------------------------------------------- born or not yet


@pytest.mark.parametrize(("born", "is_child"), [(AS_OF, True), (AS_OF - DAY, True), (AS_OF + DAY, False)])
def test_nobody_is_a_member_before_their_birth(born: date, is_child: bool) -> None:
    assert subjects(evidence(person(born=born)), "child") == (["P1"] if is_child else [])


def test_a_child_born_since_engagement_was_no_child_of_the_family_then() -> None:
    told = evidence(person(born=ENGAGED + DAY))
    assert subjects(told, "child", member_at="engagement") == []
    assert subjects(told, "child") == ["P1"]


@pytest.mark.parametrize(("birthday", "role"), [(AS_OF, "adult"), (AS_OF - DAY, "adult"), (AS_OF + DAY, "child")])
def test_a_member_is_an_adult_from_their_eighteenth_birthday(birthday: date, role: str) -> None:
    told = evidence(person(born=birthday.replace(year=1996)))
    assert subjects(told, role) == ["P1"]
    assert subjects(told, "child" if role == "adult" else "adult") == []


def test_only_the_as_of_date_decides_who_is_an_adult_in_a_result() -> None:
    seventeen_at_engagement = evidence(person(born=date(1996, 5, 1)))
    assert subjects(seventeen_at_engagement, "child", member_at="engagement") == ["P1"]
    assert subjects(seventeen_at_engagement, "adult") == ["P1"]


@pytest.mark.parametrize(
    ("joined_on", "left_on", "here"),
    [(AS_OF, None, True), (AS_OF + DAY, None, False), (None, AS_OF, False), (None, AS_OF + DAY, True)],
)
def test_somebody_is_a_subject_who_belongs_to_the_family_on_the_day_itself(
    joined_on: date | None, left_on: date | None, here: bool
) -> None:
    told = evidence(person(joined_on=joined_on, left_on=left_on))
    assert subjects(told, "child") == (["P1"] if here else [])


# ----------------------------------------------------------------------------------------------------------- minors


@pytest.mark.parametrize(
    ("born", "eighteenth"),
    [(date(1996, 7, 10), date(2014, 7, 10)), (date(1996, 2, 29), date(2014, 3, 1))],
)
def test_an_offence_is_a_minors_until_the_day_before_their_eighteenth_birthday(born: date, eighteenth: date) -> None:
    days = [eighteenth - DAY, eighteenth, eighteenth + DAY]
    told = evidence(person(born=born), offending=[{"kind": "proven_offence", "occurred_on": day} for day in days])
    year = {"last_months": "n12"}
    assert fact(told, "minor_offences", **year)["records"] == ["o1"]
    assert fact(told, "adult_offences", **year)["records"] == ["o2", "o3"]


def test_anti_social_behaviour_is_no_offence_and_an_offence_no_anti_social_behaviour() -> None:
    told = evidence(offending=[{"kind": kind, "occurred_on": JULY} for kind in ("asb", "proven_offence")])
    assert events(told)["records"] == ["o1"]
    assert events(told, "minor_offences")["records"] == ["o2"]


def test_an_event_that_may_be_a_minors_or_an_adults_is_unknown_for_both_and_cited_once() -> None:
    people = person("P1", born=date(2000, 1, 1)), person("P2", born=date(1970, 1, 1))
    one_event = [
        {"record_id": "o1", "person_id": whose, "occurred_on": JULY, "possible": True} for whose in ("P1", "P2")
    ]
    cell = events(evidence(*people, offending=one_event))
    assert (cell["value"], cell["reason"], cell["records"]) == (None, "unresolved_link", ["o1"])


# ---------------------------------------------------------------------------------------------------- who is decided


@pytest.mark.parametrize(("engaged", "decided"), [(AS_OF - DAY, True), (AS_OF, False), (AS_OF + DAY, False)])
def test_a_family_is_decided_only_when_it_engaged_before_the_as_of_date(engaged: date, decided: bool) -> None:
    told = evidence(families=(family(engaged_on=engaged),), offending=[])
    assert facts(told, asking({"name": "asb_incidents", **SINCE})).families.height == int(decided)


def test_a_family_without_members_has_its_own_facts_and_nobody_elses() -> None:
    told = evidence(person(family_id="F2"), families=(family("F1"), family("F2")), offending=[{"occurred_on": JULY}])
    assert events(told)["value"] == 0


# -------------------------------------------------------------------------------------------------- doubtful members


def test_a_quarantined_member_holds_every_role_that_their_age_allows() -> None:
    told = evidence(doubtful_members=(("F1", "P9", date(2004, 1, 1)),))
    assert subjects(told, "child") == ["P1", "P9"]
    assert subjects(told, "adult") == []


def test_a_quarantined_member_of_unknown_age_may_be_a_child_and_an_adult() -> None:
    told = evidence(doubtful_members=(("F1", "row-9", None),))
    assert "row-9" in subjects(told, "child")
    assert "row-9" in subjects(told, "adult")


def test_every_fact_of_a_quarantined_member_is_in_doubt() -> None:
    told = evidence(doubtful_members=(("F1", "P9", date(1980, 1, 1)),), employment=[])
    cell = fact(told, "longest_run_in_work", "adult", about="P9", **SINCE)
    assert (cell["value"], cell["reason"]) == (None, "quarantined")


def test_a_quarantined_member_of_another_family_is_nobody_here() -> None:
    told = evidence(families=(family("F1"), family("F2")), doubtful_members=(("F2", "P9", date(2004, 1, 1)),))
    assert subjects(told, "child") == ["P1"]
