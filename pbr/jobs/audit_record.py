"""Take an auditor's results back: what they say of the whole batch, and what follows.

In: a bundle, the file of results, the seed and size of the sample. Out: the outcome, as it can be entered in a ledger,
and the strata behind it. Nothing but the bundle is needed, and nothing is written.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pbr.audit.projection import TOLERABLE, project
from pbr.audit.results import read_results
from pbr.claims.bundle import manifest_digest
from pbr.errors import Fault, Faults
from pbr.jobs.audit_sample import draw_sample
from pbr.values import Share

Ratio = tuple[int, int]


@dataclass(frozen=True)
class AuditOutcome:
    """An audit in plain values. Shares are numerator and denominator; digests are SHA-256.

    `size` lines were sampled of `lines`, `required` is the least that can pass, `tested` were. `decision`: see
    `audit.projection.Decision`. `invalid`, `not_tested`: line ids. `error_rate` and `point_pence` are null where
    nothing that chance drew was tested. `low`, `high`: how many lines of the batch are invalid, at 95%. `next_size`:
    the sample to test next, where a larger one is asked for.
    """

    batch_id: str
    manifest_digest: str
    population_digest: str
    sample_digest: str
    results_digest: str
    seed: str
    size: int
    required: int
    lines: int
    tested: int
    invalid: tuple[str, ...]
    not_tested: tuple[str, ...]
    decision: str
    tolerable: Ratio
    error_rate: Ratio | None
    low: int
    high: int
    found_pence: int
    point_pence: int | None
    high_pence: int
    next_size: int | None

    def body(self) -> dict[str, Any]:
        """What an entry of a ledger says of it: plain values that have a canonical form."""
        return asdict(self)


@dataclass(frozen=True)
class AuditRecord:
    """An outcome, and its strata (`audit.projection.Projection`)."""

    outcome: AuditOutcome
    strata: pl.DataFrame


def record_results(
    bundle: Path | str, results: Path | str, seed: str, size: int | None = None, tolerable: Share = TOLERABLE
) -> AuditRecord:
    """Project the results of a sample. `seed` and `size` are those with which it was drawn.

    Raises Faults: E710, E711, E713–E719 of the file of results, E721 one that is not there, and all that is wrong with
    the bundle.
    """
    bundle, results = Path(bundle), Path(results)
    drawn = draw_sample(bundle, seed, size)
    sample, run = drawn.sample, drawn.bundle.run
    try:
        content = results.read_bytes()
    except OSError as error:
        what = f"cannot be read ({error.strerror or type(error).__name__})"
        raise Faults(Fault("E721", str(results), what, "Name the file of results.")) from error
    found = project(sample, read_results(content, results.name, sample, run.batch_id), tolerable)
    rate = found.error_rate
    outcome = AuditOutcome(
        batch_id=run.batch_id,
        manifest_digest=manifest_digest(bundle),
        population_digest=sample.population_digest,
        sample_digest=sample.digest,
        results_digest=hashlib.sha256(content).hexdigest(),
        seed=seed,
        size=sample.size,
        required=sample.required,
        lines=sample.ordered.height,
        tested=found.tested,
        invalid=found.invalid,
        not_tested=found.not_tested,
        decision=found.decision.value,
        tolerable=(tolerable.numerator, tolerable.denominator),
        error_rate=None if rate is None else (rate.numerator, rate.denominator),
        low=found.low,
        high=found.high,
        found_pence=found.found_pence,
        point_pence=found.point_pence,
        high_pence=found.high_pence,
        next_size=found.next_size,
    )
    return AuditRecord(outcome, found.strata)
