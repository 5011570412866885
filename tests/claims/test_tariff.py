"""What a family is paid: the table of the framework, its years, the cap and the share of families that is paid for."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from pbr.claims.tariff import fee, funded_families, left_for_family
from pbr.rulebook.load import load_pack
from pbr.values import Share

PACK = load_pack("phase-1").pack
YEARS = {"2012/13": date(2012, 4, 1), "2013/14": date(2013, 4, 1), "2014/15": date(2014, 4, 1)}
LAST_DAYS = {"2012/13": date(2013, 3, 31), "2013/14": date(2014, 3, 31), "2014/15": date(2015, 3, 31)}


def pence(parameter: str, engaged_on: date) -> int | None:
    value: int | None = pl.DataFrame({"engaged_on": [engaged_on]}).select(fee(PACK, parameter)).item()
    return value


@pytest.mark.parametrize(
    ("parameter", "pounds"),
    [
        ("attachment_fee", (3200, 2400, 1600)),
        ("crime_asb_education_payment", (700, 1500, 2300)),
        ("progress_to_work_payment", (100, 100, 100)),
        ("continuous_employment_payment", (800, 1600, 2400)),
        ("family_cap", (4000, 4000, 4000)),
    ],
)
def test_the_tariff_goes_by_the_financial_year_of_engagement(parameter: str, pounds: tuple[int, ...]) -> None:
    for days in (YEARS, LAST_DAYS):
        assert tuple(pence(parameter, day) for day in days.values()) == tuple(each * 100 for each in pounds)


@pytest.mark.parametrize("parameter", ["attachment_fee", "crime_asb_education_payment"])
def test_before_the_first_year_there_is_no_tariff(parameter: str) -> None:
    assert pence(parameter, date(2012, 3, 31)) is None


def test_the_cap_less_the_attachment_fee_is_what_continuous_employment_pays() -> None:
    for day in YEARS.values():
        left = pl.DataFrame({"engaged_on": [day]}).select(left_for_family(PACK)).item()
        assert left == pence("continuous_employment_payment", day)


def test_families_of_several_years_are_priced_side_by_side() -> None:
    frame = pl.DataFrame({"engaged_on": [*LAST_DAYS.values(), *YEARS.values()]})
    payments = frame.select(fee(PACK, "crime_asb_education_payment")).to_series().to_list()
    assert payments == [70000, 150000, 230000] * 2


@pytest.mark.parametrize(
    ("agreed", "funded"), [(0, 0), (1, 0), (5, 4), (6, 5), (7, 5), (12, 10), (360, 300), (1720, 1433)]
)
def test_five_in_six_of_the_families_agreed_are_paid_for_and_no_part_of_a_family(agreed: int, funded: int) -> None:
    assert funded_families(agreed, Share(5, 6)) == funded


def test_where_nothing_was_agreed_nothing_limits_the_families() -> None:
    assert funded_families(None, Share(5, 6)) is None
    assert funded_families(None, None) is None


def test_a_framework_without_a_funded_share_pays_for_every_family_agreed() -> None:
    assert funded_families(360, None) == 360
