"""People made up for tests, each with the same key every time, and the register that has them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pbr.errors import Faults
from pbr.ledger import NO_BATCH, Ledger, Signer
from tests.ledger.made_batches import NOON


def signer(number: int) -> Signer:
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))


REGISTRAR, PREPARER, AUDITOR, APPROVER, FINANCE, STRANGER = map(signer, range(1, 7))

PEOPLE = {
    "r.head": (REGISTRAR, ("registrar",)),
    "p.manager": (PREPARER, ("preparer",)),
    "a.audit": (AUDITOR, ("auditor",)),
    "s.officer": (APPROVER, ("approver",)),
    "f.finance": (FINANCE, ("finance",)),
}


def register(ledger: Ledger) -> None:
    """Have the keys of all `PEOPLE` registered."""
    for person, (key, roles) in PEOPLE.items():
        body = {"person": person, "roles": roles, "public_key": key.key}
        ledger.append("registered", NO_BATCH, body, at=NOON, by=REGISTRAR)


def audited(
    decision: str = "pass", invalid: tuple[str, ...] = (), manifest: str = "b" * 64, **other: Any
) -> dict[str, Any]:
    return {
        "manifest_digest": manifest,
        "population_digest": "1" * 64,
        "sample_digest": "2" * 64,
        "results_digest": "3" * 64,
        "seed": "2014-10",
        "sampled": 1,
        "tested": 1,
        "invalid": invalid,
        "decision": decision,
        "tolerable": "5/100",
        "invalid_lines_low": len(invalid),
        "invalid_lines_high": len(invalid),
        "found_pence": 0,
        "projected_pence": 0,
        "most_pence": 0,
        **other,
    }


def paid(*lines: tuple[str, int], reference: str = "R1") -> dict[str, Any]:
    return {
        "reference": reference,
        "paid_on": date(2014, 12, 1),
        "remittance_digest": "4" * 64,
        "lines": [{"line_id": line_id, "amount_pence": pence} for line_id, pence in lines],
    }


def corrected(line_id: str, act: str, pence: int, cause: str = "found wrong") -> dict[str, Any]:
    return {"corrections": [{"line_id": line_id, "act": act, "amount_pence": pence, "cause": cause}]}


def overridden(family: str = "F1", **other: Any) -> dict[str, Any]:
    return {
        "family_id": family,
        "route": "crime_asb_education",
        "decision_id": "d" * 64,
        "act": "release",
        "holds": ("neutral_only",),
        "reason": "the school's letter shows a change",
        "role": "programme manager",
        "basis": None,
        "expires_on": date(2014, 12, 31),
        **other,
    }


BY_STEP: dict[str, tuple[Signer, dict[str, Any]]] = {
    "checked": (AUDITOR, audited()),
    "approved": (APPROVER, {"manifest_digest": "b" * 64}),
    "submitted": (PREPARER, {"submitted_on": date(2014, 9, 2), "manifest_digest": "b" * 64}),
}


def take_to(ledger: Ledger, batch: str, state: str) -> None:
    """Take a prepared batch through every step to a state."""
    for step, (who, body) in BY_STEP.items():
        ledger.append(step, batch, body, at=NOON, by=who)
        if step == state:
            return


def person(ledger: Ledger, name: str, number: int, *roles: str) -> Signer:
    """Have one more person registered."""
    key = signer(number)
    ledger.append(
        "registered", NO_BATCH, {"person": name, "roles": roles, "public_key": key.key}, at=NOON, by=REGISTRAR
    )
    return key


def imported(*lines: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Claims of an earlier record; lines as `made_batches.line` makes them, wholly paid unless they say otherwise."""
    taken = (
        {"window": "2013-03", "paid_pence": made["amount_pence"], "claimed_on": date(2013, 3, 1), **made}
        for made in lines
    )
    return {
        "authority_code": "E06000034",
        "file": "claims-2013.csv",
        "file_digest": "5" * 64,
        "pack_id": None,
        "lines": [{name: value for name, value in made.items() if name != "decision_id"} for made in taken],
        **other,
    }


def attached(families: int = 2, pence: int = 640000, reference: str = "A1") -> dict[str, Any]:
    return {
        "financial_year": "2012/13",
        "pack_id": "phase-1",
        "families": families,
        "fee_pence": 320000,
        "amount_pence": pence,
        "reference": reference,
        "paid_on": date(2012, 6, 1),
    }


def new_ledger() -> Ledger:
    """A ledger in memory, with nothing and nobody in it."""
    return Ledger.read_or_empty(Path("nowhere", "ledger.sqlite"))


def refused(ledger: Ledger, kind: str, batch: str, body: dict[str, Any], by: str | Signer) -> list[str]:
    """The codes with which an entry is refused, which leaves the ledger as it was; empty where it is taken."""
    before = ledger.last()
    try:
        ledger.append(kind, batch, body, at=NOON, by=by)
    except Faults as faults:
        assert ledger.last() == before
        return [fault.code for fault in faults.faults]
    return []
