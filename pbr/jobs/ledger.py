"""Read a workspace's ledger: its batches and entries, its balances, and whether anything in it was touched.

In: a workspace. Out: tables. Nothing is written, and no extract is opened.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pbr.errors import Faults
from pbr.ledger import Entry, Ledger
from pbr.workspace import Workspace

ENTRIES = pl.Schema(dict.fromkeys(("at", "by", "kind", "batch_id", "digest"), pl.String()))


def batches(workspace: Workspace | Path | str) -> pl.DataFrame:
    """The batches in the order they were prepared (`ledger.store.BATCHES`). Raises Faults: E601, E602, E611."""
    with _ledger(workspace) as ledger:
        return ledger.batches()


def entries(workspace: Workspace | Path | str) -> pl.DataFrame:
    """Every entry: `seq`, `at` (UTC), `by`, `kind`, `batch_id`, `digest`. Raises Faults: E601, E602, E611."""
    with _ledger(workspace) as ledger:
        rows = [(entry.seq, *(getattr(entry, name) for name in ENTRIES)) for entry in ledger.entries()]
    return pl.DataFrame(rows, pl.Schema({"seq": pl.Int64(), **ENTRIES}), orient="row")


def balances(workspace: Workspace | Path | str, *by: str) -> pl.DataFrame:
    """Lines and pence, claimed and withdrawn (`Ledger.balances`). Raises Faults: E601, E602, E611."""
    with _ledger(workspace) as ledger:
        return ledger.balances(*by)


def verify(workspace: Workspace | Path | str) -> Entry | None:
    """Walk the ledger; its last entry, or None where it has none. Raises Faults: all that `Ledger.verify` finds."""
    with _ledger(workspace) as ledger:
        if faults := ledger.verify():
            raise Faults(faults)
        return ledger.last()


def _ledger(workspace: Workspace | Path | str) -> Ledger:
    workspace = Workspace.of(workspace)
    return Ledger.read(workspace.ledger_path)
