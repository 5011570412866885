"""Attendance: absence and enrolment over school terms, from termly rows and from register marks.

A term's record is the sum of a child's termly rows, or, where there is none and the source of marks covers every day of
the term, the sum of their marks. Coverage is not asked: a child needs a record for each term of school age.
"""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.calendar import Calendar
from pbr.measures.reading import fact
from pbr.measures.register_codes import counts_as
from pbr.measures.subjects import school_terms
from pbr.rulebook.measures import Absence, Enrolment, SchoolAge, TermMeasure, UnauthorisedAbsence
from pbr.rulebook.rules import Rules

ONE_CHILD = ["family_id", "subject_id"]
ONE_TERM = ["person_id", "academic_year", "term"]
SESSIONS = ("sessions_possible", "sessions_authorised", "sessions_unauthorised")
TERM_RECORD = pl.Schema(
    {
        **dict.fromkeys(ONE_TERM, pl.String()),
        **dict.fromkeys(SESSIONS, pl.Int64()),
        "enrolments": pl.List(pl.String()),
        "found": pl.Boolean(),
        "records": pl.List(pl.String()),
        "possible": pl.Boolean(),
        "perhaps": pl.List(pl.Struct(dict.fromkeys(SESSIONS, pl.Int64()))),
    }
)


def term_records(evidence: Evidence, calendar: Calendar) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each person's record of each term, and the terms where their marks and termly rows differ.

    Columns of the first: `person_id`, `academic_year`, `term`, `sessions_possible`, `sessions_authorised`,
    `sessions_unauthorised` and `enrolments` (list) of what is surely theirs, `found` (whether anything is), `records`
    (ids, list), `possible` (whether something may be theirs), and `perhaps` (list): the sessions of termly rows that
    may be theirs beside some that are; null where nobody can say what would be added to what. Of the second:
    `person_id`, `academic_year`, `term`.
    """
    termly = _from_rows(evidence)
    marked = _from_marks(evidence, calendar)
    if marked.is_empty():
        return termly, termly.select(ONE_TERM).clear()
    surely = termly.filter("found")
    both = surely.join(marked.filter("found"), on=ONE_TERM, suffix="_marked")
    differing = both.filter(pl.any_horizontal(pl.col(name) != pl.col(f"{name}_marked") for name in SESSIONS))
    together = (
        pl.concat([termly, marked.join(surely, on=ONE_TERM, how="anti")])
        .group_by(ONE_TERM)
        .agg(
            pl.col(SESSIONS).sum(),
            pl.col("enrolments").explode().unique().sort(),
            pl.col("found").any(),
            pl.col("records").explode().sort(),
            pl.col("possible").any(),
            # Where a term's rows and marks meet, one might take the other's place: nothing is added to anything.
            pl.when(pl.len() == 1).then(pl.col("perhaps").first()),
        )
        .select(TERM_RECORD.names())
    )
    return together, differing.select(ONE_TERM).sort(ONE_TERM)


def _from_rows(evidence: Evidence) -> pl.DataFrame:
    sure = ~pl.col("possible")
    sessions = pl.struct(pl.col(name).cast(pl.Int64) for name in SESSIONS)
    return (
        evidence.records["attendance"]
        .lazy()
        .with_columns(perhaps=pl.when(~sure).then(sessions))
        .with_columns(pl.when(sure).then(pl.col(name)).otherwise(0).cast(pl.Int64).alias(name) for name in SESSIONS)
        .with_columns(enrolment=pl.when(sure).then("enrolment"))
        .group_by(ONE_TERM)
        .agg(
            pl.col(SESSIONS).sum(),
            enrolments=pl.col("enrolment").drop_nulls().unique().sort(),
            found=sure.any(),
            records=pl.col("record_id").sort(),
            possible=pl.col("possible").any(),
            perhaps=pl.when(sure.any()).then(pl.col("perhaps").drop_nulls().implode()),
        )
        .select(TERM_RECORD.names())
        .collect()
    )


def _from_marks(evidence: Evidence, calendar: Calendar) -> pl.DataFrame:
    coverage = evidence.coverage.get("marks")
    if coverage is None:
        return pl.DataFrame(schema=TERM_RECORD)
    terms = [
        term
        for term in calendar.terms(coverage.start.year - 1, coverage.until.year)
        if coverage.start <= term.start and term.until <= coverage.until
    ]
    dated = pl.LazyFrame(
        [(t.academic_year, t.season, t.start, t.until) for t in terms],
        schema={"academic_year": pl.String, "term": pl.String, "start": pl.Date, "until": pl.Date},
        orient="row",
    ).sort("start")
    sure = ~pl.col("possible")
    present, authorised, unauthorised = (counts_as(kind) for kind in ("present", "authorised", "unauthorised"))
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return (
        evidence.records["marks"]
        .lazy()
        .sort("date")
        .join_asof(dated, left_on="date", right_on="start")
        .filter(pl.col("date") <= pl.col("until"))
        # The same mark sent twice, under two record ids, is one session.
        .group_by(*ONE_TERM, "date", "session", "possible")
        .agg(pl.col("code").first(), pl.col("record_id"))
        .group_by(ONE_TERM)
        .agg(
            sessions_possible=(sure & (present | authorised | unauthorised)).sum().cast(pl.Int64),
            sessions_authorised=(sure & authorised).sum().cast(pl.Int64),
            sessions_unauthorised=(sure & unauthorised).sum().cast(pl.Int64),
            found=sure.any(),
            records=pl.col("record_id").explode().sort(),
            possible=pl.col("possible").any(),
        )
        .with_columns(
            enrolments=pl.when("found").then(pl.lit(["registered"])).otherwise(nothing),
            perhaps=pl.lit(None, TERM_RECORD["perhaps"]),
        )
        .select(TERM_RECORD.names())
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
        records.lazy().rename({"person_id": "subject_id"}),
        on=["subject_id", "academic_year", "term"],
        how="left",
    )
    by_child = summed.group_by("family_id", "subject_id").agg(
        pl.col(SESSIONS).sum(),
        has_every_term=pl.col("found").fill_null(False).all(),
        possible=pl.col("possible").fill_null(False).any(),
        unsettled=(pl.col("possible").fill_null(False) & pl.col("perhaps").is_null()).any(),
        perhaps=pl.col("perhaps").explode().drop_nulls(),
        records=pl.col("records").explode().drop_nulls().sort(),
        latest=pl.col("enrolments").sort_by("until").last(),
        latest_found=pl.col("found").fill_null(False).sort_by("until").last(),
        latest_records=pl.col("records").sort_by("until").last(),
        latest_possible=pl.col("possible").sort_by("until").last(),
    )
    by_child = by_child.collect().lazy()
    frame = people.lazy().join(by_child, on=ONE_CHILD, how="left")
    in_doubt = records["possible"].any()
    had_some = (
        pl.col("perhaps").list.eval(pl.element().struct.field("sessions_possible") > 0).list.any().fill_null(False)
    )
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
                bounds = None
                if in_doubt:
                    frame = frame.join(_extremes(by_child, absent, key), on=ONE_CHILD, how="left")
                    least, most = (pl.col(f"{key} {end}").struct.field for end in ("least", "most"))
                    bounds = (
                        (pl.coalesce(least("absent"), absent), pl.coalesce(least("possible"), possible_sessions)),
                        (pl.coalesce(most("absent"), absent), pl.coalesce(most("possible"), possible_sessions)),
                    )
                facts[key] = fact(
                    call,
                    absent,
                    of=possible_sessions,
                    bounds=bounds,
                    unsettled=pl.col("unsettled").fill_null(False) | (had_some & (possible_sessions == 0)),
                    also_null={"no_record": no_record, "no_sessions": ~no_record & (possible_sessions == 0)},
                    records=pl.col("records"),
                )
            case Enrolment():
                facts[key] = fact(
                    call,
                    pl.col("latest").list.sort().list.join(";"),
                    unsettled=pl.col("latest_possible").fill_null(False),
                    also_null={"no_record": ~pl.col("latest_found").fill_null(False)},
                    records=pl.col("latest_records"),
                )
            case SchoolAge():
                facts[key] = fact(call, had_term)
    return frame.select("family_id", "subject_id", **facts).collect()


def _extremes(by_child: pl.LazyFrame, absent: pl.Expr, key: str) -> pl.LazyFrame:
    """The least and the largest share that sessions which are perhaps a child's can make of what is surely theirs.

    Struct columns `<key> least` and `<key> most` of `absent` and `possible`, for the children who have such sessions.
    Rows are added in the order of their own shares, as long as each moves the sum the way it should go: no other choice
    of rows goes further.
    """
    surely = by_child.select(*ONE_CHILD, "perhaps", a=absent, b="sessions_possible")
    rows = (
        surely.filter(pl.col("perhaps").list.len() > 0)
        .explode("perhaps")
        .select(*ONE_CHILD, "a", "b", pl.col("perhaps").struct.unnest())
        .select(*ONE_CHILD, "a", "b", u=absent, p="sessions_possible")
        .filter(pl.col("p") > 0)
    )
    # Whole numbers that stand in the order of the shares: no two shares of sessions in a term lie closer together.
    share = pl.col("u") * 10**12 // pl.col("p")
    found = surely.select(ONE_CHILD)
    for end, descending in (("least", False), ("most", True)):
        ordered = rows.sort(*ONE_CHILD, share, descending=[False, False, descending])
        before = [(pl.col(x).cum_sum() - pl.col(x)).over(ONE_CHILD) for x in ("u", "p")]
        so_far, of = pl.col("a") + before[0], pl.col("b") + before[1]
        left, right = pl.col("u") * of, so_far * pl.col("p")
        moves = left > right if descending else left < right
        sums = (
            ordered.filter(moves)
            .group_by(ONE_CHILD)
            .agg(
                pl.struct(
                    absent=pl.col("a").first() + pl.col("u").sum(), possible=pl.col("b").first() + pl.col("p").sum()
                ).alias(f"{key} {end}")
            )
        )
        found = found.join(sums, on=ONE_CHILD, how="left")
    return found
