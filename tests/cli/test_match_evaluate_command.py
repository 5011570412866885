"""`pbr match evaluate` as it is typed: what people and programs read, what is written, and what cannot be asked."""

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
from pbr.jobs.decide import gather
from tests.jobs.authorities import AS_OF, authority, contents


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority without a model, with labels of what it confirms beside it, one of them false; not to be changed."""
    workspace = authority(tmp_path_factory.mktemp("evaluated") / "authority", families=40, seed=1)
    confirmed = gather(workspace).evidence.links.filter(pl.col("status") == "confirmed")
    labels = confirmed.select("table", "record_id", "person_id").sort("table", "record_id")
    first = pl.int_range(pl.len()) == 0
    labels = labels.with_columns(pl.when(first).then(pl.lit("")).otherwise("person_id").alias("person_id"))
    labels.write_csv(workspace / "labels.csv")
    return workspace


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    assert "Traceback" not in ran.output
    return ran


def evaluate(workspace: Path, *words: object) -> Result:
    return pbr("match", "evaluate", workspace, *words)


def measure(workspace: Path, *words: object) -> Result:
    return evaluate(workspace, "--labels", workspace / "labels.csv", *words)


# --------------------------------------------------------------------------------------------------- against labels


def test_people_see_shares_that_are_whole_only_where_all_is_right(made: Path) -> None:
    ran = measure(made)
    assert ran.exit_code == 0
    assert [title for title in ("All links", "By pass", "By what the record has otherwise") if title in ran.stdout] == [
        "All links",
        "By pass",
        "By what the record has otherwise",
    ]
    precision, *_ = [line.split() for line in ran.stdout.splitlines() if line.startswith("precision  confirmed")]
    right, of, share = int(precision[2]), int(precision[3]), precision[4]
    assert right == of - 1
    assert share.startswith("99.")
    assert "1 are confirmed for somebody else, 0 are missed; --out lists them." in ran.stderr
    assert "1 of them are about nobody in the members' table." in ran.stderr
    assert "there is no threshold to choose, and no curve" in ran.stderr


def test_labels_of_a_part_are_said_to_be_of_a_part(made: Path) -> None:
    labelled = len((made / "labels.csv").read_text().splitlines()) - 1
    records = gather(made).evidence.details.records.height
    assert (
        f"Labels cover {labelled} of {records} records: what is measured is measured on these." in measure(made).stderr
    )


def test_programs_get_the_same_shares_as_csv_and_with_the_rest_as_json(made: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(measure(made, "--csv").stdout)))
    tables = json.loads(measure(made, "--json").stdout)
    assert set(tables) == {"quality", "wrong"}
    assert [row["item"] for row in rows] == [each["item"] for each in tables["quality"]]
    assert [int(row["right"]) for row in rows] == [each["right"] for each in tables["quality"]]
    assert [each["outcome"] for each in tables["wrong"]] == ["false"]


def test_tables_are_written_into_a_new_folder_and_nothing_else_is(made: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(made, tmp_path / "authority"))
    before = contents(workspace)
    ran = measure(workspace, "--out", tmp_path / "new" / "quality")
    assert set(contents(tmp_path / "new" / "quality")) == {"quality.csv", "wrong.csv"}
    assert f"In {tmp_path / 'new' / 'quality'}: quality.csv, wrong.csv." in ran.stderr
    assert contents(workspace) == before


def test_a_file_of_the_workspace_is_never_written_over(made: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(made, tmp_path / "authority"))
    (workspace / "sources" / "offending.csv").rename(workspace / "sources" / "wrong.csv")
    text = (workspace / "pbr.toml").read_text()
    (workspace / "pbr.toml").write_text(text.replace("sources/offending.csv", "sources/wrong.csv"))
    ran = measure(workspace, "--out", workspace / "sources")
    assert (ran.exit_code, ran.stderr[:11]) == (1, "Error: E407")
    assert not (workspace / "sources" / "quality.csv").exists()


def test_faults_of_the_labels_are_sentences_with_their_rows(made: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("table,record_id,person_id\noffending,X1,P99999999\n")
    ran = evaluate(made, "--labels", labels)
    assert ran.exit_code == 1
    assert ran.stdout == ""
    assert "Error: E343 labels.csv:2 offending has no record X1." in ran.stderr
    assert "Error: E344 labels.csv:2 no member has the id P99999999." in ran.stderr
    assert ran.stderr.endswith("2 faults.\n")


# -------------------------------------------------------------------------------------------------- without labels


def test_without_a_model_it_is_said_what_cannot_be_told_and_the_money_is_shown(made: Path) -> None:
    ran = evaluate(made, "--as-of", AS_OF)
    assert ran.exit_code == 0
    assert "Claim lines that rest on links not made by the authority's own id" in ran.stdout
    (any_link,) = [line for line in ran.stdout.splitlines() if "any but the own id" in line and "confirmed" in line]
    assert "not claimed" in any_link
    assert "£" in any_link
    assert "The workspace has no model, so nobody can tell without labels" in ran.stderr


def test_an_estimate_for_programs_has_both_tables(made: Path, tmp_path: Path) -> None:
    ran = evaluate(made, "--as-of", AS_OF, "--json", "--out", tmp_path / "estimate")
    tables = json.loads(ran.stdout)
    assert set(tables) == {"links", "at_risk"}
    assert {each["expected_pence"] for each in tables["at_risk"]} == {None}
    assert set(contents(tmp_path / "estimate")) == {"links.csv", "at_risk.csv"}


# ------------------------------------------------------------------------------------------------------ wrong calls


@pytest.mark.parametrize("words", [(), ("--as-of", AS_OF, "--labels", "labels.csv"), ("--as-of", "then")])
def test_a_wrong_call_is_a_usage_error(made: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    ran = evaluate(made, *words)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("Usage: ")
