"""Batches after they are prepared: submitted to the department, or withdrawn."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pbr.claims.bundle import manifest_digest
from pbr.claims.verify import verify
from pbr.errors import Faults
from pbr.jobs.verify import unknown_to
from pbr.ledger import Entry, Ledger
from pbr.workspace import Workspace


def submit(workspace: Workspace | Path | str, batch_id: str, *, at: datetime, by: str) -> Entry:
    """Enter that a batch went to the department.

    Its bundle must verify and be the one that the ledger knows. Raises Faults: E507 another bundle or none, those of
    the bundle, and those of the ledger (E605–E607 the batch's state).
    """
    workspace = Workspace.of(workspace)
    with Ledger.open(workspace.ledger_path) as ledger:
        prepared = ledger.prepared(batch_id)
        if prepared is not None:
            bundle = workspace.batches_path / str(prepared.says["bundle"])
            if faults := verify(bundle):
                raise Faults(faults)
            if fault := unknown_to(ledger, batch_id, manifest_digest(bundle)):
                raise Faults(fault)
        return ledger.append("submitted", batch_id, {}, at=at, by=by)


def withdraw(workspace: Workspace | Path | str, batch_id: str, reason: str, *, at: datetime, by: str) -> Entry:
    """Take a batch back: its families can be claimed again. Raises Faults of the ledger (E605–E607)."""
    workspace = Workspace.of(workspace)
    with Ledger.open(workspace.ledger_path) as ledger:
        return ledger.append("withdrawn", batch_id, {"reason": reason}, at=at, by=by)
