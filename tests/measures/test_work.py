"""Work, benefits and provision: spells counted in days, weeks and runs, and open on a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbr.values import Window
from tests.measures.made_evidence import AS_OF, ENGAGED, evidence, fact, person

DAY = timedelta(days=1)
ADULT = person(born=date(1980, 1, 1))
HALF_YEAR = Window.months_before(AS_OF, 6)
THIRTY_WEEKS = Window.weeks_before(AS_OF, 30)


def worked(*spells: tuple[date, date | None], **more: Any) -> Any:
    rows = [{"starts_on": starts, "ends_on": ends} for starts, ends in spells]
    return evidence(ADULT, employment=rows, **more)


def run_of(of: Any) -> Any:
    return fact(of, "longest_run_in_work", "adult", last_months="n6")


def weeks_of(of: Any) -> Any:
    return fact(of, "weeks_in_work", "adult", out_of_last="n30")


# ------------------------------------------------------------------------------------------------------ day by day


def days_of(spells: list[tuple[date, date | None]], window: Window) -> list[date]:
    """Every day of a window that some spell covers, one after another."""
    days, day = [], window.start
    while day < window.end:
        if any(starts <= day and (ends is None or day <= ends) for starts, ends in spells):
            days.append(day)
        day += DAY
    return days


def longest(days: list[date]) -> int:
    most = run = 0
    for at, day in enumerate(days):
        run = run + 1 if at and day - days[at - 1] == DAY else 1
        most = max(most, run)
    return most


@st.composite
def spells(draw: st.DrawFn) -> list[tuple[date, date | None]]:
    """Spells about the two windows: touching, overlapping, inside one another, open, or of a single day."""
    starts = st.integers(-260, 20).map(lambda n: AS_OF + n * DAY)
    lengths = st.one_of(st.none(), st.integers(0, 120), st.sampled_from([0, 1, 6, 7, 90, 91, 92, 181, 182]))
    drawn = draw(st.lists(st.tuples(starts, lengths), max_size=6))
    found = [(start, None if length is None else start + length * DAY) for start, length in drawn]
    if found and found[0][1] is not None and draw(st.booleans()):
        gap = draw(st.sampled_from([0, 1, 2]))
        found.append((found[0][1] + gap * DAY, found[0][1] + 30 * DAY))
    return found


@settings(max_examples=40, deadline=None)
@given(spells())
def test_weeks_and_runs_are_those_of_a_count_day_by_day(drawn: list[tuple[date, date | None]]) -> None:
    told = worked(*drawn)
    assert weeks_of(told)["value"] == len(days_of(drawn, THIRTY_WEEKS)) // 7
    assert run_of(told)["value"] == longest(days_of(drawn, HALF_YEAR))


# ------------------------------------------------------------------------------------------------------- the limits


@pytest.mark.parametrize(("days", "weeks"), [(181, 25), (182, 26), (183, 26), (188, 26), (189, 27)])
def test_weeks_are_whole_weeks_worth_of_days(days: int, weeks: int) -> None:
    assert weeks_of(worked((THIRTY_WEEKS.start, THIRTY_WEEKS.start + (days - 1) * DAY)))["value"] == weeks


def test_days_in_work_need_not_be_in_a_row_to_make_weeks() -> None:
    every_other = [(THIRTY_WEEKS.start + n * DAY, THIRTY_WEEKS.start + n * DAY) for n in range(0, 28, 2)]
    assert weeks_of(worked(*every_other))["value"] == 2


@pytest.mark.parametrize("length", [90, 91, 92])
def test_a_run_counts_its_first_and_its_last_day(length: int) -> None:
    assert run_of(worked((date(2014, 6, 1), date(2014, 6, 1) + (length - 1) * DAY)))["value"] == length


@pytest.mark.parametrize(("gap", "run"), [(-5, 55), (0, 60), (1, 30), (30, 30)])
def test_spells_that_touch_or_overlap_are_one_run_and_a_day_between_breaks_it(gap: int, run: int) -> None:
    first = date(2014, 6, 1), date(2014, 6, 30)
    second = date(2014, 7, 1) + gap * DAY, date(2014, 7, 30) + gap * DAY
    assert run_of(worked(first, second))["value"] == run


def test_a_short_spell_inside_a_long_one_does_not_cut_it_short() -> None:
    spells = (date(2014, 6, 1), date(2014, 8, 31)), (date(2014, 6, 5), date(2014, 6, 9)), (date(2014, 9, 1), None)
    assert run_of(worked(*spells))["value"] == (AS_OF - date(2014, 6, 1)).days


def test_two_jobs_at_once_are_worked_once() -> None:
    spell = THIRTY_WEEKS.start, THIRTY_WEEKS.start + 13 * DAY
    assert weeks_of(worked(spell, spell))["value"] == 2


def test_an_open_spell_is_worked_until_the_day_before_the_as_of_date() -> None:
    cell = run_of(worked((AS_OF - 10 * DAY, None)))
    assert (cell["value"], cell["records"]) == (10, ["e1"])


def test_a_run_begins_with_the_window_though_the_work_began_before() -> None:
    assert run_of(worked((date(2012, 1, 1), None)))["value"] == (HALF_YEAR.end - HALF_YEAR.start).days


@pytest.mark.parametrize(
    ("spell", "run"),
    [
        ((AS_OF, None), 0),
        ((AS_OF - DAY, None), 1),
        ((date(2010, 1, 1), HALF_YEAR.start - DAY), 0),
        ((date(2010, 1, 1), HALF_YEAR.start), 1),
    ],
)
def test_nothing_outside_the_window_is_work_inside_it(spell: tuple[date, date | None], run: int) -> None:
    cell = run_of(worked(spell))
    assert (cell["value"], len(cell["records"])) == (run, run)


def test_a_benefit_or_provision_is_no_work() -> None:
    rows = [{"kind": kind, "code": "esf", "starts_on": date(2014, 6, 1)} for kind in ("benefit", "provision")]
    assert run_of(evidence(ADULT, employment=rows))["value"] == 0


def test_work_that_may_be_somebody_elses_leaves_the_run_unknown() -> None:
    told = evidence(ADULT, employment=[{"starts_on": date(2014, 6, 1), "possible": True}])
    assert run_of(told)["reason"] == "unresolved_link"


@pytest.mark.parametrize(("late", "early"), [(0, 0), (1, 0), (0, 1)])
def test_weeks_need_the_source_to_cover_all_thirty(late: int, early: int) -> None:
    covers = (THIRTY_WEEKS.start + late * DAY, AS_OF - DAY - early * DAY)
    cell = weeks_of(worked((date(2014, 1, 1), None), covers={"employment": covers}))
    assert cell["reason"] == ("not_covered" if late or early else None)


# ------------------------------------------------------------------------------------------------------- on one day


def spell(kind: str, code: str | None, starts: date, ends: date | None = None) -> Any:
    row = {"kind": kind, "code": code, "starts_on": starts, "ends_on": ends}
    return evidence(ADULT, employment=[row])


@pytest.mark.parametrize(
    ("starts", "ends", "is_open"),
    [
        (ENGAGED, None, True),
        (ENGAGED + DAY, None, False),
        (date(2010, 1, 1), ENGAGED, True),
        (date(2010, 1, 1), ENGAGED - DAY, False),
        (ENGAGED, ENGAGED, True),
    ],
)
def test_a_benefit_is_open_on_its_first_and_on_its_last_day(starts: date, ends: date | None, is_open: bool) -> None:
    told = spell("benefit", "JSA", starts, ends)
    assert fact(told, "out_of_work_benefit", "adult", on="engagement", codes="benefits")["value"] is is_open


@pytest.mark.parametrize(("kind", "code"), [("benefit", "CA"), ("provision", "JSA"), ("work", None), ("work", "JSA")])
def test_only_a_benefit_with_a_code_of_the_list_is_out_of_work(kind: str, code: str | None) -> None:
    told = spell(kind, code, date(2010, 1, 1))
    assert fact(told, "out_of_work_benefit", "adult", on="engagement", codes="benefits")["value"] is False


@pytest.mark.parametrize(("ends", "is_open"), [(AS_OF - 2 * DAY, False), (AS_OF - DAY, True), (None, True)])
def test_provision_open_on_the_last_day_before_the_as_of_date_is_seen(ends: date | None, is_open: bool) -> None:
    told = spell("provision", "esf", date(2014, 1, 1), ends)
    assert fact(told, "on_provision", "adult", on="day_before_as_of", codes="courses")["value"] is is_open


@pytest.mark.parametrize(
    ("starts", "count"),
    [(HALF_YEAR.start - DAY, 0), (HALF_YEAR.start, 1), (AS_OF - DAY, 1), (AS_OF, 0)],
)
def test_a_start_on_provision_counts_in_the_window_and_not_on_the_as_of_date(starts: date, count: int) -> None:
    told = spell("provision", "work_programme", starts)
    assert fact(told, "provision_starts", "adult", codes="courses", last_months="n6")["value"] == count


def test_a_benefit_that_starts_on_the_as_of_date_is_not_known_yet() -> None:
    told = spell("benefit", "JSA", AS_OF)
    assert fact(told, "out_of_work_benefit", "adult", on="day_before_as_of", codes="benefits")["value"] is False


@pytest.mark.parametrize(
    ("on", "starts", "ends", "value"),
    [
        ("engagement", ENGAGED, None, True),
        ("engagement", ENGAGED + DAY, None, False),
        ("engagement", date(2010, 1, 1), ENGAGED, True),
        ("engagement", date(2010, 1, 1), ENGAGED - DAY, False),
        ("day_before_as_of", AS_OF - DAY, None, True),
        ("day_before_as_of", AS_OF, None, False),
        ("day_before_as_of", ENGAGED, AS_OF - 2 * DAY, False),
    ],
)
def test_somebody_is_in_work_from_the_first_to_the_last_day_of_a_spell(
    on: str, starts: date, ends: date | None, value: bool
) -> None:
    cell = fact(spell("work", None, starts, ends), "in_work", "adult", on=on)
    assert (cell["value"], cell["records"]) == (value, ["e1"] if value else [])


@pytest.mark.parametrize("kind", ["benefit", "provision"])
def test_who_is_on_a_benefit_or_provision_is_not_in_work_by_it(kind: str) -> None:
    assert fact(spell(kind, "esf", ENGAGED), "in_work", "adult", on="engagement")["value"] is False


def test_a_spell_of_work_counts_whatever_code_it_carries() -> None:
    assert fact(spell("work", "JSA", ENGAGED), "in_work", "member", on="engagement")["value"] is True


@pytest.mark.parametrize(
    ("covers", "known"), [((ENGAGED, ENGAGED), True), ((ENGAGED + DAY, AS_OF), False), (None, False)]
)
def test_work_on_a_day_needs_that_day_covered(covers: tuple[date, date] | None, known: bool) -> None:
    told = worked((ENGAGED, None), covers={"employment": covers})
    assert fact(told, "in_work", "adult", on="engagement")["reason"] == (None if known else "not_covered")


def test_work_on_a_day_that_may_be_somebody_elses_or_is_quarantined_is_unknown() -> None:
    maybe = evidence(ADULT, employment=[{"starts_on": ENGAGED, "possible": True}])
    assert fact(maybe, "in_work", "adult", on="engagement")["reason"] == "unresolved_link"
    doubtful = worked((ENGAGED, None), doubtful_people=(("employment", "P1"),))
    assert fact(doubtful, "in_work", "adult", on="engagement")["reason"] == "quarantined"
