"""`pbr match families` as it is typed: tables for people, rows for programs, and nobody's name in either."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from tests.jobs.authorities import AS_OF, authority, prepare
from tests.jobs.doubtful_lists import AGAIN, a_child_at_school, claimed_family, come_back


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that has claimed; not to be changed."""
    workspace = authority(tmp_path_factory.mktemp("sound") / "authority", families=60, seed=1)
    assert prepare(workspace).returncode == 0
    return workspace


@pytest.fixture(scope="module")
def doubtful(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int]:
    """The same with one of its claimed families come back and a child missing; the family and what it claimed."""
    workspace = Path(shutil.copytree(sound, tmp_path_factory.mktemp("doubtful") / "authority"))
    family, pence = claimed_family(workspace)
    come_back(workspace, family, "2014-06-02")
    a_child_at_school(workspace, "F000003")
    return workspace, family, pence


def families(workspace: Path, *words: object) -> Result:
    ran = CliRunner().invoke(main, ["match", "families", str(workspace), *map(str, words)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "Traceback" not in ran.output
    return ran


def test_people_see_ids_how_much_is_shared_and_pounds(doubtful: tuple[Path, str, int]) -> None:
    workspace, family, pence = doubtful
    ran = families(workspace, "--as-of", AS_OF)
    assert ran.exit_code == 0
    assert "Persons who seem to be one under two ids, or who share a number" in ran.stdout
    assert "at once" in ran.stdout
    assert "People who seem to be missing from a family's list" in ran.stdout
    (row,) = [line for line in ran.stdout.splitlines() if line.startswith(AGAIN)]
    assert row.split()[1:3] == ["2014-06-02", family]
    assert " of " in row
    assert row.split()[-1] == f"£{pence // 100:,}"
    assert "Families that look like an earlier family regrouped: 1 (families concerned: 2, with £" in ran.stderr
    assert "perhaps" not in ran.stdout
    assert ["F000003", "postcode", "same", "child"] in [
        [words[0], *words[2:5]] for line in ran.stdout.splitlines() if len(words := line.split()) > 5
    ]
    assert "Nothing was merged." in ran.stderr


def test_programs_get_the_same_rows_as_csv_and_json(doubtful: tuple[Path, str, int]) -> None:
    workspace, family, pence = doubtful
    as_csv, as_json = (families(workspace, "--as-of", AS_OF, form) for form in ("--csv", "--json"))
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    said = json.loads(as_json.stdout)
    assert said["as_of"] == AS_OF
    for finding in ("same_persons", "regrouped", "missing_members"):
        own = [row for row in rows if row["finding"] == finding]
        assert [row["family_id"] for row in own] == [each["family_id"] for each in said[finding]]
        assert len(own) > 0
    (regrouped,) = said["regrouped"]
    assert (regrouped["earlier_family_id"], regrouped["earlier_claimed_pence"]) == (family, pence)
    assert {each["stranger"] for each in said["missing_records"]} == {
        each["stranger"] for each in said["missing_members"]
    }
    assert [each["finding"] for each in said["counts"]] == [
        "same_persons",
        "one_number",
        "regrouped",
        "missing_members",
        "perhaps_members",
    ]
    assert "Nothing was merged" not in as_json.stdout


def test_what_there_is_none_of_is_said_and_has_no_table(sound: Path) -> None:
    ran = families(sound)
    assert ran.exit_code == 0
    assert "Families that look like" not in ran.stdout
    assert "Families that look like an earlier family regrouped: 0.\n" in ran.stderr


def test_all_days_are_read_unless_one_is_given(doubtful: tuple[Path, str, int]) -> None:
    before = json.loads(families(doubtful[0], "--as-of", "2014-06-02", "--json").stdout)
    every = json.loads(families(doubtful[0], "--json").stdout)
    assert every["as_of"] is None
    assert (before["regrouped"], len(every["regrouped"])) == ([], 1)


def test_nobody_is_named(doubtful: tuple[Path, str, int]) -> None:
    workspace = doubtful[0]
    rows = list(csv.DictReader(io.StringIO((workspace / "sources" / "members.csv").read_text())))
    columns = ("forename", "surname", "date_of_birth", "postcode", "upn", "nino", "nhs_number", "pnc_id")
    secrets = {row[name] for row in rows for name in columns if len(row[name]) > 4} | {"Zorntimo", "2003-11-28"}
    assert len(secrets) > 200
    said = [families(workspace, *form).output for form in ((), ("--csv",), ("--json",))]
    engaged = {row["engaged_on"] for row in csv.DictReader((workspace / "sources" / "families.csv").open())}
    assert {secret for secret in secrets - engaged for text in said if secret in text} == set()


def test_a_date_that_is_none_is_a_wrong_call(sound: Path) -> None:
    assert families(sound, "--as-of", "tomorrow").exit_code == 2


def test_a_folder_without_a_workspace_is_a_fault(tmp_path: Path) -> None:
    ran = families(tmp_path)
    assert ran.exit_code == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("Error: E101 ")


def test_a_key_that_pairs_too_many_is_a_fault_without_a_name(doubtful: tuple[Path, str, int], tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(doubtful[0], tmp_path / "authority"))
    settings = workspace / "pbr.toml"
    settings.write_text(settings.read_text() + "\n[linkage]\npasses = []\nmost_pairs = 2\n")
    ran = families(workspace)
    assert ran.exit_code == 1
    assert "E311 members compared by surname+postcode would make" in ran.stderr
