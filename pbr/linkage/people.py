"""The members as records are compared with them: every way in which somebody's identity was recorded."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pbr.linkage.normal import normalised


@dataclass(frozen=True)
class People:
    """`ways`: `person_id` as the members' table has it, `theirs` (as ids are compared), and `normal.FIELDS` but
    `person_id`; one row for each distinct way in which a person is recorded, in the order of its content.
    """

    ways: pl.DataFrame

    @classmethod
    def of(cls, members: pl.DataFrame) -> People:
        """From the identity columns of the members' table."""
        fields = normalised(members).rename({"person_id": "theirs"})
        return cls(
            members.select("person_id")
            .hstack(fields)
            .unique()
            .sort("person_id", pl.exclude("person_id", "surname_words", "forename_words"), nulls_last=True)
        )
