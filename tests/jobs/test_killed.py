"""A run of `claim prepare` that is killed at any moment leaves a ledger that verifies, and a rerun that works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from tests.jobs.authorities import AS_OF, CHECKOUT, WINDOW, authority, bundle_of, contents

READY_THEN_PREPARE = f"""
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from pbr.jobs.prepare import prepare
print("ready", flush=True)
prepare(Path(sys.argv[1]), date.fromisoformat("{AS_OF}"), "{WINDOW}", at=datetime.now(UTC), by="somebody")
"""

WRITES: dict[str, Callable[[Path], bool]] = {
    "the ledger is made": lambda workspace: (workspace / "ledger.sqlite").exists(),
    "the key is made": lambda workspace: (workspace / "pbr.key").exists(),
    "the bundle is begun": lambda workspace: any((workspace / "batches").glob(".E*")),
    "the bundle is there": lambda workspace: any((workspace / "batches").glob("E*")),
    "the entry is under way": lambda workspace: (
        any((workspace / "batches").glob("E*")) and (workspace / "ledger.sqlite-journal").exists()
    ),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that has claimed nothing; not to be changed."""
    return authority(tmp_path_factory.mktemp("made") / "authority", families=30)


@pytest.fixture(scope="module")
def whole(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run that nobody killed, and how many seconds it took once it was ready."""
    workspace = _copied(made, tmp_path_factory.mktemp("whole"))
    process = _started(workspace)
    begun = time.monotonic()
    assert process.wait() == 0
    return workspace, time.monotonic() - begun


def _copied(made: Path, folder: Path) -> Path:
    return Path(shutil.copytree(made, folder / "authority"))


def _started(workspace: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", READY_THEN_PREPARE, str(workspace)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def _pbr(*words: str | Path) -> Result:
    """A command, in this process: only what is killed needs one of its own."""
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exit_code == 0, ran.output
    return ran


def _requires_a_sound_rerun(workspace: Path, whole: Path) -> None:
    if (workspace / "ledger.sqlite").exists():
        _pbr("ledger", "verify", workspace)
    _pbr("claim", "prepare", workspace, "--as-of", AS_OF, "--window", WINDOW)
    assert contents(bundle_of(workspace)) == contents(bundle_of(whole))
    _pbr("verify", bundle_of(workspace), "--workspace", workspace)
    assert _pbr("ledger", "list", workspace, "--csv").stdout.count("prepared") == 1 + 2  # the header says it twice


@pytest.mark.parametrize("moment", WRITES.values(), ids=WRITES.keys())
def test_killed_as_soon_as(
    moment: Callable[[Path], bool], made: Path, whole: tuple[Path, float], tmp_path: Path
) -> None:
    workspace = _copied(made, tmp_path)
    process = _started(workspace)
    while process.poll() is None and not moment(workspace):
        pass
    _kill(process)
    _requires_a_sound_rerun(workspace, whole[0])


@pytest.mark.parametrize("seed", range(int(os.environ.get("PBR_KILLS", "6"))))
def test_killed_at_any_moment_and_once_more(seed: int, made: Path, whole: tuple[Path, float], tmp_path: Path) -> None:
    workspace = _copied(made, tmp_path)
    moments = random.Random(seed)
    for _ in range(2):
        process = _started(workspace)
        time.sleep(moments.uniform(0, whole[1]))
        _kill(process)
    _requires_a_sound_rerun(workspace, whole[0])
