"""A file as text: what every format comes down to before anything is cast.

CSV, Parquet and XLSX become a `TextTable`: a header, and one row of text a record with the row number that a person
sees in a spreadsheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

PLACE = pl.Schema({"row": pl.Int64, "fault": pl.String, "line": pl.String})


@dataclass(frozen=True)
class TextTable:
    """`header`: the names as written, trimmed. `rows`: one column of text a name, called `c0`, `c1`, … in the
    header's order; `row`, the spreadsheet's row number; for a record whose fields could not be told apart, `fault`
    (E120 or E121) and `line` (its raw text), its cells then as far as they can be read from the left. `textless`: the
    columns whose values have no text, by their place in the header, with their type; their cells are empty. `notes`:
    what a person should know.
    """

    header: tuple[str, ...]
    rows: pl.LazyFrame
    notes: tuple[str, ...] = ()
    textless: Mapping[int, str] = field(default_factory=dict)


def cells(width: int) -> dict[str, pl.DataType]:
    """The columns of a table's cells."""
    return {f"c{at}": pl.String() for at in range(width)}
