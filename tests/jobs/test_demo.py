"""The demonstration's authority: made from where make.py is, in a folder that holds nothing yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.jobs.demo import make_authority


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(Faults) as raised:
        make_authority(tmp_path, 5, 1)
    assert [fault.code for fault in raised.value.faults] == ["E109"]
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_folder_that_is_empty_is_used(tmp_path: Path) -> None:
    assert make_authority(tmp_path, 5, 1).families == 5
    assert (tmp_path / "pbr.toml").is_file()
