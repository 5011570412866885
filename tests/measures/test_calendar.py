"""School terms and ages: when a term has ended, and who must be in school in it."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbr import values
from pbr.measures.calendar import Calendar, Term, birthday, national_term, of_school_age
from tests.measures.made_evidence import evidence, person, subjects


def last_completed(day: date, count: int = 1, calendar: Calendar | None = None) -> list[str]:
    terms = (calendar or Calendar()).completed_before(day, count)
    return [f"{term.season} {term.academic_year}" for term in terms]


def must_be_in_school(born: date, academic_year: str, season: str) -> bool:
    term = national_term(academic_year, season)
    row = {
        "date_of_birth": [born],
        "turned_five_by": [term.turned_five_by],
        "turned_sixteen_from": [term.turned_sixteen_from],
    }
    return bool(pl.DataFrame(row).select(of_school_age()).item())


# ------------------------------------------------------------------------------------------------------------ terms


@pytest.mark.parametrize(
    ("academic_year", "easter_sunday"),
    [
        ("2007/08", date(2008, 3, 23)),
        ("2011/12", date(2012, 4, 8)),
        ("2012/13", date(2013, 3, 31)),
        ("2013/14", date(2014, 4, 20)),
        ("2037/38", date(2038, 4, 25)),
    ],
)
def test_spring_ends_on_easter_sunday_and_summer_begins_on_the_monday(academic_year: str, easter_sunday: date) -> None:
    assert national_term(academic_year, "spring").until == easter_sunday
    assert national_term(academic_year, "summer").start == easter_sunday + timedelta(days=1)


@given(st.dates(date(1990, 1, 1), date(2080, 12, 31)))
def test_every_day_is_in_one_term_but_august_is_in_none(day: date) -> None:
    terms = [term for term in Calendar().terms(day.year - 1, day.year) if term.start <= day <= term.until]
    assert len(terms) == (0 if day.month == 8 else 1)


@pytest.mark.parametrize(
    ("day", "term"),
    [
        (date(2013, 12, 31), "summer 2012/13"),
        (date(2014, 1, 1), "autumn 2013/14"),
        (date(2014, 4, 20), "autumn 2013/14"),
        (date(2014, 4, 21), "spring 2013/14"),
        (date(2014, 7, 31), "spring 2013/14"),
        (date(2014, 8, 1), "summer 2013/14"),
        (date(2014, 8, 31), "summer 2013/14"),
    ],
)
def test_a_term_is_completed_on_the_day_after_its_last_and_no_sooner(day: date, term: str) -> None:
    assert last_completed(day) == [term]


def test_the_last_three_terms_come_earliest_first_across_the_school_years() -> None:
    assert last_completed(date(2014, 1, 1), 3) == ["spring 2012/13", "summer 2012/13", "autumn 2013/14"]


def test_more_terms_than_two_years_have_are_all_found() -> None:
    seven = last_completed(date(2014, 10, 31), 7)
    assert seven[0] == "summer 2011/12"
    assert seven[-1] == "summer 2013/14"
    assert len(seven) == 7


def test_a_term_of_the_workspace_takes_the_place_of_the_national_one_and_of_no_other() -> None:
    own = Calendar([Term("2013/14", "autumn", date(2013, 9, 4), date(2013, 12, 20))])
    assert last_completed(date(2013, 12, 20), 1, own) == ["summer 2012/13"]
    assert last_completed(date(2013, 12, 21), 1, own) == ["autumn 2013/14"]
    assert last_completed(date(2012, 12, 31), 1, own) == ["summer 2011/12"]


def test_completed_terms_of_several_days_stand_side_by_side() -> None:
    days = [date(2014, 1, 1), date(2013, 12, 31), date(2014, 1, 1)]
    frame = Calendar().completed(days, 1)
    assert frame.select("day", "term").rows() == [(date(2013, 12, 31), "summer"), (date(2014, 1, 1), "autumn")]


# -------------------------------------------------------------------------------------------------------------- ages


@pytest.mark.parametrize(
    ("born", "first"),
    [
        (date(2008, 8, 31), ("2013/14", "autumn")),
        (date(2008, 9, 1), ("2013/14", "spring")),
        (date(2008, 12, 31), ("2013/14", "spring")),
        (date(2009, 1, 1), ("2013/14", "summer")),
        (date(2009, 3, 31), ("2013/14", "summer")),
        (date(2009, 4, 1), ("2014/15", "autumn")),
    ],
)
def test_school_age_begins_with_the_term_after_the_prescribed_day(born: date, first: tuple[str, str]) -> None:
    terms = [(year, season) for year in ("2013/14", "2014/15") for season in ("autumn", "spring", "summer")]
    of_age = [term for term in terms if must_be_in_school(born, *term)]
    assert of_age == terms[terms.index(first) :]


@pytest.mark.parametrize(
    ("born", "last"),
    [
        (date(1998, 8, 31), ("2013/14", "summer")),
        (date(1998, 9, 1), ("2014/15", "summer")),
        (date(1999, 8, 31), ("2014/15", "summer")),
        (date(1997, 9, 1), ("2013/14", "summer")),
    ],
)
def test_school_age_ends_with_the_summer_of_the_year_in_which_they_turn_sixteen(
    born: date, last: tuple[str, str]
) -> None:
    terms = [(year, season) for year in ("2013/14", "2014/15", "2015/16") for season in ("autumn", "spring", "summer")]
    of_age = [term for term in terms if must_be_in_school(born, *term)]
    assert of_age[-1] == last


@given(st.dates(date(1940, 1, 1), date(2020, 12, 31)), st.sampled_from([5, 16, 18]))
def test_a_birthday_is_the_same_for_one_person_and_for_a_column_of_them(born: date, age: int) -> None:
    frame = pl.DataFrame({"date_of_birth": [born]})
    assert frame.select(birthday(age)).item() == values.birthday(born, age)


@pytest.mark.parametrize(("age", "day"), [(16, date(2016, 2, 29)), (18, date(2018, 3, 1))])
def test_a_birthday_on_29_february_falls_on_1_march_in_other_years(age: int, day: date) -> None:
    frame = pl.DataFrame({"date_of_birth": [date(2000, 2, 29)]})
    assert frame.select(birthday(age)).item() == day


# ------------------------------------------------------------------------------------------- school-age children


@pytest.mark.parametrize(
    ("born", "is_subject"),
    [
        (date(2009, 3, 31), True),  # of school age in summer 2013/14, the last completed term
        (date(2009, 4, 1), False),
        (date(1997, 9, 1), True),
        (date(1997, 8, 31), False),  # turned 16 in the school year before the three terms
    ],
)
def test_a_school_age_child_was_of_school_age_in_one_of_the_terms_that_are_read(born: date, is_subject: bool) -> None:
    assert subjects(evidence(person(born=born)), "school_age_child") == (["P1"] if is_subject else [])


def test_at_engagement_the_terms_before_engagement_count_and_not_the_last_ones() -> None:
    grew_into_it = evidence(person(born=date(2009, 3, 31)))
    assert subjects(grew_into_it, "school_age_child", member_at="engagement") == []


def test_nobody_of_eighteen_is_a_school_age_child_whatever_the_terms_say() -> None:
    # 18 on 1 September 2015; the last three terms before that day are of the year 2014/15, long after school age.
    assert subjects(evidence(person(born=date(1997, 9, 1))), "school_age_child", as_of=date(2015, 9, 1)) == []
    assert subjects(evidence(person(born=date(1997, 9, 1))), "adult", as_of=date(2015, 9, 1)) == ["P1"]
