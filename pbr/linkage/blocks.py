"""Pairs of details and members that agree on a key, counted before they are made.

A key that everybody shares (a date of birth that a system fills in, one postcode for a whole hostel) would pair all
with all; it is refused by name, because to leave its links out silently would make families look better than they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pbr.errors import Fault, Faults

PAIRS = pl.Schema({"detail": pl.UInt32, "person_id": pl.String})


def paired(details: pl.DataFrame, ways: pl.DataFrame, key: Sequence[str], for_pass: str, most: int) -> pl.DataFrame:
    """The distinct pairs (`PAIRS`) that have the same value, and one at all, in every column of a key.

    `details`: `detail` and the key's columns; `ways`: `person_id` and the key's columns. Raises Faults (E311) where the
    key would make more than `most` pairs.
    """
    left = details.select("detail", *key).drop_nulls()
    right = ways.select("person_id", *key).drop_nulls().unique()
    counts = left.group_by(key).len("here").join(right.group_by(key).len("there"), on=key)
    made = pl.col("here").cast(pl.Int64) * pl.col("there").cast(pl.Int64)
    ((count, of_one),) = counts.select(made.sum().alias("count"), made.max().alias("of_one")).rows()
    if count > most:
        raise Faults(too_many_pairs(for_pass, key, count, of_one, most))
    return left.join(right, on=key).select(PAIRS.names()).unique()


def too_many_pairs(for_pass: str, key: Sequence[str], count: int, of_one: int, most: int) -> Fault:
    """E311: a key that is refused; `of_one`: how many of its pairs its most frequent value alone would make."""
    what = f"the key {'+'.join(key)} would make {count:,} pairs, {of_one:,} of them by one value; the most is {most:,}"
    step = (
        "Look for a value that stands for 'unknown' in an extract, leave the pass out, or raise [linkage] most_pairs."
    )
    return Fault("E311", f"pass {for_pass}", what, step)
