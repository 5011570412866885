"""The figures of a programme: families, claims and money, by financial year and by claim window.

In: the families as they are decided, the claim lines and payments as the ledger has them, attachment fees, and the
authority's own budget. Out: one long table. A family counts once in each column: at its engagement, at its first claim,
at its first payment. Only live lines are claims; money that was given back is taken off the payment that it gives back,
the last one first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

FIGURES = pl.Schema(
    {
        "section": pl.String(),
        "framework": pl.String(),
        "period": pl.String(),
        "measure": pl.String(),
        "value": pl.Int64(),
        "unit": pl.String(),
    }
)
"""`framework`: a pack's id, or `all`. `period`: a financial year, a claim window, `undated`, or `all`, which is the sum
of the others. `unit`: `families`, `lines` or `pence`."""

ALL, UNDATED = "all", "undated"
CLAIMED = ("submitted", "paid", "imported")
"""The states of a batch in which its lines have been asked for; the others are still in preparation."""

FAMILIES = ("families_to_engage", "families_engaged", "families_not_decided", "families_eligible",
            "families_not_eligible", "families_eligibility_not_known", "families_result_met")  # fmt: skip
CLAIMS = ("families_claimed", "families_turned_around", "claim_lines", "claimed", "families_paid", "paid", "repaid",
          "families_in_preparation", "in_preparation")  # fmt: skip
INCOME = ("budget", "attachment_fees", "results_paid", "repaid", "income", "variance")
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "families": FAMILIES,
    "claims_by_year": CLAIMS,
    "claims_by_window": CLAIMS,
    "income": INCOME,
}
"""The sections, and the measures of each in the order in which they are read."""

Rows = list[dict[str, Any]]


def year_of(day: pl.Expr) -> pl.Expr:
    """The financial year of a day, as `2013/14`; `undated` without one."""
    start = day.dt.year() - (day.dt.month() < 4).cast(pl.Int32)
    end = ((start + 1) % 100).cast(pl.String).str.zfill(2)
    return pl.concat_str(start.cast(pl.String), pl.lit("/"), end).fill_null(UNDATED)


def family_figures(families: pl.DataFrame, framework: str, to_engage: Mapping[str, int]) -> pl.DataFrame:
    """By the year of engagement. `families`: `engaged_on`, `eligible` (a verdict; null where not decided), `result_met`
    (whether a route that counts as turned around is). `to_engage`: families by year, where the authority said.
    """
    eligible = pl.col("eligible")
    counted = families.group_by(period=year_of(pl.col("engaged_on"))).agg(
        families_engaged=pl.len(),
        families_not_decided=eligible.is_null().sum(),
        families_eligible=(eligible == "met").sum(),
        families_not_eligible=(eligible == "not_met").sum(),
        families_eligibility_not_known=(eligible.is_not_null() & ~eligible.is_in(["met", "not_met"])).sum(),
        families_result_met=((eligible == "met") & pl.col("result_met")).sum(),
    )
    return _long(_with(counted, to_engage, "families_to_engage"), "families", framework)


def claim_figures(lines: pl.DataFrame, payments: pl.DataFrame, framework: str, windows: Sequence[str]) -> pl.DataFrame:
    """By the year of the claim date, money by that of the payment; and both by the window of the claim.

    `lines`: `batch_id`, `line_id`, `seq`, `family_id`, `window`, `claim_date`, `amount_pence`, `repaid_pence`, `state`,
    `live`, `turned_around`. What is claimed is that of live lines, less what was repaid of it.
    `payments`: as `payments_of` gives them.
    """
    live = lines.filter("live").sort("claim_date", "seq", "line_id", nulls_last=False)
    live = live.with_columns(year=year_of(pl.col("claim_date")))
    asked = live.filter(pl.col("state").is_in(CLAIMED))
    waiting = live.filter(~pl.col("state").is_in(CLAIMED))
    only_waiting = waiting.join(asked, on="family_id", how="anti")
    paid = payments.sort("paid_on", "seq", "line_id", nulls_last=False)
    of_live = paid.filter(pl.col("pence") > pl.col("given_back")).join(asked, on=["batch_id", "line_id"], how="semi")
    stands = pl.col("amount_pence") - pl.col("repaid_pence")
    found = []
    for section, when, paid_when in (("claims_by_year", "year", "year"), ("claims_by_window", "window", "window")):
        counts = [
            _families(asked, when, "families_claimed"),
            _families(asked.filter("turned_around"), when, "families_turned_around"),
            asked.group_by(period=when).agg(claim_lines=pl.len(), claimed=stands.sum()),
            _families(of_live, paid_when, "families_paid"),
            paid.group_by(period=paid_when).agg(paid=pl.col("pence").sum(), repaid=pl.col("given_back").sum()),
            _families(only_waiting, when, "families_in_preparation"),
            waiting.group_by(period=when).agg(in_preparation=stands.sum()),
        ]
        wide = pl.DataFrame({"period": windows if section == "claims_by_window" else []}, {"period": pl.String})
        for one in counts:
            wide = wide.join(one, on="period", how="full", coalesce=True)
        found.append(_long(wide, section, framework, windows if section == "claims_by_window" else None))
    return pl.concat(found)


def income_figures(
    payments: pl.DataFrame, fees: pl.DataFrame, framework: str, budget: Mapping[str, int]
) -> pl.DataFrame:
    """By the year of the payment. `fees`: `paid_on`, `amount_pence`. `budget`: pence by year, where there is one."""
    received = fees.group_by(period=year_of(pl.col("paid_on"))).agg(attachment_fees=pl.col("amount_pence").sum())
    results = payments.group_by(period="year").agg(
        results_paid=pl.col("pence").sum(), repaid=pl.col("given_back").sum()
    )
    wide = received.join(results, on="period", how="full", coalesce=True)
    wide = _with(wide, budget, "budget").with_columns(pl.col("attachment_fees", "results_paid", "repaid").fill_null(0))
    income = pl.col("attachment_fees") + pl.col("results_paid") - pl.col("repaid")
    wide = wide.with_columns(income=income)
    if budget:
        wide = wide.with_columns(variance=pl.col("income") - pl.col("budget"))
    return _long(wide, "income", framework)


def payments_of(lines: pl.DataFrame, entered: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Every payment up to the as-of date: `batch_id`, `line_id`, `seq`, `family_id`, `window`, `pack_id`, `paid_on`,
    `year`, `pence`, `given_back`.

    `lines`: as the ledger has them. `entered`: `batch_id`, `line_id`, `paid_on`, `pence`. What an import says was paid
    counts on the day of its claim. What was repaid gives back the last payment first.
    """
    on = ["batch_id", "line_id"]
    sums = entered.group_by(on).agg(entered=pl.col("pence").sum())
    imported = (
        lines.join(sums, on=on, how="left")
        .select(*on, paid_on="claim_date", pence=pl.col("paid_pence") - pl.col("entered").fill_null(0))
        .filter(pl.col("pence") > 0)
    )
    of_line = lines.select(*on, "seq", "family_id", "window", "pack_id", "repaid_pence")
    before = pl.col("pence").cum_sum().over(on) - pl.col("pence")
    return (
        pl.concat([entered.select(*on, "paid_on", "pence"), imported])
        .join(of_line, on=on)
        .sort("paid_on", "pence", descending=True, nulls_last=True)
        .with_columns(given_back=(pl.col("repaid_pence") - before).clip(0, pl.col("pence")))
        .filter(pl.col("paid_on").is_null() | (pl.col("paid_on") <= as_of))
        .with_columns(year=year_of(pl.col("paid_on")))
        .drop("repaid_pence")
        .sort("batch_id", "line_id", "paid_on")
    )


def _families(rows: pl.DataFrame, period: str, name: str) -> pl.DataFrame:
    """Families by period, each at its first row."""
    first = rows.unique("family_id", keep="first", maintain_order=True)
    return first.group_by(period=period).agg(pl.len().alias(name))


def _with(wide: pl.DataFrame, given: Mapping[str, int], name: str) -> pl.DataFrame:
    if not given:
        return wide
    own = pl.DataFrame({"period": list(given), name: list(given.values())}, {"period": pl.String, name: pl.Int64})
    return wide.join(own, on="period", how="full", coalesce=True)


_SAID = ("families_to_engage", "budget", "variance")
"""What is known of a year only where the authority said so: no nought stands in for it."""


_OF_EVERY_YEAR = ("families_to_engage", "variance")
"""What the whole has only where every year of the table has it."""


def _long(wide: pl.DataFrame, section: str, framework: str, order: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of a section: every measure in every period, and its sum."""
    measures = [name for name in SECTIONS[section] if name in wide.columns]
    cells = wide.with_columns(pl.col(name).cast(pl.Int64) for name in measures).with_columns(
        pl.col(name).fill_null(0) for name in measures if name not in _SAID
    )
    # What is said of some years is nothing of the whole.
    is_whole = {name: pl.col(name).is_not_null().all() for name in measures if name in _OF_EVERY_YEAR}
    sums = [pl.when(is_whole.get(name, pl.lit(True))).then(pl.col(name).sum()).alias(name) for name in measures]
    whole = cells.select(pl.lit(ALL).alias("period"), *sums)
    places = {period: place for place, period in enumerate(order or ())}
    last = {UNDATED: len(places) + 1}
    place = pl.col("period").replace_strict(places | last, default=len(places), return_dtype=pl.Int64)
    ordered = cells.select("period", *measures).sort(place, "period")
    rows = pl.concat([ordered, whole.select("period", *measures)]).with_row_index("at")
    return (
        rows.unpivot(measures, index=["at", "period"], variable_name="measure", value_name="value")
        .drop_nulls("value")
        .with_columns(
            section=pl.lit(section),
            framework=pl.lit(framework),
            unit=pl.col("measure").replace_strict(_UNITS, default="pence", return_dtype=pl.String),
            order=pl.col("measure").replace_strict({name: n for n, name in enumerate(measures)}, return_dtype=pl.Int64),
        )
        .sort("at", "order")
        .select(FIGURES.names())
        .cast(FIGURES)
    )


def wide(figures: pl.DataFrame, section: str, framework: str = ALL) -> pl.DataFrame:
    """A section of the long table with a row a period and a column a measure, both in its order."""
    own = figures.filter((pl.col("section") == section) & (pl.col("framework") == framework))
    table = own.pivot(on="measure", index="period", values="value")
    return table.select("period", *(name for name in SECTIONS[section] if name in table.columns))


_UNITS = {name: "families" for name in (*FAMILIES, *CLAIMS) if name.startswith("families")} | {"claim_lines": "lines"}
