"""Inputs: a file's digest is of its content and not of its order, and can be made without pbr."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import polars as pl
import pytest

from pbr.jobs.inputs import content_digest

ROWS = "record_id,need\nN2,debt\nN1,Ä\n"


def of(folder: Path, content: str, name: str = "needs.csv") -> tuple[int, str]:
    (folder / name).write_bytes(content.encode())
    return content_digest(folder / name)


@pytest.mark.parametrize("content", [ROWS, ROWS.replace("\n", "\r\n"), ROWS.rstrip("\n"), "record_id\n", ROWS + "\n"])
def test_the_digest_is_that_of_the_sorted_lines(tmp_path: Path, content: str) -> None:
    found = of(tmp_path, content)
    command = f"LC_ALL=C sort {tmp_path}/needs.csv"
    lines = subprocess.run(command, shell=True, check=True, capture_output=True).stdout
    assert found == (len(lines), hashlib.sha256(lines).hexdigest())


def test_rows_in_another_order_and_a_last_line_without_end_are_the_same_content(tmp_path: Path) -> None:
    assert of(tmp_path, ROWS) == of(tmp_path, "record_id,need\nN1,Ä\nN2,debt")


@pytest.mark.parametrize("other", [ROWS.replace("debt", "Debt"), ROWS + "N3,debt\n", ROWS + "N1,Ä\n"])
def test_a_letter_or_a_row_more_is_another_content(tmp_path: Path, other: str) -> None:
    assert of(tmp_path, ROWS) != of(tmp_path, other)


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_tables_of_other_kinds_have_a_content_too(tmp_path: Path, kind: str) -> None:
    frame = pl.DataFrame({"record_id": ["N1", "N2", None], "need": ["debt", "", "housing"]})

    def digest(rows: pl.DataFrame) -> tuple[int, str]:
        path = tmp_path / f"needs.{kind}"
        rows.write_parquet(path) if kind == "parquet" else rows.write_excel(path)
        return content_digest(path)

    assert digest(frame) == digest(frame.reverse())
    assert digest(frame) != digest(frame.with_columns(need=pl.lit("debt")))
    assert digest(frame) != digest(frame.rename({"need": "needs"}))
