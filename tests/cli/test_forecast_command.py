"""`pbr forecast` as it is typed: sentences and tables, output for programs, files, and what cannot be done."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from tests.jobs.to_forecast import AS_OF, Families


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A family that can claim today, and loses it tomorrow; not to be changed."""
    made = Families()
    made.family("F1")
    made.benefit("F1")
    made.row("employment", person_id="A-F1", kind="provision", code="esf", starts_on=date(2014, 4, 1))
    windows = (("2014-10", AS_OF, date(2014, 10, 2)),)
    return made.write(tmp_path_factory.mktemp("forecast") / "authority", windows=windows)


def forecast(workspace: Path, *words: object) -> Result:
    ran = CliRunner().invoke(main, ["forecast", str(workspace), "--as-of", str(AS_OF), *map(str, words)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def test_people_see_pounds_by_window_and_what_is_lost_soonest(workspace: Path, tmp_path: Path) -> None:
    ran = forecast(workspace, "--out", tmp_path / "out")
    assert ran.exit_code == 0
    assert "now: claim in 2014-10; lost unless claimed by 2014-10-01." in ran.stdout
    assert "£1,500" in ran.stdout
    assert "the best case, and no promise" in ran.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "forecast.html",
        "windows.csv",
        "worklist.csv",
    ]


def test_programs_get_rows(workspace: Path) -> None:
    as_json = json.loads(forecast(workspace, "--json").stdout)
    assert (as_json["as_of"], as_json["until"]) == ("2014-10-01", "2014-10-02")
    assert {each["family_id"] for each in as_json["worklist"]} == {"F1"}
    assert [each["lines"] for each in as_json["windows"] if each["route"] == "crime_asb_education"] == [1]
    as_csv = pl.read_csv(forecast(workspace, "--csv").stdout.encode())
    assert as_csv["route"].to_list() == [each["route"] for each in as_json["worklist"]]


def test_one_family_is_told_in_full(workspace: Path) -> None:
    told = forecast(workspace, "--family", "F1").stdout
    assert "F1 progress to work" in told
    assert "ended by progress to work made" in told
    assert "not met until 2014-10-02" in told


@pytest.mark.parametrize(("code", "words"), [("E750", ["--until", "2014-09-30"]), ("E751", ["--family", "F2"])])
def test_what_cannot_be_forecast_is_a_sentence(workspace: Path, code: str, words: list[str]) -> None:
    ran = forecast(workspace, *words)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"Error: {code} ")
