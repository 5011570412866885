"""What practitioners record: needs on a day, days since, and children under a social care plan."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pbr.values import add_months
from tests.measures.made_evidence import AS_OF, ENGAGED, evidence, fact, family

DAY = timedelta(days=1)


def need(*rows: dict[str, Any], **more: Any) -> Any:
    return fact(evidence(needs=list(rows), **more), "need_identified", need="concern", on="engagement")


@pytest.mark.parametrize(("when", "value"), [(ENGAGED - DAY, True), (ENGAGED, True), (ENGAGED + DAY, False)])
def test_a_need_counts_when_it_was_identified_on_or_before_the_day(when: date, value: bool) -> None:
    assert need({"identified_on": when})["value"] is value


def test_another_need_or_another_familys_need_is_not_this_one() -> None:
    assert need({"identified_on": ENGAGED, "need": "debt"})["value"] is False
    assert need({"identified_on": ENGAGED, "family_id": "F2"})["value"] is False


def test_a_need_identified_twice_is_cited_twice() -> None:
    rows = {"identified_on": ENGAGED}, {"identified_on": ENGAGED - DAY}
    assert need(*rows)["records"] == ["n1", "n2"]


@pytest.mark.parametrize(
    ("covers", "known"), [((ENGAGED, ENGAGED), True), ((ENGAGED + DAY, AS_OF), False), ((ENGAGED, ENGAGED), True)]
)
def test_a_need_is_known_where_the_day_is_covered(covers: tuple[date, date], known: bool) -> None:
    cell = need({"identified_on": ENGAGED - DAY}, covers={"needs": covers})
    assert (cell["value"], cell["reason"]) == ((True, None) if known else (None, "not_covered"))


def test_a_quarantined_need_of_the_family_leaves_it_unknown() -> None:
    assert need({"identified_on": ENGAGED}, doubtful_families=(("needs", "F1"),))["reason"] == "quarantined"


# ---------------------------------------------------------------------------------------------------------- days since


def since(field: str, **more: Any) -> Any:
    return fact(evidence(families=(family(**more),)), "days_since", field=field)


@pytest.mark.parametrize("field", ["closed_on", "assessed_on", "planned_on"])
def test_days_are_counted_from_the_familys_own_date(field: str) -> None:
    assert since(field, **{field: AS_OF - 180 * DAY})["value"] == 180
    assert since(field, **{field: AS_OF - DAY})["value"] == 1


@pytest.mark.parametrize("when", [None, AS_OF, AS_OF + DAY])
def test_a_date_that_is_missing_or_still_to_come_is_a_missing_field(when: date | None) -> None:
    cell = since("closed_on", closed_on=when)
    assert (cell["value"], cell["reason"]) == (None, "missing_field")


def test_days_are_counted_from_the_latest_outcome_before_the_as_of_date() -> None:
    rows = [{"observed_on": AS_OF - n * DAY} for n in (30, 10, 0)]
    cell = fact(evidence(outcomes=rows), "days_since", field="outcome_observed_on", need="concern")
    assert cell["value"] == 10
    assert "o3" not in cell["records"]


def test_without_an_outcome_of_that_need_there_is_no_day_to_count_from() -> None:
    rows = [{"observed_on": AS_OF - DAY, "need": "debt"}]
    cell = fact(evidence(outcomes=rows), "days_since", field="outcome_observed_on", need="concern")
    assert cell["reason"] == "missing_field"


# ------------------------------------------------------------------------------------------------------- months since


def months(dated: date | None, as_of: date = AS_OF, field: str = "closed_on") -> Any:
    told = evidence(families=(family(**{field: dated}),))
    return fact(told, "months_since", field=field, as_of=as_of)


@pytest.mark.parametrize("field", ["closed_on", "assessed_on", "planned_on"])
def test_months_are_counted_from_the_familys_own_date(field: str) -> None:
    cell = months(date(2014, 4, 30), field=field)
    assert (cell["value"], cell["records"]) == (6, ["row-F1"])


@pytest.mark.parametrize(
    ("dated", "as_of", "value"),
    [
        (date(2014, 4, 14), date(2014, 10, 15), 6),
        (date(2014, 4, 15), date(2014, 10, 15), 6),
        (date(2014, 4, 16), date(2014, 10, 15), 5),
        (date(2014, 10, 14), date(2014, 10, 15), 0),
        (date(2013, 12, 31), date(2014, 1, 1), 0),
        (date(2013, 12, 31), date(2014, 1, 31), 1),
        (date(2010, 10, 15), date(2014, 10, 15), 48),
    ],
)
def test_months_are_whole_calendar_months(dated: date, as_of: date, value: int) -> None:
    assert months(dated, as_of)["value"] == value


@pytest.mark.parametrize(
    ("dated", "as_of", "value"),
    [
        (date(2014, 8, 31), date(2015, 2, 27), 5),
        (date(2014, 8, 31), date(2015, 2, 28), 6),
        (date(2015, 8, 31), date(2016, 2, 28), 5),
        (date(2015, 8, 31), date(2016, 2, 29), 6),
        (date(2014, 5, 31), date(2014, 11, 29), 5),
        (date(2014, 5, 31), date(2014, 11, 30), 6),
        (date(2016, 2, 29), date(2017, 2, 27), 11),
        (date(2016, 2, 29), date(2017, 2, 28), 12),
    ],
)
def test_a_month_that_lacks_the_day_is_over_on_its_last(dated: date, as_of: date, value: int) -> None:
    assert months(dated, as_of)["value"] == value


@given(st.dates(date(2013, 1, 1), date(2014, 12, 31)), st.dates(date(2014, 1, 1), date(2016, 12, 31)))
@settings(max_examples=40, deadline=None)
def test_months_are_the_most_that_do_not_lead_past_the_as_of_date(dated: date, as_of: date) -> None:
    assume(dated < as_of)
    told = evidence(families=(family(engaged_on=date(2013, 1, 1), closed_on=dated),))
    value = fact(told, "months_since", field="closed_on", as_of=as_of)["value"]
    assert add_months(dated, value) <= as_of < add_months(dated, value + 1)


@pytest.mark.parametrize("dated", [None, AS_OF, AS_OF + DAY])
def test_there_are_no_months_since_a_date_that_is_missing_or_still_to_come(dated: date | None) -> None:
    cell = months(dated)
    assert (cell["value"], cell["reason"]) == (None, "missing_field")


# ----------------------------------------------------------------------------------------------------------- recorded


def recorded(field: str, given: Any, on: str = "as_of") -> Any:
    return fact(evidence(families=(family(**{field: given}),)), "recorded", field=field, on=on)


@pytest.mark.parametrize("field", ["closed_on", "assessed_on", "planned_on"])
@pytest.mark.parametrize(
    ("on", "dated", "value"),
    [
        ("engagement", ENGAGED - DAY, True),
        ("engagement", ENGAGED, True),
        ("engagement", ENGAGED + DAY, False),
        ("day_before_as_of", AS_OF - DAY, True),
        ("day_before_as_of", AS_OF, False),
        ("as_of", AS_OF - DAY, True),
        ("as_of", AS_OF, False),
        ("as_of", AS_OF + DAY, False),
    ],
)
def test_a_date_is_recorded_by_the_day_it_names_and_before_the_as_of_date(
    field: str, on: str, dated: date, value: bool
) -> None:
    cell = recorded(field, dated, on)
    assert (cell["value"], cell["records"]) == (value, ["row-F1"])


def test_a_lead_worker_is_recorded_where_one_is_named() -> None:
    assert recorded("lead_worker", "somebody")["value"] is True
    assert recorded("lead_worker", "somebody", "engagement")["value"] is True


@pytest.mark.parametrize("field", ["closed_on", "assessed_on", "planned_on", "lead_worker"])
def test_what_the_familys_record_leaves_empty_is_a_missing_field(field: str) -> None:
    cell = recorded(field, None)
    assert (cell["value"], cell["reason"]) == (None, "missing_field")


@pytest.mark.parametrize(("said", "reason"), [(True, None), (False, None), (None, "missing_field")])
def test_a_family_expects_a_child_where_its_record_says_so(said: bool | None, reason: str | None) -> None:
    cell = fact(evidence(families=(family(expecting=said),)), "expecting")
    assert (cell["value"], cell["reason"], cell["records"]) == (said, reason, ["row-F1"])


# --------------------------------------------------------------------------------------------------------- social care


def plan(starts: date, ends: date | None = None, **more: Any) -> Any:
    told = evidence(social_care=[{"starts_on": starts, "ends_on": ends} | more])
    return fact(told, "open_social_care", "child", kinds="plans", on="day_before_as_of")


@pytest.mark.parametrize(
    ("starts", "ends", "is_open"),
    [
        (AS_OF - DAY, None, True),
        (AS_OF, None, False),
        (ENGAGED, AS_OF - DAY, True),
        (ENGAGED, AS_OF - 2 * DAY, False),
    ],
)
def test_a_plan_is_open_on_its_first_and_on_its_last_day(starts: date, ends: date | None, is_open: bool) -> None:
    assert plan(starts, ends)["value"] is is_open


def test_help_of_another_kind_is_no_plan() -> None:
    assert plan(ENGAGED, kind="early_help")["value"] is False
