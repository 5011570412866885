"""`pbr demo`: the whole way from extracts to a replayed claim, and the truth beside it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("demo") / "authority"
    return folder, CliRunner().invoke(main, ["demo", str(folder), "--families", "100"])


def test_the_claim_is_the_one_that_truth_csv_expects(shown: tuple[Path, Result]) -> None:
    folder, result = shown
    assert result.exit_code == 0, result.output
    (claim,) = folder.glob("batches/*/data/claim.csv")
    with claim.open(encoding="utf-8") as file:
        claimed = sorted((line["route"], int(line["amount_pence"])) for line in csv.DictReader(file))
    with (folder / "truth.csv").open(encoding="utf-8") as file:
        expected = sorted(
            (column.removesuffix("_pence"), int(cell))
            for row in csv.DictReader(file)
            for column, cell in row.items()
            if column.endswith("_pence") and cell != "0"
        )
    assert claimed == expected
    assert len(claimed) == 24


def test_each_step_is_a_command_that_can_be_typed(shown: tuple[Path, Result]) -> None:
    folder, result = shown
    steps = [line.split()[2] for line in result.output.splitlines() if line.startswith("$ pbr ")]
    assert steps == ["check", "decide", "claim", "verify", "replay", "explain"]
    assert str(folder / "truth.csv") in result.output
    assert (folder / "findings.csv").is_file()


def test_one_family_alone_that_has_nothing_to_claim_is_no_fault(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo", str(tmp_path / "one"), "--families", "1", "--seed", "3"])
    assert result.exit_code == 0, result.output
    assert "Nothing can be claimed" in result.output
    assert not list(tmp_path.glob("one/batches/*"))


def test_a_folder_that_holds_something_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    result = CliRunner().invoke(main, ["demo", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: E109")


def test_no_families_at_all_is_a_usage_error(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["demo", str(tmp_path), "--families", "0"]).exit_code == 2
