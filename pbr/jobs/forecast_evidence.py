"""What the evidence would be if nothing new happened: sources go on, children go to school, nobody does anything else.

In: a workspace's extracts, gathered. Out: the same, with every period of coverage carried on to a last day, and with a
record for each term to come of each child who had records. Nothing that the extracts say is taken away or changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from pbr.jobs.decide import Gathered, calendar_of
from pbr.linkage import Coverage, Evidence
from pbr.measures.attendance import ONE_TERM, SESSIONS, term_records
from pbr.measures.calendar import Calendar

FILLED = pl.Schema(
    {
        "person_id": pl.String(),
        "academic_year": pl.String(),
        "term": pl.String(),
        "start": pl.Date(),
        "until": pl.Date(),
    }
)
"""One row for each term to come and child with attendance records for whom one is supposed."""


@dataclass(frozen=True)
class Supposed:
    """`gathered`: as if nothing new happened until `last`. `filled`: see `FILLED`. `known`: what each source covers
    until, as it stands, by table.
    """

    gathered: Gathered
    last: date
    filled: pl.DataFrame
    known: dict[str, date]


def suppose_nothing_new(gathered: Gathered, as_of: date, last: date) -> Supposed:
    """The evidence until `last` if nothing new happens from the as-of date on.

    Every source that covers anything goes on to cover each day. A term is to come where its last day is after what the
    attendance source covers (`_attendance_until`). For each such term a child who had records has one with the possible
    sessions and the enrolment of the last recorded term, and with the absences that the register's marks already show.
    A record that is there stands.
    """
    evidence, calendar = gathered.evidence, calendar_of(gathered.workspace)
    coverage = {table: Coverage(each.start, max(each.until, last)) for table, each in evidence.coverage.items()}
    carried_on = replace(evidence, coverage=coverage)
    rows, filled = _terms_to_come(evidence, carried_on, calendar, _attendance_until(gathered, as_of), last)
    attendance = evidence.records["attendance"]
    records = {**evidence.records, "attendance": pl.concat([attendance, rows.select(attendance.columns)])}
    supposed = replace(gathered, evidence=replace(carried_on, records=records))
    return Supposed(supposed, last, filled, {table: each.until for table, each in evidence.coverage.items()})


def _attendance_until(gathered: Gathered, as_of: date) -> date:
    """The last day of which attendance is known: by what the source covers, else the day before it was extracted."""
    for table in ("attendance", "marks"):
        if table not in gathered.extracts:
            continue
        covers, extracted_on = gathered.extracts[table].covers, gathered.workspace.sources[table].extracted_on
        if covers is not None:
            return covers.until
        if extracted_on is not None:
            return extracted_on - timedelta(days=1)
        break
    return as_of - timedelta(days=1)


def _terms_to_come(
    evidence: Evidence, carried_on: Evidence, calendar: Calendar, known: date, last: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of attendance that are supposed, and the terms that they are for (`FILLED`)."""
    found = term_records(evidence, calendar)[0].filter("found")
    years = found["academic_year"].str.slice(0, 4).cast(pl.Int32)
    earliest = int(years.min()) if years.len() else known.year  # type: ignore[arg-type]
    every = calendar.terms(min(earliest, known.year) - 1, last.year)
    terms = pl.DataFrame(
        [(each.academic_year, each.season, each.start, each.until) for each in every],
        schema={"academic_year": pl.String, "term": pl.String, "start": pl.Date, "until": pl.Date},
        orient="row",
    )
    by_child = (
        found.join(terms, on=["academic_year", "term"])
        # A term that is still running may have a record of some of its weeks.
        .sort("person_id", pl.col("until") <= known, "until")
        .group_by("person_id", maintain_order=True)
        .agg(usual=pl.col("sessions_possible").last(), enrolment=pl.col("enrolments").last())
    )
    to_come = terms.filter((pl.col("until") > known) & (pl.col("until") < last))
    wanted = by_child.join(to_come, how="cross").join(found, on=ONE_TERM, how="anti")
    so_far = term_records(carried_on, calendar)[0].filter("found").select(*ONE_TERM, *SESSIONS)
    rows = (
        wanted.join(so_far, on=ONE_TERM, how="left")
        .with_columns(pl.col(SESSIONS).fill_null(0))
        .with_columns(sessions_possible=pl.max_horizontal("usual", "sessions_possible"))
        .explode("enrolment")
        .with_columns(first=pl.int_range(pl.len()).over(ONE_TERM) == 0)
        # Of two schools, each one's enrolment counts, and the sessions once.
        .with_columns(pl.when("first").then(pl.col(name)).otherwise(0).alias(name) for name in SESSIONS)
        .with_columns(
            record_id=pl.concat_str(pl.lit("supposed"), *ONE_TERM, "enrolment", separator="/"),
            possible=pl.lit(False),
        )
    )
    attendance = evidence.records["attendance"]
    missing = [pl.lit(None).alias(name) for name in attendance.columns if name not in rows.columns]
    typed = rows.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in attendance.schema.items())
    return typed, wanted.select(FILLED.names()).cast(FILLED).sort("person_id", "until")
