"""One small synthetic authority with its batch prepared, made once; not to be changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pbr.jobs.prepare import prepare
from tests.jobs.authorities import AS_OF, WINDOW, authority


@pytest.fixture(scope="session")
def claimed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = authority(tmp_path_factory.mktemp("audited") / "authority", families=60, seed=1)
    prepare(workspace, date.fromisoformat(AS_OF), WINDOW, at=datetime(2014, 11, 3, 12, tzinfo=UTC), by="somebody")
    return workspace
