"""One synthetic authority with its batch prepared, made once; a test that changes it takes a copy."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pbr.jobs.prepare import prepare
from tests.jobs.authorities import AS_OF, WINDOW, authority

NOON = datetime(2014, 11, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def claimed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    workspace = authority(tmp_path_factory.mktemp("claimed") / "authority", families=60, seed=1)
    prepare(workspace, date.fromisoformat(AS_OF), WINDOW, at=NOON, by="somebody")
    return workspace


@pytest.fixture
def copy(claimed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(claimed, tmp_path / "authority"))


@pytest.fixture
def unclaimed(claimed: Path, tmp_path: Path) -> Path:
    """The same authority before anything was claimed."""
    made = tmp_path / "authority"
    shutil.copytree(claimed / "sources", made / "sources")
    shutil.copy(claimed / "pbr.toml", made)
    return made
