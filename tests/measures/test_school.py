"""School: absence, enrolment and exclusions over terms, from termly rows and from the register."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pbr.measures.calendar import Calendar, Term
from tests.measures.made_evidence import AS_OF, asking, evidence, fact, measured, person, share

DAY = timedelta(days=1)
TERMS = {"last_terms": "n3", "at": "as_of"}
AUTUMN, SPRING, SUMMER = (("2013/14", season) for season in ("autumn", "spring", "summer"))
FIRST, LAST = date(2013, 9, 1), date(2014, 7, 31)
"""The first and last day of the three terms before the as-of date."""


def term(when: tuple[str, str], possible: int, unauthorised: int, authorised: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "academic_year": when[0],
        "term": when[1],
        "sessions_possible": possible,
        "sessions_unauthorised": unauthorised,
        "sessions_authorised": authorised,
    } | more


YEAR = [term(AUTUMN, 140, 20, 3), term(SPRING, 120, 20, 3), term(SUMMER, 120, 17, 3)]


def absence(of: Any, name: str = "unauthorised_absence", **more: Any) -> Any:
    return fact(of, name, "school_age_child", **(TERMS | more))


# --------------------------------------------------------------------------------------------------------- termly rows


def test_sessions_are_summed_over_the_terms_and_the_share_is_not_reduced() -> None:
    cell = absence(evidence(attendance=YEAR))
    assert (share(cell), cell["records"]) == ("57/380", ["a1", "a2", "a3"])


def test_absence_of_either_kind_adds_what_was_authorised() -> None:
    assert share(absence(evidence(attendance=YEAR), "absence")) == "66/380"


@pytest.mark.parametrize("without", [0, 1, 2])
def test_a_child_without_one_of_the_terms_is_unknown_and_not_better(without: int) -> None:
    rows = [row for at, row in enumerate(YEAR) if at != without]
    cell = absence(evidence(attendance=rows))
    assert (cell["value"], cell["of"], cell["reason"]) == (None, None, "no_record")


def test_a_child_without_any_record_is_unknown() -> None:
    assert absence(evidence(attendance=[]))["reason"] == "no_record"
    assert absence(evidence())["reason"] == "no_record"


def test_terms_that_were_not_completed_or_are_too_old_are_not_read() -> None:
    others = [term(("2014/15", "autumn"), 50, 50), term(("2012/13", "summer"), 100, 100)]
    assert share(absence(evidence(attendance=YEAR + others))) == "57/380"


def test_a_child_who_became_of_school_age_needs_no_record_from_before() -> None:
    five_in_february = person(born=date(2009, 2, 1))
    assert share(absence(evidence(five_in_february, attendance=[term(SUMMER, 120, 6)]))) == "6/120"


def test_a_record_from_before_school_age_is_not_counted() -> None:
    five_in_february = person(born=date(2009, 2, 1))
    told = evidence(five_in_february, attendance=[term(SPRING, 100, 100), term(SUMMER, 120, 6)])
    assert share(absence(told)) == "6/120"


def test_no_possible_sessions_in_all_terms_is_unknown_and_in_one_is_not() -> None:
    none = [term(each, 0, 0) for each in (AUTUMN, SPRING, SUMMER)]
    assert absence(evidence(attendance=none))["reason"] == "no_sessions"
    assert share(absence(evidence(attendance=[none[0], *YEAR[1:]]))) == "37/240"


def test_two_schools_in_one_term_are_added_together() -> None:
    moved = [*YEAR[:2], term(SUMMER, 60, 10), term(SUMMER, 60, 7)]
    assert share(absence(evidence(attendance=moved))) == "57/380"


def test_coverage_is_not_asked_of_termly_rows() -> None:
    assert share(absence(evidence(attendance=YEAR, covers={"attendance": None}))) == "57/380"


def test_a_row_that_may_be_another_childs_leaves_the_share_unknown() -> None:
    told = evidence(attendance=[*YEAR[:2], YEAR[2] | {"possible": True}])
    assert "unresolved_link" in absence(told)["reason"].split(";")


def test_a_quarantined_row_leaves_the_share_unknown_though_every_term_has_one() -> None:
    told = evidence(attendance=YEAR, doubtful_people=(("attendance", "P1"),))
    assert absence(told)["reason"] == "quarantined"
    told = evidence(attendance=YEAR, doubtful_people=(("attendance", "P2"), ("exclusions", "P1")))
    assert share(absence(told)) == "57/380"


# ----------------------------------------------------------------------------------------------------------- enrolment


def enrolled(*rows: dict[str, Any]) -> Any:
    return absence(evidence(attendance=list(rows)), "enrolment")


def test_enrolment_is_that_of_the_latest_term() -> None:
    cell = enrolled(*YEAR[:2], YEAR[2] | {"enrolment": "alternative_provision"})
    assert (cell["value"], cell["records"]) == ("alternative_provision", ["a3"])


def test_an_earlier_terms_enrolment_says_nothing_of_the_latest() -> None:
    cell = enrolled(YEAR[0] | {"enrolment": "not_on_roll"})
    assert (cell["value"], cell["reason"]) == (None, "no_record")


def test_each_of_two_schools_enrolments_counts() -> None:
    rows = [term(SUMMER, 60, 0, enrolment=each) for each in ("registered", "alternative_provision", "registered")]
    assert enrolled(*rows)["value"] == "alternative_provision;registered"


# --------------------------------------------------------------------------------------------------------------- marks

OWN = Calendar([Term("2013/14", "summer", date(2014, 7, 1), date(2014, 7, 31))])
"""A summer term of July alone, so that a test need not write a year of marks."""
JULY = date(2014, 7, 1), date(2014, 7, 31)


def marks(*codes: str, first: date = date(2014, 7, 1)) -> list[dict[str, Any]]:
    """One mark a session, two a day, from a day on."""
    return [
        {"date": first + (at // 2) * DAY, "session": ("AM", "PM")[at % 2], "code": code}
        for at, code in enumerate(codes)
    ]


def july(*rows: dict[str, Any], covers: tuple[date, date] = JULY, **more: Any) -> Any:
    """The share of a child who became of school age for the term of July."""
    told = evidence(person(born=date(2009, 2, 1)), marks=list(rows), covers={"marks": covers}, **more)
    return fact(told, "unauthorised_absence", "school_age_child", calendar=OWN, **TERMS)


def test_marks_of_a_term_sum_to_its_record() -> None:
    assert share(july(*marks("/", "\\", "O", "U", "M", "/"))) == "2/6"


@pytest.mark.parametrize("code", ["#", "X", "Y", "Z", "D", "-", "Q"])
def test_a_code_of_no_possible_session_is_counted_nowhere(code: str) -> None:
    assert share(july(*marks("/", "O", code))) == "1/2"


@pytest.mark.parametrize(
    ("codes", "of_three"),
    [("G N O U", "1/2"), ("C C1 C2 E F H I J1 M R S T", "0/2"), ("/ \\ L B J K P V W", "0/2")],
)
def test_every_code_is_counted_as_the_spec_says(codes: str, of_three: str) -> None:
    for code in codes.split():
        assert share(july(*marks(code, "/"))) == of_three, code
        told = evidence(person(born=date(2009, 2, 1)), marks=marks(code, "/"), covers={"marks": JULY})
        absent = share(fact(told, "absence", "school_age_child", calendar=OWN, **TERMS))
        assert absent == ("0/2" if "/" in codes else "1/2"), code


@pytest.mark.parametrize(("late", "early"), [(1, 0), (0, 1)])
def test_marks_make_no_record_of_a_term_that_their_source_covers_but_for_a_day(late: int, early: int) -> None:
    assert july(*marks("/", "O"), covers=(JULY[0] + late * DAY, JULY[1] - early * DAY))["reason"] == "no_record"


def test_a_covered_term_without_one_mark_has_no_record() -> None:
    assert july()["reason"] == "no_record"


def test_marks_outside_the_term_are_not_in_it() -> None:
    assert share(july(*marks("O", first=JULY[0] - DAY), *marks("/"), *marks("O", first=JULY[1] + DAY))) == "0/1"


def test_the_same_mark_under_two_record_ids_is_one_session() -> None:
    assert share(july(*marks("O", "/"), *marks("O"))) == "1/2"


def test_a_termly_row_is_used_before_marks_and_their_difference_is_told() -> None:
    told = evidence(
        person(born=date(2009, 2, 1)),
        marks=marks("O", "O"),
        attendance=[term(SUMMER, 40, 4)],
        covers={"marks": JULY},
    )
    assert share(fact(told, "unauthorised_absence", "school_age_child", calendar=OWN, **TERMS)) == "4/40"
    found = measured(told, asking({"name": "unauthorised_absence", **TERMS}, "school_age_child"), OWN)
    assert found.differing_terms.rows() == [("P1", "2013/14", "summer")]


def test_a_termly_row_that_says_what_the_marks_say_is_no_difference() -> None:
    told = evidence(marks=marks("O", "/"), attendance=[term(SUMMER, 2, 1)], covers={"marks": JULY})
    found = measured(told, asking({"name": "unauthorised_absence", **TERMS}, "school_age_child"), OWN)
    assert found.differing_terms.is_empty()


def test_enrolment_of_a_marked_term_is_registered() -> None:
    told = evidence(marks=marks("/"), covers={"marks": JULY})
    assert fact(told, "enrolment", "school_age_child", calendar=OWN, **TERMS)["value"] == "registered"


# ---------------------------------------------------------------------------------------------------------- exclusions


def suspended(*days: date, name: str = "suspensions", **more: Any) -> Any:
    kind = more.pop("kind", "suspension")
    rows = [{"kind": kind, "starts_on": day} for day in days]
    return absence(evidence(more.pop("who", person()), exclusions=rows, **more), name)


def test_suspensions_count_from_the_first_day_of_the_terms_to_the_last_with_the_holidays_between() -> None:
    easter_holiday = date(2014, 4, 14)
    cell = suspended(FIRST - DAY, FIRST, easter_holiday, LAST, LAST + DAY)
    assert (cell["value"], cell["records"]) == (3, ["e2", "e3", "e4"])


def test_a_holiday_between_two_of_the_workspaces_terms_is_in_the_span() -> None:
    short = Calendar([Term("2013/14", "autumn", date(2013, 9, 4), date(2013, 12, 19))])
    told = evidence(exclusions=[{"starts_on": date(2013, 9, 3)}, {"starts_on": date(2013, 12, 28)}])
    assert fact(told, "suspensions", "school_age_child", calendar=short, **TERMS)["records"] == ["e2"]


@pytest.mark.parametrize("kind", ["lunchtime", "permanent"])
def test_other_exclusions_are_no_suspensions(kind: str) -> None:
    assert suspended(FIRST, kind=kind)["value"] == 0


def test_a_permanent_exclusion_is_counted_on_its_own() -> None:
    assert suspended(FIRST, name="permanent_exclusions", kind="permanent")["value"] == 1
    assert suspended(FIRST, name="permanent_exclusions")["value"] == 0


@pytest.mark.parametrize(("late", "early", "known"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_exclusions_need_every_day_of_each_term_covered(late: int, early: int, known: bool) -> None:
    covers = (FIRST + late * DAY, LAST - early * DAY)
    cell = suspended(FIRST + 5 * DAY, covers={"exclusions": covers})
    assert (cell["value"], cell["reason"]) == ((1, None) if known else (None, "not_covered"))


def test_only_the_terms_in_which_the_child_was_of_school_age_must_be_covered() -> None:
    covers = {"exclusions": (date(2014, 4, 21), LAST)}
    five_in_february = person(born=date(2009, 2, 1))
    assert suspended(date(2014, 6, 2), covers=covers, who=five_in_february)["value"] == 1


def test_an_exclusion_from_before_school_age_is_not_counted() -> None:
    five_in_february = person(born=date(2009, 2, 1))
    assert suspended(date(2014, 4, 20), date(2014, 4, 21), who=five_in_february)["records"] == ["e2"]


def test_a_suspension_on_or_after_the_as_of_date_is_never_read() -> None:
    own = Calendar([Term("2013/14", "summer", date(2014, 4, 21), AS_OF - DAY)])
    told = evidence(exclusions=[{"starts_on": AS_OF - DAY}, {"starts_on": AS_OF}])
    assert fact(told, "suspensions", "school_age_child", calendar=own, **TERMS)["records"] == ["e1"]
