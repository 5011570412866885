"""The deterministic passes: which member a record is about, with the pass and the key that say so.

In: people (members' identities) and records with identity columns. Out: links. Passes run in order and a later one
sees only what the earlier left: the authority's own person id; checked identifiers; surname, forename, date of birth
and postcode together. People who fit equally well are all `possible`: a tie is never broken by row order.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

LINKS = pl.Schema(
    {"table": pl.String, "record_id": pl.String, "person_id": pl.String, "status": pl.String, "pass": pl.String,
     "key": pl.String}
)  # fmt: skip
"""`status` is `confirmed` or `possible`; `pass` is `person_id`, `identifier` or `name`; `key` names the fields that
agreed, never their values."""

IDENTIFIERS = ("upn", "nino", "nhs_number", "pnc_id")
NAME_KEY = ("surname", "forename", "date_of_birth", "postcode")
DETAILS = ("person_id", *IDENTIFIERS, *NAME_KEY)
"""What the passes read of a record; what else identifies somebody is for passes to come."""


def plain(column: str) -> pl.Expr:
    """Text without what suppliers write differently: case, accents, apostrophes, hyphens and spaces."""
    return (
        pl.col(column).str.normalize("NFKD").str.replace_all(r"[^\p{L}\p{N}]", "").str.to_lowercase().replace("", None)
    )


@dataclass(frozen=True)
class People:
    """The members as records are compared with them: made once, for all tables.

    `keyed`: `person_id`, the identifiers, `theirs` (the person id as it is compared) and `name_key`, one row for each
    way in which somebody's details were recorded.
    """

    keyed: pl.DataFrame

    @classmethod
    def of(cls, members: pl.DataFrame) -> People:
        """From the identity columns of the members' table."""
        return cls(
            members.select("person_id", *IDENTIFIERS, theirs=squeezed("person_id"), name_key=_name_key()).unique()
        )


def link(table: str, records: pl.DataFrame, people: People) -> pl.DataFrame:
    """Links of one table's records (`LINKS` and `is_rejected`), in no order; a record about nobody known has none.

    `records`: `record_id`, `is_rejected` (whether the record is in quarantine) and the identity columns.
    """
    # Many records give the same details of the same person: each set of details is linked once.
    details = records.group_by(DETAILS).agg("record_id", "is_rejected").with_row_index("nth")
    keyed = details.select("nth", *IDENTIFIERS, *NAME_KEY, theirs=squeezed("person_id"))

    by_person_id = _agreeing(keyed, people, "theirs", "person_id")
    left = keyed.join(by_person_id, on="nth", how="anti")
    by_identifier = (
        pl.concat([_agreeing(left, people, identifier, identifier) for identifier in IDENTIFIERS])
        .group_by("nth", "person_id")
        .agg("key", pl.col("foreign_id").any())
        .with_columns(pl.col("key").list.sort().list.join("+"))
    )
    left = left.join(by_identifier, on="nth", how="anti").filter(pl.col("theirs").is_null())
    by_name = _agreeing(left.with_columns(name_key=_name_key()), people, "name_key", "+".join(NAME_KEY))
    found = pl.concat(
        [
            frame.with_columns(pl.lit(name).alias("pass"))
            for name, frame in (("person_id", by_person_id), ("identifier", by_identifier), ("name", by_name))
        ],
        how="diagonal",
    )
    # Whoever fits alone is the person, unless the record also names a person id that nobody has.
    alone = (pl.len().over("nth") == 1) & (~pl.col("foreign_id") | (pl.col("pass") == "person_id"))
    return (
        found.with_columns(
            status=pl.when(alone).then(pl.lit("confirmed")).otherwise(pl.lit("possible")), table=pl.lit(table)
        )
        .join(details.select("nth", "record_id", "is_rejected"), on="nth")
        .explode("record_id", "is_rejected")
        .select(*LINKS.names(), "is_rejected")
    )


def _agreeing(details: pl.DataFrame, people: People, column: str, key: str) -> pl.DataFrame:
    """Pairs of details and person that agree on a column. `foreign_id`: the details name a person id."""
    return (
        details.filter(pl.col(column).is_not_null())
        .select("nth", column, foreign_id=pl.col("theirs").is_not_null())
        .join(people.keyed.select("person_id", column).drop_nulls().unique(), on=column)
        .select("nth", "person_id", "foreign_id", key=pl.lit(key))
    )


def squeezed(column: str) -> pl.Expr:
    """An id as it is compared: upper-cased and without white space."""
    return pl.col(column).str.replace_all(r"\s", "").str.to_uppercase()


def _name_key() -> pl.Expr:
    born = pl.col("date_of_birth").cast(pl.String)
    fields = [plain("surname"), plain("forename"), born, plain("postcode")]
    return pl.concat_str(fields, separator="|", ignore_nulls=False)
