"""`pbr audit papers`: from a bundle, a seed and nothing else to papers whose results can be given back."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from pbr.jobs.prepare import prepare
from tests.jobs.authorities import AS_OF, WINDOW, authority, bundle_of

SEED = "our own words"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = authority(tmp_path_factory.mktemp("papers") / "authority", families=60, seed=1)
    noon = datetime(2014, 11, 3, 12, tzinfo=UTC)
    prepare(workspace, date.fromisoformat(AS_OF), WINDOW, at=noon, by="somebody")
    return bundle_of(workspace)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_results_of_the_papers_can_be_given_back(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "papers"
    done = run("audit", "papers", bundle, "--seed", SEED, "--out", out)
    assert done.exit_code == 0, done.output
    assert str(out / "papers.xlsx") in done.output
    results = out / "results.csv"
    results.write_text(results.read_text().replace(",,,", ",not tested,,").replace(",not tested,,", ",valid,,", 1))
    recorded = run("audit", "record", bundle, results, "--seed", SEED)
    assert recorded.exit_code in (0, 1), recorded.output
    assert "E7" not in recorded.output


def test_the_lines_of_the_papers_are_those_of_the_sample(bundle: Path, tmp_path: Path) -> None:
    run("audit", "papers", bundle, "--seed", SEED, "--size", "9", "--out", tmp_path)
    sample = run("audit", "sample", bundle, "--seed", SEED, "--size", "9", "--csv").stdout.splitlines()[1:]
    papers = (tmp_path / "results.csv").read_text().splitlines()[1:]
    assert sorted(row.split(",")[0] for row in papers) == sorted(row.split(",")[0] for row in sample)


def test_the_same_seed_gives_the_same_papers(bundle: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("audit", "papers", bundle, "--seed", SEED, "--out", tmp_path / name)
    names = ["papers.html", "papers.xlsx", "results.csv"]
    assert sorted(os.listdir(tmp_path / "one")) == names
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_filled_in_papers_are_not_written_over(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "papers.xlsx").write_text("filled in")
    done = run("audit", "papers", bundle, "--seed", SEED, "--out", tmp_path)
    assert done.exit_code == 1
    assert "Error: E700" in done.output
    assert os.listdir(tmp_path) == ["papers.xlsx"]
