"""Where time and memory go, beside the floor of a bare query over the same rows: `make bench`.

Synthetic authorities are made once and kept in a folder outside the checkout. Each run is a process of its own; the
table gives the median of the runs' seconds and the highest peak of memory.
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

from tests.bench.stages import PLANS

ROOT = Path(__file__).parents[2]
MAKE = ROOT / "fixtures" / "make.py"
SEED = "1"
AS_OF = "2014-10-31"


def authority(families: int, cache: Path) -> Path:
    """The folder of an authority of that size, made where it is not there yet or make.py has changed since."""
    folder = cache / f"{families}-families"
    stamp = folder / ".made"
    if not stamp.exists() or stamp.stat().st_mtime < MAKE.stat().st_mtime:
        making = [sys.executable, MAKE, "--families", str(families), "--seed", SEED, "--as-of", AS_OF, folder]
        subprocess.run(making, check=True, stdout=sys.stderr)
        stamp.touch()
    return folder


def run(plan: str, folder: Path, runs: int) -> dict[str, tuple[float, float]]:
    """Median seconds and highest MiB of each stage of a plan."""
    command = [sys.executable, "-m", "tests.bench.stages", plan, folder, AS_OF]
    laps: dict[str, list[tuple[float, float]]] = {}
    for _ in range(runs):
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        for lap in json.loads(done.stdout):
            laps.setdefault(lap["stage"], []).append((lap["seconds"], lap["mib"]))
    return {stage: (median(s for s, _ in found), max(m for _, m in found)) for stage, found in laps.items()}


def report(folder: Path, families: int, runs: int) -> None:
    rows = sum(path.read_bytes().count(b"\n") - 1 for path in (folder / "sources").iterdir())
    print(f"\n{families:,} families, {rows:,} rows of extracts; median of {runs} runs on {os.cpu_count()} cores\n")
    print(f"{'':24}{'seconds':>9}{'x floor':>9}{'peak MiB':>10}")
    (floor, mib), *_ = run("floor", folder, runs).values()
    print(f"{'floor: scan, group by':24}{floor:9.2f}{1:9.1f}{mib:10.0f}")
    for plan in PLANS:
        if plan == "floor":
            continue
        print(f"{plan}")
        laps = run(plan, folder, runs)
        if len(laps) > 1:
            laps["together"] = (sum(s for s, _ in laps.values()), max(m for _, m in laps.values()))
        for stage, (seconds, mib) in laps.items():
            print(f"  {stage:22}{seconds:9.2f}{seconds / floor:9.1f}{mib:10.0f}", flush=True)


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
