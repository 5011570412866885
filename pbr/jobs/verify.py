"""Verify a bundle, and, given the workspace that made it, that it is the one its ledger knows.

In: the path of a bundle, and a workspace. Out: what was verified, or every fault. A bundle that was made again as a
whole, manifests and all, passes by itself; the ledger's digest tells it from the one that was prepared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pbr.claims.bundle import RUN, manifest_digest
from pbr.claims.contract import BatchRun
from pbr.claims.verify import verify as verify_files
from pbr.errors import Fault, Faults
from pbr.jobs.steps import Steps, not_the_ledgers, read_steps
from pbr.ledger import Ledger
from pbr.workspace import Workspace


@dataclass(frozen=True)
class Verified:
    """A bundle that is as it was written. `state`: the batch's in the ledger; None where no workspace was given.
    `steps`: who signed what, as the bundle carries it; None where nobody signed.
    """

    run: BatchRun
    manifest_digest: str
    state: str | None
    steps: Steps | None


def verify(bundle: Path | str, workspace: Workspace | Path | str | None = None) -> Verified:
    """Verify a bundle and the signatures of its steps.

    Raises Faults: all that `claims.verify` finds; E649 a signed step that is not what it says, or not a person's to
    make; with a workspace, E507, the ledger's own, and E649 a step that is not the ledger's.
    """
    bundle = Path(bundle)
    if faults := verify_files(bundle):
        raise Faults(faults)
    run = BatchRun.model_validate_json((bundle / "data" / RUN).read_bytes())
    digest = manifest_digest(bundle)
    steps = read_steps(bundle, run.batch_id, digest)
    state = None if workspace is None else _state(workspace, run, digest, bundle)
    return Verified(run, digest, state, steps)


def _state(workspace: Workspace | Path | str, run: BatchRun, digest: str, bundle: Path) -> str | None:
    workspace = Workspace.of(workspace)
    with Ledger.read(workspace.ledger_path) as ledger:
        faults = ledger.verify()
        if not faults and (fault := unknown_to(ledger, run.batch_id, digest)):
            faults = [fault]
        faults += not_the_ledgers(ledger, bundle, run.batch_id)
        if faults:
            raise Faults(faults)
        return ledger.state(run.batch_id)


def unknown_to(ledger: Ledger, batch_id: str, digest: str) -> Fault | None:
    """Why a bundle with this manifest digest is not the batch's in the ledger; None where it is."""
    entry = ledger.prepared(batch_id)
    if entry is None:
        what, step = "has no entry in the ledger", "Name the workspace that prepared it."
    elif entry.says["manifest_digest"] != digest:
        what = "is not the bundle that was prepared: the ledger has another digest for it"
        step = "Restore the bundle, or withdraw the batch."
    else:
        return None
    return Fault("E507", f"batch {batch_id}", what, step)
