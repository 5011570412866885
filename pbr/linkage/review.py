"""Reviewers' decisions applied: what a person decided about a link stands above every pass.

In: links of details, and the standing decisions, which the caller reads from the ledger. Out: links. A decision is
about the details that a record gives and a person, so that all records with the same details share it, and it lapses
when the supplier changes them.
"""

from __future__ import annotations

import hashlib
import hmac

import polars as pl

from pbr.canonical import canonical
from pbr.linkage.details import Details
from pbr.linkage.normal import FIELDS
from pbr.linkage.passes import OF_DETAILS

DECISIONS = pl.Schema({"details_key": pl.String, "person_id": pl.String, "verdict": pl.String, "seq": pl.Int64})
"""The standing decisions: `verdict` is `accepted` or `rejected`; `seq` the ledger's entry."""


def details_keys(details: Details, key: bytes) -> pl.DataFrame:
    """`detail` and `details_key`: what details are called in the ledger, 32 hexadecimal digits.

    HMAC-SHA-256 under the workspace's key of all that is given, as it is compared: nobody without the key can tell
    whose details they are; another way of writing them makes no other key, any other change does. Hashed details are
    called by their match-keys.
    """
    cells = details.rows.select("detail", "match_keys")
    hashed = details.normal.select("detail").join(cells, on="detail", how="left", maintain_order="left")
    fields = details.normal.select(FIELDS.names()).iter_rows()
    rows = (row if cell is None else (*row, cell) for row, cell in zip(fields, hashed["match_keys"], strict=True))
    keys = [hmac.new(key, canonical(row), hashlib.sha256).hexdigest()[:32] for row in rows]
    return details.normal.select("detail", details_key=pl.Series(keys, dtype=pl.String))


def decided(links: pl.DataFrame, keys: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Links (`passes.OF_DETAILS`) with the decisions applied.

    An accepted person is the details' confirmed link, by the pass `review`, and their other links are rejected; a
    rejected person's link is rejected. `keys`: `details_keys` of the details.
    """
    of_details = decisions.join(keys, on="details_key").select("detail", "person_id", "verdict")
    accepted = of_details.filter(pl.col("verdict") == "accepted").select("detail", accepted="person_id")
    rejected = of_details.filter(pl.col("verdict") == "rejected").select("detail", "person_id", rejected=pl.lit(True))
    judged = links.join(accepted, on="detail", how="left").join(rejected, on=["detail", "person_id"], how="left")
    is_theirs = pl.col("person_id") == pl.col("accepted")
    turned_down = pl.col("rejected").fill_null(False) | (pl.col("accepted").is_not_null() & ~is_theirs)
    known = judged.with_columns(
        pl.when(is_theirs).then(pl.lit("confirmed")).when(turned_down).then(pl.lit("rejected")).otherwise("status")
        .alias("status"),
        pl.when(is_theirs).then(pl.lit("review")).otherwise("pass").alias("pass"),
    ).select(OF_DETAILS.names())  # fmt: skip
    unthought_of = accepted.rename({"accepted": "person_id"}).join(links, on=["detail", "person_id"], how="anti")
    added = unthought_of.with_columns(
        pl.lit("confirmed").alias("status"), pl.lit("review").alias("pass"), pl.lit("").alias("key"),
        weight=pl.lit(None, pl.Int64),
    ).select(OF_DETAILS.names())  # fmt: skip
    return pl.concat([known, added]).sort("detail", "person_id")
