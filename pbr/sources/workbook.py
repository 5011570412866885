"""XLSX and Parquet into text: what a CSV export of the same cells would hold, dates as ISO 8601 (or in the source's own
format), whole numbers without decimals, booleans as true and false.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree

import fastexcel
import polars as pl

from pbr.errors import Fault, Faults
from pbr.sources.text import PLACE, TextTable, cells

ISO = "%Y-%m-%d"
_MIDNIGHT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} 00:00:00$"
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read_xlsx(data: bytes, place: str, date_format: str | None) -> TextTable:
    """The first sheet of a workbook as text. A cell that holds an error (`#N/A`) is that text, not an empty cell.

    Raises Faults: E112 no workbook, E113 no header.
    """
    try:
        book = fastexcel.read_excel(data)
        sheet = book.load_sheet(0, header_row=None, skip_rows=0, dtypes="string").to_polars()
        errors = list(_error_cells(data))
    except (fastexcel.FastExcelError, zipfile.BadZipFile, ElementTree.ParseError, KeyError):
        step = "Open it, save it as .xlsx or .csv, and try again."
        raise Faults(Fault("E112", place, "cannot be read as a workbook", step)) from None
    sheet.columns = list(cells(sheet.width))
    for row, column, text in errors:
        sheet[row, column] = text
    notes = [f"{place}: only the sheet {book.sheet_names[0]!r} is read"] if len(book.sheet_names) > 1 else []

    named = sheet.select(pl.any_horizontal(pl.all().str.strip_chars().str.len_bytes() > 0)).to_series().arg_true()
    if not len(named):
        raise Faults(Fault("E113", place, "is empty", "The first row names the columns; save it again, with a header."))
    at = named[0]
    header = tuple((name or "").strip() for name in sheet.row(at))
    day = pl.all().str.slice(0, 10)
    if date_format and date_format != ISO:
        day = day.str.to_date(ISO, strict=False).dt.strftime(date_format)
    is_day = pl.all().str.contains(_MIDNIGHT)
    rows = sheet.lazy().slice(at + 1).with_columns(pl.when(is_day).then(day).otherwise(pl.all()))
    return TextTable(header, _placed(rows, at + 2), tuple(notes))


def read_parquet(data: bytes, place: str, date_format: str | None) -> TextTable:
    """A Parquet file as text; a column of lists, bytes or the like stays empty. Raises Faults: E112 no Parquet file."""
    try:
        frame = pl.read_parquet(io.BytesIO(data))
        textless = {at: str(kind) for at, kind in enumerate(frame.dtypes) if not _has_text(kind)}
        frame = frame.with_columns(pl.lit(None, pl.String).alias(frame.columns[at]) for at in textless)
        texts = [_text(frame[name], date_format).alias(f"c{at}") for at, name in enumerate(frame.columns)]
    except (pl.exceptions.PolarsError, OSError) as error:
        step = "Write it again; its columns hold text, numbers, dates or booleans."
        raise Faults(Fault("E112", place, f"cannot be read as Parquet ({type(error).__name__})", step)) from None
    header = tuple(name.strip() for name in frame.columns)
    return TextTable(header, _placed(pl.LazyFrame(texts), 2), textless=textless)


def _placed(rows: pl.LazyFrame, first_row: int) -> pl.LazyFrame:
    numbered = rows.with_row_index("row", offset=first_row).with_columns(pl.col("row").cast(pl.Int64))
    return numbered.with_columns(pl.lit(None, pl.String).alias(name) for name in PLACE if name != "row")


def _has_text(kind: pl.DataType) -> bool:
    if kind.is_numeric() or (kind.is_temporal() and kind != pl.Duration):
        return True
    return isinstance(kind, (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null))


def _text(values: pl.Series, date_format: str | None) -> pl.Series:
    kind = values.dtype
    if isinstance(kind, pl.Date):
        return values.dt.strftime(date_format or ISO)
    if isinstance(kind, pl.Datetime):
        midnight = values.dt.truncate("1d") == values
        day, moment = values.dt.strftime(date_format or ISO), values.dt.strftime("%Y-%m-%d %H:%M:%S")
        return pl.select(pl.when(midnight).then(day).otherwise(moment)).to_series()
    if kind.is_float() or kind.is_decimal():
        whole = values.cast(pl.Int64, strict=False)
        is_whole = whole.cast(pl.Float64) == values.cast(pl.Float64)
        return pl.select(pl.when(is_whole).then(whole.cast(pl.String)).otherwise(values.cast(pl.String))).to_series()
    return values.cast(pl.String)


def _error_cells(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Row and column (from 0) of every cell of the first sheet that holds an error, and its text.

    The reader makes them empty, and an empty date means that a spell is still open: a failed look-up must not say so.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
        targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
        first = book.find(f"{_SHEET}sheets/{_SHEET}sheet")
        target = targets[first.get(_RELATION)] if first is not None else ""
        content = archive.read(target.lstrip("/") if target.startswith("/") else f"xl/{target}")
    if b't="e"' not in content:
        return
    for _, cell in ElementTree.iterparse(io.BytesIO(content)):
        if cell.tag == f"{_SHEET}c" and cell.get("t") == "e":
            letters, figures = re.findall(r"[A-Z]+|[0-9]+", cell.get("r", ""))
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter) - 64
            yield int(figures) - 1, column - 1, cell.findtext(f"{_SHEET}v") or "#"
