"""One run of one plan in a process of its own: what each stage took, as JSON on standard output.

`floor` is a bare Polars scan and group-by over the same rows; `stages` takes a workspace from extracts to findings,
step by step; `decide` and `prepare` are the jobs as a command runs them, with replay after the latter.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

PROCESS = Path("/proc/self")


class Stopwatch:
    """Seconds on the wall and of processors, and the peak of resident memory, of one stage after another."""

    def __init__(self) -> None:
        self.laps: list[dict[str, str | float]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        _forget_peak()
        started, worked = time.perf_counter(), time.process_time()
        yield
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        self.laps.append({"stage": name, "seconds": seconds, "cpu": cpu, "mib": _peak_mib()})


def _forget_peak() -> None:
    """Start the peak anew at what is resident now; only Linux can."""
    if (PROCESS / "clear_refs").exists():
        (PROCESS / "clear_refs").write_text("5")


def _peak_mib() -> float:
    if (PROCESS / "status").exists():
        line = next(line for line in (PROCESS / "status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def floor(folder: Path, as_of: date, watch: Stopwatch) -> None:
    """Every row and column of the extracts, as text, grouped by the first column."""
    with watch.stage("floor"):
        for path in sorted((folder / "sources").iterdir()):
            delimiter = "|" if path.stem == "employment" else ","
            scanned = pl.scan_csv(path, separator=delimiter, infer_schema=False, encoding="utf8-lossy")
            key = scanned.collect_schema().names()[0]
            scanned.group_by(key).agg(pl.all().max(), rows=pl.len()).collect(engine="streaming")


def stages(folder: Path, as_of: date, watch: Stopwatch) -> None:
    from pbr import sources
    from pbr.jobs.decide import calendar_of, decide_by, run_engines, second_engine
    from pbr.jobs.frameworks import named_pack
    from pbr.linkage import attach
    from pbr.measures.cohorts import Cohort, measure_cohorts
    from pbr.workspace import Workspace

    with watch.stage("rules"):
        workspace = Workspace.load(folder)
        pack = named_pack(workspace)
    with watch.stage("check"):
        extracts = sources.read(workspace)
    with watch.stage("link"):
        evidence = attach(extracts)
    with watch.stage("measure"):
        cohorts, _ = measure_cohorts(evidence, pack, as_of, calendar_of(workspace))
    with watch.stage("decide (bulk)"):
        findings = run_engines(cohorts, ["bulk"])
    of_families = findings.filter(pl.col("subject_id") == "", pl.col("verdict") == "met")
    eligible = of_families.filter(pl.col("item") == "eligible")
    claimed = of_families.filter(pl.col("part") == "route").join(eligible, on="family_id", how="semi")["family_id"]
    with watch.stage(f"derive ({second_engine()})"):
        decide_by(second_engine(), [Cohort(one.rules, one.facts.only(claimed.unique())) for one in cohorts])


def decide(folder: Path, as_of: date, watch: Stopwatch) -> None:
    from pbr.jobs.decide import decide as decide_workspace
    from pbr.jobs.decide import write_findings

    with TemporaryDirectory() as out, watch.stage("decide"):
        write_findings(decide_workspace(folder, as_of).findings, Path(out) / "findings.csv")


def prepare(folder: Path, as_of: date, watch: Stopwatch) -> None:
    """From extracts to a bundle and its ledger entry, and the bundle decided again."""
    from pbr.jobs.prepare import prepare as prepare_batch
    from pbr.jobs.replay import replay

    with TemporaryDirectory() as scratch:
        workspace = Path(scratch)
        for name in ("pbr.toml", "pbr.key", "sources"):
            (workspace / name).symlink_to(folder / name)
        midnight = datetime.combine(as_of, datetime.min.time(), UTC)
        with watch.stage("prepare"):
            made = prepare_batch(workspace, as_of, f"{as_of:%Y-%m}", at=midnight, by="bench")
        assert made.bundle is not None
        with watch.stage("replay"):
            replay(made.bundle.path)


PLANS = {plan.__name__: plan for plan in (floor, stages, decide, prepare)}

if __name__ == "__main__":
    plan, folder, as_of = sys.argv[1:]
    watch = Stopwatch()
    PLANS[plan](Path(folder), date.fromisoformat(as_of), watch)
    print(json.dumps(watch.laps))
