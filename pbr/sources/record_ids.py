"""Record ids made from content, where a supplier gave none: the same text has the same id, wherever it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl

from pbr.sources.checks import RAW

PREFIX = "row-"
_NAME_ENDS, _VALUE_ENDS = "\x1f", "\x1e"


def content_ids(records: pl.DataFrame, table: str, columns: Sequence[str]) -> pl.Series:
    """An id for each record: 24 hexadecimal digits of SHA-256 over the table's name and every filled column, by name.

    Neither the order of columns and rows, nor the file, nor a column that is empty changes it.
    """
    filled = [
        part
        for name in sorted(columns)
        for part in (
            pl.when(pl.col(name).is_not_null()).then(pl.lit(name.removeprefix(RAW) + _NAME_ENDS)),
            pl.col(name) + _VALUE_ENDS,
        )
    ]
    content = records.lazy().select(pl.concat_str(pl.lit(table + _VALUE_ENDS), *filled, ignore_nulls=True))
    # Polars has no SHA-256, and its own hash changes from version to version: the one place that goes row by row.
    sha256 = hashlib.sha256
    digests = [sha256(text).digest() for text in content.collect(engine="streaming").to_series().cast(pl.Binary)]
    made = pl.lit(PREFIX) + pl.Series(digests, dtype=pl.Binary).bin.encode("hex").str.slice(0, 24)
    return pl.select(made.alias("record_id")).to_series()
