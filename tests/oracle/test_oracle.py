"""The oracle reads the rules with no help, so it is tested itself, on sums that a person can do in their head."""

from datetime import date
from pathlib import Path

import pytest

from tests.oracle import phase1, random_workspaces, who
from tests.oracle.phase1 import Fact, Finding, Term


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2012, 8, 31), 6, date(2012, 2, 29)),
        (date(2013, 8, 31), 6, date(2013, 2, 28)),
        (date(2014, 1, 31), 12, date(2013, 1, 31)),
        (date(2012, 2, 29), 12, date(2011, 2, 28)),
    ],
)
def test_a_day_that_does_not_exist_becomes_the_last_of_its_month(day: date, months: int, expected: date) -> None:
    assert phase1.months_before(day, months) == expected


def test_a_leap_day_child_comes_of_age_on_the_first_of_march() -> None:
    born = date(1996, 2, 29)
    assert phase1.under_18(born, date(2014, 2, 28))
    assert not phase1.under_18(born, date(2014, 3, 1))


@pytest.mark.parametrize(
    ("born", "term", "expected"),
    [
        (date(2008, 8, 31), (2013, "autumn"), True),
        (date(2008, 9, 1), (2013, "autumn"), False),
        (date(2008, 12, 31), (2013, "spring"), True),
        (date(2009, 1, 1), (2013, "spring"), False),
        (date(2009, 3, 31), (2013, "summer"), True),
        (date(2009, 4, 1), (2013, "summer"), False),
        (date(1998, 8, 31), (2013, "summer"), True),  # 16 on the last day of the school year
        (date(1998, 8, 31), (2014, "autumn"), False),
        (date(1998, 9, 1), (2014, "summer"), True),
        (date(1997, 8, 31), (2013, "autumn"), False),
    ],
)
def test_school_age_begins_and_ends_with_the_prescribed_days(born: date, term: tuple[int, str], expected: bool) -> None:
    assert phase1.of_school_age(born, Term(*term, date.min, date.max)) is expected


def test_the_day_after_a_terms_last_it_is_completed() -> None:
    assert [t.name for t in phase1.last_terms({}, date(2013, 12, 31))] == ["autumn", "spring", "summer"]
    assert [t.name for t in phase1.last_terms({}, date(2014, 1, 1))] == ["spring", "summer", "autumn"]
    assert phase1.last_terms({}, date(2014, 4, 20))[-1].name == "autumn"  # Easter Sunday itself
    assert phase1.last_terms({}, date(2014, 4, 21))[-1].name == "spring"


@pytest.mark.parametrize(
    ("before", "now", "percent", "verdict"),
    [
        (100, 67, 33, "met"),
        (100, 68, 33, "not_met"),
        (5, 2, 60, "met"),
        (5, 3, 60, "not_met"),
        (0, 0, 60, "not_applicable"),
        (0, 1, 60, "not_met"),
        (3, 2, 33, "met"),
        (4, 3, 33, "not_met"),
    ],
)
def test_a_fall_is_compared_in_whole_numbers(before: int, now: int, percent: int, verdict: str) -> None:
    assert phase1.reduced_by(percent, Fact(now), Fact(before)).verdict == verdict


def test_a_part_that_is_not_met_decides_over_one_that_is_unknown() -> None:
    met, not_met, unknown, nothing = (Finding(v) for v in ("met", "not_met", "unknown", "not_applicable"))
    assert phase1.all_of(met, unknown, not_met, nothing).verdict == "not_met"
    assert phase1.all_of(met, unknown, nothing).verdict == "unknown"
    assert phase1.any_of(not_met, unknown, met).verdict == "met"
    assert phase1.any_of(nothing, nothing).verdict == "not_applicable"
    assert phase1.at_least(2, met, unknown, not_met).verdict == "unknown"
    assert phase1.at_least(3, met, unknown, not_met).verdict == "not_met"


def test_an_identifier_is_believed_only_with_its_check() -> None:
    assert who.upn("P207000016049") and not who.upn("Q207000016049")
    assert who.nhs_number("9434765919") and not who.nhs_number("9434765918")
    assert who.pnc_id("2012/0012345A") and not who.pnc_id("2012/0012345B")
    assert who.nino("AB123456C") and not who.nino("QQ123456A") and not who.nino("BG123456A")


def test_a_seed_writes_the_same_workspace_twice(tmp_path: Path) -> None:
    for name in ("one", "other"):
        random_workspaces.write(tmp_path / name, seed=7, families=12)
    one, other = (
        {p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.*") if p.is_file()} for name in ("one", "other")
    )
    assert one == other
    assert len(one) > 3


def test_random_authorities_reach_every_verdict_of_every_item_every_reason_and_every_flag(tmp_path: Path) -> None:
    rows = []
    for seed in range(24):
        as_of = random_workspaces.write(tmp_path / str(seed), seed, families=25)
        rows += phase1.findings(tmp_path / str(seed), as_of)
    seen = {(r["item"], r["verdict"]) for r in rows}
    never_nothing = {"crime_asb", "local_discretion", "eligible"}  # each has a subject and a test whatever the evidence
    verdicts = ("met", "not_met", "unknown", "not_applicable")
    missing = {(i, v) for i, _ in seen for v in verdicts} - seen
    assert missing == {(i, "not_applicable") for i in never_nothing}
    assert {x for r in rows for x in r["flags"].split(";") if x} == set(phase1.FLAGS)
    assert {x for r in rows for x in r["reason"].split(";") if x} == set(phase1.REASONS) - {"missing_field"}
