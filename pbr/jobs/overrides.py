"""Overrides: a person's word that a held line be claimed, or a result passed at discretion; and a second person's.

In: a workspace, the family and route, the circumstances of the claim, and why. Out: entries of the ledger. An override
is of one decision: when the evidence, the rules or the as-of date are others, the decision is another, and it lapses.
What it never overrides: eligibility, the claim window, the cap, a route that is claimed already.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from pbr.claims.select import UNAPPROVED
from pbr.errors import Fault, Faults
from pbr.jobs.decide import Say
from pbr.jobs.nobody_named import require_nobody_named
from pbr.jobs.prepare import Considered, consider
from pbr.ledger import NO_BATCH, Entry, Ledger, Signer
from pbr.rulebook.load import LoadedPack
from pbr.workspace import Workspace

By = str | Signer


@dataclass(frozen=True)
class Why:
    """What whoever proposes an override says: `reason` and `role` are for people, without names of a family."""

    reason: str
    role: str
    expires_on: date


def propose(
    workspace: Workspace | Path | str,
    family_id: str,
    route: str,
    as_of: date,
    window: str,
    why: Why,
    *,
    at: datetime,
    by: By,
    claim_date: date | None = None,
    pack: LoadedPack | None = None,
    say: Say = lambda step: None,
) -> Entry:
    """Propose that a family's line on a route be claimed, though it is held or its route is not met.

    A held line is released of the controls that hold it; a route that is not met, of an eligible family, is passed at
    discretion, where the workspace names the text that allows that. Raises Faults: E515 nothing to override, E516 no
    discretion, E517 an expiry before the claim, E522 words that name somebody, E640–E645, E663, and those of
    `consider`.
    """
    workspace = Workspace.of(workspace)
    require_nobody_named(workspace, reason=why.reason, role=why.role)
    found = consider(workspace, as_of, window, claim_date, pack, say)
    if why.expires_on < found.circumstances.claim_date:
        what = f"expires on {why.expires_on}, before the claim date {found.circumstances.claim_date}"
        raise Faults(Fault("E517", f"override of family {family_id}", what, "Let it expire on a later day."))
    body = _what(workspace, found, family_id, route)
    body |= {"reason": why.reason, "role": why.role, "expires_on": why.expires_on}
    with Ledger.open(workspace.ledger_path, create=True) as ledger:
        return ledger.append("overridden", NO_BATCH, body, at=at, by=by)


def approve(workspace: Workspace | Path | str, entry: int, *, at: datetime, by: By) -> Entry:
    """Approve an override, by its number. Raises Faults: E640–E646, E665."""
    with Ledger.open(Workspace.of(workspace).ledger_path) as ledger:
        return ledger.append("override_approved", NO_BATCH, {"override": entry}, at=at, by=by)


def withdraw(workspace: Workspace | Path | str, entry: int, reason: str, *, at: datetime, by: By) -> Entry:
    """Take an override back, by its number; lines claimed by it stay. Raises Faults: E640–E645, E665."""
    workspace = Workspace.of(workspace)
    require_nobody_named(workspace, reason=reason)
    with Ledger.open(workspace.ledger_path) as ledger:
        body = {"override": entry, "reason": reason}
        return ledger.append("override_withdrawn", NO_BATCH, body, at=at, by=by)


def overrides(workspace: Workspace | Path | str) -> pl.DataFrame:
    """Every override (`ledger.store.OVERRIDES`). Raises Faults: E601, E602, E611."""
    with Ledger.read(Workspace.of(workspace).ledger_path) as ledger:
        return ledger.overrides()


def _what(workspace: Workspace, found: Considered, family_id: str, route: str) -> dict[str, object]:
    """What is overridden: the decision, and what of it."""
    place = f"family {family_id}, {route}"
    held = found.selection.held.filter((pl.col("family_id") == family_id) & (pl.col("route") == route))
    if held.height:
        line = held.row(0, named=True)
        holds = [hold for hold in line["reason"].split(";") if hold != UNAPPROVED]
        if not holds:
            raise Faults(Fault("E515", place, "waits for an override's approval already", "Have it approved."))
        return {
            "family_id": family_id,
            "route": route,
            "decision_id": line["decision_id"],
            "act": "release",
            "holds": holds,
            "basis": None,
        }
    own = found.findings.filter((pl.col("family_id") == family_id) & (pl.col("subject_id") == ""))
    verdicts = {(part, item): verdict for part, item, verdict in own.select("part", "item", "verdict").iter_rows()}
    if ("route", route) not in verdicts:
        step = "Name a family that is decided on that day, and a route of the pack."
        raise Faults(Fault("E515", place, "has no decision to override", step))
    if verdicts["route", route] == "met" or verdicts["eligibility", "eligible"] != "met":
        what = "is not held, and is no result that could be passed: see attrition.csv for where it fell out"
        step = "Eligibility, windows, caps and what is claimed already cannot be overridden."
        raise Faults(Fault("E515", place, what, step))
    if workspace.claims.discretion is None:
        what = "no text is named that lets anybody pass a result at discretion"
        step = 'Name it under [claims]: discretion = "outcome plan of 2016, section 4".'
        raise Faults(Fault("E516", workspace.place("claims"), what, step))
    return {
        "family_id": family_id,
        "route": route,
        "decision_id": own["decision_id"][0],
        "act": "pass",
        "holds": [],
        "basis": workspace.claims.discretion,
    }
