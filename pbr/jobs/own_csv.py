"""A CSV file that somebody wrote for pbr, such as a remittance advice: its columns as text.

In: the file, and the columns that are asked for. Out: those it has, by their names, or what keeps it from being read.
Headers are compared without regard to capitals, spaces and underscores (`Claim line ID`). Rows without a word are left
out, and so is every other column.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from pbr.errors import Fault, Faults

LISTED = 12
"""How many of a file's columns a fault lists."""


def read_own_csv(path: Path, code: str, columns: Sequence[str], step: str) -> pl.DataFrame:
    """`row` (as a spreadsheet counts: the header is row 1), and those of `columns` that the file has, as text without
    spaces at its ends.

    Raises Faults of `code`: no such file, nothing in it, not UTF-8, another separator than the comma, a column twice,
    a row with more cells than the header. `step`: how the file is to be saved.
    """

    def fault(what: str, next_step: str = step, row: int | None = None) -> Fault:
        return Fault(code, path.name if row is None else f"{path.name} row {row}", what, next_step)

    header, *rows = _cells(path, code, step)
    alone = header[0] if len(header) == 1 else ""
    for mark, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "upright strokes")):
        if mark in alone:
            raise Faults(fault(f"has one column only: its cells are parted by {called}, not by commas"))
    known = {_plain(name): name for name in columns}
    places: dict[str, int] = {}
    for place, said in enumerate(header):
        name = known.get(_plain(said))
        if name in places:
            raise Faults(fault(f"has the column {name} twice", "Keep one of them."))
        if name is not None:
            places[name] = place
    faults = [
        fault("has more cells than the header", "Put an amount with a comma in quotation marks.", number)
        for number, row in enumerate(rows, start=2)
        if any(row[len(header) :])
    ]
    if faults:
        raise Faults(faults)
    kept = [(number, row) for number, row in enumerate(rows, start=2) if any(row)]
    found = {name: [row[at] if at < len(row) else "" for _, row in kept] for name, at in places.items()}
    schema = {"row": pl.Int64, **dict.fromkeys(places, pl.String)}
    return pl.DataFrame({"row": [number for number, _ in kept], **found}, schema)


def require_columns(path: Path, code: str, lacks: Sequence[str], step: str) -> None:
    """Raise Faults of `code` where columns are lacking, with those that were found."""
    if lacks:
        header = next(iter(_cells(path, code, step)))
        found = ", ".join(name or "one without a name" for name in header[:LISTED])
        more = f" and {len(header) - LISTED} more" if len(header) > LISTED else ""
        named = f"column{'' if len(lacks) == 1 else 's'} {', '.join(lacks)}"
        raise Faults(Fault(code, path.name, f"lacks the {named}; its columns are: {found or 'none'}{more}", step))


def require_one_of_each(path: Path, code: str, table: pl.DataFrame, pairs: Sequence[tuple[str, str]]) -> None:
    """Raise Faults of `code` where a table says the same thing in two columns."""
    faults = [
        Fault(code, path.name, f"has both {one} and {other}", "Keep one of the two columns.")
        for one, other in pairs
        if one in table.columns and other in table.columns
    ]
    if faults:
        raise Faults(faults)


def _plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()


def _cells(path: Path, code: str, step: str) -> Iterator[list[str]]:
    """Every row of the file, the header first, its cells without spaces at their ends. Raises Faults."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise Faults(Fault(code, path.name, "is not there", "See to the file's name and folder.")) from error
    except OSError as error:
        raise Faults(Fault(code, path.name, f"cannot be read ({error.strerror})", step)) from error
    except UnicodeDecodeError as error:
        raise Faults(Fault(code, path.name, "is not text in UTF-8", step)) from error
    if not text.strip():
        raise Faults(Fault(code, path.name, "is empty", step))
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
    except csv.Error as error:
        raise Faults(Fault(code, path.name, "cannot be read as a table", step)) from error
    return iter(rows)
