"""The population of an audit: every claim line of a bundle, with what decides how it is sampled.

In: the tables of a bundle, by file. Out: one row a line, and the digest that stands for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pbr.canonical import digest

POPULATION = pl.Schema(
    {
        "claim_line_id": pl.String(),
        "family_id": pl.String(),
        "family_ref": pl.String(),
        "route": pl.String(),
        "amount_pence": pl.Int64(),
        "engaged_on": pl.Date(),
        "as_of": pl.Date(),
        "decision_id": pl.String(),
        "flags": pl.String(),
        "worker_ref": pl.String(),
        "is_override": pl.Boolean(),
        "is_neutral": pl.Boolean(),
        "is_near_threshold": pl.Boolean(),
        "is_repeat": pl.Boolean(),
    }
)
"""One row a claim line. `worker_ref` is the lead worker's pseudonym, null where nobody is named. `is_override`: the
line rests on a person's release or discretionary pass; `is_neutral`: nothing was seen to change; `is_repeat`: the
family, or somebody in it, has an earlier line."""


def population(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The claim lines of a bundle (`POPULATION`), sorted by id.

    `tables`: those of a bundle (`claims.contract.TABLES`); without `families.parquet` no worker is known.
    """
    flags = pl.col("flags").fill_null("").str.split(";")
    family = tables["decisions.parquet"].group_by("decision_id").agg(pl.col("family_id").min())
    lines = (
        tables["claim.csv"]
        .join(family, on="decision_id", how="left")
        .join(_workers(tables), on="family_id", how="left")
        .join(_overrides(tables), on=["family_id", "route"], how="left")
    )
    return lines.select(
        *("claim_line_id", "family_id", "family_ref", "route", "amount_pence", "engaged_on", "as_of", "decision_id"),
        pl.col("flags").fill_null(""),
        "worker_ref",
        is_override=flags.list.contains("override") | pl.col("listed").is_not_null(),
        is_neutral=flags.list.contains("neutral_only"),
        is_near_threshold=flags.list.contains("near_threshold"),
        is_repeat=pl.col("family_id").is_in(tables["history.csv"]["family_id"].unique().implode()).fill_null(False),
    ).sort("claim_line_id")


def population_digest(lines: pl.DataFrame) -> str:
    """SHA-256 over the population's canonical form: two auditors with one digest have the same lines before them."""
    return digest({"columns": lines.columns, "rows": lines.sort("claim_line_id").rows()})


def _workers(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    nobody = pl.DataFrame(schema={"family_id": pl.String, "worker_ref": pl.String})
    return tables.get("families.parquet", nobody).group_by("family_id").agg(pl.col("worker_ref").min())


def _overrides(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    none = pl.DataFrame(schema={"family_id": pl.String, "route": pl.String})
    return tables.get("overrides.csv", none).select("family_id", "route", listed=pl.lit(True)).unique()
