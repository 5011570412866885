"""Attendance: absence and enrolment over school terms, from termly rows and from register marks.

A term's record is the sum of a child's termly rows, or, where there is none and the source of marks covers every day of
the term, the sum of their marks. Coverage is not asked: a child needs a record for each term of school age.
"""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.calendar import Calendar
from pbr.measures.reading import fact
from pbr.measures.subjects import school_terms
from pbr.rulebook.measures import Absence, Enrolment, SchoolAge, TermMeasure, UnauthorisedAbsence
from pbr.rulebook.rules import Rules

PRESENT = ("/", "\\", "L", "B", "J", "K", "P", "V", "W")
AUTHORISED = ("C", "C1", "C2", "E", "F", "H", "I", "J1", "M", "R", "S", "T")
UNAUTHORISED = ("G", "N", "O", "U")
ONE_TERM = ["person_id", "academic_year", "term"]


def term_records(evidence: Evidence, calendar: Calendar) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each person's record of each term, and the terms where their marks and termly rows differ.

    Columns of the first: `person_id`, `academic_year`, `term`, `sessions_possible`, `sessions_authorised`,
    `sessions_unauthorised`, `enrolments` (list), `records` (ids, list), `possible` (may be somebody else's). Of the
    second: `person_id`, `academic_year`, `term`.
    """
    sessions = ("sessions_possible", "sessions_authorised", "sessions_unauthorised")
    empty = pl.DataFrame(
        schema={
            **dict.fromkeys(ONE_TERM, pl.String),
            **dict.fromkeys(sessions, pl.Int64),
            "enrolments": pl.List(pl.String),
            "records": pl.List(pl.String),
            "possible": pl.Boolean,
        }
    )
    termly = empty
    if "attendance" in evidence.records:
        termly = (
            evidence.records["attendance"]
            .lazy()
            .group_by(ONE_TERM)
            .agg(
                pl.col(sessions).sum().cast(pl.Int64),
                enrolments=pl.col("enrolment").unique().sort(),
                records=pl.col("record_id").sort(),
                possible=pl.col("possible").any(),
            )
            .collect()
        )
    marked = _from_marks(evidence, calendar, empty)
    both = termly.join(marked, on=ONE_TERM, suffix="_marked")
    differing = both.filter(pl.any_horizontal(pl.col(name) != pl.col(f"{name}_marked") for name in sessions))
    only_marked = marked.join(termly, on=ONE_TERM, how="anti")
    return pl.concat([termly.select(empty.columns), only_marked]), differing.select(ONE_TERM).sort(ONE_TERM)


def _from_marks(evidence: Evidence, calendar: Calendar, empty: pl.DataFrame) -> pl.DataFrame:
    coverage = evidence.coverage.get("marks")
    if "marks" not in evidence.records or coverage is None:
        return empty
    terms = [
        term
        for term in calendar.terms(coverage.start.year - 1, coverage.until.year)
        if coverage.start <= term.start and term.until <= coverage.until
    ]
    marks, of = evidence.records["marks"].lazy(), pl.col("code")
    dated = pl.LazyFrame(
        [(t.academic_year, t.season, t.start, t.until) for t in terms],
        schema={"academic_year": pl.String, "term": pl.String, "start": pl.Date, "until": pl.Date},
        orient="row",
    ).sort("start")
    return (
        marks.sort("date")
        .join_asof(dated, left_on="date", right_on="start")
        .filter(pl.col("date") <= pl.col("until"))
        .group_by(*ONE_TERM, "date", "session")
        .agg(pl.col("code").first(), pl.col("record_id"), pl.col("possible").any())
        .group_by(ONE_TERM)
        .agg(
            sessions_possible=of.is_in(PRESENT + AUTHORISED + UNAUTHORISED).sum().cast(pl.Int64),
            sessions_authorised=of.is_in(AUTHORISED).sum().cast(pl.Int64),
            sessions_unauthorised=of.is_in(UNAUTHORISED).sum().cast(pl.Int64),
            enrolments=pl.lit(["registered"]),
            records=pl.col("record_id").explode().sort(),
            possible=pl.col("possible").any(),
        )
        .select(empty.columns)
        .collect()
    )


def measure(
    calls: dict[str, TermMeasure], people: pl.DataFrame, records: pl.DataFrame, rules: Rules, calendar: Calendar
) -> pl.DataFrame:
    """Facts of people over one span of terms (all calls name the same terms and day): one struct column a key.

    `people` has the columns of `subjects.members`; the result has `family_id`, `subject_id` and the keys.
    """
    first = next(iter(calls.values()))
    terms = school_terms(people, rules.number(first.last_terms), first.at, rules, calendar)
    summed = terms.lazy().join(
        records.lazy().rename({"person_id": "subject_id"}).with_columns(found=pl.lit(True)),
        on=["subject_id", "academic_year", "term"],
        how="left",
    )
    by_child = summed.group_by("family_id", "subject_id").agg(
        pl.col("sessions_possible", "sessions_authorised", "sessions_unauthorised").sum(),
        has_every_term=pl.col("found").fill_null(False).all(),
        possible=pl.col("possible").fill_null(False).any(),
        records=pl.col("records").explode().drop_nulls().sort(),
        latest=pl.col("enrolments").sort_by("until").last(),
        latest_records=pl.col("records").sort_by("until").last(),
        latest_possible=pl.col("possible").sort_by("until").last(),
    )
    frame = people.lazy().join(by_child, on=["family_id", "subject_id"], how="left")
    had_term = pl.col("has_every_term").is_not_null()
    no_record = ~pl.col("has_every_term").fill_null(False)
    possible_sessions = pl.col("sessions_possible")
    facts = {}
    for key, call in calls.items():
        match call:
            case UnauthorisedAbsence() | Absence():
                absent = pl.col("sessions_unauthorised")
                if isinstance(call, Absence):
                    absent = absent + pl.col("sessions_authorised")
                facts[key] = fact(
                    call,
                    absent,
                    of=possible_sessions,
                    possible=pl.col("possible"),
                    also_null=[(no_record, "no_record"), (possible_sessions == 0, "no_sessions")],
                    records=pl.col("records"),
                )
            case Enrolment():
                facts[key] = fact(
                    call,
                    pl.col("latest").list.sort().list.join(";"),
                    possible=pl.col("latest_possible"),
                    also_null=[(pl.col("latest").is_null(), "no_record")],
                    records=pl.col("latest_records"),
                )
            case SchoolAge():
                facts[key] = fact(call, had_term)
    return frame.select("family_id", "subject_id", **facts).collect()
