"""Small synthetic authorities for the tests of whole jobs, and commands run on them as a person would."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from pbr.jobs.demo import make_authority

AS_OF = "2014-10-31"
WINDOW = "2014-10"
CHECKOUT = Path(__file__).resolve().parents[2]


def authority(folder: Path, families: int = 60, seed: int = 3) -> Path:
    """A synthetic authority in a new folder, without a key: as somebody's first workspace."""
    make_authority(folder, families, seed)
    (folder / "pbr.key").unlink(missing_ok=True)
    return folder


def shuffled(source: Path, folder: Path, seed: int) -> Path:
    """A copy of a workspace with the rows of every CSV extract in another order."""
    folder.mkdir(parents=True)
    (folder / "sources").mkdir()
    (folder / "pbr.toml").write_bytes((source / "pbr.toml").read_bytes())
    order = random.Random(seed)
    for path in sorted((source / "sources").iterdir()):
        header, *rows = path.read_bytes().removesuffix(b"\n").split(b"\n")
        order.shuffle(rows)
        (folder / "sources" / path.name).write_bytes(b"\n".join([header, *rows]) + b"\n")
    return folder


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`pbr ARGUMENTS` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pbr.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)} | environment,
    )


def prepare(workspace: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Prepare the batch of the usual window."""
    return run("claim", "prepare", workspace, "--as-of", AS_OF, "--window", WINDOW, **environment)


def bundle_of(workspace: Path) -> Path:
    """The one bundle of a workspace."""
    (bundle,) = (workspace / "batches").glob("E*")
    return bundle


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
