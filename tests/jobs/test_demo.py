"""The demonstration: it takes a synthetic authority the whole way, and overwrites nothing."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.jobs.demo import Demo, demo, make_authority


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return demo(tmp_path_factory.mktemp("demo") / "authority", 100, 1)


def test_the_findings_are_those_of_truth_csv(done: Demo) -> None:
    findings = done.decision.findings.rows_by_key(["family_id", "part", "item", "subject_id"], named=True, unique=True)
    with (done.folder / "truth.csv").open(encoding="utf-8") as file:
        decided = [row for row in csv.DictReader(file) if row["eligible"]]
    assert len(decided) == 99  # one family is engaged after the as-of date
    for row in decided:
        eligible = findings[row["family_id"], "eligibility", "eligible", ""]
        route = findings[row["family_id"], "route", "crime_asb_education", ""]
        assert (eligible["verdict"], route["verdict"]) == (row["eligible"], row["crime_asb_education"])


def test_two_engines_decide(done: Demo) -> None:
    assert len(done.decision.engines) == 2


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(Faults) as raised:
        make_authority(tmp_path, 5, 1)
    assert [fault.code for fault in raised.value.faults] == ["E109"]
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_folder_that_is_empty_is_used(tmp_path: Path) -> None:
    assert make_authority(tmp_path, 5, 1).families == 5
    assert (tmp_path / "pbr.toml").is_file()
