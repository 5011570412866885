"""Shares, months, birthdays and financial years, at and beside the days where they are easily got wrong."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbr.values import Share, Window, add_months, birthday, financial_year, pounds

DAYS = st.dates(date(1950, 1, 1), date(2060, 12, 31))


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2014, 8, 31), -6, date(2014, 2, 28)),
        (date(2012, 8, 31), -6, date(2012, 2, 29)),
        (date(2014, 3, 31), -1, date(2014, 2, 28)),
        (date(2014, 1, 31), 1, date(2014, 2, 28)),
        (date(2014, 2, 28), 6, date(2014, 8, 28)),
        (date(2014, 12, 31), -12, date(2013, 12, 31)),
    ],
)
def test_a_day_that_does_not_exist_becomes_the_last_of_its_month(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


@given(DAYS, st.integers(-240, 240))
def test_months_move_by_as_many_months_and_never_past_the_day(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    last = (moved.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    assert moved.day == min(day.day, last.day)


@given(DAYS, st.integers(1, 60))
def test_a_window_ends_the_day_before_its_day(day: date, months: int) -> None:
    window = Window.months_before(day, months)
    assert window.start < window.end == day


def test_a_window_of_30_weeks_is_210_days() -> None:
    window = Window.weeks_before(date(2014, 10, 31), 30)
    assert (window.end - window.start).days == 210


@pytest.mark.parametrize(
    ("born", "age", "expected"),
    [
        (date(1996, 2, 29), 18, date(2014, 3, 1)),
        (date(1996, 2, 29), 16, date(2012, 2, 29)),
        (date(1996, 10, 31), 18, date(2014, 10, 31)),
    ],
)
def test_a_birthday_on_29_february_falls_on_1_march_in_other_years(born: date, age: int, expected: date) -> None:
    assert birthday(born, age) == expected


@pytest.mark.parametrize(
    ("day", "year"), [(date(2013, 3, 31), "2012/13"), (date(2013, 4, 1), "2013/14"), (date(1999, 12, 31), "1999/00")]
)
def test_the_financial_year_begins_on_1_april(day: date, year: str) -> None:
    assert financial_year(day) == year


@pytest.mark.parametrize(
    ("text", "share"), [("15%", Share(15, 100)), ("12.5%", Share(125, 1000)), ("57/380", Share(57, 380))]
)
def test_a_share_is_read_as_whole_numbers(text: str, share: Share) -> None:
    assert Share.parse(text) == share


@pytest.mark.parametrize("text", ["15", "0.15", "-1%", "15 %", "57/0", "a%", "", "1/2/3"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a share"):
        Share.parse(text)


def test_a_share_of_nothing_is_no_share() -> None:
    with pytest.raises(ValueError, match="denominator"):
        Share(0, 0)


@pytest.mark.parametrize(
    ("share", "words"), [(Share(15, 100), "15%"), (Share(57, 380), "15%"), (Share(1, 3), "1/3"), (Share(0, 7), "0%")]
)
def test_a_share_is_said_in_percent_only_where_that_is_exact(share: Share, words: str) -> None:
    assert share.percent == words


@pytest.mark.parametrize(
    ("pence", "words"), [(70000, "£700"), (123450, "£1,234.50"), (5, "£0.05"), (-70000, "-£700"), (0, "£0")]
)
def test_money_is_said_in_pounds_to_the_penny(pence: int, words: str) -> None:
    assert pounds(pence) == words
