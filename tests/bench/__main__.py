"""Where time and memory go, beside the floor of a bare query over the same rows: `make bench`.

Synthetic authorities are made once and kept in a folder outside the checkout. Each run is a process of its own; the
table gives the median of the runs' seconds, on the wall and of processors, and the highest peak of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.stages import PLANS

ROOT = Path(__file__).parents[2]
MAKE = ROOT / "fixtures" / "make.py"
SEED = "1"
AS_OF = "2014-10-31"


class Lap(NamedTuple):
    """A stage's seconds, processor seconds and peak MiB."""

    seconds: float
    cpu: float
    mib: float


def authority(families: int, cache: Path) -> Path:
    """The folder of an authority of that size, made where it is not there yet or make.py has changed since."""
    folder = cache / f"{families}-families"
    stamp = folder / ".made"
    if not stamp.exists() or stamp.stat().st_mtime < MAKE.stat().st_mtime:
        making = [sys.executable, MAKE, "--families", str(families), "--seed", SEED, "--as-of", AS_OF, folder]
        subprocess.run(making, check=True, stdout=sys.stderr)
        stamp.touch()
    return folder


def run(plan: str, folder: Path, runs: int) -> dict[str, Lap]:
    """Each stage of a plan: median seconds and processor seconds, and the highest MiB."""
    command = [sys.executable, "-m", "tests.bench.stages", plan, folder, AS_OF]
    laps: dict[str, list[dict[str, float]]] = {}
    for _ in range(runs):
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        for lap in json.loads(done.stdout):
            laps.setdefault(lap["stage"], []).append(lap)
    return {
        stage: Lap(
            median(lap["seconds"] for lap in found),
            median(lap["cpu"] for lap in found),
            max(lap["mib"] for lap in found),
        )
        for stage, found in laps.items()
    }


def report(folder: Path, families: int, runs: int) -> None:
    rows = sum(path.read_bytes().count(b"\n") - 1 for path in (folder / "sources").iterdir())
    print(f"\n{families:,} families, {rows:,} rows of extracts; median of {runs} on {os.cpu_count()} cores\n")
    print(f"{'':24}{'seconds':>9}{'cpu':>9}{'x floor':>9}{'peak MiB':>10}")
    floor = 0.0
    for plan in PLANS:
        laps = run(plan, folder, runs)
        floor = floor or laps["floor"].seconds
        if plan == "stages":
            stages = list(laps.values())
            laps["together"] = Lap(
                sum(s.seconds for s in stages), sum(s.cpu for s in stages), max(s.mib for s in stages)
            )
        for stage, lap in laps.items():
            print(f"{stage:24}{lap.seconds:9.2f}{lap.cpu:9.2f}{lap.seconds / floor:9.1f}{lap.mib:10.0f}", flush=True)
        print()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--families", type=int, nargs="+", default=[5_000, 100_000], metavar="N")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "pbr-bench", metavar="FOLDER")
    given = parser.parse_args()
    for families in given.families:
        report(authority(families, given.cache), families, given.runs)


if __name__ == "__main__":
    main()
