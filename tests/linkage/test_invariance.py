"""What must change no link: the order of rows, the names of ids, and the number of threads.

The county of the benchmark, small, is linked by every pass, trained model and all; then again with one thing changed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pbr.linkage.passes import LINKS
from tests.bench.linkage import probabilistic
from tests.bench.people import County, county
from tests.bench.stages import Stopwatch

ROOT = Path(__file__).parents[2]
PEOPLE = 2_500


@pytest.fixture(scope="module")
def made() -> County:
    """The county; children's services give the authority's own id of every third person they know."""
    plain = county(PEOPLE)
    care = plain.tables["social_care"].join(
        plain.truth.filter(pl.col("table") == "social_care").select("record_id", "person", "person_id"),
        on="record_id",
        maintain_order="left",
    )
    own = pl.when(pl.col("person") % 3 == 0).then(pl.coalesce("person_id", pl.format("N{}", "person")))
    return replace(plain, tables=plain.tables | {"social_care": care.with_columns(person_id=own).drop("person")})


@pytest.fixture(scope="module")
def before(made: County, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return linked(made, tmp_path_factory.mktemp("before"))


def linked(made: County, folder: Path) -> pl.DataFrame:
    made.write(folder)
    return in_order(probabilistic(folder, Stopwatch()))


def in_order(links: pl.DataFrame) -> pl.DataFrame:
    return links.select(LINKS.names()).sort("table", "record_id", "person_id")


def test_every_pass_has_something_to_link(before: pl.DataFrame) -> None:
    passes = set(before["pass"].unique())
    assert passes >= {"person_id", "identifier", "exact", "name_variant", "one_character", "moved_house"}
    assert set(before.filter(pl.col("pass") == "probabilistic")["status"].unique()) == {"confirmed", "possible"}


def test_the_order_of_rows_changes_no_link(made: County, before: pl.DataFrame, tmp_path: Path) -> None:
    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sample(fraction=1, shuffle=True, seed=1)

    tables = {table: shuffled(frame) for table, frame in made.tables.items()}
    again = replace(made, families=shuffled(made.families), members=shuffled(made.members), tables=tables)
    assert linked(again, tmp_path).equals(before)


def test_the_names_of_ids_change_no_link(made: County, before: pl.DataFrame, tmp_path: Path) -> None:
    """Every id gets another name, and the last becomes the first."""
    people = sorted({*made.members["person_id"], *made.tables["social_care"]["person_id"].drop_nulls()})
    named = {old: f"A{len(people) - at:06d}" for at, old in enumerate(people)}
    families = sorted(made.families["family_id"])
    housed = {old: f"B{len(families) - at:06d}" for at, old in enumerate(families)}

    def renamed(frame: pl.DataFrame) -> pl.DataFrame:
        changed = frame.with_columns(
            pl.col(name).replace(names)
            for name, names in (("person_id", named), ("family_id", housed))
            if name in frame.columns
        )
        if "record_id" in frame.columns:
            changed = changed.with_columns(pl.col("record_id").str.reverse())
        return changed

    tables = {table: renamed(frame) for table, frame in made.tables.items()}
    again = replace(made, families=renamed(made.families), members=renamed(made.members), tables=tables)
    after = linked(again, tmp_path).with_columns(
        pl.col("record_id").str.reverse(), pl.col("person_id").replace({new: old for old, new in named.items()})
    )
    assert in_order(after).equals(before)


def test_the_number_of_threads_changes_no_link(made: County, before: pl.DataFrame, tmp_path: Path) -> None:
    made.write(tmp_path)
    for threads in ("1", "2"):
        out = tmp_path / f"{threads}.parquet"
        command = [sys.executable, "-m", "tests.bench.linkage", "--run", "probabilistic", "--threads", threads]
        one = os.environ | {"POLARS_MAX_THREADS": threads}
        subprocess.run(
            [*command, "--folder", tmp_path, "--out", out], cwd=ROOT, env=one, check=True, capture_output=True
        )
        assert in_order(pl.read_parquet(out)).equals(before), f"{threads} threads"
