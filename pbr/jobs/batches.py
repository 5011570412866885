"""Batches after they are prepared: audited, approved, submitted, paid, corrected, withdrawn; each a ledger entry.

In: a workspace, what is to be entered, when, and by whom (a signer, where the workspace has a register). Out: the
entries. A step that sends money on its way first looks at the bundle again: it must verify, be the ledger's, and,
before it is submitted, replay to the same findings and lines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from pbr.claims.bundle import RUN, manifest_digest
from pbr.claims.contract import BatchRun
from pbr.claims.tariff import fee, funded_families
from pbr.claims.verify import verify
from pbr.errors import Fault, Faults
from pbr.jobs.audit_record import AuditOutcome
from pbr.jobs.decide import Say
from pbr.jobs.frameworks import named_pack
from pbr.jobs.nobody_named import require_nobody_named
from pbr.jobs.remittance import read_remittance
from pbr.jobs.replay import replay
from pbr.jobs.steps import carry
from pbr.jobs.verify import unknown_to
from pbr.ledger import NO_BATCH, Entry, Ledger, Signer
from pbr.ledger.kinds import not_in_the_ledger
from pbr.rulebook.load import LoadedPack
from pbr.values import financial_year as financial_year_of
from pbr.workspace import ClaimWindow, Workspace

By = str | Signer
Place = Workspace | Path | str

DAY_OF_THE_PAYMENT = "Give the day of the payment as the remittance has it."


def enter_audit(workspace: Place, outcome: AuditOutcome, *, at: datetime, by: By) -> Entry:
    """Enter the results of an audit: the batch is `checked` where they passed; else they are noted, as `audited`.

    Raises Faults: E635 another bundle, E646 whoever prepared the batch, E650–E652 results that are not this batch's,
    E605–E647.
    """
    body = {
        "manifest_digest": outcome.manifest_digest,
        "population_digest": outcome.population_digest,
        "sample_digest": outcome.sample_digest,
        "results_digest": outcome.results_digest,
        "seed": outcome.seed,
        "sampled": outcome.size,
        "tested": outcome.tested,
        "invalid": outcome.invalid,
        "decision": outcome.decision,
        "tolerable": f"{outcome.tolerable[0]}/{outcome.tolerable[1]}",
        "invalid_lines_low": outcome.low,
        "invalid_lines_high": outcome.high,
        "found_pence": outcome.found_pence,
        "projected_pence": outcome.found_pence if outcome.point_pence is None else outcome.point_pence,
        "most_pence": outcome.high_pence,
    }
    kind = "checked" if outcome.decision == "pass" else "audited"
    return _enter(workspace, kind, outcome.batch_id, body, at=at, by=by)


def approve(workspace: Place, batch_id: str, *, at: datetime, by: By) -> Entry:
    """Enter that the responsible officer approves a checked batch, whose bundle must verify and be the ledger's.

    Raises Faults: E507, E646 whoever prepared or checked it, E652 a line found invalid, the bundle's and E605–E647.
    """
    workspace = Workspace.of(workspace)
    _, digest = _sound_bundle(workspace, batch_id)
    return _enter(workspace, "approved", batch_id, {"manifest_digest": digest}, at=at, by=by)


def submit(workspace: Place, batch_id: str, on: date, *, at: datetime, by: By, say: Say = lambda step: None) -> Entry:
    """Enter that an approved batch goes to the department on a day, which must lie in its claim window.

    Its bundle must verify, be the one that the ledger knows, and replay: every finding and every line is decided again
    before money is asked for. Raises Faults: E507, E514 outside the window, E523 before its claim date, those of the
    bundle and E605–E652; and Disagreement where the replay differs.
    """
    workspace = Workspace.of(workspace)
    bundle, digest = _sound_bundle(workspace, batch_id)
    run = BatchRun.model_validate_json((bundle / "data" / RUN).read_bytes())
    _require_open(workspace, run.window, on)
    if on < run.claim_date:
        what = f"is before the day that batch {batch_id} is claimed on, {run.claim_date}"
        step = "A batch goes when it is claimed, or after; prepare it as of an earlier day if it went before."
        raise Faults(Fault("E523", f"submission on {on}", what, step))
    replay(bundle, say=say)
    body = {"submitted_on": on, "manifest_digest": digest}
    return _enter(workspace, "submitted", batch_id, body, at=at, by=by)


def pay(workspace: Place, remittance: Path, reference: str, paid_on: date, *, at: datetime, by: By) -> list[Entry]:
    """Enter a remittance advice: one entry for each batch that it pays lines of, all of them or none.

    Raises Faults: E680–E682 a file that cannot be read, E683 a line that no batch has, E676 a day before its batch was
    submitted, E653–E656 money that does not fit, and E605–E647.
    """
    workspace = Workspace.of(workspace)
    with Ledger.open(workspace.ledger_path) as ledger:
        last = _last_lines(ledger)
        read = read_remittance(remittance, set(last["line_id"]))
        wanted = []
        for (batch_id,), lines in read.lines.join(last, on="line_id").group_by("batch_id", maintain_order=True):
            payments = lines.sort("line_id").select("line_id", "amount_pence").to_dicts()
            body = {"reference": reference, "paid_on": paid_on, "remittance_digest": read.digest, "lines": payments}
            wanted.append(("paid", str(batch_id), body))
        _require_submitted_before(ledger, [batch_id for _, batch_id, _ in wanted], paid_on)
        entries = ledger.append_all(sorted(wanted, key=lambda each: each[1]), at=at, by=by)
        for entry in entries:
            carry(workspace, ledger, entry.batch_id)
    return entries


def correct(
    workspace: Place,
    line_id: str,
    act: str,
    cause: str,
    amount_pence: int | None = None,
    batch_id: str | None = None,
    *,
    at: datetime,
    by: By,
) -> Entry:
    """Reverse a claim line: `withdraw`, `repay` or `supersede` it (`ledger.bodies.Correction`).

    The amount is the whole line's unless given; the batch is the last that has the line. Raises Faults: E675 no such
    line, E657, E659 what cannot be reversed so, E605–E647.
    """
    workspace = Workspace.of(workspace)
    require_nobody_named(workspace, reason=cause)
    with Ledger.open(workspace.ledger_path) as ledger:
        is_it = pl.col("line_id") == line_id
        found = ledger.lines().filter(is_it if batch_id is None else is_it & (pl.col("batch_id") == batch_id)).tail(1)
        if found.is_empty():
            place = f"line {line_id}" if batch_id is None else f"batch {batch_id}"
            raise Faults(Fault("E675", place, f"has no line {line_id} in the ledger", "See `pbr ledger lines`."))
        line = found.row(0, named=True)
        kept = line["paid_pence"] - line["repaid_pence"]
        whole = kept or (0 if act == "repay" else line["amount_pence"])
        pence = whole if amount_pence is None else amount_pence
        correction = {"line_id": line_id, "act": act, "amount_pence": pence, "cause": cause}
        entry = ledger.append("corrected", line["batch_id"], {"corrections": [correction]}, at=at, by=by)
        carry(workspace, ledger, entry.batch_id)
    return entry


def withdraw(workspace: Place, batch_id: str, reason: str, *, at: datetime, by: By) -> Entry:
    """Take a batch back: its families can be claimed again. Raises Faults: E605–E607, E648 money kept, E640–E647."""
    workspace = Workspace.of(workspace)
    require_nobody_named(workspace, reason=reason)
    return _enter(workspace, "withdrawn", batch_id, {"reason": reason}, at=at, by=by)


def attach(
    workspace: Place,
    financial_year: str,
    families: int,
    reference: str,
    paid_on: date,
    *,
    pack: LoadedPack | None = None,
    at: datetime,
    by: By,
) -> Entry:
    """Enter attachment fees received for a number of families, at the pack's fee of the financial year.

    Raises Faults: E518 no such year, no fee, or more families than are funded, E676 a day before the year, E653,
    E640–E645.
    """
    workspace = Workspace.of(workspace)
    pack = pack or named_pack(workspace)
    fee_pence = _attachment_fee(pack, financial_year)
    first_day = date(int(financial_year[:4]), 4, 1)
    if paid_on < first_day:
        what = f"is before the first day of {financial_year}, whose families it is for"
        raise Faults(
            Fault("E676", f"payment on {paid_on}", what, "Give the day of the payment as the remittance has it.")
        )
    with Ledger.open(workspace.ledger_path, create=True) as ledger:
        before = int(ledger.attachments()["families"].sum())
    agreed, share = workspace.claims.families_agreed, pack.pack.tariff.funded_share
    most = funded_families(agreed, None if share is None else pack.rules(first_day).share(share))
    if most is not None and before + families > most:
        what = f"{families} families and the {before} before them are more than the {most} that are funded"
        raise Faults(Fault("E518", f"attachment fees {financial_year}", what, "Ask what the payment was for."))
    body = {
        "financial_year": financial_year,
        "pack_id": pack.pack.id,
        "families": families,
        "fee_pence": fee_pence,
        "amount_pence": families * fee_pence,
        "reference": reference,
        "paid_on": paid_on,
    }
    return _enter(workspace, "attachment_paid", NO_BATCH, body, at=at, by=by)


def _attachment_fee(pack: LoadedPack, year: str) -> int:
    """What a pack pays for a family that joins in a financial year, in pence. Raises Faults (E518)."""
    place, name = f"attachment fees {year}", pack.pack.tariff.attachment_fee
    written = re.fullmatch(r"(20[0-9]{2})/([0-9]{2})", year)
    if written is None or financial_year_of(date(int(written[1]), 4, 1)) != year:
        raise Faults(Fault("E518", place, "is no financial year", "Write it as 2012/13."))
    first_day = date(int(written[1]), 4, 1)
    pays = any(
        one.engaged.start <= date(first_day.year + 1, 3, 31) and first_day <= one.engaged.until
        for one in pack.pack.in_force
    )
    found = None if name is None else pl.DataFrame({"engaged_on": [first_day]}).select(fee(pack.pack, name)).item()
    if found is None or not pays:
        what = f"{pack.pack.id} pays no fee for families that join in that year"
        raise Faults(Fault("E518", place, what, "Name another year, or the framework with --pack."))
    return int(found)


def _enter(workspace: Place, kind: str, batch_id: str, body: Mapping[str, Any], *, at: datetime, by: By) -> Entry:
    workspace = Workspace.of(workspace)
    with Ledger.open(workspace.ledger_path) as ledger:
        entry = ledger.append(kind, batch_id, body, at=at, by=by)
        carry(workspace, ledger, batch_id)
    return entry


def _sound_bundle(workspace: Workspace, batch_id: str) -> tuple[Path, str]:
    """A batch's bundle, which verifies and is the ledger's, and its manifest digest. Raises Faults: E606, E507."""
    with Ledger.read(workspace.ledger_path) as ledger:
        prepared = ledger.prepared(batch_id)
        if prepared is None:
            raise Faults(not_in_the_ledger(batch_id))
        bundle = workspace.batches_path / str(prepared.says["bundle"])
        if faults := verify(bundle):
            raise Faults(faults)
        digest = manifest_digest(bundle)
        if fault := unknown_to(ledger, batch_id, digest):
            raise Faults(fault)
    return bundle, digest


def _require_open(workspace: Workspace, window: str, on: date) -> None:
    """Raise Faults (E514) unless a claim window is declared and open on a day."""
    declared: dict[str, ClaimWindow] = {each.id: each for each in workspace.claims.windows}
    if window not in declared:
        what = f"claim window {window!r} is not declared, so nobody can say that it is open"
        raise Faults(Fault("E514", workspace.place("claims", "windows"), what, "Declare it in [[claims.windows]]."))
    opens, closes = declared[window].opens, declared[window].closes
    if not opens <= on <= closes:
        what = f"is not inside claim window {window}, which is open from {opens} until {closes}"
        step = "A claim is submitted in its window; if it was, say when with --on DATE."
        raise Faults(Fault("E514", f"submission on {on}", what, step))


def _require_submitted_before(ledger: Ledger, batch_ids: Collection[str], paid_on: date) -> None:
    """Raise Faults (E676) where a batch was submitted after the day on which it is paid."""
    submitted = {
        entry.batch_id: date.fromisoformat(entry.says["submitted_on"])
        for entry in ledger.entries()
        if entry.kind == "submitted" and entry.batch_id in batch_ids
    }
    faults = [
        Fault(
            "E676", f"payment on {paid_on}", f"is before batch {batch_id} was submitted, on {day}", DAY_OF_THE_PAYMENT
        )
        for batch_id, day in sorted(submitted.items())
        if paid_on < day
    ]
    if faults:
        raise Faults(faults)


def _last_lines(ledger: Ledger) -> pl.DataFrame:
    """`line_id` and `batch_id` of every line: of one that stands in several batches, that of the last."""
    return ledger.lines().select("line_id", "batch_id").unique("line_id", keep="last", maintain_order=True)
