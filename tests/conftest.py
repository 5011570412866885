"""What holds for every test: Hypothesis sets no time limit, for a busy machine is no fault of the code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

settings.register_profile("pbr", deadline=None)
settings.load_profile("pbr")

if sys.dont_write_bytecode:
    # Where no bytecode may lie beside the sources, each process that a test starts would compile all of pbr again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "bytecode")
