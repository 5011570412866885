"""Windows, months and coverage: which days count, to the day, and what a source that falls short does."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbr.measures.reading import window
from pbr.rulebook.measures import AsbIncidents
from pbr.values import Window, add_months
from tests.measures.made_evidence import AS_OF, ENGAGED, asking, evidence, fact, family, person

DAY = timedelta(days=1)
BEFORE = {"months_before_engagement": "n6"}
SINCE = {"last_months": "n6"}


def asb_on(*days: date, **more: Any) -> Any:
    return evidence(offending=[{"occurred_on": day} for day in days], **more)


# ------------------------------------------------------------------------------------------------------------ months


@given(st.dates(date(1990, 1, 1), date(2060, 12, 31)), st.sampled_from([1, 3, 6, 12, 30]))
def test_polars_takes_months_away_as_the_spec_does(day: date, months: int) -> None:
    offset = pl.DataFrame({"day": [day]}).select(pl.col("day").dt.offset_by(f"-{months}mo")).item()
    assert offset == add_months(day, -months)


@given(st.dates(date(2000, 1, 1), date(2030, 12, 31)))
def test_the_window_before_engagement_is_the_one_that_the_values_give(engaged: date) -> None:
    rules = asking({"name": "asb_incidents", **BEFORE})
    start, end = window(AsbIncidents(name="asb_incidents", months_before_engagement="n6"), rules)
    row = pl.DataFrame({"engaged_on": [engaged]}).select(start.alias("start"), end.alias("end")).row(0)
    assert Window(*row) == Window.months_before(engaged, 6)


@pytest.mark.parametrize(
    ("engaged", "first"),
    [
        (date(2013, 8, 31), date(2013, 2, 28)),
        (date(2013, 8, 28), date(2013, 2, 28)),
        (date(2012, 8, 31), date(2012, 2, 29)),
        (date(2012, 8, 29), date(2012, 2, 29)),
        (date(2014, 5, 31), date(2013, 11, 30)),
    ],
)
def test_a_window_from_a_day_that_the_month_has_not_begins_on_its_last(engaged: date, first: date) -> None:
    told = asb_on(first - DAY, first, families=(family(engaged_on=engaged),))
    assert fact(told, "asb_incidents", **BEFORE)["records"] == ["o2"]


# ------------------------------------------------------------------------------------------------------- half open


def test_the_last_six_months_hold_their_first_day_and_not_the_as_of_date() -> None:
    start = add_months(AS_OF, -6)
    told = asb_on(start - DAY, start, AS_OF - DAY, AS_OF, AS_OF + DAY)
    assert fact(told, "asb_incidents", **SINCE)["records"] == ["o2", "o3"]


def test_the_six_months_before_engagement_end_the_day_before_it() -> None:
    start = add_months(ENGAGED, -6)
    told = asb_on(start - DAY, start, ENGAGED - DAY, ENGAGED)
    assert fact(told, "asb_incidents", **BEFORE)["records"] == ["o2", "o3"]


def test_an_event_between_the_two_windows_is_in_neither() -> None:
    told = asb_on(ENGAGED + DAY)
    assert fact(told, "asb_incidents", **BEFORE)["value"] == 0
    assert fact(told, "asb_incidents", **SINCE)["value"] == 0


# --------------------------------------------------------------------------------------------------------- coverage


@pytest.mark.parametrize(
    ("late_by", "early_by", "known"), [(0, 0, True), (-1, -1, True), (1, 0, False), (0, 1, False), (400, 0, False)]
)
@pytest.mark.parametrize(("which", "end"), [(SINCE, AS_OF), (BEFORE, ENGAGED)])
def test_a_window_is_known_only_where_the_source_covers_its_first_and_its_last_day(
    which: dict[str, str], end: date, late_by: int, early_by: int, known: bool
) -> None:
    start = add_months(end, -6)
    covers = (start + late_by * DAY, end - DAY - early_by * DAY)
    if covers[1] < covers[0]:
        covers = (covers[0], covers[0])
    told = asb_on(end - 30 * DAY, covers={"offending": covers})
    cell = fact(told, "asb_incidents", **which)
    expected = (1, None, ["o1"]) if known else (None, "not_covered", [])
    assert (cell["value"], cell["reason"], cell["records"]) == expected


def test_no_record_inside_coverage_is_a_nil_return() -> None:
    cell = fact(asb_on(), "asb_incidents", **SINCE)
    assert (cell["value"], cell["reason"]) == (0, None)


def test_a_source_that_is_not_declared_covers_nothing() -> None:
    cell = fact(evidence(), "asb_incidents", **SINCE)
    assert (cell["value"], cell["reason"]) == (None, "not_covered")


def test_a_source_without_covers_covers_nothing_though_it_has_records() -> None:
    cell = fact(asb_on(AS_OF - DAY, covers={"offending": None}), "asb_incidents", **SINCE)
    assert (cell["value"], cell["reason"], cell["records"]) == (None, "not_covered", [])


def test_a_source_may_cover_until_the_end_of_time() -> None:
    told = asb_on(AS_OF - DAY, covers={"offending": (date(2010, 1, 1), date(9999, 12, 31))})
    assert fact(told, "asb_incidents", **SINCE)["value"] == 1


def test_marks_may_cover_until_the_end_of_time_and_from_its_beginning() -> None:
    told = evidence(marks=[], covers={"marks": (date(1, 1, 1), date(9999, 12, 31))})
    cell = fact(told, "unauthorised_absence", "school_age_child", last_terms="n3", at="as_of")
    assert cell["reason"] == "no_record"


@pytest.mark.parametrize(
    ("covers", "known"),
    [
        ((ENGAGED, ENGAGED), True),
        ((date(2010, 1, 1), ENGAGED - DAY), False),
        ((ENGAGED + DAY, AS_OF), False),
    ],
)
def test_a_measure_on_one_day_needs_that_day_covered_and_no_other(covers: tuple[date, date], known: bool) -> None:
    spell = {"kind": "benefit", "code": "JSA", "starts_on": date(2010, 1, 1)}
    told = evidence(person(born=date(1980, 1, 1)), employment=[spell], covers={"employment": covers})
    cell = fact(told, "out_of_work_benefit", "adult", on="engagement", codes="benefits")
    assert (cell["value"], cell["reason"]) == ((True, None) if known else (None, "not_covered"))


# ---------------------------------------------------------------------------------------------------- null for reasons


def test_a_possible_record_makes_its_own_window_unknown_and_not_the_other() -> None:
    told = evidence(offending=[{"occurred_on": AS_OF - DAY, "possible": True}, {"occurred_on": ENGAGED - DAY}])
    assert fact(told, "asb_incidents", **SINCE)["reason"] == "unresolved_link"
    assert fact(told, "asb_incidents", **BEFORE)["value"] == 1


def test_a_quarantined_row_makes_the_measure_unknown_though_the_window_is_covered() -> None:
    told = asb_on(AS_OF - DAY, doubtful_families=(("offending", "F1"),))
    cell = fact(told, "asb_incidents", **SINCE)
    assert (cell["value"], cell["reason"], cell["records"]) == (None, "quarantined", [])


def test_a_quarantined_row_of_another_table_or_family_changes_nothing() -> None:
    told = asb_on(AS_OF - DAY, doubtful_families=(("needs", "F1"), ("offending", "F2")))
    assert fact(told, "asb_incidents", **SINCE)["value"] == 1


def test_a_quarantined_row_of_the_members_makes_the_familys_events_unknown() -> None:
    told = asb_on(AS_OF - DAY, doubtful_families=(("members", "F1"),))
    assert fact(told, "asb_incidents", **SINCE)["reason"] == "quarantined"


def test_every_reason_that_holds_is_given_in_the_specs_order() -> None:
    told = evidence(
        offending=[{"occurred_on": AS_OF - DAY, "possible": True}],
        covers={"offending": None},
        doubtful_families=(("offending", "F1"),),
    )
    assert fact(told, "asb_incidents", **SINCE)["reason"] == "not_covered;quarantined"
