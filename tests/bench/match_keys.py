"""What linking on match-keys loses beside names in clear, on a county whose truth is known, and what it costs.

In: a county of so many people (`tests.bench.people`). Out, printed: seconds and peak memory of hashing and of linking;
precision and recall in clear and hashed, of all records, by source, and by what is wrong with the record.
`docs/match-keys.md` has the figures. Run it with `python -m tests.bench.match_keys`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl

from pbr.linkage import Method, attach
from pbr.linkage.details import ABOUT_PEOPLE
from pbr.linkage.match_keys import match_keys
from pbr.sources import IDENTITY, Extract, read
from pbr.workspace import Workspace
from tests.bench.linkage import judged, made, summary
from tests.bench.stages import Stopwatch

KEY = bytes(range(32))
RECORD = ["table", "record_id"]


def hashed(extract: Extract) -> Extract:
    """The extract as its partner would send it: match-keys in the place of every identity."""
    return replace(extract, accepted=_hashed(extract.accepted), rejected=_hashed(extract.rejected))


def _hashed(records: pl.DataFrame) -> pl.DataFrame:
    distinct = records.select(IDENTITY).unique()
    cells = distinct.with_columns(match_keys(distinct, KEY).alias("made"))
    clear = [name for name in IDENTITY if name != "match_keys"]
    found = records.join(cells.drop("match_keys"), on=clear, how="left", nulls_equal=True, maintain_order="left")
    nothing = [pl.lit(None, records.schema[name]).alias(name) for name in clear]
    return found.with_columns(*nothing, match_keys="made").select(records.columns)


def shares(by: str, truth: pl.DataFrame, ways: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """`by`, `records`, and for each way the share of them whose own member is confirmed, and confirmed or possible."""
    told = truth
    for way, found in ways.items():
        right = found.filter("right")
        sure = right.filter(pl.col("status") == "confirmed").select(*RECORD, pl.lit(True).alias(f"{way} confirmed"))
        either = right.select(*RECORD, pl.lit(True).alias(f"{way} with possible"))
        for each in (sure, either):
            told = told.join(each.unique(), on=RECORD, how="left")
    columns = [f"{way} {what}" for way in ways for what in ("confirmed", "with possible")]
    return (
        told.group_by(by)
        .agg(pl.len().alias("records"), *(pl.col(column).fill_null(False).mean() for column in columns))
        .sort("records", by, descending=[True, False])
    )


def show(title: str, frame: pl.DataFrame) -> None:
    ways = frame.columns[2:]
    print(f"\n{title:26}{'records':>9}" + "".join(f"{column:>22}" for column in ways))
    for name, records, *found in frame.rows():
        print(f"{name:26}{records:9,}" + "".join(f"{share:22.2%}" for share in found))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.match_keys", description=__doc__)
    parser.add_argument("--people", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "pbr-bench", metavar="FOLDER")
    given = parser.parse_args()
    folder = made(given.people, given.seed, given.cache)
    extracts = read(Workspace.load(folder))
    watch = Stopwatch()
    with watch.stage("in clear"):
        in_clear = attach(extracts).links
    with watch.stage("hash"):
        sent = {table: hashed(each) if table in ABOUT_PEOPLE else each for table, each in extracts.items()}
    keys = dict.fromkeys((table for table in sent if table in ABOUT_PEOPLE), KEY)
    with watch.stage("hashed"):
        by_hashes = attach(sent, Method(match_keys=keys)).links

    cells = pl.concat([sent[table].accepted["match_keys"] for table in keys])
    print(f"{given.people:,} people, {len(cells):,} records; {os.cpu_count()} cores")
    bytes_each = cells.str.len_bytes()
    print(f"A record's match-keys are {bytes_each.mean() or 0:,.0f} bytes, at most {bytes_each.max():,}.")
    for lap in watch.laps:
        print(f"{lap['stage']:10}{lap['seconds']:8.1f} s {lap['cpu']:8.1f} s of processors {lap['mib']:8,.0f} MiB")

    truth = pl.read_parquet(folder / "truth.parquet")
    ways = {"clear": judged(in_clear, folder), "hashed": judged(by_hashes, folder)}
    for way, found in ways.items():
        told = summary(found, truth)
        print(
            f"{way:8} precision of confirmed {told['precision']:.3%}, recall {told['recall']:.2%}, "
            f"with possible {told['recall_with_possible']:.2%}; possible pairs {told['possible_pairs']:,}"
        )
    about = truth.filter(pl.col("person_id").is_not_null())
    numbered = pl.when(pl.col("lacks").str.contains("number")).then(pl.lit("no number")).otherwise(pl.lit("a number"))
    show("source", shares("supplier", about, ways))
    show("gives", shares("number", about.with_columns(numbered.alias("number")), ways))
    errors = about.with_columns(error=pl.col("errors").str.split("+")).explode("error")
    show("is wrong", shares("error", errors.with_columns(pl.col("error").replace("", "nothing")), ways))


if __name__ == "__main__":
    main()
