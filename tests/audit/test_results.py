"""Results back in: what a person types is understood; what cannot be meant is told, all at once, without notes."""

from __future__ import annotations

import pytest

from pbr.audit.results import read_results
from pbr.audit.sample import Sample, draw
from pbr.errors import Fault, Faults
from tests.audit.made_populations import lines, made

SAMPLE = draw(made(lines(30)), "seed")
FIRST, SECOND, THIRD = SAMPLE.lines["claim_line_id"]
OUTSIDE = SAMPLE.ordered["claim_line_id"][-1]
NOTE = "spoke to Mrs Example"


def read(*rows: str, header: str = "claim_line_id,result,note,tested_by", sample: Sample = SAMPLE) -> dict[str, str]:
    content = "\n".join([header, *rows, ""]).encode()
    return dict(read_results(content, "results.csv", sample, "a28640974fa8").iter_rows())


def faults(*rows: str, header: str = "claim_line_id,result,note,tested_by") -> tuple[Fault, ...]:
    with pytest.raises(Faults) as raised:
        read(*rows, header=header)
    assert NOTE not in str(raised.value)
    return raised.value.faults


def codes(*rows: str, header: str = "claim_line_id,result,note,tested_by") -> list[tuple[str, str]]:
    return [(fault.code, fault.place) for fault in faults(*rows, header=header)]


def test_case_and_spaces_mean_nothing() -> None:
    told = read(
        f" {FIRST.upper()} , VALID ,,",
        f"{SECOND.lower()},Invalid,,",
        f"{THIRD},Not tested,{NOTE},J",
        header="Claim line ID, RESULT ,Note,Tested by",
    )
    assert told == {FIRST: "valid", SECOND: "invalid", THIRD: "not_tested"}


def test_a_mark_before_the_text_windows_line_ends_empty_rows_and_more_columns_do_no_harm() -> None:
    content = f"﻿ours,result,claim_line_id\r\nx,valid,{FIRST}\r\n,,\r\ny,valid,{SECOND}\r\n,valid,{THIRD}\r\n".encode()
    assert read_results(content, "results.csv", SAMPLE, "a28640974fa8")["result"].to_list() == ["valid"] * 3


def test_a_note_over_several_lines_is_one_cell() -> None:
    assert read(f'{FIRST},valid,"one\ntwo, three",J', f"{SECOND},valid,,", f"{THIRD},valid,,")[FIRST] == "valid"


def test_all_faults_are_told_at_once_each_with_its_row() -> None:
    found = codes(f"{FIRST},perhaps,{NOTE},", f"{FIRST},valid,,", f"{OUTSIDE},valid,,", "L00000000deadbeef,valid,,")
    assert found == [
        ("E719", "results.csv"),
        ("E719", "results.csv"),
        ("E718", "results.csv:2"),
        ("E717", "results.csv:3"),
        ("E716", "results.csv:4"),
        ("E715", "results.csv:5"),
    ]


@pytest.mark.parametrize("word", ["", "yes", "valid?", "in valid", "pass"])
def test_a_word_that_is_no_result_is_told_and_not_read_out(word: str) -> None:
    (fault,) = faults(f"{FIRST},{word},,", f"{SECOND},valid,,", f"{THIRD},valid,,")
    assert fault.code == "E718"
    assert not word or repr(word) not in fault.what


def test_a_name_typed_where_a_line_should_be_is_not_read_out() -> None:
    told = faults(f"{NOTE},valid,,", f"{FIRST},valid,,", f"{SECOND},valid,,", f"{THIRD},valid,,")
    assert [fault.code for fault in told] == ["E715"]


def test_a_line_that_is_missing_is_named() -> None:
    (fault,) = faults(f"{FIRST},valid,,", f"{SECOND},valid,,")
    assert (fault.code, THIRD in fault.what) == ("E719", True)


@pytest.mark.parametrize(
    "header", ["claim_line_id,outcome", "claim_line_id,result,Result", "result", "claim_line_id,note", ""]
)
def test_a_file_without_its_columns_is_told(header: str) -> None:
    assert {code for code, _ in codes(f"{FIRST},valid,valid", header=header)} == {"E714"}


def test_an_empty_file_is_told() -> None:
    with pytest.raises(Faults) as raised:
        read_results(b"", "results.csv", SAMPLE, "a28640974fa8")
    assert [fault.code for fault in raised.value.faults] == ["E713"]


def test_a_file_that_is_no_text_is_told() -> None:
    with pytest.raises(Faults) as raised:
        read_results("claim_line_id,result\nL1,£".encode("cp1252"), "results.csv", SAMPLE, "a28640974fa8")
    assert [fault.code for fault in raised.value.faults] == ["E713"]


def test_a_row_with_too_many_cells_is_told_with_its_number() -> None:
    assert codes(f"{FIRST},valid,,,,", f"{SECOND},valid,,") == [("E713", "results.csv:2")]
