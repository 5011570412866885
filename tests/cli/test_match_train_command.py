"""`pbr match train` as it is typed: what it prints, what it writes, and what it will not write over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from pbr.linkage.probabilistic import Model
from pbr.workspace import Workspace
from tests.jobs.authorities import authority, shuffled


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority whose model is trained; not to be changed."""
    workspace = authority(tmp_path_factory.mktemp("trained") / "authority", families=60, seed=1)
    assert pbr("match", "train", workspace).exit_code == 0
    return workspace


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def test_people_see_what_each_level_weighs_and_what_it_was_trained_on(made: Path, tmp_path: Path) -> None:
    ran = pbr("match", "train", made, "--out", tmp_path / "tried.json")
    assert ran.exit_code == 0
    (birth,) = [line.split() for line in ran.stdout.splitlines() if line.startswith("date_of_birth  same")]
    assert birth[-1].startswith("+")
    assert "pairs alike in name and birth" in ran.stderr
    assert f"is in {tmp_path / 'tried.json'}" in ran.stderr


def test_a_workspace_that_does_not_name_the_model_is_told_which_lines_to_add(made: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(made, tmp_path / "authority"))
    said = pbr("match", "train", workspace).stderr
    assert "No run reads it yet" in said and "It was there already" in said
    lines = said[said.index("[linkage]") :]
    with (workspace / "pbr.toml").open("a") as file:
        file.write("\n" + lines)
    assert Workspace.load(workspace).linkage.passes[-1] == "probabilistic"
    assert "No run reads it yet" not in pbr("match", "train", workspace).stderr


def test_the_same_records_in_another_order_give_the_same_file(made: Path, tmp_path: Path) -> None:
    other = shuffled(made, tmp_path / "other", seed=4)
    pbr("match", "train", other)
    assert (other / "linkage-model.json").read_bytes() == (made / "linkage-model.json").read_bytes()


def test_programs_get_the_weights_and_the_digest(made: Path, tmp_path: Path) -> None:
    told = json.loads(pbr("match", "train", made, "--json", "--out", tmp_path / "m.json").stdout)
    assert told["sha256"] == Model.load(tmp_path / "m.json").digest
    assert told["weights"][0]["field"] == "prior"
    assert set(told["trained"]) >= {"method", "sure_links", "details", "people"}


def test_an_extract_is_never_written_over(made: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(made, tmp_path / "authority"))
    before = (workspace / "sources" / "members.csv").read_bytes()
    ran = pbr("match", "train", workspace, "--out", workspace / "sources" / "members.csv")
    assert ran.exit_code == 1 and ran.stderr.startswith("Error: E407 ")
    assert (workspace / "sources" / "members.csv").read_bytes() == before


def test_a_small_authority_is_told_that_it_has_too_little(tmp_path: Path) -> None:
    workspace = authority(tmp_path / "authority", families=5, seed=1)
    ran = pbr("match", "train", workspace)
    assert ran.exit_code == 1 and ran.stderr.startswith("Error: E323 training")
    assert not (workspace / "linkage-model.json").exists()
