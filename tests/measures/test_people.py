"""How old members are, whether they live with the family, who `member` is, and who is left out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.measures.made_evidence import AS_OF, ENGAGED, asking, evidence, fact, facts, family, person

DAY = timedelta(days=1)
JULY = date(2014, 7, 10)
FATHER = person("P2", born=date(1980, 1, 1), resident=False)
NOT_THEM = "non_resident_adults"


def age(born: date | None, at: str = "as_of", **more: Any) -> Any:
    return fact(evidence(person(born=born), **more), "age", "member", at=at)


# -------------------------------------------------------------------------------------------------------------- age


@pytest.mark.parametrize(
    ("born", "years"),
    [
        (date(1996, 10, 30), 18),
        (date(1996, 10, 31), 18),
        (date(1996, 11, 1), 17),
        (AS_OF, 0),
        (date(1914, 10, 31), 100),
    ],
)
def test_somebody_is_a_year_older_on_their_birthday(born: date, years: int) -> None:
    assert age(born)["value"] == years


@pytest.mark.parametrize(
    ("as_of", "years"),
    [(date(2014, 2, 28), 17), (date(2014, 3, 1), 18), (date(2016, 2, 28), 19), (date(2016, 2, 29), 20)],
)
def test_a_birthday_on_29_february_falls_on_1_march_in_other_years(as_of: date, years: int) -> None:
    told = evidence(person(born=date(1996, 2, 29)))
    assert fact(told, "age", "member", at="as_of", as_of=as_of)["value"] == years


def test_an_age_is_that_of_the_day_it_is_read_for() -> None:
    assert age(date(1995, 10, 2), at="engagement")["value"] == 17
    assert age(date(1995, 10, 2))["value"] == 19


def test_an_age_before_birth_is_not_known() -> None:
    cell = age(ENGAGED + DAY, at="engagement")
    assert (cell["value"], cell["reason"]) == (None, "no_record")
    assert age(ENGAGED, at="engagement", families=(family(engaged_on=ENGAGED),))["value"] == 0


@pytest.mark.parametrize("born", [None, date(2000, 1, 1)])
def test_the_age_and_residence_of_a_quarantined_member_are_unknown(born: date | None) -> None:
    told = evidence(doubtful_members=(("F1", "P9", born),))
    for name in ("age", "resident"):
        cell = fact(told, name, "member", about="P9", at="as_of")
        assert (cell["value"], cell["reason"]) == (None, "quarantined")


def test_the_age_and_residence_of_a_member_with_one_quarantined_row_are_unknown() -> None:
    told = evidence(doubtful_members=(("F1", "P1", None),))
    for name in ("age", "resident"):
        assert fact(told, name, "member", at="as_of")["reason"] == "quarantined"


# -------------------------------------------------------------------------------------------------------- residence


def resident(*rows: dict[str, Any], at: str = "as_of") -> Any:
    return fact(evidence(*rows), "resident", "member", at=at)


@pytest.mark.parametrize("lives_there", [True, False])
def test_a_member_lives_with_the_family_where_their_row_says_so(lives_there: bool) -> None:
    cell = resident(person(resident=lives_there))
    assert (cell["value"], cell["reason"]) == (lives_there, None)


@pytest.mark.parametrize(
    ("moved_out", "at_engagement", "at_as_of"),
    [(ENGAGED, False, False), (ENGAGED + DAY, True, False), (AS_OF, True, False), (AS_OF + DAY, True, True)],
)
def test_residence_is_that_of_the_period_that_holds_on_the_day(
    moved_out: date, at_engagement: bool, at_as_of: bool
) -> None:
    periods = person(left_on=moved_out), person(joined_on=moved_out, resident=False)
    assert resident(*periods, at="engagement")["value"] is at_engagement
    assert resident(*periods)["value"] is at_as_of


def test_residence_on_a_day_of_no_membership_is_not_known() -> None:
    cell = resident(person(joined_on=ENGAGED + DAY), at="engagement")
    assert (cell["value"], cell["reason"]) == (None, "no_record")


# ---------------------------------------------------------------------------------------------------- every member


def subjects(of: Any, kind: str, at: str = "as_of", **more: Any) -> list[str]:
    """Who holds the role in F1."""
    rules = asking({"name": "age", "at": at}, kind, at, **more)
    frame = facts(of, rules).members
    return frame.filter(rules.roles[0].key)["subject_id"].to_list()


def test_every_member_on_the_day_is_one_of_any_age() -> None:
    told = evidence(
        person("P1"),
        person("P2", born=date(1940, 1, 1)),
        person("P3", born=AS_OF),
        person("P4", left_on=AS_OF),
        person("P5", born=AS_OF + DAY),
        doubtful_members=(("F1", "P9", None),),
    )
    assert subjects(told, "member") == ["P1", "P2", "P3", "P9"]
    assert subjects(told, "member", at="engagement") == ["P1", "P2", "P4", "P9"]


# ------------------------------------------------------------------------------- leaving out non-resident adults


@pytest.mark.parametrize("kind", ["adult", "member"])
def test_an_adult_who_does_not_live_with_the_family_is_left_out_of_a_role(kind: str) -> None:
    told = evidence(person("P1", born=date(1979, 1, 1)), FATHER)
    assert subjects(told, kind) == ["P1", "P2"]
    assert subjects(told, kind, leaving_out=NOT_THEM) == ["P1"]


def test_a_child_who_lives_elsewhere_is_not_left_out() -> None:
    told = evidence(person("P1", resident=False))
    assert subjects(told, "child", leaving_out=NOT_THEM) == ["P1"]


@pytest.mark.parametrize(("turned_eighteen", "here"), [(ENGAGED, []), (ENGAGED + DAY, ["P1"])])
def test_who_came_of_age_since_engagement_is_not_left_out(turned_eighteen: date, here: list[str]) -> None:
    told = evidence(person(born=turned_eighteen.replace(year=1995), resident=False))
    assert subjects(told, "adult", leaving_out=NOT_THEM) == here


def test_where_somebody_lives_is_asked_of_the_day_the_role_is_read_for() -> None:
    moved_in = (
        person(born=date(1980, 1, 1), left_on=JULY, resident=False),
        person(born=date(1980, 1, 1), joined_on=JULY),
    )
    assert subjects(evidence(*moved_in), "adult", at="engagement", leaving_out=NOT_THEM) == []
    assert subjects(evidence(*moved_in), "adult", leaving_out=NOT_THEM) == ["P1"]


@pytest.mark.parametrize("who", ["P2", "P9"])
def test_somebody_whose_row_is_quarantined_is_in_doubt_and_not_left_out(who: str) -> None:
    told = evidence(person(), FATHER, doubtful_members=(("F1", who, date(1980, 1, 1)),))
    assert who in subjects(told, "adult", leaving_out=NOT_THEM)


# ----------------------------------------------------------------------------------------- their events left out


def asb(of: Any, **more: Any) -> Any:
    return fact(of, "asb_incidents", last_months="n6", **more)


def test_the_events_of_non_resident_adults_are_left_out() -> None:
    rows = [{"occurred_on": JULY, "person_id": whose} for whose in ("P1", "P2")]
    told = evidence(person(), FATHER, offending=rows)
    assert asb(told)["records"] == ["o1", "o2"]
    cell = asb(told, leaving_out=NOT_THEM)
    assert (cell["value"], cell["records"]) == (1, ["o1"])


@pytest.mark.parametrize(("when", "count"), [(JULY - DAY, 1), (JULY, 0)])
def test_where_they_lived_goes_by_the_day_of_the_event(when: date, count: int) -> None:
    moved_out = (
        person(born=date(1980, 1, 1), left_on=JULY),
        person(born=date(1980, 1, 1), joined_on=JULY, resident=False),
    )
    told = evidence(*moved_out, offending=[{"occurred_on": when}])
    assert asb(told, leaving_out=NOT_THEM)["value"] == count


@pytest.mark.parametrize(("turned_eighteen", "count"), [(ENGAGED, 0), (ENGAGED + DAY, 1)])
def test_the_events_of_a_young_person_elsewhere_count_who_came_of_age_since_engagement(
    turned_eighteen: date, count: int
) -> None:
    elsewhere = person(born=turned_eighteen.replace(year=1995), resident=False)
    told = evidence(elsewhere, offending=[{"kind": "proven_offence", "occurred_on": JULY}])
    assert fact(told, "adult_offences", last_months="n6", leaving_out=NOT_THEM)["value"] == count


@pytest.mark.parametrize("born", [date(2001, 5, 6), date(1979, 1, 1)])
def test_an_event_that_may_be_a_non_residents_or_a_residents_is_unknown_with_them_and_without(born: date) -> None:
    one_event = [{"record_id": "o1", "person_id": p, "occurred_on": JULY, "possible": True} for p in ("P2", "P3")]
    told = evidence(person("P3", born=born), FATHER, offending=one_event)
    for more in ({}, {"leaving_out": NOT_THEM}):
        cell = asb(told, **more)
        assert (cell["reason"], cell["records"]) == ("unresolved_link", ["o1"])


def test_events_are_unknown_without_non_residents_too_where_a_members_row_is_quarantined() -> None:
    told = evidence(person(), FATHER, offending=[], doubtful_families=(("members", "F1"),))
    assert asb(told, leaving_out=NOT_THEM)["reason"] == "quarantined"
