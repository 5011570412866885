"""The forecast as a page: pounds by claim window, and the worklist.

In: the tables of a forecast (`jobs.forecast`), titles for routes, and the days that it is about. Out: HTML that stands
by itself (no script, nothing fetched), the same to the byte every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from pbr.claims.pages import templates

LISTED = ("claimable_now", "held", "waiting", "needs_evidence")
"""The states of rows that are listed; the others are counted, and in the table."""


def page(
    authority: str,
    as_of: date,
    last: date,
    windows: pl.DataFrame,
    worklist: pl.DataFrame,
    titles: Mapping[str, str],
    warnings: Sequence[str],
) -> bytes:
    """`forecast.html`. `windows` and `worklist`: in the columns of `jobs.forecast`."""
    pence = ["amount_pence", "met_today_pence", "met_later_pence", "to_come_pence", "held_pence"]
    totals = windows.group_by("window", "opens", "closes", maintain_order=True).agg(
        pl.col("lines", "lapsing_lines", *pence).sum()
    )
    by_state = worklist.group_by("state").agg(rows=pl.len(), families=pl.col("family_id").n_unique())
    return (
        templates("pbr.reports")
        .get_template("forecast.html")
        .render(
            authority=authority,
            as_of=as_of,
            last=last,
            windows=[
                {**total, "routes": windows.filter(pl.col("window") == total["window"]).to_dicts()}
                for total in totals.to_dicts()
            ],
            states=by_state.sort("state").to_dicts(),
            rows=worklist.filter(pl.col("state").is_in(LISTED)).to_dicts(),
            titles=titles,
            warnings=warnings,
        )
        .encode()
    )
