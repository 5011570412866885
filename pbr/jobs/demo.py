"""The demonstration's authority: an empty folder and a seed in, a workspace of families who do not exist out.

It is made by `fixtures/make.py`, which needs nothing of ours and tells what should be decided.
"""

from __future__ import annotations

import sys
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Protocol, cast

from pbr.errors import Fault, Faults


class Made(Protocol):
    """What make.py says of an authority; `lines` and `pence` should be claimed on `as_of`, the date of truth.csv."""

    as_of: date
    families: int
    rows: int
    lines: int
    pence: int


def make_authority(folder: Path, families: int, seed: int) -> Made:
    """Write a synthetic authority. Raises Faults (E109) where the folder holds something already."""
    if folder.exists() and any(folder.iterdir()):
        step = "Name a new folder, or empty this one."
        raise Faults(Fault("E109", str(folder), "is not empty, and a demonstration overwrites nothing", step))
    spec = spec_from_file_location("pbr_fixtures_make", _maker())
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    # Its dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return cast(Made, module.make(folder, families, seed))


def _maker() -> Path:
    """make.py: inside an installed wheel, else the checkout's."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_data" / "fixtures" / "make.py"
    return installed if installed.is_file() else package.parent / "fixtures" / "make.py"
