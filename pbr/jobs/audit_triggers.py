"""Try the triggers on a batch: from a workspace with all that its ledger knows, or from a bundle as far as it goes.

In: a workspace or a bundle, the batch, and what only people know. Out: a table, a row a trigger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pbr.audit.triggers import AUDITS, LINES, PRACTICE, Allocation, Evidence, school_criteria, triggers
from pbr.claims.bundle import manifest_digest
from pbr.claims.tariff import funded_families
from pbr.errors import Fault, Faults
from pbr.jobs.decide import Say
from pbr.jobs.replay import OpenBundle, open_bundle
from pbr.ledger import Entry, Ledger
from pbr.workspace import FILE, Workspace


@dataclass(frozen=True)
class Tried:
    """The triggers (`audit.triggers.TRIGGERS`) of a batch, on a day. `bundle_read`: whether its bundle was at hand."""

    batch_id: str
    as_of: date
    bundle_read: bool
    triggers: pl.DataFrame


def try_triggers(
    place: Path | str,
    batch_id: str | None = None,
    sustained_jobs: int | None = None,
    as_of: date | None = None,
    say: Say = lambda step: None,
) -> Tried:
    """Try the triggers on a batch of a workspace, its last live one unless given, or on a bundle.

    `as_of` is the day from which the last check is looked back at, the batch's claim date unless given. Raises Faults:
    E506 neither a workspace nor a bundle, E507 another bundle than the ledger knows, E720 a batch that is not there,
    and those of bundle and ledger.
    """
    place = Path(place)
    if (place / "bagit.txt").is_file():
        return _of_bundle(open_bundle(place), batch_id, sustained_jobs, as_of)
    if not (place / FILE).is_file():
        raise Faults(Fault("E506", str(place), f"is no workspace ({FILE}) and no bundle (bagit.txt)", "Name one."))
    return _of_workspace(Workspace.of(place), batch_id, sustained_jobs, as_of, say)


def _of_bundle(bundle: OpenBundle, batch_id: str | None, sustained_jobs: int | None, as_of: date | None) -> Tried:
    run = bundle.run
    if batch_id not in (None, run.batch_id):
        raise Faults(Fault("E720", f"batch {batch_id}", f"is not this bundle's, {run.batch_id}", "Leave out --batch."))
    decided = bundle.tables["decisions.parquet"].group_by("decision_id").agg(pl.col("family_id").min())
    lines = bundle.tables["claim.csv"].join(decided, on="decision_id", how="left")
    evidence = Evidence(
        batch_id=run.batch_id,
        as_of=as_of or run.claim_date,
        lines=_lines(
            lines.with_columns(
                line_id="claim_line_id", batch_id=pl.lit(run.batch_id), seq=pl.lit(1), claim_date=pl.lit(run.claim_date)
            )
        ),
        before_known=False,
        window=None,
        allocation=_allocation(bundle),
        practice=_practice(bundle),
        out_of_school=_out_of_school(bundle),
        sustained_jobs=sustained_jobs,
        audits=None,
    )
    return Tried(run.batch_id, evidence.as_of, True, triggers(evidence))


def _of_workspace(
    workspace: Workspace, batch_id: str | None, sustained_jobs: int | None, as_of: date | None, say: Say
) -> Tried:
    say("read the ledger")
    with Ledger.read_or_empty(workspace.ledger_path) as ledger:
        batches = ledger.batches().filter(pl.col("state") != "withdrawn")
        if batches.is_empty() or (batch_id is not None and batch_id not in batches["batch_id"]):
            what = "has no live batch" if batches.is_empty() else f"has no live batch {batch_id}"
            step = "pbr ledger list shows the batches; those that are withdrawn are not looked at."
            raise Faults(Fault("E720", workspace.ledger_path.name, what, step))
        chosen = batches.filter(pl.col("batch_id") == (batch_id or batches["batch_id"][-1])).row(0, named=True)
        batches = batches.filter(pl.col("seq") <= chosen["seq"])
        claimed_on = {batch: _claimed_on(ledger.prepared(batch)) for batch in batches["batch_id"]}
        lines = ledger.live_lines().filter(pl.col("seq") <= chosen["seq"])
        audits = _audits(ledger.entries(), chosen["batch_id"])
    dates = batches.select("batch_id", "as_of", claim_date=pl.col("batch_id").replace_strict(claimed_on))
    say("verify and read the bundle")
    bundle = _bundle(workspace, chosen["bundle"], chosen["batch_id"], chosen["manifest_digest"])
    windows = {each.id: (each.opens, each.closes) for each in workspace.claims.windows}
    evidence = Evidence(
        batch_id=chosen["batch_id"],
        as_of=as_of or claimed_on[chosen["batch_id"]],
        lines=_lines(lines.join(dates, on="batch_id")),
        before_known=True,
        window=windows.get(chosen["window"]),
        allocation=None if bundle is None else _allocation(bundle),
        practice=None if bundle is None else _practice(bundle),
        out_of_school=None if bundle is None else _out_of_school(bundle),
        sustained_jobs=sustained_jobs,
        audits=audits,
    )
    return Tried(evidence.batch_id, evidence.as_of, bundle is not None, triggers(evidence))


def _lines(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in LINES.items())


def _claimed_on(prepared: Entry | None) -> date:
    assert prepared is not None
    return date.fromisoformat(prepared.says["claim_date"])


def _audits(entries: Iterable[Entry], batch_id: str) -> pl.DataFrame:
    """The checks of other batches than this one that were made (`AUDITS`): entries that hold an audit's outcome."""
    rows = [
        (entry.batch_id, date.fromisoformat(entry.at[:10]), entry.says["tested"], len(entry.says["invalid"]))
        for entry in entries
        if entry.kind in ("checked", "audited") and entry.batch_id != batch_id
    ]
    return pl.DataFrame(rows, AUDITS, orient="row")


def _bundle(workspace: Workspace, name: str, batch_id: str, digest: str) -> OpenBundle | None:
    """The batch's bundle, where it is there. Raises Faults where it is not the one that the ledger knows."""
    path = workspace.batches_path / name
    if not path.is_dir():
        return None
    bundle = open_bundle(path)
    if manifest_digest(path) != digest:
        what = "is not the bundle that was prepared: the ledger has another digest for it"
        raise Faults(Fault("E507", f"batch {batch_id}", what, "Restore the bundle, or withdraw the batch."))
    return bundle


def _allocation(bundle: OpenBundle) -> Allocation | None:
    run, share = bundle.run, bundle.rules.pack.tariff.funded_share
    funded = funded_families(run.families_agreed, None if share is None else bundle.rules.share(share))
    if run.families_agreed is None or funded is None:
        return None
    decided = bundle.tables["decisions.parquet"]
    before = bundle.tables["history.csv"].filter(pl.col("claimed_by") == "family")
    claimed = decided.join(bundle.tables["claim.csv"], on="decision_id", how="semi")
    new = claimed.join(before, on="family_id", how="anti")["family_id"].n_unique()
    engaged = decided["family_id"].n_unique()
    return Allocation(run.families_agreed, funded, engaged, run.families_live + new)


def _practice(bundle: OpenBundle) -> pl.DataFrame | None:
    families = bundle.tables.get("families.parquet")
    return None if families is None else families.select(PRACTICE.names())


def _out_of_school(bundle: OpenBundle) -> frozenset[str]:
    own = (pl.col("part") == "result") & (pl.col("subject_id") == "") & (pl.col("verdict") == "not_met")
    at_school = pl.col("item").is_in(sorted(school_criteria(bundle.pack.pack)))
    return frozenset(bundle.tables["decisions.parquet"].filter(own & at_school)["family_id"])
