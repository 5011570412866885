"""The results of an audit: what the auditor wrote against each line of the sample.

In: the bytes of a CSV file, and the sample. Out: one result a line, or every fault of the file at once, each with its
row. Case and spaces mean nothing in headers, ids and results. A note is for the auditor: it is never read out.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pbr.audit.sample import Sample
from pbr.errors import Fault, Faults
from pbr.sources.delimited import read_csv

RESULT_COLUMNS = ("claim_line_id", "result", "note", "tested_by")
REQUIRED = RESULT_COLUMNS[:2]
WORDS = ("valid", "invalid", "not_tested")

RESULTS = pl.Schema({"claim_line_id": pl.String(), "result": pl.String()})
"""One row a line of the sample; `result` is one of `WORDS`."""


def read_results(content: bytes, place: str, sample: Sample, batch_id: str) -> pl.DataFrame:
    """The results (`RESULTS`), one for each line of the sample, sorted by line.

    `place` is the file's name, for faults. Raises Faults: E713 no file of results, or a row that cannot be read, E714 a
    column missing or twice, E715 a line that is not this batch's, E716 a line that is not in the sample, E717 a line
    twice, E718 a word that is no result, E719 a line of the sample without a row.
    """
    rows = _rows(content, place)
    faults = [*_of_rows(rows, place, sample, batch_id), *_missing(rows, place, sample)]
    if faults:
        raise Faults(faults)
    return rows.select(RESULTS.names()).sort("claim_line_id")


def _rows(content: bytes, place: str) -> pl.DataFrame:
    """`row`, `claim_line_id`, `result` in our spelling, of every row that says anything."""
    step = "Save the sheet as CSV in UTF-8, with the names of the columns in the first row."
    try:
        table = read_csv(content, place, "utf-8", ",")
    except Faults as unread:
        raise Faults(Fault("E713", each.place, each.what, step) for each in unread.faults) from unread
    header = [_spelled(name) for name in table.header]
    if wrong := [name for name in REQUIRED if header.count(name) != 1]:
        has = {name: "has the column {} twice" if name in header else "has no column {}" for name in wrong}
        columns = f"Its columns are {', '.join(RESULT_COLUMNS)}; others are not read."
        raise Faults(Fault("E714", f"{place}:1", has[name].format(name), columns) for name in wrong)
    cells = {name: pl.col(f"c{header.index(name)}").str.strip_chars().fill_null("") for name in REQUIRED}
    said = [pl.col(f"c{at}").str.strip_chars().replace("", None).is_not_null() for at in range(len(header))]
    told = pl.any_horizontal(pl.col("fault").is_not_null(), *said)
    rows = table.rows.filter(told).select("row", "fault", **cells).collect()
    if broken := rows.filter(pl.col("fault").is_not_null())["row"].to_list():
        raise Faults(Fault("E713", f"{place}:{row}", "cannot be read as a row of the sheet", step) for row in broken)
    ids = pl.col("claim_line_id").str.replace("^'", "").str.to_lowercase().str.replace("^l", "L")
    words = pl.col("result").str.to_lowercase().str.replace_all(r"[\s_-]+", "_")
    return rows.select("row", claim_line_id=ids, result=words)


def _spelled(name: str) -> str:
    return "_".join(name.strip().lower().replace("_", " ").split())


def _of_rows(rows: pl.DataFrame, place: str, sample: Sample, batch_id: str) -> Iterator[Fault]:
    batch, sampled = set(sample.ordered["claim_line_id"]), set(sample.lines["claim_line_id"])
    first: dict[str, int] = {}
    for row, line, result in rows.iter_rows():
        here = f"{place}:{row}"
        if line in first:
            step = "Keep the row that is right."
            yield Fault("E717", here, f"is a second row for line {line}, after row {first[line]}", step)
        elif line not in batch:
            what = f"{_shown(line)} is no line of batch {batch_id}"
            yield Fault("E715", here, what, "Correct the id, or give the results of this batch.")
        elif line not in sampled:
            what = f"line {line} is in the batch, but not in the sample of this seed and size"
            step = "Give the seed and size with which the sample was drawn; a larger size holds more lines."
            yield Fault("E716", here, what, step)
        first.setdefault(line, row)
        if result not in WORDS:
            what = "has no result" if not result else "has a result that is none of the words for it"
            yield Fault("E718", here, what, f"Write {', '.join(WORDS[:-1])} or {WORDS[-1]}.")


def _missing(rows: pl.DataFrame, place: str, sample: Sample) -> Iterator[Fault]:
    for line in sample.lines.join(rows, on="claim_line_id", how="anti")["claim_line_id"].sort():
        what = f"has no row for line {line} of the sample"
        yield Fault("E719", place, what, "Add it, with its result or not_tested.")


def _shown(line: str) -> str:
    """What stands where an id should: only if it looks like one, for it may be anything that somebody typed."""
    return f"line {line}" if len(line) == 17 and line[:1] == "L" and line[1:].isalnum() else "what stands there"
