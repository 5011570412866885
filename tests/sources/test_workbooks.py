"""XLSX and Parquet: the same rows as a CSV of the same cells."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from pbr.errors import Faults
from tests.sources.made_sources import Authority, codes, rows, tie

SPELLS = ("record_id", "person_id", "kind", "code", "starts_on", "ends_on")


def workbook(path: Path, *sheet_rows: tuple, first_row: int = 0, errors: dict[str, str] | None = None) -> None:
    book = xlsxwriter.Workbook(path)
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet = book.add_worksheet("Extract")
    for at, cells in enumerate(sheet_rows, start=first_row):
        for column, cell in enumerate(cells):
            if isinstance(cell, (date, datetime)):
                sheet.write_datetime(at, column, cell, day)
            elif cell is not None:
                sheet.write(at, column, cell)
    for place, text in (errors or {}).items():
        sheet.write_formula(place, "=NA()", None, text)
    book.close()


def test_a_workbook_gives_the_same_records_as_its_csv(authority: Authority) -> None:
    header = ("person_id", "kind", "starts_on", "sessions", "uprn", "reviewed")
    workbook(
        authority.root / "exclusions.xlsx",
        header,
        ("P1", "suspension", date(2013, 9, 1), 4, 100023336956, True),
        ("P1", " permanent ", "2014-01-31", "007", 1.5, False),
    )
    authority.declare("exclusions", "exclusions.xlsx")
    from_book = authority.read()["exclusions"]
    authority.write(
        "exclusions",
        ",".join(header) + "\nP1,suspension,2013-09-01,4,100023336956,true\nP1,permanent,2014-01-31,007,1.5,false\n",
    )
    from_csv = authority.read()["exclusions"]
    assert from_book.quarantine.is_empty()
    assert from_book.accepted.drop("file").equals(from_csv.accepted.drop("file"))


def test_dates_of_a_workbook_are_dates_whatever_format_its_texts_have(authority: Authority) -> None:
    workbook(authority.root / "employment.xlsx", SPELLS, ("E1", "P2", "work", None, date(2013, 9, 1), "31/12/2013"))
    authority.declare("employment", "employment.xlsx", 'date_format = "%d/%m/%Y"')
    row = authority.read()["employment"].accepted.row(0, named=True)
    assert (row["starts_on"], row["ends_on"]) == (date(2013, 9, 1), date(2013, 12, 31))


def test_a_failed_look_up_is_not_an_empty_cell(authority: Authority) -> None:
    workbook(
        authority.root / "employment.xlsx",
        SPELLS,
        ("E1", "P2", "benefit", "JSA", date(2013, 9, 1)),
        ("E2", "P2", "benefit", "JSA", date(2013, 9, 1)),
        errors={"F2": "#N/A"},
    )
    authority.declare("employment", "employment.xlsx")
    employment = authority.read()["employment"]
    assert codes(employment) == [(2, "E123")]
    assert employment.quarantine["raw"].to_list() == ["#N/A"]
    assert rows(employment) == [3]


def test_a_moment_is_no_date(authority: Authority) -> None:
    workbook(authority.root / "employment.xlsx", SPELLS, ("E1", "P2", "work", None, datetime(2013, 9, 1, 10, 30)))
    authority.declare("employment", "employment.xlsx")
    assert codes(authority.read()["employment"]) == [(2, "E123")]


def test_rows_of_a_workbook_are_the_sheets_own(authority: Authority) -> None:
    needs = ("record_id", "family_id", "need", "identified_on")
    workbook(
        authority.root / "needs.xlsx",
        needs,
        ("N1", "F1", "debt", "2013-01-01"),
        (),
        ("N2", "F1", "debt", "soon"),
        first_row=2,
    )
    authority.declare("needs", "needs.xlsx")
    extract = authority.read()["needs"]
    assert rows(extract) == [4]
    assert codes(extract) == [(6, "E123")]
    assert extract.blank_rows == 1
    assert tie(extract)


def test_a_second_sheet_is_not_read_and_that_is_said(authority: Authority) -> None:
    book = xlsxwriter.Workbook(authority.root / "needs.xlsx")
    book.add_worksheet("Q1").write_row(0, 0, ("record_id", "family_id", "need", "identified_on"))
    book.add_worksheet("Q2").write_row(0, 0, ("something", "else"))
    book.close()
    authority.declare("needs", "needs.xlsx")
    assert authority.read()["needs"].warnings == ("needs.xlsx: only the sheet 'Q1' is read",)


@pytest.mark.parametrize("name", ["needs.xlsx", "needs.parquet"])
def test_a_file_that_is_not_what_it_says_stops_the_run(authority: Authority, name: str) -> None:
    authority.write("needs", "record_id,family_id\n", name=name)
    with pytest.raises(Faults, match=f"E112 {name} cannot be read"):
        authority.read()


def test_an_empty_workbook_stops_the_run(authority: Authority) -> None:
    workbook(authority.root / "needs.xlsx")
    authority.declare("needs", "needs.xlsx")
    with pytest.raises(Faults, match=r"E113 needs\.xlsx is empty"):
        authority.read()


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def test_parquet_is_text_like_any_other(authority: Authority) -> None:
    frame = pl.DataFrame(
        {
            "person_id": ["P1", "P1", "P1", None],
            "kind": pl.Series(["suspension", " suspension", "permanent", None], dtype=pl.Categorical),
            "starts_on": [date(2013, 9, 1), date(2013, 9, 2), date(2013, 9, 3), None],
            "date_of_birth": [datetime(2001, 5, 6), datetime(2001, 5, 6), datetime(2001, 5, 6, 12), None],
            "sessions": [4.0, 4.5, None, None],
            "uprn": [100023336956, 1, 2, None],
        }
    )
    authority.write("exclusions", parquet(frame), name="exclusions.parquet")
    extract = authority.read()["exclusions"]
    assert extract.accepted.select("row", "kind", "starts_on", "date_of_birth", "sessions", "uprn").rows() == [
        (2, "suspension", date(2013, 9, 1), date(2001, 5, 6), 4, "100023336956")
    ]
    assert extract.quarantine.select("row", "column", "raw").rows() == [
        (3, "sessions", "4.5"),
        (4, "date_of_birth", "2001-05-06 12:00:00"),
    ]
    assert extract.blank_rows == 1


TEXTLESS = {
    "List": pl.Series([["F1"]]),
    "Array": pl.Series([["F1"]], dtype=pl.Array(pl.String, 1)),
    "Binary": pl.Series([b"F1"]),
    "Duration": pl.Series([timedelta(days=1)]),
    "Struct": pl.Series([{"id": "F1"}]),
}


@pytest.mark.parametrize("kind", TEXTLESS)
def test_a_parquet_column_without_text_is_ignored_unless_it_is_ours(authority: Authority, kind: str) -> None:
    sound = pl.DataFrame({"record_id": "N1", "family_id": "F1", "need": "debt", "identified_on": date(2013, 1, 2)})
    authority.write("needs", parquet(sound.with_columns(TEXTLESS[kind].alias("Extra"))), name="needs.parquet")
    needs = authority.read()["needs"]
    assert (rows(needs), needs.unknown_columns) == ([2], ("Extra",))
    authority.write("needs", parquet(sound.with_columns(TEXTLESS[kind].alias("need"))), name="needs.parquet")
    with pytest.raises(Faults, match=rf"E117 needs\.parquet has 'need' as {kind}"):
        authority.read()


def test_the_three_formats_may_stand_under_one_glob(authority: Authority) -> None:
    needs = ("record_id", "family_id", "need", "identified_on")
    workbook(authority.root / "needs-2.xlsx", needs, ("N2", "F1", "debt", date(2013, 1, 2)))
    (authority.root / "needs-1.csv").write_text(",".join(needs) + "\nN1,F1,debt,2013-01-01\n")
    row = pl.DataFrame(
        {"record_id": ["N3"], "family_id": ["F1"], "need": ["debt"], "identified_on": [date(2013, 1, 3)]}
    )
    (authority.root / "needs-3.parquet").write_bytes(parquet(row))
    authority.declare("needs", "needs-*")
    accepted = authority.read()["needs"].accepted
    assert accepted.select("record_id", "file", "row", "identified_on").rows() == [
        ("N1", "needs-1.csv", 2, date(2013, 1, 1)),
        ("N2", "needs-2.xlsx", 2, date(2013, 1, 2)),
        ("N3", "needs-3.parquet", 2, date(2013, 1, 3)),
    ]
