"""The chain: every entry holds the digest of the one before it, so that none can be changed, removed or slipped in.

In: the ledger's rows. Out: an entry's digest; and the first fault that a walk from the first entry meets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pbr.canonical import canonical, digest
from pbr.errors import Fault
from pbr.ledger.kinds import Standing, body_faults, review_faults, step_fault
from pbr.ledger.migrations import FIRST


@dataclass(frozen=True)
class Entry:
    """One entry as it is stored. `at` is UTC, to the second; `body` is canonical JSON text."""

    seq: int
    at: str
    by: str
    kind: str
    batch_id: str
    body: str
    previous: str
    digest: str

    @property
    def says(self) -> dict[str, Any]:
        """The body as read from its text; dates are ISO 8601 text."""
        read: dict[str, Any] = json.loads(self.body)
        return read


def entry_digest(seq: int, at: str, by: str, kind: str, batch_id: str, body: str, previous: str) -> str:
    """SHA-256 over the canonical form of everything else in the entry, its body as text."""
    return digest(
        {"seq": seq, "at": at, "by": by, "kind": kind, "batch_id": batch_id, "body": body, "previous": previous}
    )


def first_misfit(entries: Iterable[Entry], ever_added: int, place: str) -> Fault | None:
    """The first entry that does not fit, as a fault; None where all do.

    `entries` are in order; `ever_added` is SQLite's own count of them, which tells of entries cut off the end.
    """
    previous = FIRST
    seq = 0
    states: dict[str, str] = {}
    stands: Standing = {}
    restore = "Restore the ledger from a backup taken before, and find out who could write to the file."
    for entry in entries:
        here = f"{place} entry {entry.seq}"
        if entry.seq != seq + 1:
            return Fault("E621", here, f"follows entry {seq}: what was between them is missing", restore)
        if entry.digest != _digest_of(entry):
            return Fault("E622", here, "was changed since it was written: its digest does not fit it", restore)
        if entry.previous != previous:
            return Fault("E623", here, f"does not hold the digest of the entry before it ({seq})", restore)
        if fault := _meaning_fault(entry, here, states, stands):
            return fault
        states[entry.batch_id] = entry.kind
        for one in _decisions(entry):
            stands.setdefault(one["details_key"], {})[one["person_id"]] = (one["verdict"], entry.seq)
        previous, seq = entry.digest, entry.seq
    if ever_added != seq:
        return Fault("E621", f"{place} entry {seq + 1}", f"is missing: {ever_added} entries were written", restore)
    return None


def _digest_of(entry: Entry) -> str:
    return entry_digest(entry.seq, entry.at, entry.by, entry.kind, entry.batch_id, entry.body, entry.previous)


def _decisions(entry: Entry) -> list[dict[str, str]]:
    return entry.says["decisions"] if entry.kind == "reviewed" else []


def _meaning_fault(entry: Entry, here: str, states: dict[str, str], stands: Standing) -> Fault | None:
    """An entry that fits the chain but that pbr would never have written."""
    found = body_faults(entry.kind, entry.body, here)
    if not found and canonical(entry.says).decode() != entry.body:
        found = [Fault("E603", here, f"{entry.kind}: the body is not in canonical form", "")]
    if not found and (step := step_fault(entry.kind, entry.batch_id, states.get(entry.batch_id))):
        found = [step]
    if not found:
        found = review_faults(_decisions(entry), stands)
    if not found:
        return None
    what = f"was not written by pbr: {found[0].what}"
    return Fault("E624", here, what, "Find out who wrote to the file, and restore the ledger from a backup.")
