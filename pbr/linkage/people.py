"""The members as records are compared with them: every way in which somebody's identity was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pbr.linkage.normal import normalised
from pbr.sources import IDENTITY


@dataclass(frozen=True)
class People:
    """`ways`: `person_id` as the members' table has it, `theirs` (as ids are compared), and `normal.FIELDS` but
    `person_id`; one row for each distinct way in which a person is recorded, in an order that only content decides.
    """

    ways: pl.DataFrame

    @classmethod
    def of(cls, members: pl.DataFrame) -> People:
        """From the identity columns of the members' table."""
        recorded = members.select(IDENTITY).unique()
        fields = normalised(recorded).rename({"person_id": "theirs"})
        # A hash of the content orders the ways of one person: sorting by every column takes many times as long.
        return cls(
            recorded.select("person_id", order=pl.struct(pl.all()).hash(seed=0))
            .hstack(fields)
            .sort("person_id", "order")
            .drop("order")
        )

    @cached_property
    def keyed(self) -> pl.DataFrame:
        """`person_id` and the fields that keys are made of: each of a person's names with each of their addresses."""
        every = self.ways.select(pl.exclude("surname_words", "forename_words"))
        once = pl.len().over("person_id") == 1
        several = every.filter(~once)
        addresses = several.select("person_id", "postcode", "uprn").unique()
        return pl.concat(
            [every.filter(once), several.drop("postcode", "uprn").join(addresses, on="person_id")], how="diagonal"
        )
