"""Labels: a file in which somebody wrote down who some records are about; checked against the workspace.

In: a CSV file with `table`, `record_id` and `person_id`. Out: labels, or every fault of the file at once. An empty
`person_id` says that the record is about nobody in the members' table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pbr.errors import Fault, Faults
from pbr.linkage import squeezed
from pbr.linkage.details import ABOUT_PEOPLE
from pbr.sources import Extract
from pbr.sources.delimited import read_csv

COLUMNS = ("table", "record_id", "person_id")
SHOWN = 20
"""How many rows with one fault are told one by one; the rest are counted."""


def read_labels(path: Path, extracts: Mapping[str, Extract], records: pl.DataFrame) -> pl.DataFrame:
    """Labels (`table`, `record_id`, `person_id` as ids are compared, null for nobody), one row a record, sorted.

    `records`: `table`, `record_id` of every record that linkage reads. Raises Faults: E340 a file or row that cannot be
    read, E341 a missing column, E342 an unknown table, E343 an unknown record, E344 an unknown person, E345 a record
    with two persons, E346 no labels.
    """
    text = _text(path)
    known = extracts["members"]
    people = pl.concat([frame.select(squeezed("person_id")) for frame in (known.accepted, known.rejected)])
    told = [
        *_broken(path, text),
        *_unknown_tables(path, text, extracts),
        *_unknown_records(path, text, records, extracts),
        *_unknown_people(path, text, people["person_id"].unique()),
        *_two_persons(path, text),
    ]
    if told:
        raise Faults(told)
    return text.select(COLUMNS).unique().sort("table", "record_id")


def _text(path: Path) -> pl.DataFrame:
    """`row`, `fault` and the columns, trimmed; an empty cell is null, and a person is written as ids are compared."""
    try:
        table = read_csv(path.read_bytes(), path.name, "utf-8", ",")
    except OSError as error:
        step = "Name a file that is there and that you may read."
        what = f"cannot be read ({error.strerror or type(error).__name__})"
        raise Faults(Fault("E340", str(path), what, step)) from error
    except Faults as unread:
        step = "Save the labels as CSV in UTF-8, with the names of the columns in the first row."
        raise Faults(Fault("E340", each.place, each.what, step) for each in unread.faults) from unread
    if missing := [name for name in COLUMNS if table.header.count(name) != 1]:
        raise Faults(_misnamed(path, table.header, name) for name in missing)
    named = {name: pl.col(f"c{table.header.index(name)}").str.strip_chars().replace("", None) for name in COLUMNS}
    rows = table.rows.with_columns(**named).select("row", "fault", *COLUMNS).collect()
    rows = rows.with_columns(squeezed("person_id").replace("", None)).filter(
        pl.any_horizontal(pl.col("fault", *COLUMNS).is_not_null())
    )
    if rows.is_empty():
        raise Faults(Fault("E346", path.name, "has no labels", "Write a row for each record that you looked at."))
    return rows


def _misnamed(path: Path, header: tuple[str, ...], name: str) -> Fault:
    what = f"has the column {name} twice" if name in header else f"has no column {name}"
    return Fault("E341", f"{path.name}:1", what, f"Its columns are {', '.join(COLUMNS)}.")


def _broken(path: Path, text: pl.DataFrame) -> Iterator[Fault]:
    step = "Write one row a record, with as many fields as the first row."
    yield from _each(path, text.filter(pl.col("fault").is_not_null()), "E340", lambda _: "cannot be read", step)


def _unknown_tables(path: Path, text: pl.DataFrame, extracts: Mapping[str, Extract]) -> Iterator[Fault]:
    tables = [table for table in ABOUT_PEOPLE if table in extracts]
    unknown = _sound(text).filter(~pl.col("table").is_in(tables).fill_null(False))
    step = f"The tables of this workspace whose records linkage links are {', '.join(tables) or 'none'}."
    yield from _each(path, unknown, "E342", lambda row: f"there is no such table: {row['table'] or 'none'}", step)


def _unknown_records(
    path: Path, text: pl.DataFrame, records: pl.DataFrame, extracts: Mapping[str, Extract]
) -> Iterator[Fault]:
    of_tables = _sound(text).filter(pl.col("table").is_in([table for table in ABOUT_PEOPLE if table in extracts]))
    unknown = of_tables.join(records, on=["table", "record_id"], how="anti", maintain_order="left")
    step = "Take the record ids of the extracts as they are now; where a supplier gives none, pbr makes them."
    yield from _each(path, unknown, "E343", lambda row: f"{row['table']} has no record {row['record_id'] or ''}", step)


def _unknown_people(path: Path, text: pl.DataFrame, people: pl.Series) -> Iterator[Fault]:
    named = _sound(text).filter(pl.col("person_id").is_not_null())
    unknown = named.filter(~pl.col("person_id").is_in(people.drop_nulls().implode()))
    step = "Take the id from the members' table, or leave it empty for somebody who is not in it."
    yield from _each(path, unknown, "E344", lambda row: f"no member has the id {row['person_id']}", step)


def _two_persons(path: Path, text: pl.DataFrame) -> Iterator[Fault]:
    key = ["table", "record_id"]
    persons = pl.col("person_id").fill_null("").n_unique().over(key)
    torn = _sound(text).filter(persons > 1).unique(key, keep="first", maintain_order=True)
    step = "Look at it once more, and keep one."
    yield from _each(path, torn, "E345", lambda row: f"record {row['record_id']} is given two persons", step)


def _sound(text: pl.DataFrame) -> pl.DataFrame:
    return text.filter(pl.col("fault").is_null())


def _each(
    path: Path, rows: pl.DataFrame, code: str, what: Callable[[dict[str, Any]], str], step: str
) -> Iterator[Fault]:
    for row in rows.head(SHOWN).iter_rows(named=True):
        yield Fault(code, f"{path.name}:{row['row']}", what(row), step)
    if rows.height > SHOWN:
        yield Fault(code, path.name, f"{rows.height - SHOWN} more rows have the same fault", step)
