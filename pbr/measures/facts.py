"""The facts of one decision run: one measure's value for one subject, with the records behind it.

What measures hand to engines, what a bundle carries, and what a replay starts from. Two wide frames, one row a family
and one row a member, because engines compute on columns; `to_long` and `from_long` turn them into the table that a
bundle carries, and back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

VALUE_TYPES: dict[str, pl.DataType] = {
    "count": pl.Int64(),
    "share": pl.Int64(),
    "boolean": pl.Boolean(),
    "weeks": pl.Int64(),
    "days": pl.Int64(),
    "words": pl.String(),
}
"""The type of a fact's value, by the measure's unit. `words` are joined with `;`, sorted."""


def fact_type(unit: str) -> pl.Struct:
    """A fact's column: `value`; `of`, a share's denominator; `reason`, why the value is null; `records`, sorted ids."""
    return pl.Struct(
        {"value": VALUE_TYPES[unit], "of": pl.Int64(), "reason": pl.String(), "records": pl.List(pl.String())}
    )


@dataclass(frozen=True)
class Facts:
    """All facts of one run.

    `families`: `family_id`, `engaged_on`, then one struct column (`fact_type`) for each fact key, sorted by family.
    `members`: `family_id`, `subject_id`, one boolean column for each role key, then one struct column for each fact
    key, sorted by family and subject; a fact is null for a person who holds none of its roles.
    Only families that are decided (engaged before the as-of date) are here.
    """

    as_of: date
    families: pl.DataFrame
    members: pl.DataFrame
