"""What a source comes down to: `Extract`, the accepted records and everything that was set apart, none of it lost."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pbr.workspace import Period

QUARANTINE = pl.Schema(
    {
        "source": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "column": pl.String,
        "raw": pl.String,
        "code": pl.String,
        "reason": pl.String,
        "record_id": pl.String,
    }
)
"""One row a fault. `column` is empty where the whole row is at fault; several columns are joined with `;`, and `raw`
then reads `name=text; name=text`."""

DUPLICATES = pl.Schema(
    {"record_id": pl.String, "file": pl.String, "row": pl.Int64, "first_file": pl.String, "first_row": pl.Int64}
)
"""One row a record that is equal, in every column, to an earlier one (`first_file`, `first_row`) that is kept."""

INVALID_IDENTIFIERS = pl.Schema(
    {"record_id": pl.String, "file": pl.String, "row": pl.Int64, "column": pl.String, "raw": pl.String}
)
"""One row an identifier that fails its own check, and so is not used for linking."""


@dataclass(frozen=True)
class SourceFile:
    """One file as it was read: path relative to the workspace, size, rows without the header, SHA-256."""

    path: str
    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class Extract:
    """One source, read and checked against its contract.

    `accepted`: `record_id` (unique), `file`, `row`, then the contract's columns, typed; checked identifiers are in
    canonical form, null where they fail their check. `rejected`: one row a quarantined record: `record_id`, `file`,
    `row`, the identity columns that could be read (families have none), `family_id` where the table has one.
    `quarantine`, `duplicates`, `invalid_identifiers`: see their schemas. Frames are sorted by file and row.
    `rows_read` = accepted + rejected + duplicates + `blank_rows`.
    """

    table: str
    accepted: pl.DataFrame
    rejected: pl.DataFrame
    quarantine: pl.DataFrame
    duplicates: pl.DataFrame
    invalid_identifiers: pl.DataFrame
    unknown_columns: tuple[str, ...]
    rows_read: int
    blank_rows: int
    files: tuple[SourceFile, ...]
    covers: Period | None
    warnings: tuple[str, ...]
