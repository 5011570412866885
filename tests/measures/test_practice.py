"""What practitioners record: needs on a day, days since, and children under a social care plan."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

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
