"""The details that records give of somebody: each distinct set of them is linked once, however many records give it.

In: the extracts. Out: the distinct details, and which records give which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pbr.linkage.normal import normalised
from pbr.sources import CONTRACTS, IDENTITY, Extract

DETAILS: tuple[str, ...] = IDENTITY
"""What identifies somebody in a record."""

RECORDS = pl.Schema({"detail": pl.UInt32, "table": pl.String, "record_id": pl.String, "is_rejected": pl.Boolean})

ABOUT_PEOPLE = tuple(
    sorted(
        table
        for table, contract in CONTRACTS.items()
        if contract.has_record_ids and contract.column("forename") and not contract.column("family_id")
    )
)
"""The tables whose records are about a person whom linkage finds; the others name a family."""


@dataclass(frozen=True)
class Details:
    """`rows`: `detail` and the columns of `DETAILS`, each distinct set of details once. `records`: `RECORDS`; whether a
    record is in quarantine is `is_rejected`.

    Details are counted from 0 in an order that only their content decides, whatever the order of the records.
    """

    rows: pl.DataFrame
    records: pl.DataFrame

    @classmethod
    def of(cls, extracts: Mapping[str, Extract]) -> Details:
        """Of every record, accepted or quarantined, of the tables that are about people."""
        frames = [
            frame.select(*DETAILS, "record_id", table=pl.lit(table), is_rejected=pl.lit(rejected))
            for table in ABOUT_PEOPLE
            if table in extracts
            for frame, rejected in ((extracts[table].accepted, False), (extracts[table].rejected, True))
        ]
        return cls._of(frames)

    @classmethod
    def _of(cls, frames: Iterable[pl.DataFrame]) -> Details:
        empty = pl.DataFrame(schema=dict.fromkeys(DETAILS, pl.String) | dict(RECORDS) | {"date_of_birth": pl.Date})
        found = pl.concat([empty.drop("detail"), *frames], how="diagonal")
        grouped = (
            found.group_by(DETAILS)
            .agg("table", "record_id", "is_rejected")
            # A hash of the content alone: sorting by all columns says no more, and takes many times as long.
            .sort(pl.struct(DETAILS).hash(seed=0))
            .with_row_index("detail")
        )
        records = grouped.select(RECORDS.names()).explode("table", "record_id", "is_rejected")
        return cls(grouped.select("detail", *DETAILS), records)

    @cached_property
    def normal(self) -> pl.DataFrame:
        """`detail` and `normal.FIELDS`."""
        return self.rows.select("detail").hstack(normalised(self.rows))
