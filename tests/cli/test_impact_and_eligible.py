"""`pbr rules impact` and `pbr eligible` as they are typed: sentences, tables, files, and what cannot be done."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from tests.jobs.authorities import AS_OF, authority, contents


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that has claimed nothing; not to be changed."""
    return authority(tmp_path_factory.mktemp("looked-at") / "authority", families=60, seed=1)


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "authority"))


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "Traceback" not in ran.output
    return ran


def impact(workspace: Path, *words: object) -> Result:
    return pbr("rules", "impact", workspace, "--as-of", AS_OF, *words)


def eligible(workspace: Path, *words: object) -> Result:
    return pbr("eligible", workspace, "--as-of", AS_OF, *words)


def refused(ran: Result, code: str) -> str:
    assert ran.exit_code == 1, ran.output
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"Error: {code} "), ran.stderr
    return ran.stderr


# ------------------------------------------------------------------------------------------------------------- impact


def test_people_see_families_and_pounds_gained_and_lost(made: Path) -> None:
    ran = impact(made, "--set", "result_absence=5%", "--set", "crime_asb_education_payment=£650")
    assert ran.exit_code == 0
    assert "Families that meet each criterion and route as of 2014-10-31" in ran.stdout
    assert "What would be claimed" in ran.stdout
    (total,) = [line for line in ran.stdout.splitlines() if line.startswith("all routes")]
    before, gained, lost, after = (int(each.strip("£").replace(",", "")) for each in total.split()[4:8])
    assert before + gained - lost == after < before
    assert "From phase-1 to phase-1 with result_absence=5%, crime_asb_education_payment=£650: " in ran.stderr
    assert "No claim window and no allocation are applied" in ran.stderr
    assert "criteria for which nothing changes are not shown" in ran.stderr


def test_programs_get_the_same_rows_as_csv_and_json(made: Path) -> None:
    as_csv, as_json = (impact(made, "--set", "result_absence=5%", form) for form in ("--csv", "--json"))
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    objects = json.loads(as_json.stdout)
    assert [row["item"] for row in rows] == [each["item"] for each in objects]
    assert [row["met_after"] for row in rows[:-1]] == [str(each["met_after"]) for each in objects[:-1]]
    assert rows[-1]["part"] == "all"


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_the_families_with_a_change_are_written_in_each_form(made: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"changes{ending}"
    ran = impact(made, "--set", "result_absence=5%", "--out", out)
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}[ending]
    rows = read(out)
    assert rows.columns[:5] == ["family_id", "part", "item", "before", "after"]
    assert rows["amount_before_pence"].dtype == pl.Int64
    assert f"changes for {rows['family_id'].n_unique()} families; they are in {out}." in ran.stderr


def test_nothing_else_is_written(workspace: Path) -> None:
    before = contents(workspace)
    impact(workspace, "--set", "result_absence=5%", "--window", "2014-10")
    eligible(workspace)
    assert contents(workspace) == before


def test_a_pack_that_says_the_same_changes_nothing(made: Path) -> None:
    assert "Nothing changes for anybody." in impact(made, "--from", "phase-1", "--to", "phase-1").stderr


def test_a_parameter_that_there_is_not_is_told_with_one_that_is_near(made: Path) -> None:
    assert "did you mean 'result_absence'?" in refused(impact(made, "--set", "result_absense=5%"), "E270")


def test_a_value_in_a_wrong_unit_is_told_in_words(made: Path) -> None:
    told = refused(impact(made, "--set", "result_absence=£700"), "E208")
    assert "'result_absence' is in share" in told


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--to", "phase-1", "--set", "result_absence=5%"),
        ("--set", "result_absence"),
        ("--set", "=5%"),
        ("--set", "result_absence=5%", "--set", "result_absence=6%"),
    ],
)
def test_a_wrong_call_is_a_usage_error(made: Path, words: tuple[str, ...]) -> None:
    ran = impact(made, *words)
    assert ran.exit_code == 2
    assert "Usage: " in ran.stderr


def test_a_pack_that_there_is_not_is_told(made: Path) -> None:
    refused(impact(made, "--to", "phase-9"), "E201")


# ----------------------------------------------------------------------------------------------------------- eligible


def test_people_see_how_many_stand_where(made: Path) -> None:
    ran = eligible(made)
    assert ran.exit_code == 0
    assert ran.stdout.startswith(
        "Families by eligibility as of 2014-10-31\npack     eligible  families  one fact short"
    )
    assert "phase-1  not met" in ran.stdout
    assert "families decided, under phase-1." in ran.stderr


def test_the_counts_for_programs_are_those_of_decide(made: Path) -> None:
    counts = json.loads(eligible(made, "--json").stdout)
    decided = json.loads(pbr("decide", made, "--as-of", AS_OF, "--json").stdout)
    (overall,) = [row for row in decided if row["item"] == "eligible"]
    assert {row["eligible"]: row["families"] for row in counts} == {
        verdict: overall[verdict] for verdict in ("met", "not_met", "unknown") if overall[verdict]
    }


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_families_and_facts_are_written_in_each_form(made: Path, tmp_path: Path, ending: str) -> None:
    out, short = tmp_path / f"families{ending}", tmp_path / f"short{ending}"
    ran = eligible(made, "--out", out, "--short", short)
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}[ending]
    families, facts = read(out), read(short)
    assert families["one_fact_short"].dtype == pl.Boolean
    assert set(families.filter("one_fact_short")["family_id"]) == set(facts["family_id"])
    assert f"The families are in {out}." in ran.stderr
    assert f"The facts that would do are in {short}." in ran.stderr


@pytest.mark.parametrize("option", ["--out", "--short"])
def test_what_the_workspace_is_read_from_is_not_written_over(workspace: Path, option: str) -> None:
    source = workspace / "sources" / "families.csv"
    before = source.read_bytes()
    refused(eligible(workspace, option, source), "E407")
    assert source.read_bytes() == before


def test_changes_are_not_written_over_an_extract(workspace: Path) -> None:
    source = workspace / "sources" / "attendance.csv"
    before = source.read_bytes()
    refused(impact(workspace, "--set", "result_absence=5%", "--out", source), "E407")
    assert source.read_bytes() == before


@pytest.mark.parametrize("option", ["--out", "--short"])
def test_a_form_that_cannot_be_written_is_told_before_anything_is_read(tmp_path: Path, option: str) -> None:
    refused(eligible(tmp_path, option, "families.xlsx"), "E404")


def test_one_file_cannot_hold_both_tables(made: Path, tmp_path: Path) -> None:
    ran = eligible(made, "--out", tmp_path / "a.csv", "--short", tmp_path / "a.csv")
    assert ran.exit_code == 2
    assert "name the same file" in ran.stderr


def test_a_folder_that_is_not_there_is_told(made: Path, tmp_path: Path) -> None:
    refused(eligible(made, "--out", tmp_path / "nowhere" / "a.csv"), "E406")


def test_nobody_is_named(made: Path) -> None:
    said = eligible(made).output + impact(made, "--set", "result_absence=5%").output
    members = pl.read_csv(made / "sources" / "members.csv", infer_schema=False)
    born = members.get_column(
        next(name for name in members.columns if "birth" in name.lower() or "dob" in name.lower())
    )
    assert not [day for day in born.drop_nulls() if day and day in said]
