"""CSV: RFC 4180, and what suppliers send instead."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbr.errors import Faults
from pbr.sources.delimited import read_csv
from tests.sources.made_sources import Authority, codes, rows, tie

NEEDS = "record_id,family_id,need,identified_on\n"


def cells(data: bytes | str, encoding: str = "utf-8", delimiter: str = ",") -> list[tuple]:
    table = read_csv(data.encode() if isinstance(data, str) else data, "f.csv", encoding, delimiter)
    frame = table.rows.collect()
    return frame.select("row", "fault", *[f"c{at}" for at in range(len(table.header))]).rows()


def test_a_byte_order_mark_is_not_part_of_the_first_name(authority: Authority) -> None:
    authority.write("needs", b"\xef\xbb\xbf" + (NEEDS + "N1,F1,debt,2013-01-02\n").encode())
    assert authority.read()["needs"].accepted["record_id"].to_list() == ["N1"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(authority: Authority, end: str) -> None:
    text = f"{NEEDS}N1,F1,debt,2013-01-02\nN2,F2,debt,2013-01-03\n".replace("\n", end)
    authority.write("needs", text)
    accepted = authority.read()["needs"].accepted
    assert accepted["need"].to_list() == ["debt", "debt"]
    assert accepted["row"].to_list() == [2, 3]


def test_the_last_line_needs_no_end() -> None:
    assert cells("a,b\n1,2") == [(2, None, "1", "2")]


def test_quoted_values_keep_delimiters_and_marks() -> None:
    assert cells('a,b\n"x, y","say ""so"""\n') == [(2, None, "x, y", 'say "so"')]


def test_a_value_over_several_lines_is_one_row_of_the_spreadsheet() -> None:
    assert cells('a,b\n"one\ntwo\nthree",2\n3,4\n') == [(2, None, "one\ntwo\nthree", "2"), (3, None, "3", "4")]


def test_a_mark_inside_an_unquoted_value_is_a_character() -> None:
    assert cells('a,b\n5" pipe,2\n') == [(2, None, '5" pipe', "2")]


def test_blank_lines_count_as_rows_and_hold_nothing(authority: Authority) -> None:
    authority.write("needs", NEEDS + "\nN1,F1,debt,2013-01-02\n   \n,,,\nN2,F2,debt,2013-01-03\n\n")
    needs = authority.read()["needs"]
    assert rows(needs) == [3, 6]
    assert needs.blank_rows == 4
    assert needs.rows_read == 6


def test_blank_lines_before_the_header_are_counted(authority: Authority) -> None:
    authority.write("needs", "\n\n" + NEEDS + "N1,F1,debt,2013-01-02\n")
    assert rows(authority.read()["needs"]) == [4]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("N9,F1,debt,2013-01-02,more", "E120"),
        ("N9,F1,debt", "E120"),
        ("N9", "E120"),
        ('N9,F1,"debt,2013-01-02', "E121"),
        ('N9,F1,"debt" owed,2013-01-02', "E121"),
        ("N9,F1,de\rbt,2013-01-02", "E121"),
    ],
)
def test_a_broken_row_is_quarantined_and_the_rest_goes_on(authority: Authority, line: str, fault: str) -> None:
    authority.write("needs", f'{NEEDS}N1,F1,debt,2013-01-02\n{line}\nN2,F2,"debt",2013-01-03\n')
    needs = authority.read()["needs"]
    assert rows(needs) == [2, 4]
    assert codes(needs) == [(3, fault)]
    assert needs.quarantine["raw"].to_list() == [line]
    assert needs.rejected["family_id"].to_list() == [None if line == "N9" else "F1"]
    assert tie(needs)


def test_a_quotation_mark_that_never_closes_costs_one_row() -> None:
    body = "".join(f"{at},x\n" for at in range(500))
    read = cells(f'a,b\n1,"open\n{body}')
    assert [row[1] for row in read] == ["E121", *[None] * 500]


def test_a_row_that_swallows_others_is_taken_apart_line_by_line(authority: Authority) -> None:
    swallowed = (
        'N1,F1,"debt,2013-01-02\nN2,F1,debt,2013-01-03\n\nN3,F2,debt\nN4,F2,debt",2013-01-05,\nN5,F2,debt,2013-01-06\n'
    )
    authority.write("needs", NEEDS + swallowed)
    needs = authority.read()["needs"]
    assert rows(needs) == [3, 7]
    assert codes(needs) == [(2, "E121"), (5, "E120"), (6, "E120")]
    assert needs.rejected["family_id"].to_list() == ["F1", "F2", "F2"]
    assert tie(needs)


@pytest.mark.parametrize(
    "body",
    [
        'N1,F1,"debt,2013-01-02\nN2,F1,debt",2013-01-03\n',
        'N1,F1,"debt,2013-01-02\nN2,F1,debt,2013-01-02\nN3,F1,debt",2013-01-03\n',
        'N1,F1,"debt\nN2,F1,debt,2013-01-02\nof Ashdown",2013-01-03\n',
    ],
)
def test_a_value_that_looks_like_swallowed_rows_is_kept_and_warned_of(authority: Authority, body: str) -> None:
    authority.write("needs", NEEDS + body)
    needs = authority.read()["needs"]
    assert rows(needs) == [2]
    assert needs.warnings == ("needs.csv: 1 records have a value over several lines that look like rows of their own",)


def test_a_note_over_several_lines_is_not_warned_of(authority: Authority) -> None:
    authority.write("needs", NEEDS + 'N1,F1,"debt, rent\nand, so, on\n\nthat",2013-01-03\n')
    assert authority.read()["needs"].warnings == ()


def test_broken_rows_are_found_beside_blank_ones_and_equal_sums_of_fields() -> None:
    assert cells("a,b,c\n1,2\n\n1,2,3,4\n1,2,3\n") == [
        (2, "E120", "1", "2", None),
        (3, None, None, None, None),
        (4, "E120", "1", "2", "3"),
        (5, None, "1", "2", "3"),
    ]


def test_the_same_broken_row_twice_counts_once(authority: Authority) -> None:
    authority.write("needs", NEEDS + "N9,F1,debt\nN9,F1,debt\n")
    needs = authority.read()["needs"]
    assert codes(needs) == [(2, "E120")]
    assert needs.duplicates["row"].to_list() == [3]
    assert tie(needs)


def test_an_extract_from_windows_is_read_in_its_encoding(authority: Authority) -> None:
    text = NEEDS + "N1,F1,Zoë’s café,2013-01-02\n"
    authority.write("needs", text.encode("cp1252"), 'encoding = "windows-1252"')
    assert authority.read()["needs"].accepted["need"].to_list() == ["Zoë’s café"]


def test_bytes_that_are_not_the_encoding_stop_the_run_with_their_row(authority: Authority) -> None:
    authority.write("needs", (NEEDS + "N1,F1,debt,2013-01-02\nN2,F1,café,2013-01-02\n").encode("cp1252"))
    with pytest.raises(Faults, match=r"E112 needs.csv:3 is not text in utf-8. Set encoding") as raised:
        authority.read()
    assert "caf" not in str(raised.value)


def test_utf_16_says_what_it_is() -> None:
    with pytest.raises(Faults, match="utf-16"):
        cells("a,b\n1,2\n".encode("utf-16-le"))
    assert cells("a,b\n1,2\n".encode("utf-16"), encoding="utf-16") == [(2, None, "1", "2")]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^"])
def test_a_delimiter_may_be_set(delimiter: str) -> None:
    assert cells(f"a{delimiter}b\n1{delimiter}\n", delimiter=delimiter)[0][:3] == (2, None, "1")


def test_a_forgotten_delimiter_is_suggested(authority: Authority) -> None:
    authority.write("needs", NEEDS.replace(",", ";"))
    with pytest.raises(Faults, match=r"E115 needs.csv has no column 'family_id'.*set delimiter = ';'"):
        authority.read()


def test_leading_zeros_stay(authority: Authority) -> None:
    authority.write("needs", NEEDS + "007,F1,0012,2013-01-02\n")
    accepted = authority.read()["needs"].accepted
    assert accepted.select("record_id", "need").rows() == [("007", "0012")]


def test_a_trailing_delimiter_is_no_column_unless_something_is_in_it(authority: Authority) -> None:
    authority.write("needs", NEEDS.replace("\n", ",\n") + "N1,F1,debt,2013-01-02,\n")
    assert authority.read()["needs"].unknown_columns == ()
    authority.write("needs", NEEDS.replace("\n", ",\n") + "N1,F1,debt,2013-01-02,aha\n")
    assert authority.read()["needs"].unknown_columns == ("(column 5)",)


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_a_file_without_a_header_stops_the_run(authority: Authority, content: str) -> None:
    authority.write("needs", content)
    with pytest.raises(Faults, match=r"E113 needs\.csv is empty"):
        authority.read()


def test_a_header_without_rows_is_an_empty_source(authority: Authority) -> None:
    authority.write("needs", NEEDS)
    needs = authority.read()["needs"]
    assert (needs.rows_read, needs.accepted.height) == (0, 0)
    assert needs.accepted.schema["identified_on"].is_temporal()


value = st.text(st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=6)
table = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[value] * width), min_size=1, max_size=8))


@settings(deadline=None)
@given(table, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"]))
def test_whatever_a_csv_writer_writes_is_read_back(table: list[tuple[str, ...]], quoting: int, end: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, quoting=quoting, lineterminator=end)
    writer.writerow([f"h{at}" for at in range(len(table[0]))])
    writer.writerows(table)
    read = [tuple(cell or "" for cell in row[2:]) for row in cells(file.getvalue())]
    assert [tuple(map(str.strip, row)) for row in read] == [tuple(map(str.strip, row)) for row in table]


line = st.text(st.sampled_from('ab,"; \t'), max_size=12)


@settings(deadline=None)
@given(st.lists(line, max_size=8))
def test_whatever_a_file_holds_no_line_is_lost(lines: list[str]) -> None:
    table = read_csv(("a,b\n" + "".join(f"{line}\n" for line in lines)).encode(), "f.csv", "utf-8", ",")
    read = table.rows.collect().rows(named=True)
    assert [row["row"] for row in read] == list(range(2, len(read) + 2))
    texts = [row["line"] if row["fault"] else f"{row['c0'] or ''}{row['c1'] or ''}" for row in read]
    assert sum(text.count("\n") + 1 for text in texts) == len(lines)
