"""Identifiers that carry their own check."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.gb import nhs, upn

from pbr.sources.identifiers import CHECKED
from tests.sources.made_sources import Authority, rows


def read(kind: str, *texts: str | None) -> list[str | None]:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    return frame.select(CHECKED[kind](pl.col("text"))).to_series().to_list()


@pytest.mark.parametrize(
    ("kind", "text", "canonical"),
    [
        ("upn", "B801200005001", "B801200005001"),
        ("upn", "P207000016049", "P207000016049"),
        ("upn", "E330999920001", "E330999920001"),
        ("upn", "R825400012003", "R825400012003"),
        ("upn", "Z82540001200A", "Z82540001200A"),
        ("upn", "b801 2000 05001", "B801200005001"),
        ("nhs_number", "9434765919", "9434765919"),
        ("nhs_number", "401 023 2137", "4010232137"),
        ("nhs_number", "943-476-5919", "9434765919"),
        ("nino", "ab 12 34 56 c", "AB123456C"),
        ("nino", "AB123456", "AB123456"),
        ("pnc_id", "2012/0012345A", "12/0012345A"),
        ("pnc_id", "12/12345a", "12/0012345A"),
        ("pnc_id", "20120012345A", "12/0012345A"),
        ("pnc_id", "2003/0012345N", "03/0012345N"),
        ("pnc_id", "1998/0000001R", "98/0000001R"),
        ("pnc_id", "1979/0163001B", "79/0163001B"),
        ("pnc_id", "2015/0000099K", "15/0000099K"),
    ],
)
def test_a_sound_identifier_has_one_canonical_form(kind: str, text: str, canonical: str) -> None:
    assert read(kind, text) == [canonical]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("upn", "A801200005001"),
        ("upn", "Q207000016049"),
        ("upn", "P20700001604"),
        ("upn", "P2070000160490"),
        ("upn", "P20700001604S"),
        ("upn", "٣٣٣٣٣٣٣٣٣٣٣٣٣"),
        ("nhs_number", "9434765918"),
        ("nhs_number", "999000000"),
        ("nhs_number", "0000000000"),
        ("nhs_number", "2222222222"),
        ("nino", "QQ123456A"),
        ("nino", "AO123456A"),
        ("nino", "GB123456A"),
        ("nino", "AB123456E"),
        ("nino", "AB12345C"),
        ("nino", "11a11111"),
        ("pnc_id", "2012/0012345B"),
        ("pnc_id", "2012/00123456A"),
        ("pnc_id", "12/A"),
        ("pnc_id", "1212345A"),
        ("pnc_id", "not known"),
    ],
)
def test_one_that_fails_its_check_is_not_used(kind: str, text: str) -> None:
    assert read(kind, text) == [None]


def test_an_empty_identifier_stays_empty() -> None:
    assert [read(kind, None, "") for kind in CHECKED] == [[None, None]] * 4


letters = "ABCDEFGHJKLMNPQRTUVWXYZIOS"


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            "{}{}{:04}{:02}{:02}{}".format,
            st.sampled_from(letters),
            st.sampled_from([201, 330, 801, 825, 909]),
            st.integers(0, 9999),
            st.integers(0, 99),
            st.integers(0, 99),
            st.sampled_from(letters + "0123456789"),
        ),
        max_size=40,
    )
)
def test_a_pupil_number_is_sound_when_stdnum_says_so(numbers: list[str]) -> None:
    with_sound_letter = [upn.calc_check_digit(number[1:]) + number[1:] for number in numbers if number[-1] not in "IOS"]
    drawn = numbers + with_sound_letter
    assert [number is not None for number in read("upn", *drawn)] == [upn.is_valid(number) for number in drawn]


def test_a_pupil_number_of_an_authority_made_since_is_sound() -> None:
    number = upn.calc_check_digit("941400012003") + "941400012003"
    assert not upn.is_valid(number)
    assert read("upn", number) == [number]


@settings(deadline=None)
@given(st.lists(st.integers(0, 9_999_999_999).map("{:010}".format), max_size=40))
def test_an_nhs_number_is_sound_when_stdnum_says_so(numbers: list[str]) -> None:
    near = [number[:-1] + figure for number in numbers for figure in "0123456789"]
    near = [number for number in near if len(set(number)) > 1]
    assert [number is not None for number in read("nhs_number", *near)] == [nhs.is_valid(number) for number in near]


def test_an_identifier_that_fails_is_reported_and_its_record_stays(authority: Authority) -> None:
    header = "upn,surname,academic_year,term,sessions_possible,sessions_authorised,sessions_unauthorised\n"
    authority.write(
        "attendance", header + " a801200005001,Ashdown,2013/14,autumn,120,1,2\nb801200005001,,2013/14,spring,110,1,2\n"
    )
    attendance = authority.read()["attendance"]
    assert rows(attendance) == [2, 3]
    assert attendance.accepted["upn"].to_list() == [None, "B801200005001"]
    assert attendance.invalid_identifiers.select("file", "row", "column", "raw").rows() == [
        ("attendance.csv", 2, "upn", "a801200005001")
    ]
