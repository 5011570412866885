"""Reviewers' decisions applied: what a person decided about a link stands above every pass.

In: links of details, and the standing decisions, which the caller reads from the ledger. Out: links. A decision is
about the details that a record gives and a person, so that all records with the same details share it, and it lapses
when the supplier changes them.
"""

from __future__ import annotations

import hmac

import polars as pl

from pbr.linkage.details import Details
from pbr.linkage.normal import FIELDS
from pbr.linkage.passes import OF_DETAILS

DECISIONS = pl.Schema(
    {
        "details_key": pl.String(),
        "person_id": pl.String(),
        "verdict": pl.String(),
        "seq": pl.Int64(),
        "table": pl.String(),
        "record_id": pl.String(),
    }
)
"""The standing decisions: `verdict` is `accepted` or `rejected`; `seq` the ledger's entry; `table` and `record_id` the
record at which the reviewer looked."""


KEYS = pl.Schema({"detail": pl.UInt32, "details_key": pl.String})
"""What the ledger calls each of the details."""


def details_keys(details: Details, key: bytes) -> pl.DataFrame:
    """What details are called in the ledger (`KEYS`): 32 hexadecimal digits.

    HMAC-SHA-256 under the workspace's key of all that is given, as it is compared: nobody without the key can tell
    whose details they are; another way of writing them makes no other key, any other change does. Hashed details are
    called by their match-keys.
    """
    given = details.normal.hstack(details.rows.select("match_keys"))
    said = given.select("detail", said=pl.concat_str(_in_one_text(), separator="\x1f"))
    keys = [hmac.digest(key, text.encode(), "sha256").hex()[:32] for text in said["said"]]
    return said.select("detail", details_key=pl.Series(keys, dtype=pl.String))


def _in_one_text() -> list[pl.Expr]:
    """Every field as text. A field that is not given is told from one that is empty."""
    lists = [pl.col(name).list.join(" ") for name, kind in FIELDS.items() if isinstance(kind, pl.List)]
    single = [pl.col(name).cast(pl.String) for name, kind in FIELDS.items() if not isinstance(kind, pl.List)]
    return [text.fill_null("\x00") for text in (*single, *lists, pl.col("match_keys"))]


def standing(decisions: pl.DataFrame, keys: pl.DataFrame, people: pl.Series) -> pl.DataFrame:
    """`detail`, `details_key`, `person_id`, `verdict`: the decisions about details that some record gives and members.

    The others have lapsed: the supplier changed the details or sends them no more, or the person left the list
    (`lapsed`). `keys`: `KEYS`.
    """
    about = decisions.filter(pl.col("person_id").is_in(people.implode()))
    return about.join(keys, on="details_key").select("detail", "details_key", "person_id", "verdict")


def decided(links: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Links (`passes.OF_DETAILS`) with the decisions that stand (`standing`) applied.

    An accepted person is the details' confirmed link, by the pass `review`, and their other links are rejected; a
    rejected person's link is rejected.
    """
    accepted = decisions.filter(pl.col("verdict") == "accepted").select("detail", accepted="person_id")
    rejected = decisions.filter(pl.col("verdict") == "rejected").select("detail", "person_id", rejected=pl.lit(True))
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


def lapsed(decisions: pl.DataFrame, stands: pl.DataFrame) -> pl.DataFrame:
    """The decisions (`DECISIONS`) that are about details or people that there are no more."""
    return decisions.join(stands, on=["details_key", "person_id"], how="anti")


def thought_of(links: pl.DataFrame, of_lapsed: pl.DataFrame, records: pl.DataFrame, people: pl.Series) -> pl.DataFrame:
    """Links (`passes.OF_DETAILS`) with those that a reviewer once accepted and whose record gives other details now.

    Whoever was accepted as a record's person is possible as long as the passes confirm nobody for what it says now: a
    correction of the record must not make the person look better unseen. `records`: `details.RECORDS`.
    """
    was_accepted = of_lapsed.filter((pl.col("verdict") == "accepted") & pl.col("person_id").is_in(people.implode()))
    again = was_accepted.join(records, on=["table", "record_id"]).select("detail", "person_id").unique()
    confirmed = links.filter(pl.col("status") == "confirmed").select("detail")
    more = again.join(links, on=["detail", "person_id"], how="anti").join(confirmed, on="detail", how="anti")
    added = more.with_columns(
        pl.lit("possible").alias("status"), pl.lit("review").alias("pass"), pl.lit("record_id").alias("key"),
        weight=pl.lit(None, pl.Int64),
    ).select(OF_DETAILS.names())  # fmt: skip
    return pl.concat([links, added]).sort("detail", "person_id")
