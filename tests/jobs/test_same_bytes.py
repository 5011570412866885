"""The same workspace gives the same bundle, to the byte: elsewhere, in another order, at another hour."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.jobs.authorities import authority, bundle_of, contents, prepare, run, shuffled


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = authority(tmp_path_factory.mktemp("first") / "authority")
    done = prepare(workspace)
    assert done.returncode == 0, done.stderr
    return workspace


ELSEWHERE = {
    "another time zone": {"TZ": "Pacific/Kiritimati"},
    "another locale": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "one thread": {"POLARS_MAX_THREADS": "1"},
    "another hash seed": {"PYTHONHASHSEED": "7"},
}


@pytest.mark.parametrize("environment", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_rows_in_any_order_in_any_folder_give_the_same_bundle(
    first: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    again = shuffled(first, tmp_path / "a folder with spaces", seed=11)
    done = prepare(again, **environment)
    assert done.returncode == 0, done.stderr
    assert bundle_of(again).name == bundle_of(first).name
    assert contents(bundle_of(again)) == contents(bundle_of(first))


def test_the_same_command_again_finds_its_own_batch(first: Path) -> None:
    before = contents(first / "batches")
    done = prepare(first)
    assert done.returncode == 0
    assert "was prepared before; it is the same" in done.stderr
    assert contents(first / "batches") == before


def test_a_lost_bundle_is_made_again_as_the_ledger_knows_it(first: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(first, workspace)
    lost = contents(bundle_of(workspace))
    shutil.rmtree(bundle_of(workspace))
    assert prepare(workspace).returncode == 0
    assert contents(bundle_of(workspace)) == lost
    assert run("verify", bundle_of(workspace), "--workspace", workspace).returncode == 0


def test_another_extract_gives_another_batch(first: Path, tmp_path: Path) -> None:
    workspace = shuffled(first, tmp_path / "copy", seed=1)
    needs = workspace / "sources" / "needs.csv"
    needs.write_bytes(needs.read_bytes().rsplit(b"\n", 2)[0] + b"\n")
    assert prepare(workspace).returncode == 0
    assert bundle_of(workspace).name != bundle_of(first).name
