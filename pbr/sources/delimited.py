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
        rows = _exactly(body.decode(), delimiter, len(header), skipped + 2).lazy()
    return TextTable(header, rows)


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
    """Fault, raw line and cells of each record. After a broken quotation mark reading goes on with the next line."""
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
                    yield TOO_FEW_OR_MANY, "\n".join(lines[done : start + reader.line_num]), *_fitted(fields, width)
                done = start + reader.line_num
            start = len(lines)
        except csv.Error:
            fields = [field.strip().strip('"') for field in lines[done].split(delimiter)]
            yield BAD_QUOTES, lines[done], *_fitted(fields, width)
            start = done + 1


def _fitted(fields: list[str], width: int) -> list[str | None]:
    return [*fields[:width], *[None] * (width - len(fields))]
