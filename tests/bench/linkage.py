"""How well and how fast records are linked, on a county whose truth is known: `make bench-linkage`.

Three ways of linking the same extracts, each in a process of its own: the deterministic passes, those with the
probabilistic pass after them, and splink alone. Printed for each are seconds, memory, precision and recall, by pass and
by error. `docs/linkage-errors.md` says what the county is like and what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from pbr.workspace import ProbabilisticSettings
from tests.bench.people import ERRORS, county
from tests.bench.stages import Stopwatch

ROOT = Path(__file__).parents[2]
MADE_BY = [ROOT / "fixtures" / "make.py", *(Path(__file__).with_name(f"{name}.py") for name in ("people", "names"))]

THRESHOLDS = ProbabilisticSettings()
"""What a workspace has unless it says otherwise; of the probabilistic pass and of splink alone."""

# ------------------------------------------------------------------------------------- the ways, in their processes


def deterministic(folder: Path, watch: Stopwatch) -> pl.DataFrame:
    """The passes that a workspace has unless it says otherwise."""
    from pbr.linkage import attach

    extracts = _extracts(folder, watch)
    with watch.stage("link"):
        return attach(extracts).links


def probabilistic(folder: Path, watch: Stopwatch) -> pl.DataFrame:
    """The same, trained on what they link by number, and then by weight."""
    from pbr.linkage import probabilistic as by_weight
    from pbr.linkage.attach import Method, attach
    from pbr.linkage.details import Details
    from pbr.linkage.passes import link
    from pbr.linkage.people import People
    from pbr.workspace import PASSES, LinkageSettings

    extracts = _extracts(folder, watch)
    settings = LinkageSettings(passes=(*PASSES, "probabilistic"), probabilistic=THRESHOLDS)
    with watch.stage("train"):
        details, people = Details.of(extracts), People.of(extracts["members"].accepted)
        found = link(details, people, LinkageSettings(passes=("person_id", "identifier")))
        sure = found.filter(pl.col("status") == "confirmed").select("detail", "person_id")
        model = by_weight.train(details, people, sure, settings.most_pairs)
    with watch.stage("link"):
        return attach(extracts, Method(settings, model)).links


def splink_alone(folder: Path, watch: Stopwatch) -> pl.DataFrame:
    """splink as its documentation has it, over the same normalised fields, and nothing else.

    Names by Jaro-Winkler similarity and rarity, birth, postcode, sex, each number; pairs that agree on a number or on
    two of surname, forename, birth and postcode; chance agreement by random sampling, the rest by expectation
    maximisation. The thresholds are ours: whoever alone is above the one is confirmed, all others above the other are
    possible.
    """
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    from pbr.linkage.details import Details
    from pbr.linkage.people import People
    from pbr.sources.contracts import IDENTIFIERS

    extracts = _extracts(folder, watch)
    fields = ("surname", "forename", "born", "sex", "postcode", *IDENTIFIERS)
    born = pl.col("date_of_birth").dt.to_string("%Y-%m-%d").alias("born")
    # Its postcode levels want the space.
    spaced = pl.col("postcode").str.head(-3) + " " + pl.col("postcode").str.tail(3)
    logging.getLogger("splink").setLevel(logging.ERROR)
    with watch.stage("train"):
        details, people = Details.of(extracts), People.of(extracts["members"].accepted)
        records = details.normal.with_columns(born, spaced).select(pl.col("detail").alias("unique_id"), *fields)
        ways = people.ways.with_columns(born, spaced).with_row_index("unique_id")
        settings = SettingsCreator(
            link_type="link_only",
            comparisons=[
                cl.NameComparison("surname").configure(term_frequency_adjustments=True),
                cl.NameComparison("forename").configure(term_frequency_adjustments=True),
                cl.DateOfBirthComparison("born", input_is_string=True),
                cl.PostcodeComparison("postcode"),
                cl.ExactMatch("sex"),
                *(cl.ExactMatch(name) for name in IDENTIFIERS),
            ],
            blocking_rules_to_generate_predictions=[
                *(block_on(name) for name in IDENTIFIERS),
                block_on("surname", "forename"),
                block_on("surname", "born"),
                block_on("forename", "born"),
                block_on("surname", "postcode"),
                block_on("forename", "postcode"),
                block_on("born", "postcode"),
            ],
            retain_intermediate_calculation_columns=False,
            retain_matching_columns=False,
        )
        api = DuckDBAPI(connection=duckdb.connect())
        datasets = [
            api.register(frame.to_arrow(), dataset_display_name=name)
            # splink calls left what comes first in the alphabet.
            for name, frame in (("details", records), ("people", ways.select("unique_id", *fields)))
        ]
        linker = Linker(datasets, settings, log_level=None)
        sure = [block_on(name) for name in IDENTIFIERS] + [block_on("surname", "forename", "born", "postcode")]
        linker.training.estimate_probability_two_random_records_match(sure, recall=0.9)
        linker.training.estimate_u_using_random_sampling(max_pairs=2_000_000, seed=1)
        for rule in (block_on("surname", "forename"), block_on("born"), block_on("postcode", "surname")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
    with watch.stage("link"):
        predicted = linker.inference.predict(threshold_match_weight=THRESHOLDS.possible_from)
        pairs = pl.from_arrow(predicted.as_pyarrow_table())
        weights = (
            pairs.select(
                pl.col("unique_id_l").alias("detail").cast(pl.UInt32),
                pl.col("unique_id_r").alias("unique_id").cast(pl.UInt32),
                "match_weight",
            )
            .join(ways.select("unique_id", "person_id"), on="unique_id")
            .group_by("detail", "person_id")
            .agg(pl.col("match_weight").max())
        )
        heavy = pl.col("match_weight") >= THRESHOLDS.confirmed_from
        alone = heavy & (heavy.sum().over("detail") == 1)
        status = pl.when(alone).then(pl.lit("confirmed")).otherwise(pl.lit("possible"))
        return (
            weights.with_columns(alone.alias("alone"), status=status)
            .filter(pl.col("alone") | ~pl.col("alone").any().over("detail"))
            .join(details.records, on="detail")
            .select("table", "record_id", "detail", "person_id", "status", pl.lit("splink").alias("pass"))
        )


def _extracts(folder: Path, watch: Stopwatch) -> dict[str, Any]:
    from pbr.sources import read
    from pbr.workspace import Workspace

    with watch.stage("read"):
        return read(Workspace.load(folder))


WAYS = {way.__name__: way for way in (deterministic, probabilistic, splink_alone)}

# ---------------------------------------------------------------------------------------------------------- judging


def judged(links: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Links beside the truth: `truth` (the member, null if none), `right`, `whose` (who it really is), `errors`."""
    truth = pl.read_parquet(folder / "truth.parquet")
    people = pl.read_parquet(folder / "people.parquet")
    alike = ("birth", "household", "forename", "surname", "born")
    # A person may be listed under two ids: both are right.
    listed = pl.read_parquet(folder / "listed.parquet").select("person_id", linked="person")
    found = (
        links.join(truth.rename({"person_id": "truth"}), on=["table", "record_id"])
        .join(people.select("person", *alike), on="person")
        .join(listed, on="person_id")
        .join(people.select(pl.col("person").alias("linked"), pl.col(alike).name.prefix("linked_")), on="linked")
        .with_columns(right=pl.col("linked") == pl.col("person"))
    )

    def same(*columns: str) -> pl.Expr:
        return pl.all_horizontal(pl.col(column) == pl.col(f"linked_{column}") for column in columns)

    lent = pl.col("errors").str.contains("details_of_another") & same("household")
    whose = (
        pl.when("right").then(pl.lit("themselves"))
        .when(lent).then(pl.lit("whose details they gave"))
        .when(same("birth")).then(pl.lit("a twin"))
        .when(same("household", "forename", "surname")).then(pl.lit("a namesake in the house"))
        .when(same("household")).then(pl.lit("another in the house"))
        .when(same("forename", "surname", "born")).then(pl.lit("a namesake born that day"))
        .when(same("forename", "surname")).then(pl.lit("a namesake"))
        .when(same("surname", "born") | same("forename", "born")).then(pl.lit("half a namesake born that day"))
        .otherwise(pl.lit("somebody else"))
    )  # fmt: skip
    member = pl.when(pl.col("truth").is_null()).then(pl.lit(", no member")).otherwise(pl.lit(""))
    return found.with_columns(whose=whose + member)


def summary(links: pl.DataFrame, truth: pl.DataFrame) -> dict[str, float]:
    """Precision of confirmed; recall of confirmed, and with possible, over the records about members; review load."""
    about = truth.filter(pl.col("person_id").is_not_null()).height
    confirmed = links.filter(pl.col("status") == "confirmed")
    possible = links.filter(pl.col("status") == "possible")
    right = links.filter("right")
    return {
        "precision": confirmed["right"].mean() or 0.0,
        "recall": confirmed.filter("right").height / about,
        "recall_with_possible": right.select("table", "record_id").n_unique() / about,
        "possible_pairs": possible.height,
        "possible_records": possible.select("table", "record_id").n_unique(),
        "to_review": possible.select("detail", "person_id").n_unique(),
    }


def report(way: str, laps: list[dict[str, Any]], links: pl.DataFrame, folder: Path) -> None:
    truth = pl.read_parquet(folder / "truth.parquet")
    found = judged(links, folder)
    told = summary(found, truth)
    work = [lap for lap in laps if lap["stage"] != "read"]
    seconds, cpu = (sum(lap[clock] for lap in work) for clock in ("seconds", "cpu"))
    mib = max(lap["mib"] for lap in work)
    print(f"\n== {way.replace('_', ' ')}: {seconds:.1f} s ({cpu:.1f} s of processors), {mib:,.0f} MiB\n")
    for lap in laps:
        print(f"   {lap['stage']:10}{lap['seconds']:8.2f} s {lap['cpu']:8.2f} s of processors {lap['mib']:8,.0f} MiB")
    print(f"\n   precision of confirmed        {told['precision']:10.3%}")
    print(f"   recall of confirmed           {told['recall']:10.3%}")
    print(f"   recall with possible          {told['recall_with_possible']:10.3%}")
    print(f"   possible pairs, of records    {told['possible_pairs']:,.0f}, of {told['possible_records']:,.0f}")
    print(f"   to be reviewed, as details    {told['to_review']:,.0f}")
    _by_pass(found)
    _false(found)
    _missed(found, truth, pl.read_parquet(folder / "listed.parquet"))


def _by_pass(found: pl.DataFrame) -> None:
    counted = found.group_by("pass", "status").agg(pl.len().alias("links"), pl.col("right").mean())
    print(f"\n   {'pass':16}{'':12}{'links':>9}{'right':>10}")
    for name, status, links, right in counted.sort("status", "links", descending=[False, True]).rows():
        print(f"   {name:16}{status:12}{links:9,}{right:10.3%}")


def _false(found: pl.DataFrame, most: int = 14) -> None:
    wrong = found.filter((pl.col("status") == "confirmed") & ~pl.col("right"))
    counted = wrong.group_by("pass", "whose", "errors").agg(pl.len().alias("links"))
    print(f"\n   false confirmed links: {wrong.height:,}; whose record it is, and what is wrong with it")
    for name, whose, errors, links in (
        counted.sort("links", "pass", "whose", "errors", descending=[True] + [False] * 3).head(most).rows()
    ):
        print(f"   {links:6,}  {name:16}{whose:42}{errors or '-'}")


def _missed(found: pl.DataFrame, truth: pl.DataFrame, listed: pl.DataFrame, most: int = 16) -> None:
    """Of the records about members with an error or a lack: how many, and how they are linked."""
    record = ["table", "record_id"]
    best = found.filter("right").select(*record, "status").unique(record, keep="any")
    about = truth.filter(pl.col("person_id").is_not_null()).join(best, on=record, how="left")
    about = about.with_columns(
        pl.col("status").fill_null("missed"),
        without=pl.when(pl.col("lacks") == "").then(pl.lit("-")).otherwise("lacks"),
    )

    def shares(by: str, frame: pl.DataFrame) -> pl.DataFrame:
        each = [(pl.col("status") == status).mean().alias(status) for status in ("confirmed", "possible")]
        missed = (pl.col("status") == "missed").sum().alias("missed")
        return (
            frame.group_by(by)
            .agg(pl.len().alias("records"), *each, missed)
            .sort("missed", by, descending=[True, False])
        )

    def show(title: str, frame: pl.DataFrame) -> None:
        print(f"\n   {title:44}{'records':>9}{'confirmed':>11}{'possible':>10}{'missed':>8}")
        for name, records, confirmed, possible, missed in frame.head(most).rows():
            print(f"   {name:44}{records:9,}{confirmed:11.2%}{possible:10.2%}{missed:8,}")

    show("source", shares("supplier", about))
    show("is not given", shares("without", about))
    errors = (
        about.with_columns(error=pl.col("errors").str.split("+"))
        .explode("error")
        .with_columns(pl.col("error").replace("", "nothing"))
    )
    show("is wrong", shares("error", errors).head(len(ERRORS) + 1))
    hard = about.with_columns(both=pl.col("errors").replace("", "nothing") + " | " + pl.col("without"))
    show("is wrong | is not given", shares("both", hard))
    first = listed.unique("person", keep="first", maintain_order=True)
    in_list = about.join(first, on="person").with_columns(error=pl.col("listed_errors").str.split("+")).explode("error")
    show("is wrong in the members' list", shares("error", in_list.filter(pl.col("error") != "")))


# ---------------------------------------------------------------------------------------------------------- running


def made(people: int, seed: str, cache: Path) -> Path:
    """The folder of a county of that size, made where it is not there yet or its makers have changed since."""
    folder = cache / f"county-{people}-{seed}"
    stamp = folder / ".made"
    if not stamp.exists() or any(stamp.stat().st_mtime < maker.stat().st_mtime for maker in MADE_BY):
        county(people, seed).write(folder)
        stamp.touch()
    return folder


def run(way: str, folder: Path) -> tuple[list[dict[str, Any]], pl.DataFrame]:
    """The laps and the links of a way, from a process of its own."""
    out = folder / f"links-{way}.parquet"
    command = [sys.executable, "-m", "tests.bench.linkage", "--run", way, "--folder", folder, "--out", out]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]), pl.read_parquet(out)


def _duckdb_threads(threads: int) -> None:
    """Let every DuckDB of this process have that many threads; those of Polars are its environment's."""
    import duckdb

    connect = duckdb.connect
    duckdb.connect = lambda *given, config=None, **more: connect(
        *given, config={**(config or {}), "threads": threads}, **more
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-linkage", description=__doc__)
    parser.add_argument("--people", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "pbr-bench", metavar="FOLDER")
    parser.add_argument("--run", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        if given.threads:
            _duckdb_threads(given.threads)
        watch = Stopwatch()
        WAYS[given.run](given.folder, watch).write_parquet(given.out)
        print(json.dumps(watch.laps))
        return
    folder = made(given.people, given.seed, given.cache)
    truth = pl.read_parquet(folder / "truth.parquet")
    members = truth["person_id"].is_not_null()
    print(
        f"{given.people:,} people, {truth.height:,} records of which {members.sum():,} are about "
        f"{truth['person_id'].n_unique() - 1:,} members; {os.cpu_count()} cores"
    )
    for way in given.ways:
        report(way, *run(way, folder), folder)


if __name__ == "__main__":
    main()
