"""Evidence: accepted records with the person each is about, and what is in doubt; what linkage hands to measures.

A record that may be about several people is here once for each, marked `possible`. What was quarantined is here as
doubts: the people and families for whom that table can no longer be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.linkage.details import Details
from pbr.sources import CONTRACTS, IDENTITY


@dataclass(frozen=True)
class Coverage:
    """The days for which a source is complete, both inside."""

    start: date
    until: date


@dataclass(frozen=True)
class Evidence:
    """One authority's evidence, linked.

    `families`: the accepted rows of the table. `members`: `family_id`, `person_id`, `date_of_birth`, `joined_on`,
    `left_on`, `resident`, one row a period. `records`: every table of events or spells by its name, without rows where
    no source gives it (`no_records`): the contract's columns with `record_id`, `person_id` and `possible`; only records
    about members. Needs and outcomes are about a family, `family_id`; their `person_id` is as the supplier wrote it,
    null where they name nobody.
    `doubtful_people`: `table`, `person_id`; `doubtful_families`: `table`, `family_id`; a quarantined row of that table
    is about them. `doubtful_members`: `family_id`, `person_id` (the record's id where it has none), `date_of_birth`
    (null where unreadable), of quarantined members' rows. `links`: see `linkage.passes.LINKS`, with `detail`: which of
    the `details` the record gives; in no order. `lapsed_decisions`: how many of the reviewers' decisions are about
    details or people that there are no more. `quarantine`: what linkage itself found, in the columns of a source's
    quarantine.
    """

    families: pl.DataFrame
    members: pl.DataFrame
    records: dict[str, pl.DataFrame]
    doubtful_people: pl.DataFrame
    doubtful_families: pl.DataFrame
    doubtful_members: pl.DataFrame
    coverage: dict[str, Coverage]
    links: pl.DataFrame
    details: Details
    lapsed_decisions: int
    quarantine: pl.DataFrame

    @property
    def standing_links(self) -> pl.DataFrame:
        """The links that no reviewer rejected."""
        return self.links.filter(pl.col("status") != "rejected")


RECORD_TABLES = tuple(sorted(set(CONTRACTS) - {"families", "members"}))
"""The tables whose rows are events and spells."""


def no_records(table: str) -> pl.DataFrame:
    """What `Evidence.records` holds of a table that no source gives: its columns, and no row."""
    own = {column.name: column.dtype for column in CONTRACTS[table].columns if column.name not in IDENTITY}
    return pl.DataFrame(schema={"record_id": pl.String} | own | {"person_id": pl.String, "possible": pl.Boolean})
