"""The product's findings, as its command line writes them, are those of an independent reading of the rules.

PBR_ORACLE_FAMILIES sets how many random families are compared (1,500 by default), PBR_ORACLE_SEED where to begin.
"""

import os
from pathlib import Path

import pytest

from tests.oracle import phase1, random_workspaces
from tests.oracle.compare import decide, differences

FAMILIES = 100  # of one workspace
FIRST = int(os.environ.get("PBR_ORACLE_SEED", "0"))
WORKSPACES = -(-int(os.environ.get("PBR_ORACLE_FAMILIES", "1500")) // FAMILIES)
SEEDS = range(FIRST, FIRST + WORKSPACES)


def compare(folder: Path, seed: int, *options: str) -> None:
    as_of = random_workspaces.write(folder / "workspace", seed, FAMILIES)
    actual = decide(folder / "workspace", as_of, folder / "findings.csv", *options)
    found = differences(phase1.findings(folder / "workspace", as_of), actual)
    assert not found, f"seed {seed}, as of {as_of} (- the oracle, + pbr):\n{found}"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_finding_of_a_random_authority_is_the_oracles(seed: int, tmp_path: Path) -> None:
    compare(tmp_path, seed)


@pytest.mark.parametrize("engine", ["reference", "durable", "bulk"])
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_each_engine_by_name_finds_what_the_oracle_finds(seed: int, engine: str, tmp_path: Path) -> None:
    compare(tmp_path, seed, "--engine", engine)
