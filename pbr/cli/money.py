"""Money as people read it: columns of pence as pounds."""

from __future__ import annotations

import polars as pl

from pbr.values import pounds


def in_pounds(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column of pence as text in pounds, under its name without `_pence`; empty where nothing is said."""
    pence = [name for name in frame.columns if name.endswith("_pence")]
    spoken = [
        pl.Series(name, [None if amount is None else pounds(amount) for amount in frame[name]], dtype=pl.String)
        for name in pence
    ]
    return frame.with_columns(spoken).rename({name: name.removesuffix("_pence") for name in pence})
