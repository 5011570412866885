"""Offending: anti-social behaviour and proven offences of a family's members, counted over windows.

An event counts when its person was a member on its day; whether an offence is a minor's goes by their age that day.
"""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.calendar import birthday
from pbr.measures.reading import covered, fact, tally, window, within
from pbr.measures.subjects import is_member_on, is_non_resident_adult
from pbr.rulebook.measures import AdultOffences, AsbIncidents, OffendingMeasure
from pbr.rulebook.rules import Rules


def measure(
    calls: dict[str, OffendingMeasure], families: pl.DataFrame, evidence: Evidence, rules: Rules
) -> pl.DataFrame:
    """Facts of families: `family_id` and one struct column a key. `families` has the columns of `subjects.families`."""
    coverage = evidence.coverage.get("offending")
    frame = families.lazy()
    events = _events(families, evidence, rules).collect().lazy()
    for key, call in calls.items():
        counted = tally(events.filter(_counts(call, rules)), ["family_id"], key)
        frame = frame.join(counted, on="family_id", how="left")
    facts = {
        key: fact(
            call,
            pl.col(key).struct.field("count").fill_null(0),
            is_covered=covered(coverage, *window(call, rules)),
            most=pl.col(key).struct.field("most").fill_null(0),
            records=pl.col(key).struct.field("records"),
        )
        for key, call in calls.items()
    }
    return frame.select("family_id", **facts).collect()


def _events(families: pl.DataFrame, evidence: Evidence, rules: Rules) -> pl.LazyFrame:
    """Every event by somebody who was a member on its day, with its family, and who they are.

    Boolean columns `minor` (under 18 on the day), `departed` (no member at the as-of date) and `non_resident` (18 or
    over at engagement, and not living with the family on the day).
    """
    memberships = evidence.members.lazy()
    here_now = (
        memberships.filter(is_member_on(pl.lit(rules.on)))
        .select("family_id", "person_id", here_now=pl.lit(True))
        .unique()
    )
    return (
        evidence.records["offending"]
        .lazy()
        .filter(pl.col("occurred_on") < rules.on)
        .join(memberships, on="person_id")
        .filter(is_member_on(pl.col("occurred_on")))
        .join(families.lazy().select("family_id", "engaged_on"), on="family_id")
        .join(here_now, on=["family_id", "person_id"], how="left")
        .with_columns(
            minor=birthday(18) > pl.col("occurred_on"),
            departed=pl.col("here_now").is_null(),
            non_resident=is_non_resident_adult(),
        )
        # A record that may be about two of the family's members is one event of the family all the same.
        .sort("record_id", "person_id")
        .unique(["family_id", "record_id", "minor", "departed", "non_resident"], keep="first", maintain_order=True)
    )


def _counts(call: OffendingMeasure, rules: Rules) -> pl.Expr:
    """Whether an event counts for a measure."""
    offence = pl.col("kind") == "proven_offence"
    match call:
        case AsbIncidents():
            what = pl.col("kind") == "asb"
        case AdultOffences():
            what = offence & ~pl.col("minor")
        case _:
            what = offence & pl.col("minor")
    counts = what & within("occurred_on", *window(call, rules))
    if call.by_departed:
        counts &= pl.col("departed")
    if call.leaving_out:
        counts &= ~pl.col("non_resident")
    return counts
