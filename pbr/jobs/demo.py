"""The demonstration: a synthetic authority, taken the whole way.

In: an empty folder, a number of families and a seed. Out: the workspace that `fixtures/make.py` makes there, and what
each job did with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Protocol, cast

from pbr.errors import Fault, Faults
from pbr.jobs.check import CheckReport, check
from pbr.jobs.decide import Decision, decide, second_engine
from pbr.workspace import Workspace

Say = Callable[[str], None]


class Made(Protocol):
    """What make.py says of an authority; `lines` and `pence` should be claimed on `as_of`, the date of truth.csv."""

    as_of: date
    families: int
    rows: int
    lines: int
    pence: int


@dataclass(frozen=True)
class Demo:
    """What was made, and what each job made of it."""

    folder: Path
    made: Made
    report: CheckReport
    decision: Decision


def demo(folder: Path, families: int, seed: int, say: Say = lambda step: None) -> Demo:
    """Make an authority in a folder that is not there yet or empty, check it and decide it with two engines.

    Raises Faults (E109) where the folder holds something, and Disagreement where the engines differ.
    """
    say("make an authority")
    made = make_authority(folder, families, seed)
    workspace = Workspace.load(folder)
    report = check(workspace, say)
    decision = decide(workspace, made.as_of, ("bulk", second_engine()), say)
    return Demo(folder, made, report, decision)


def make_authority(folder: Path, families: int, seed: int) -> Made:
    """Write a synthetic authority. Raises Faults (E109) where the folder holds something."""
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
