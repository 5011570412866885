"""`pbr match explain` as it is typed: links, near misses, weights taken apart, charts, and nobody's name."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from pbr.jobs.decide import gather
from pbr.workspace import PASSES
from tests.jobs.authorities import authority

WITH_A_MODEL = (
    f"\n[linkage]\npasses = {json.dumps([*PASSES, 'probabilistic'])}\n"
    '\n[linkage.probabilistic]\nmodel = "linkage-model.json"\n'
)


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority without a model; not to be changed."""
    return authority(tmp_path_factory.mktemp("plain") / "authority", families=60, seed=1)


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that links by weight too; not to be changed."""
    workspace = authority(tmp_path_factory.mktemp("weighed") / "authority", families=60, seed=1)
    pbr("match", "train", workspace)
    with (workspace / "pbr.toml").open("a") as file:
        file.write(WITH_A_MODEL)
    return workspace


@pytest.fixture(scope="module")
def links(weighed: Path) -> pl.DataFrame:
    return gather(weighed).evidence.links.sort("table", "record_id", "person_id")


def a_record(links: pl.DataFrame, of_pass: str) -> tuple[str, str]:
    return links.filter(pl.col("pass") == of_pass).select("table", "record_id").row(0)


def test_a_link_is_explained_by_its_pass_and_how_each_field_agrees(plain: Path, links: pl.DataFrame) -> None:
    table, record = a_record(links, "exact")
    ran = pbr("match", "explain", plain, record, "--source", table)
    assert ran.exit_code == 0
    assert f"Record {record} of {table} (sources/" in ran.stdout
    assert "confirmed  exact" in ran.stdout and "surname same, forename same" in ran.stdout
    assert "bits" not in ran.stdout


def test_with_a_model_the_weight_is_taken_apart_and_adds_up(weighed: Path, links: pl.DataFrame) -> None:
    weighed_links = links.filter(pl.col("weight").is_not_null())
    table, record = weighed_links.select("table", "record_id").row(0)
    told = json.loads(pbr("match", "explain", weighed, record, "--source", table, "--json").stdout)
    (link,) = told["links"][:1]
    parts = [part["weight"] for part in told["parts"] if part["person_id"] == link["person_id"]]
    assert sum(parts) == link["weight"] == weighed_links["weight"][0]


def test_who_came_near_is_told_with_why_not(weighed: Path) -> None:
    evidence = gather(weighed).evidence
    found = None
    for table, record in evidence.links.select("table", "record_id").unique(maintain_order=True).head(60).iter_rows():
        told = json.loads(pbr("match", "explain", weighed, record, "--source", table, "--json").stdout)
        if told["near"]:
            found = told
            break
    assert found is not None
    linked = {link["person_id"] for link in found["links"]}
    for near in found["near"]:
        assert near["person_id"] not in linked
        assert near["why_not"].startswith(("the pass ", "no pass accepts", "the record's own"))
        assert near["evidence"]


def test_no_value_of_anybody_is_shown(weighed: Path, links: pl.DataFrame, tmp_path: Path) -> None:
    details = gather(weighed).evidence.details
    for of_pass in ("exact", "identifier"):
        table, record = a_record(links, of_pass)
        ran = pbr("match", "explain", weighed, record, "--source", table, "--charts", tmp_path)
        of_record = (pl.col("table") == table) & (pl.col("record_id") == record)
        given = details.records.filter(of_record).join(details.rows, on="detail")
        chart = (tmp_path / "waterfall.html").read_text()
        shown = ran.output + chart[chart.rindex("vegaEmbed(document") :]
        for field in ("surname", "forename", "postcode", "upn", "nino", "nhs_number", "pnc_id"):
            assert not any(value in shown for value in given[field].drop_nulls())


def test_charts_of_the_model_and_the_record_are_written(weighed: Path, links: pl.DataFrame, tmp_path: Path) -> None:
    table, record = a_record(links, "exact")
    ran = pbr("match", "explain", weighed, record, "--source", table, "--charts", tmp_path / "charts")
    assert ran.exit_code == 0
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {"weights.html", "waterfall.html"}
    assert str(tmp_path / "charts" / "weights.html") in ran.stderr


def test_charts_without_a_model_are_refused(plain: Path, links: pl.DataFrame, tmp_path: Path) -> None:
    table, record = a_record(links, "exact")
    ran = pbr("match", "explain", plain, record, "--source", table, "--charts", tmp_path / "charts")
    assert ran.exit_code == 1 and ran.stderr.startswith("Error: E324 ")
    assert not (tmp_path / "charts").exists()


def test_a_record_that_is_not_there_is_a_fault(plain: Path) -> None:
    ran = pbr("match", "explain", plain, "NOBODY")
    assert ran.exit_code == 1 and ran.stderr.startswith("Error: E330 record NOBODY")


def test_a_workspace_whose_model_is_gone_says_how_to_make_it(plain: Path, tmp_path: Path) -> None:
    workspace = authority(tmp_path / "authority", families=5, seed=1)
    with (workspace / "pbr.toml").open("a") as file:
        file.write(WITH_A_MODEL)
    ran = pbr("match", "explain", workspace, "NOBODY")
    assert ran.exit_code == 1 and ran.stderr.startswith("Error: E320 linkage-model.json")
    assert "pbr match train" in ran.stderr
