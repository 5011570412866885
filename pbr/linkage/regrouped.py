"""Families that look like an earlier family regrouped: another id, engaged later, and much the same people.

In: families, their members, the persons who seem to be one (`same_persons`), and the live claim lines. Out: a row for
each pair of families. A regrouped household is not a new family: whoever decides is told, and nothing is merged.
"""

from __future__ import annotations

import polars as pl

from pbr.linkage.normal import squeezed
from pbr.linkage.same_persons import ONE_PERSON

REGROUPED = pl.Schema(
    {
        "family_id": pl.String(),
        "engaged_on": pl.Date(),
        "earlier_family_id": pl.String(),
        "earlier_engaged_on": pl.Date(),
        "shared": pl.Int64(),
        "members": pl.Int64(),
        "earlier_members": pl.Int64(),
        "persons": pl.String(),
        "earlier_persons": pl.String(),
        "new_persons": pl.String(),
        "left_behind": pl.String(),
        "claims": pl.String(),
        "claimed_pence": pl.Int64(),
        "earlier_claims": pl.String(),
        "earlier_claimed_pence": pl.Int64(),
    }
)
"""One row for each pair of families, the one engaged later first (by id where both engaged on one day).

`shared` of the later family's `members` belonged to the earlier one, or seem to have: they are `persons`, under the ids
of the later family, and `earlier_persons` under those of the earlier. `new_persons`: the later family's other members;
`left_behind`: the earlier family's. Members are all who ever belonged. `claims` and `earlier_claims`: each family's
live claim lines by id, and what they come to. Ids are joined with `;`."""

LEAST_SHARED = 2
"""Persons who must have moved together, unless the later family has nobody else."""


def regrouped(families: pl.DataFrame, members: pl.DataFrame, same: pl.DataFrame, live: pl.DataFrame) -> pl.DataFrame:
    """The families that look like an earlier one (`REGROUPED`), sorted.

    At least half of the later family's members, and two of them or all, belonged to the earlier family. `families`:
    `family_id`, `engaged_on`; `members`: `family_id`, `person_id`; `same`: `same_persons.SAME_PERSONS`; `live`:
    `same_persons.LIVE`.
    """
    belong = members.select("family_id", "person_id").unique()
    moved = _moved(families, belong, same)
    counts = belong.group_by("family_id").agg(members=pl.len(), everybody=pl.col("person_id"))
    of_earlier = counts.rename({name: f"earlier_{name}" for name in counts.columns})
    claims = _claims(families, live)
    shared = pl.col("shared")
    return (
        moved.group_by("family_id", "engaged_on", "earlier_family_id", "earlier_engaged_on")
        .agg(
            shared=pl.col("person_id").n_unique(),
            persons=pl.col("person_id").unique(),
            earlier_persons=pl.col("earlier_person_id").unique(),
        )
        .join(counts, on="family_id")
        .join(of_earlier, on="earlier_family_id")
        .filter((2 * shared >= pl.col("members")) & ((shared >= LEAST_SHARED) | (shared == pl.col("members"))))
        .with_columns(
            new_persons=pl.col("everybody").list.set_difference("persons"),
            left_behind=pl.col("earlier_everybody").list.set_difference("earlier_persons"),
        )
        .join(claims, on="family_id", how="left")
        .join(claims.rename({name: f"earlier_{name}" for name in claims.columns}), on="earlier_family_id", how="left")
        .with_columns(
            pl.col("persons", "earlier_persons", "new_persons", "left_behind").list.sort().list.join(";")
        )
        .select(REGROUPED.names())
        .cast(REGROUPED)
        .sort("family_id", "earlier_family_id")
    )  # fmt: skip


def _moved(families: pl.DataFrame, belong: pl.DataFrame, same: pl.DataFrame) -> pl.DataFrame:
    """Who of a later family belonged to an earlier one, and as whom (`earlier_person_id`)."""
    engaged = belong.join(families.select("family_id", "engaged_on"), on="family_id")
    earlier = engaged.rename({name: f"earlier_{name}" for name in engaged.columns})
    pairs = same.filter(pl.col("basis").is_in(ONE_PERSON)).select("person_id", earlier_person_id="other_person_id")
    seem = pl.concat([pairs, pairs.select(person_id="earlier_person_id", earlier_person_id="person_id")]).unique()
    as_themselves = engaged.with_columns(theirs=squeezed("person_id")).join(
        earlier.with_columns(theirs=squeezed("earlier_person_id")), on="theirs"
    )
    as_another = engaged.join(seem, on="person_id").join(earlier, on="earlier_person_id")
    columns = [*engaged.columns, *earlier.columns]
    came_first = (pl.col("earlier_engaged_on") < pl.col("engaged_on")) | (
        (pl.col("earlier_engaged_on") == pl.col("engaged_on")) & (pl.col("earlier_family_id") < pl.col("family_id"))
    )
    return pl.concat([as_themselves.select(columns), as_another.select(columns)]).unique().filter(came_first)


def _claims(families: pl.DataFrame, live: pl.DataFrame) -> pl.DataFrame:
    """`family_id`, `claims` and `claimed_pence` of every family."""
    lines = live.select("family_id", "line_id", "amount_pence")
    return (
        families.select("family_id")
        .join(lines, on="family_id", how="left")
        .group_by("family_id")
        .agg(
            claims=pl.col("line_id").drop_nulls().sort().str.join(";"),
            claimed_pence=pl.col("amount_pence").sum(),
        )
    )
