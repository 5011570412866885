"""The chain: every entry holds the digest of the one before it, so that none can be changed, removed or slipped in.

In: the ledger's rows. Out: an entry's digest; and the first fault that a walk from the first entry meets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pbr.canonical import canonical, digest
from pbr.errors import Fault
from pbr.ledger.books import Books
from pbr.ledger.kinds import body_faults, refusals, step_of
from pbr.ledger.migrations import FIRST
from pbr.ledger.signatures import holds, words_of

WHEN = "%Y-%m-%dT%H:%M:%SZ"
"""How an entry's time is written, in UTC."""


@dataclass(frozen=True)
class Entry:
    """One entry as it is stored. `at` is UTC, to the second; `body` is canonical JSON text; `key` is the public key of
    whoever signed, and `signature` theirs (`signatures.words_of`), both empty where nobody did.
    """

    seq: int
    at: str
    by: str
    kind: str
    batch_id: str
    body: str
    previous: str
    digest: str
    key: str = ""
    signature: str = ""

    @property
    def says(self) -> dict[str, Any]:
        """The body as read from its text; dates are ISO 8601 text."""
        read: dict[str, Any] = json.loads(self.body)
        return read


def entry_digest(
    seq: int, at: str, by: str, kind: str, batch_id: str, body: str, previous: str, key: str = "", signature: str = ""
) -> str:
    """SHA-256 over the canonical form of everything else in the entry, its body as text; key and signature where it is
    signed.
    """
    said = {"seq": seq, "at": at, "by": by, "kind": kind, "batch_id": batch_id, "body": body, "previous": previous}
    return digest(said | ({"key": key, "signature": signature} if key or signature else {}))


def first_misfit(entries: Iterable[Entry], ever_added: int, place: str) -> Fault | None:
    """The first entry that does not fit, as a fault; None where all do.

    `entries` are in order; `ever_added` is SQLite's own count of them, which tells of entries cut off the end.
    """
    previous = FIRST
    seq = 0
    books = Books()
    restore = "Restore the ledger from a backup taken before, and find out who could write to the file."
    for entry in entries:
        here = f"{place} entry {entry.seq}"
        if entry.seq != seq + 1:
            return Fault("E621", here, f"follows entry {seq}: what was between them is missing", restore)
        if fault := own_fault(entry, here):
            return fault
        if entry.previous != previous:
            return Fault("E623", here, f"does not hold the digest of the entry before it ({seq})", restore)
        if fault := _meaning_fault(entry, here, books):
            return fault
        previous, seq = entry.digest, entry.seq
    if ever_added != seq:
        return Fault("E621", f"{place} entry {seq + 1}", f"is missing: {ever_added} entries were written", restore)
    return None


def _is_time(at: str) -> bool:
    try:
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%S%z").strftime(WHEN) == at
    except ValueError:
        return False


def own_fault(entry: Entry, here: str) -> Fault | None:
    """Why an entry is not, by itself, as it was written: its digest, and its signature where it has one."""
    restore = "Restore the ledger from a backup taken before, and find out who could write to the file."
    said = (entry.seq, entry.at, entry.by, entry.kind, entry.batch_id, entry.body, entry.previous)
    if entry.digest != entry_digest(*said, entry.key, entry.signature):
        return Fault("E622", here, "was changed since it was written: its digest does not fit it", restore)
    if (entry.key or entry.signature) and not holds(entry.key, entry.signature, words_of(*said)):
        return Fault("E626", here, "has a signature that is not its key's over what it says", restore)
    return None


def _meaning_fault(entry: Entry, here: str, books: Books) -> Fault | None:
    """An entry that fits the chain but that pbr would never have written; one that it would is taken into the books."""
    found = body_faults(entry.kind, entry.body, here)
    if not found and canonical(entry.says).decode() != entry.body:
        found = [Fault("E603", here, f"{entry.kind}: the body is not in canonical form", "")]
    if not found and not _is_time(entry.at):
        found = [Fault("E603", here, f"{entry.kind}: its time is not in UTC, to the second", "")]
    if not found:
        step = step_of(entry.seq, entry.kind, entry.batch_id, entry.body, entry.by, entry.key)
        found = refusals(books, step)
    if not found:
        books.enter(step)
        return None
    what = f"was not written by pbr: {found[0].what}"
    return Fault("E624", here, what, "Find out who wrote to the file, and restore the ledger from a backup.")
