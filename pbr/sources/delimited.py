"""CSV (RFC 4180) into text. A file in which every line is whole goes through Polars; one that has a broken line, or a
value over several lines, through an exact reader that keeps what is broken apart from what is not.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

import polars as pl

from pbr.errors import Fault, Faults
from pbr.sources.text import PLACE, TextTable, cells

TOO_FEW_OR_MANY = "E120"
BAD_QUOTES = "E121"

_CHUNK = 50_000
_NO_SEPARATOR = "\x1f"


def read_csv(data: bytes, place: str, encoding: str, delimiter: str) -> TextTable:
    """A CSV file's bytes as text.

    Raises Faults: E112 bytes that are not in the encoding, E113 no header.
    """
    notes = []
    data = _as_utf8(data, place, encoding)
    header, skipped, start = _header(data, place, delimiter)
    body = data[start:]
    if _every_line_is_whole(body, delimiter, len(header)):
        rows = pl.scan_csv(
            body,
            separator=delimiter,
            has_header=False,
            schema=cells(len(header)),
            row_index_name="row",
            row_index_offset=skipped + 2,
        ).with_columns(pl.col("row").cast(pl.Int64), fault=pl.lit(None, pl.String), line=pl.lit(None, pl.String))
    else:
        records = _exactly(body.decode(), delimiter, len(header), skipped + 2)
        rows = records.lazy()
        if many := _swallowing(records, delimiter, len(header)):
            notes.append(f"{place}: {many} records have a value over several lines that look like rows of their own")
    return TextTable(header, rows, tuple(notes))


def _as_utf8(data: bytes, place: str, encoding: str) -> bytes:
    try:
        if encoding == "utf-8":
            data = data.removeprefix(b"\xef\xbb\xbf")
            data.decode()
        else:
            data = data.decode(encoding).removeprefix("\ufeff").encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        row = data[: error.start].count(b"\n") + 1
        step = 'Set encoding for this source; extracts from Windows are often "windows-1252".'
        raise Faults(Fault("E112", f"{place}:{row}", f"is not text in {encoding}", step)) from None
    if b"\0" in data:
        step = 'Set encoding for this source; text with NUL bytes is often "utf-16".'
        raise Faults(Fault("E112", place, f"is not text in {encoding}: it holds NUL bytes", step))
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    return data


def _header(data: bytes, place: str, delimiter: str) -> tuple[tuple[str, ...], int, int]:
    """The header, how many blank lines stand before it, and where in the bytes the records begin."""
    buffer = io.BytesIO(data)
    reader = csv.reader((line.decode() for line in iter(buffer.readline, b"")), delimiter=delimiter, strict=True)
    try:
        for skipped, fields in enumerate(reader):
            if any(field.strip() for field in fields):
                return tuple(field.strip() for field in fields), skipped, buffer.tell()
    except csv.Error:
        step = "Correct the quotation marks in its first row."
        raise Faults(Fault("E113", f"{place}:1", "has a header that cannot be read", step)) from None
    step = "The first row names the columns; export it again, with a header."
    raise Faults(Fault("E113", place, "is empty", step))


def _every_line_is_whole(body: bytes, delimiter: str, width: int) -> bool:
    """Whether each line is one record with as many fields as the header, or blank, and quoted as RFC 4180 has it.

    Then Polars reads the file right. It fills short rows and may skip blank lines at the top without a word.
    """
    if not body.strip():
        return not body
    first = body.partition(b"\n")[0]
    if _NO_SEPARATOR.encode() in body or not first.strip() or body.count(b"\r") != body.count(b"\r\n"):
        return False
    line = pl.col("line")
    if b'"' in body:
        mark = re.escape(delimiter)
        field = rf'(?:[^"{mark}]*|"(?:[^"]|"")*")'
        whole = line.str.contains(rf"^{field}(?:{mark}{field}){{{width - 1}}}$")
    else:
        whole = line.str.count_matches(delimiter, literal=True) == width - 1
    lines = pl.scan_csv(body, separator=_NO_SEPARATOR, quote_char=None, has_header=False, schema={"line": pl.String()})
    blank = line.str.strip_chars() == ""
    return bool(lines.filter(~whole).select(blank.all()).collect(engine="streaming").item())


def _exactly(body: str, delimiter: str, width: int, first_row: int) -> pl.DataFrame:
    """The records one by one: Polars has no way to go on after a broken one. Bounded by the files that hold one."""
    records = enumerate(_records(body, delimiter, width), start=first_row)
    schema = {**PLACE, **cells(width)}
    frames = [pl.DataFrame(schema=schema)]
    while chunk := [(row, *record) for row, record in islice(records, _CHUNK)]:
        frames.append(pl.DataFrame(chunk, schema=schema, orient="row"))
    return pl.concat(frames)


def _records(body: str, delimiter: str, width: int) -> Iterator[tuple[str | None, ...]]:
    """Fault, raw line and cells of each record. After a broken quotation mark reading goes on with the next line.

    A record over several lines without its number of fields is taken apart, and each line read by itself: a stray
    quotation mark would make one broken row of everything up to the next.
    """
    lines = body.split("\n")
    if not lines[-1]:
        lines.pop()
    start = 0
    while start < len(lines):
        ended = (f"{lines[at].removesuffix(chr(13))}\n" for at in range(start, len(lines)))
        reader = csv.reader(ended, delimiter=delimiter, strict=True)
        done = start
        try:
            for fields in reader:
                if len(fields) == width or not any(field.strip() for field in fields):
                    yield None, None, *_fitted(fields, width)
                else:
                    for line in lines[done : start + reader.line_num]:
                        yield _alone(line, delimiter, width)
                done = start + reader.line_num
            start = len(lines)
        except csv.Error:
            yield _alone(lines[done], delimiter, width, broken=True)
            start = done + 1


def _alone(line: str, delimiter: str, width: int, broken: bool = False) -> tuple[str | None, ...]:
    """One line as a record of its own; `broken`: its quotation marks are known not to pair."""
    fields: list[str] = []
    try:
        if not broken:
            fields = next(csv.reader([f"{line.removesuffix(chr(13))}\n"], delimiter=delimiter, strict=True))
    except csv.Error:
        broken = True
    if broken:
        fields = [field.strip().strip('"') for field in line.split(delimiter)]
        return BAD_QUOTES, line, *_fitted(fields, width)
    if len(fields) == width or not any(field.strip() for field in fields):
        return None, None, *_fitted(fields, width)
    return TOO_FEW_OR_MANY, line, *_fitted(fields, width)


def _swallowing(records: pl.DataFrame, delimiter: str, width: int) -> int:
    """How many whole records have a value over several lines that looks like rows that a stray mark swallowed.

    Each line inside it has the delimiters of a row; a value of two lines has none inside, and together they do.
    """
    if width == 1:
        return 0

    def swallows(cell: str) -> pl.Expr:
        lines = pl.col(cell).str.split("\n")
        inner = lines.list.slice(1, lines.list.len() - 2)
        delimiters = inner.list.eval(pl.element().str.count_matches(delimiter, literal=True))
        both = (lines.list.len() == 2) & (pl.col(cell).str.count_matches(delimiter, literal=True) >= width - 1)
        return both | (delimiters.list.min() >= width - 1)

    over_lines = [pl.col(cell).str.contains("\n", literal=True) for cell in cells(width)]
    found = records.lazy().filter(pl.col("fault").is_null() & pl.any_horizontal(over_lines))
    return int(found.select(pl.any_horizontal(swallows(cell) for cell in cells(width)).sum()).collect().item())


def _fitted(fields: list[str], width: int) -> list[str | None]:
    return [*fields[:width], *[None] * (width - len(fields))]
