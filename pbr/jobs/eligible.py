"""Eligible: a workspace and an as-of date in; out comes who is eligible, by which criteria, and who lacks one fact.

All families at once, by the bulk engine. The verdicts are those of `pbr decide`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.engines.shortfall import SHORT, one_fact_short
from pbr.jobs.decide import Measurement, Say, decide_by, measure_workspace
from pbr.rulebook.load import LoadedPack
from pbr.workspace import Workspace

FAMILIES = pl.Schema(
    {
        "family_id": pl.String(),
        "engaged_on": pl.Date(),
        "pack": pl.String(),
        "eligible": pl.String(),
        "reason": pl.String(),
        "criteria_met": pl.String(),
        "met": pl.Int64(),
        "criteria_unknown": pl.String(),
        "unknown": pl.Int64(),
        "one_fact_short": pl.Boolean(),
        "by_missing": pl.Int64(),
        "by_against": pl.Int64(),
    }
)
"""One row for each family that is decided. `eligible` is a verdict, with its `reason`. The criteria are those of
eligibility beside `eligible` itself, by id, joined with `;`. `one_fact_short`: not eligible, and one fact would make it
so; `by_missing` and `by_against` count such facts that nobody knows, and that evidence speaks against."""

COUNTS = pl.Schema(
    {
        "pack": pl.String(),
        "eligible": pl.String(),
        "families": pl.Int64(),
        "one_fact_short": pl.Int64(),
        "by_missing": pl.Int64(),
        "by_against": pl.Int64(),
        "further_away": pl.Int64(),
    }
)
"""Families by pack and verdict. Of those that are not eligible: `one_fact_short` + `further_away` = `families`, and
`by_missing` (a fact that nobody knows would do) + `by_against` (only facts that evidence speaks against) =
`one_fact_short`."""

_VERDICTS = ("met", "unknown", "not_met", "not_applicable")


@dataclass(frozen=True)
class Eligibility:
    """`families`: see `FAMILIES`, sorted. `short`: a row for each fact that would do by itself (`shortfall.SHORT`)."""

    of: Measurement
    families: pl.DataFrame
    short: pl.DataFrame

    @property
    def counts(self) -> pl.DataFrame:
        """Families by pack and verdict (`COUNTS`), the eligible first; a verdict that nobody has has no row."""
        short, missing = pl.col("one_fact_short"), pl.col("by_missing") > 0
        away = pl.col("eligible") != "met"
        counted = self.families.group_by("pack", "eligible").agg(
            families=pl.len(),
            one_fact_short=short.sum(),
            by_missing=(short & missing).sum(),
            by_against=(short & ~missing).sum(),
            further_away=(away & ~short).sum(),
        )
        order = pl.col("eligible").replace_strict({verdict: n for n, verdict in enumerate(_VERDICTS)})
        return counted.sort("pack", order).select(COUNTS.names()).cast(COUNTS)


def eligible(
    workspace: Workspace | Path | str,
    as_of: date,
    pack: LoadedPack | None = None,
    say: Say = lambda step: None,
) -> Eligibility:
    """Eligibility of every family engaged before the as-of date, by the workspace's own pack or packs unless one is
    given. Raises Faults for whatever stops a run, all of a stage together.
    """
    measurement = measure_workspace(workspace, as_of, pack, say)
    say("decide (bulk)")
    findings = decide_by("bulk", measurement.cohorts)
    say("look for what one fact would do")
    short = [one_fact_short(cohort.facts, cohort.rules) for cohort in measurement.cohorts]
    rows = pl.concat([pl.DataFrame(schema=SHORT), *short]).sort("family_id", "subject_id", "fact")
    return Eligibility(measurement, _families(measurement, findings, rows), rows)


def _families(measurement: Measurement, findings: pl.DataFrame, short: pl.DataFrame) -> pl.DataFrame:
    own = findings.filter((pl.col("part") == "eligibility") & (pl.col("subject_id") == ""))
    overall, verdict = pl.col("item") == "eligible", pl.col("verdict")

    def of(wanted: str) -> pl.Expr:
        return pl.col("item").filter(~overall & (verdict == wanted))

    judged = own.group_by("family_id").agg(
        eligible=verdict.filter(overall).first(),
        reason=pl.col("reason").filter(overall).first(),
        # Findings are sorted by item, and group_by keeps the order inside a group.
        criteria_met=of("met").str.join(";"),
        met=of("met").len(),
        criteria_unknown=of("unknown").str.join(";"),
        unknown=of("unknown").len(),
    )
    evidence = pl.col("evidence")
    lacking = short.group_by("family_id").agg(
        by_missing=(evidence == "missing").sum(), by_against=(evidence == "against").sum()
    )
    decided = [
        cohort.facts.families.select("family_id", "engaged_on", pack=pl.lit(cohort.rules.pack.id))
        for cohort in measurement.cohorts
    ]
    return (
        pl.concat(decided)
        .join(judged, on="family_id")
        .join(lacking, on="family_id", how="left")
        .with_columns(pl.col("by_missing", "by_against").fill_null(0))
        .with_columns(one_fact_short=pl.col("by_missing") + pl.col("by_against") > 0)
        .select(FAMILIES.names())
        .cast(FAMILIES)
        .sort("family_id")
    )
