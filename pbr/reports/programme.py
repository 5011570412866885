"""The programme as a page: what a scrutiny committee is shown, with a chart of families by year.

In: the tables of `programme_figures` and `programme_indicators`. Out: HTML that stands by itself (no script, nothing
fetched), the same to the byte every time. The chart's figures are all in the tables beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from pbr.claims.pages import grouped, templates
from pbr.reports.programme_figures import ALL, UNDATED, wide
from pbr.values import pounds

TITLES = {
    "families_to_engage": "To be engaged",
    "families_engaged": "Engaged",
    "families_not_decided": "Under no framework",
    "families_eligible": "Eligible",
    "families_not_eligible": "Not eligible",
    "families_eligibility_not_known": "Not known",
    "families_result_met": "With a result met",
    "families_claimed": "Families claimed for",
    "families_turned_around": "Families turned around",
    "claim_lines": "Claim lines",
    "claimed": "Claimed",
    "families_paid": "Families paid for",
    "paid": "Paid",
    "repaid": "Repaid",
    "families_in_preparation": "Families in preparation",
    "in_preparation": "In preparation",
    "budget": "Budget",
    "attachment_fees": "Attachment fees",
    "results_paid": "Results paid",
    "income": "Income",
    "variance": "Variance",
}
"""What people call the measures."""

CAPTIONS = {
    "families": "By the financial year in which the family engaged. Engaged is the sum of eligible, not eligible, not "
    "known and under no framework. A result is met where the evidence says so; not all of these are claimed.",
    "claims_by_year": "Families and claims by the financial year of the claim: a family at its first, and again where "
    "it is first claimed as turned around. Families paid for and money paid by that of the payment. What was repaid "
    "stands in the year of the payment that it gives back.",
    "claims_by_window": "By the claim window, each family once as above; what was paid on the window's lines, whenever "
    "that was, with a family at its first payment.",
    "income": "By the financial year of the payment. Income is attachment fees and results paid, less repaid; the "
    "variance is income less budget.",
}
HEADINGS = {
    "families": "Families",
    "claims_by_year": "Claims and payments by year",
    "claims_by_window": "Claims and payments by claim window",
    "income": "Income against budget",
}


def page(
    authority: str,
    as_of: date,
    frameworks: Sequence[str],
    figures: pl.DataFrame,
    indicators: pl.DataFrame,
    allocations: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
) -> bytes:
    """`programme.html`. `allocations`: `pack_id`, `agreed`, `share`, `funded`, `claimed`, `left` of each."""
    by_framework = [each for each in frameworks if each in figures["framework"]]
    return (
        templates("pbr.reports")
        .get_template("programme.html")
        .render(
            authority=authority,
            as_of=as_of,
            sections=[_section(figures, section, by_framework) for section in HEADINGS],
            chart=_chart(figures),
            indicators=indicators.to_dicts(),
            frameworks=frameworks,
            allocations=allocations,
            warnings=warnings,
        )
        .encode()
    )


def _section(figures: pl.DataFrame, section: str, frameworks: Sequence[str]) -> dict[str, Any]:
    parts = []
    for framework in (ALL, *frameworks):
        table = wide(figures, section, framework)
        names = table.columns[1:]
        rows = [
            {"period": row["period"], "cells": [_cell(name, row[name], row["period"]) for name in names]}
            for row in table.iter_rows(named=True)
        ]
        parts.append({"framework": framework, "names": [TITLES[name] for name in names], "rows": rows})
    return {"id": section, "heading": HEADINGS[section], "caption": CAPTIONS[section], "parts": parts}


NOT_SAID, NOT_ALL_SAID = "not said", "not said for every year"


def _cell(name: str, value: int | None, period: str) -> str:
    if value is None:
        return NOT_ALL_SAID if period == ALL else NOT_SAID
    return grouped(value) if name.startswith("families") or name == "claim_lines" else pounds(value)


# ------------------------------------------------------------------------------------------------------- the chart

_BARS = (
    ("families", "families_to_engage", "to be engaged", "#ffffff", "white"),
    ("families", "families_engaged", "engaged", "#c9cdd2", "grey"),
    ("claims_by_year", "families_claimed", "claimed for", "#7a9cc6", "light blue"),
    ("claims_by_year", "families_paid", "paid for", "#1f4e8c", "dark blue"),
)
_BAR, _GAP, _GROUP, _TALL, _TOP, _LEFT = 36, 6, 200, 200, 24, 12


def _chart(figures: pl.DataFrame) -> dict[str, Any] | None:
    """The bars by year in whole places of the picture; None where nothing is known but how many are to be engaged."""
    own = figures.filter((pl.col("framework") == ALL) & ~pl.col("period").is_in([ALL, UNDATED]))
    values = {
        (measure, period): value
        for section, measure, *_ in _BARS
        for period, value in own.filter((pl.col("section") == section) & (pl.col("measure") == measure))
        .select("period", "value")
        .iter_rows()
    }
    shown = [bar for bar in _BARS if any(measure == bar[1] for measure, _ in values)]
    years = sorted({period for _, period in values})
    if not any(value for (measure, _), value in values.items() if measure != "families_to_engage"):
        return None
    most = max(values.values())
    width = len(shown) * (_BAR + _GAP) - _GAP
    groups = []
    for place, year in enumerate(years):
        left = _LEFT + place * _GROUP
        bars = []
        for n, (_, measure, what, fill, _) in enumerate(shown):
            value = values.get((measure, year))
            if value is not None:
                height = value * _TALL // most
                x = left + n * (_BAR + _GAP)
                bars.append(
                    {"x": x, "y": _TOP + _TALL - height, "height": height, "middle": x + _BAR // 2, "fill": fill}
                    | {"value": value, "what": what}
                )
        groups.append({"year": year, "x": left + width // 2, "bars": bars})
    return {
        "width": _LEFT + len(years) * _GROUP,
        "floor": _TOP + _TALL,
        "bar": _BAR,
        "groups": groups,
        "legend": [{"what": what, "colour": colour} for _, _, what, _, colour in shown],
    }
