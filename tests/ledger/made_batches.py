"""Batches and reviews made up for the ledger's tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

NOON = datetime(2014, 9, 2, 12, 0, tzinfo=UTC)


def line(
    family: str, route: str = "crime_asb_education", persons: tuple[str, ...] = (), pence: int = 70000
) -> dict[str, Any]:
    return {
        "line_id": f"{family}-{route}",
        "family_id": family,
        "family_ref": f"ref-{family}",
        "route": route,
        "amount_pence": pence,
        "decision_id": "d" * 64,
        "engaged_on": date(2012, 10, 1),
        "persons": persons or (f"{family}-p1", f"{family}-p2"),
    }


def prepared(*lines: dict[str, Any], window: str = "2014-09", run_key: str = "run", **other: Any) -> dict[str, Any]:
    return {
        "authority_code": "E06000034",
        "window": window,
        "pack_id": "phase-1",
        "pack_digest": "a" * 64,
        "as_of": date(2014, 9, 1),
        "claim_date": date(2014, 9, 1),
        "run_key": run_key,
        "bundle": "E06000034-2014-09-abc",
        "manifest_digest": "b" * 64,
        "allocation": None,
        "lines": lines,
        **other,
    }


def reviewed(*decisions: dict[str, str], key_check: str = "0" * 8) -> dict[str, Any]:
    return {"key_check": key_check, "decisions": decisions}


def decision(person: str = "P1", verdict: str = "accepted", details: str = "k1", **other: str) -> dict[str, str]:
    return {
        "details_key": details.encode().hex().rjust(32, "0"),
        "table": "offending",
        "record_id": f"o-{details}",
        "person_id": person,
        "verdict": verdict,
        "why": "the school's register has the same address",
        **other,
    }
