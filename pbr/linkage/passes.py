"""The deterministic passes: which member a record is about, with the pass and the key that say so.

In: people (members' identities) and records with identity columns. Out: links. Passes run in order and a later one
sees only what the earlier left: the authority's own person id; checked identifiers; surname, forename, date of birth
and postcode together. People who fit equally well are all `possible`: a tie is never broken by row order.
"""

from __future__ import annotations

import polars as pl

LINKS = pl.Schema(
    {"table": pl.String, "record_id": pl.String, "person_id": pl.String, "status": pl.String, "pass": pl.String,
     "key": pl.String}
)  # fmt: skip
"""`status` is `confirmed` or `possible`; `pass` is `person_id`, `identifier` or `name`; `key` names the fields that
agreed, never their values."""

IDENTIFIERS = ("upn", "nino", "nhs_number", "pnc_id")
NAME_KEY = ("surname", "forename", "date_of_birth", "postcode")


def plain(column: str) -> pl.Expr:
    """Text without what suppliers write differently: case, accents, apostrophes, hyphens and spaces."""
    return (
        pl.col(column)
        .str.normalize("NFKD")
        .str.replace_all(r"[^\p{L}\p{N}]", "")
        .str.to_lowercase()
        .replace("", None)
    )


def link(table: str, records: pl.LazyFrame, people: pl.LazyFrame) -> pl.DataFrame:
    """Links of one table's records, sorted by record and person; a record about nobody known has none.

    `records`: `record_id` and the identity columns; `people`: the identity columns, several rows a person where their
    details were recorded more than once.
    """
    keyed = records.select(
        "record_id", *IDENTIFIERS, theirs=_squeezed("person_id"), name_key=_name_key()
    ).collect()
    known = people.select(
        "person_id", *IDENTIFIERS, theirs=_squeezed("person_id"), name_key=_name_key()
    ).collect()

    by_person_id = _agreeing(keyed, known, "theirs", "person_id")
    left = keyed.join(by_person_id, on="record_id", how="anti")
    by_identifier = (
        pl.concat([_agreeing(left, known, identifier, identifier) for identifier in IDENTIFIERS])
        .group_by("record_id", "person_id")
        .agg(pl.col("key").unique().sort().str.join("+"), pl.col("foreign_id").any())
    )
    left = left.join(by_identifier, on="record_id", how="anti").filter(pl.col("theirs").is_null())
    by_name = _agreeing(left, known, "name_key", "+".join(NAME_KEY))
    found = pl.concat(
        [
            by_person_id.with_columns(pl.lit("person_id").alias("pass"), foreign_id=False),
            by_identifier.with_columns(pl.lit("identifier").alias("pass")),
            by_name.with_columns(pl.lit("name").alias("pass")),
        ],
        how="diagonal",
    )
    alone = (pl.len().over("record_id") == 1) & ~pl.col("foreign_id")
    return (
        found.with_columns(
            status=pl.when(alone).then(pl.lit("confirmed")).otherwise(pl.lit("possible")), table=pl.lit(table)
        )
        .select(LINKS.names())
        .sort("record_id", "person_id")
    )


def _agreeing(records: pl.DataFrame, people: pl.DataFrame, column: str, key: str) -> pl.DataFrame:
    """Pairs of record and person that agree on a column. `foreign_id`: the record names a person id of nobody known."""
    return (
        records.filter(pl.col(column).is_not_null())
        .select("record_id", column, foreign_id=pl.col("theirs").is_not_null())
        .join(people.select("person_id", column).drop_nulls().unique(), on=column)
        .select("record_id", "person_id", "foreign_id", key=pl.lit(key))
    )


def _squeezed(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all(r"\s", "").str.to_uppercase()


def _name_key() -> pl.Expr:
    born = pl.col("date_of_birth").cast(pl.String)
    fields = [plain("surname"), plain("forename"), born, plain("postcode")]
    return pl.concat_str(fields, separator="|", ignore_nulls=False)
