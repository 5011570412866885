"""Families whose list of members may not be right: what a person should look at before a claim rests on it.

In: the extracts as they were linked, and the live claim lines as a table. Out: `FamiliesReport`. It reports and merges
nothing: `docs/families.md` says what each finding means, and who decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.linkage.details import Details
from pbr.linkage.missing_members import MissingMembers, missing_members
from pbr.linkage.regrouped import regrouped
from pbr.linkage.same_persons import ONE_PERSON, same_persons
from pbr.sources import Extract

COUNTS = pl.Schema({"finding": pl.String(), "found": pl.Int64(), "families": pl.Int64(), "claimed_pence": pl.Int64()})
"""One row a finding: `same_persons` and `one_number` (pairs of persons who seem to be one, and who share a number
only), `regrouped` (pairs of families), `missing_members` and `perhaps_members` (people whom a list seems to lack, and
who agree with nobody on it, or with a member). How many are `found`, in how many `families`, and what the live claim
lines of those families come to."""


@dataclass(frozen=True)
class FamiliesReport:
    """What seems wrong with the families' lists; no name, birth or address in any table.

    `same_persons`: persons who seem to be one under two ids (`same_persons.SAME_PERSONS`). `regrouped`: families that
    look like an earlier one (`regrouped.REGROUPED`). `missing`: members whom a list seems to lack
    (`missing_members.MISSING`), with the records behind them, and who was left out. `claimed`: `family_id` and
    `claimed_pence` of the families with live claim lines. `as_of`: None where all days are read.
    """

    as_of: date | None
    same_persons: pl.DataFrame
    regrouped: pl.DataFrame
    missing: MissingMembers
    claimed: pl.DataFrame

    @property
    def counts(self) -> pl.DataFrame:
        """How much of each there is (`COUNTS`), in the order of the report."""
        people = self.missing.people
        is_one = pl.col("basis").is_in(ONE_PERSON)
        rows = [
            ("same_persons", *self._count(self.same_persons.filter(is_one), "person_id", "other_person_id")),
            ("one_number", *self._count(self.same_persons.filter(~is_one), "person_id", "other_person_id")),
            ("regrouped", *self._count(self.regrouped, "family_id", "earlier_family_id")),
            ("missing_members", *self._count(people.filter(pl.col("perhaps") == ""), "family_id", "stranger")),
            ("perhaps_members", *self._count(people.filter(pl.col("perhaps") != ""), "family_id", "stranger")),
        ]
        return pl.DataFrame(rows, COUNTS, orient="row")

    def _count(self, found: pl.DataFrame, *each: str) -> tuple[int, int, int]:
        """How many different ones, in how many families, with how much claimed."""
        columns = [column for column in found.columns if column.endswith("family_id")]
        ids = pl.concat([found[column].alias("family_id") for column in columns]).unique()
        claimed = self.claimed.filter(pl.col("family_id").is_in(ids.implode()))["claimed_pence"].sum()
        return found.select(each).unique().height, ids.len(), int(claimed)


def look_at_families(
    extracts: Mapping[str, Extract],
    details: Details,
    links: pl.DataFrame,
    live: pl.DataFrame,
    most_pairs: int,
    as_of: date | None = None,
) -> FamiliesReport:
    """Look at the families engaged before a day (all, where it is None) for what seems wrong with their lists.

    `details`: what the extracts' records say of people, and `links` of them (`detail`, `status`); `live`: the live
    claim lines (`same_persons.LIVE`). Raises Faults (E311) where what people share would make more than `most_pairs`
    pairs of them.
    """
    families, members = extracts["families"].accepted, extracts["members"].accepted
    if as_of is not None:
        families = families.filter(pl.col("engaged_on") < as_of)
        members = members.filter((pl.col("joined_on") < as_of).fill_null(True))
    members = members.join(families, on="family_id", how="semi")
    same = same_persons(members, live, most_pairs)
    return FamiliesReport(
        as_of=as_of,
        same_persons=same,
        regrouped=regrouped(families, members, same, live),
        missing=missing_members(extracts, details, links, families, members, as_of, most_pairs),
        claimed=live.group_by("family_id").agg(claimed_pence=pl.col("amount_pence").sum()).sort("family_id"),
    )
