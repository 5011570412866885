"""Relapse: what of a claimed result is undone by evidence dated since, and what cannot be said any more.

In: live lines, and their families measured by the rules of their bundle as of a later day. Out: the lines that are not
what they were, with criteria, facts and records. That a window has moved on and holds nothing now is no relapse.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from pbr.audit.grounds import grounds
from pbr.jobs.decide import Gathered, Measurement, calendar_of, run_engines
from pbr.linkage.attach import EVENT_DAY


def undone_since(lines: pl.DataFrame, measured: Measurement, since: date) -> pl.DataFrame:
    """`line_id`, `outcome`, `now`, `evidence` of the lines whose route is not met or not known as of the later day.

    `lines`: see `ledger.store.LIVE_LINES`. `relapsed`: not met by records dated on or after `since`, or recorded as
    relapsed since; `no_longer_known`: unknown, with the reasons.
    """
    as_of = measured.as_of
    findings = run_engines(measured.cohorts, ["bulk"])
    now = findings.filter((pl.col("part") == "route") & (pl.col("subject_id") == "")).select(
        "family_id", "verdict", "reason", route="item"
    )
    decided = lines.select("line_id", "family_id", "route").join(now, on=["family_id", "route"], how="left")
    undone = decided.filter(pl.col("verdict") == "not_met")
    told = pl.concat([_dated_since(undone, measured, since), _recorded(lines, measured.gathered, since, as_of)])
    relapsed = told.group_by("line_id").agg(pl.col("evidence").unique().sort().str.join("; ")).join(
        decided, on="line_id"
    )  # fmt: skip
    verdict = pl.col("verdict").fill_null("not decided")
    unknown = decided.filter(pl.col("verdict") == "unknown")
    return pl.concat(
        [
            relapsed.select(
                "line_id",
                outcome=pl.lit("relapsed"),
                now=pl.format("{} as of {}", verdict, pl.lit(str(as_of))),
                evidence="evidence",
            ),
            unknown.select(
                "line_id",
                outcome=pl.lit("no_longer_known"),
                now=pl.format("unknown ({}) as of {}", "reason", pl.lit(str(as_of))),
                evidence=pl.lit(""),
            ),
        ]
    )


def _dated_since(undone: pl.DataFrame, measured: Measurement, since: date) -> pl.DataFrame:
    """`line_id`, `evidence`: what carries a line's `not_met`, with the records dated since."""
    dated = _days(measured.gathered).filter((pl.col("day") >= since) & (pl.col("day") < measured.as_of))
    rests = (
        grounds(list(measured.cohorts)).filter(pl.col("item") != "eligible").rename({"item": "route", "reason": "open"})
    )
    said = (
        undone.select("line_id", "family_id", "route")
        .join(rests, on=["family_id", "route"])
        .explode("records")
        .drop_nulls("records")
        .explode("sources")
        .join(dated, left_on=["sources", "records"], right_on=["table", "record_id"])
        .group_by("line_id", "criterion", "subject_id", "fact", "value")
        .agg(records=pl.format("{} {} of {}", "sources", "records", "day").unique().sort().str.join(", "))
    )
    who = pl.when(pl.col("subject_id") != "").then(pl.format(" {}", "subject_id")).otherwise(pl.lit(""))
    value = pl.col("value").fill_null("not known")
    return said.select("line_id", evidence=pl.format("{}{}: {} = {} ({})", "criterion", who, "fact", value, "records"))


def _recorded(lines: pl.DataFrame, gathered: Gathered, since: date, as_of: date) -> pl.DataFrame:
    """`line_id`, `evidence`: what practitioners recorded as relapsed, of the line's family."""
    outcomes = gathered.evidence.records["outcomes"].filter(
        (pl.col("status") == "relapsed") & (pl.col("observed_on") >= since) & (pl.col("observed_on") < as_of)
    )
    said = pl.format("outcomes {}: {} relapsed on {}", "record_id", "need", "observed_on")
    return lines.select("line_id", "family_id").join(outcomes, on="family_id").select("line_id", evidence=said)


def _days(gathered: Gathered) -> pl.DataFrame:
    """When each record counts from: `table`, `record_id`, `day`; of a term its last day, of a spell its first."""
    days = {**EVENT_DAY, "needs": "identified_on", "outcomes": "observed_on"}
    records = gathered.evidence.records
    found = [
        records[table].select(pl.lit(table).alias("table"), "record_id", day=pl.col(day)) for table, day in days.items()
    ]
    attendance = records["attendance"]
    years = attendance["academic_year"].unique().sort().str.slice(0, 4).cast(pl.Int64)
    if years.len():
        terms = calendar_of(gathered.workspace).terms(int(years[0]), int(years[-1]))
        of = pl.DataFrame(
            [(term.academic_year, term.season, term.until) for term in terms],
            schema={"academic_year": pl.String, "term": pl.String, "day": pl.Date},
            orient="row",
        )
        of_terms = attendance.join(of, on=["academic_year", "term"])
        found.append(of_terms.select(pl.lit("attendance").alias("table"), "record_id", "day"))
    return pl.concat(found).unique()
