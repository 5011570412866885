"""Exclusions: suspensions and permanent exclusions of a child over the span of its terms of school age.

The span runs from the first day of the first to the last day of the last of them, holidays between included; the
source must cover every day of each of those terms. Lunchtime exclusions do not count.
"""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.calendar import Calendar
from pbr.measures.reading import fact, tally
from pbr.measures.subjects import school_terms
from pbr.rulebook.measures import PermanentExclusions, Suspensions, TermMeasure
from pbr.rulebook.rules import Rules

COUNTED: dict[type[TermMeasure], str] = {Suspensions: "suspension", PermanentExclusions: "permanent"}


def measure(
    calls: dict[str, TermMeasure], people: pl.DataFrame, evidence: Evidence, rules: Rules, calendar: Calendar
) -> pl.DataFrame:
    """Facts of people over one span of terms (all calls name the same terms and day): one struct column a key."""
    first = next(iter(calls.values()))
    coverage = evidence.coverage.get("exclusions")
    covered = pl.lit(False)
    if coverage is not None:
        covered = (pl.col("start") >= coverage.start) & (pl.col("until") <= coverage.until)
    one_child = ["family_id", "subject_id"]
    spans = (
        school_terms(people, rules.number(first.last_terms), first.at, rules, calendar)
        .lazy()
        .group_by(one_child)
        .agg(pl.col("start").min(), covered=covered.all(), until=pl.col("until").max())
    )
    frame = people.lazy().join(spans, on=one_child, how="left")
    events = (
        evidence.records["exclusions"]
        .lazy()
        .rename({"person_id": "subject_id"})
        .filter(pl.col("starts_on") < rules.on)
        .join(spans, on="subject_id")
        .filter(pl.col("starts_on").is_between("start", "until"))
        .sort("record_id")
    )
    for key, call in calls.items():
        counted = tally(events.filter(pl.col("kind") == COUNTED[type(call)]), one_child, key)
        frame = frame.join(counted, on=one_child, how="left")
    facts = {
        key: fact(
            call,
            pl.col(key).struct.field("count").fill_null(0),
            is_covered=pl.col("covered").fill_null(True),
            most=pl.col(key).struct.field("most").fill_null(0),
            also_null={"no_record": pl.col("start").is_null()},
            records=pl.col(key).struct.field("records"),
        )
        for key, call in calls.items()
    }
    return frame.select(*one_child, **facts).collect()
