"""Social care: whether a child has an open spell of one of the kinds on a day."""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.reading import covered, day, fact, tally
from pbr.rulebook.measures import OpenSocialCare
from pbr.rulebook.rules import Rules


def measure(calls: dict[str, OpenSocialCare], people: pl.DataFrame, evidence: Evidence, rules: Rules) -> pl.DataFrame:
    """Facts of people: `family_id`, `subject_id` and one struct column a key. `people` as of `subjects.members`."""
    spells = (
        people.lazy()
        .select("family_id", "subject_id", "engaged_on")
        .join(evidence.records["social_care"].lazy().rename({"person_id": "subject_id"}), on="subject_id")
        .filter(pl.col("starts_on") < rules.on)
        .sort("record_id")
    )
    frame, facts = people.lazy(), {}
    for key, call in calls.items():
        when = day(call.on, rules.on)
        is_open = (pl.col("starts_on") <= when) & (pl.col("ends_on").is_null() | (pl.col("ends_on") >= when))
        of_kind = spells.filter(is_open & pl.col("kind").is_in(rules.codes(call.kinds)))
        found = tally(of_kind, ["family_id", "subject_id"], key)
        frame = frame.join(found, on=["family_id", "subject_id"], how="left")
        facts[key] = fact(
            call,
            pl.col(key).struct.field("count").fill_null(0) > 0,
            most=pl.col(key).struct.field("most").fill_null(0) > 0,
            is_covered=covered(evidence.coverage.get("social_care"), when, when + pl.duration(days=1)),
            records=pl.col(key).struct.field("records"),
        )
    return frame.select("family_id", "subject_id", **facts).collect()
