"""A sound authority for every test of linkage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.made_sources import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
