"""What a record says: its days and its figures, in words of closed lists and never in a supplier's own."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from pbr.measures.calendar import Calendar, Term
from pbr.measures.record_words import in_words
from pbr.rulebook.load import load_pack
from pbr.sources import CONTRACTS

PACK = load_pack("phase-1").pack
DAY, LAST = date(2013, 11, 2), date(2014, 1, 31)


def said(table: str, calendar: Calendar | None = None, **values: Any) -> tuple[date, date | None, str]:
    own = {column.name: column.dtype for column in CONTRACTS[table].columns}
    row = dict.fromkeys(own) | {"record_id": "r1", "file": "sources/one.csv"} | values
    rows = pl.DataFrame([row], schema=own | {"record_id": pl.String(), "file": pl.String()})
    (found,) = in_words(table, rows, calendar or Calendar(), [PACK]).iter_rows(named=True)
    assert (found["record_id"], found["file"]) == ("r1", "sources/one.csv")
    return found["dated"], found["until"], found["says"]


TERM = {
    "academic_year": "2013/14",
    "term": "autumn",
    "sessions_possible": 380,
    "sessions_authorised": 3,
    "sessions_unauthorised": 57,
    "enrolment": "registered",
}


def test_attendance_says_its_sessions_and_the_days_of_its_term() -> None:
    says = "2013/14 autumn: 57 unauthorised, 3 authorised of 380, registered"
    assert said("attendance", **TERM) == (date(2013, 9, 1), date(2013, 12, 31), says)


def test_a_term_of_the_authoritys_own_calendar_has_its_own_days() -> None:
    own = Calendar([Term("2013/14", "autumn", date(2013, 9, 9), date(2013, 12, 20))])
    assert said("attendance", own, **TERM)[:2] == (date(2013, 9, 9), date(2013, 12, 20))


@pytest.mark.parametrize(
    ("table", "values", "says"),
    [
        ("offending", {"kind": "proven_offence", "occurred_on": DAY}, "proven_offence"),
        ("exclusions", {"kind": "suspension", "starts_on": DAY, "sessions": 3}, "suspension, 3 sessions"),
        ("exclusions", {"kind": "suspension", "starts_on": DAY, "sessions": 1}, "suspension, 1 session"),
        ("exclusions", {"kind": "permanent", "starts_on": DAY}, "permanent"),
        ("marks", {"date": DAY, "session": "AM", "code": "G"}, "AM: G"),
        ("needs", {"need": "Local_Discretion ", "identified_on": DAY}, "local_discretion identified"),
        (
            "outcomes",
            {"need": "local_discretion", "status": "relapsed", "observed_on": DAY},
            "local_discretion relapsed",
        ),
        ("families", {"engaged_on": DAY, "expecting": False}, "engaged"),
    ],
)
def test_an_event_has_one_day(table: str, values: dict[str, Any], says: str) -> None:
    assert said(table, **values) == (DAY, None, says)


@pytest.mark.parametrize(
    ("table", "values", "says"),
    [
        ("employment", {"kind": "benefit", "code": "JSA"}, "benefit JSA"),
        ("employment", {"kind": "provision", "code": "work_programme"}, "provision work_programme"),
        ("employment", {"kind": "work"}, "work"),
        ("social_care", {"kind": "child_protection"}, "child_protection"),
    ],
)
def test_a_spell_has_its_first_and_its_last_day_while_an_open_one_has_no_last(
    table: str, values: dict[str, Any], says: str
) -> None:
    assert said(table, **values, starts_on=DAY, ends_on=LAST) == (DAY, LAST, says)
    assert said(table, **values, starts_on=DAY) == (DAY, None, says)


def test_a_family_says_its_practice_and_not_who_works_with_it() -> None:
    own = {"assessed_on": date(2013, 11, 20), "planned_on": date(2013, 12, 1), "lead_worker": "Jane Doe"}
    told = said("families", engaged_on=DAY, closed_on=LAST, expecting=True, **own)
    says = "engaged; assessed 2013-11-20; planned 2013-12-01; lead worker named; expecting a child"
    assert told == (DAY, LAST, says)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("offending", {"kind": "asb", "occurred_on": DAY, "disposal": "Jane Doe"}),
        ("employment", {"kind": "benefit", "starts_on": DAY, "code": "Jane Doe"}),
        ("employment", {"kind": "work", "starts_on": DAY, "code": "Jane Doe"}),
        ("marks", {"date": DAY, "session": "PM", "code": "Jane Doe"}),
        ("needs", {"need": "Jane Doe", "identified_on": DAY}),
        ("outcomes", {"need": "Jane Doe", "status": "achieved", "observed_on": DAY, "evidence": "Jane Doe"}),
    ],
)
def test_what_somebody_wrote_of_their_own_is_not_repeated(table: str, values: dict[str, Any]) -> None:
    says = said(table, **values)[2]
    assert says
    assert "jane" not in says.casefold()


def test_a_table_without_rows_says_nothing() -> None:
    own = {column.name: column.dtype for column in CONTRACTS["attendance"].columns} | {"file": pl.String()}
    assert in_words("attendance", pl.DataFrame(schema=own), Calendar(), [PACK]).is_empty()
