"""The signed steps that a bundle carries: the ledger's entries about its batch, and those of the register.

In: a ledger and a batch, or a bundle. Out: `steps.jsonl` beside the bundle's manifests, a line an entry; or who signed
what, and every reason to doubt it. The file grows with the batch, so no manifest covers it: each line's signature does.
It lets somebody who has the bundle alone see that it was prepared, checked and approved, and by different people. That
they are who they say is vouched for by the registrar, whose fingerprint is compared with one that came another way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pbr.canonical import canonical
from pbr.claims.bundle import STEPS, sole_writer
from pbr.errors import Fault, Faults
from pbr.ledger import Entry, Ledger
from pbr.ledger.books import Books
from pbr.ledger.chain import own_fault
from pbr.ledger.kinds import body_faults, refusals, step_of
from pbr.ledger.signatures import fingerprint
from pbr.workspace import Workspace

OF_THE_REGISTER = ("registered", "revoked")


@dataclass(frozen=True)
class Signed:
    """One step of a batch and who signed it. `at`: when it was entered, UTC, to the second; `on`: the day on which it
    says that it happened, where it does; `fingerprint`: of the key.
    """

    seq: int
    at: str
    kind: str
    by: str
    fingerprint: str
    on: str | None


@dataclass(frozen=True)
class Steps:
    """What a bundle's steps come to: the batch's state, its signed steps, and the registrars who vouch for the keys."""

    state: str
    signed: tuple[Signed, ...]
    registrars: tuple[Signed, ...]


def carry(workspace: Workspace, ledger: Ledger, batch_id: str) -> None:
    """Write a batch's signed steps into its bundle; nothing where nobody signed, or the bundle is not there.

    The ledger is the record: what a command that was killed did not write, the next one writes. Raises Faults (E673).
    """
    prepared = ledger.prepared(batch_id)
    if prepared is None or not prepared.signature:
        return
    bundle = workspace.batches_path / str(prepared.says["bundle"])
    if not bundle.is_dir():
        return
    partial = bundle.with_name(f".{bundle.name}.steps")
    try:
        # The ledger is read inside the lock: of two commands at once, the last to write knows of both their entries.
        with sole_writer(workspace.batches_path):
            lines = [canonical(asdict(entry)) + b"\n" for entry in _told(ledger.entries(), prepared)]
            with partial.open("wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, bundle / STEPS)
    except OSError as error:
        step = "See to the disk and to your rights on it: the next step of the batch writes it again."
        raise Faults(Fault("E673", str(bundle / STEPS), f"cannot be written: {error.strerror}", step)) from error


def _told(entries: Iterable[Entry], prepared: Entry) -> list[Entry]:
    """The entries without which a batch's steps cannot be judged: its own, the register's, and its lines' overrides."""
    overrides = {line["override"] for line in prepared.says["lines"]} - {None}
    return [
        entry
        for entry in entries
        if entry.batch_id == prepared.batch_id
        or entry.kind in OF_THE_REGISTER
        or (entry.kind == "overridden" and entry.seq in overrides)
        or (entry.kind.startswith("override_") and entry.says["override"] in overrides)
    ]


def read_steps(bundle: Path, batch_id: str, digest: str) -> Steps | None:
    """The signed steps of a bundle, judged as the ledger would; None where it carries none.

    `digest` is the bundle's manifest digest. Raises Faults (E649) with everything that is wrong with them.
    """
    path = bundle / STEPS
    if not path.is_file():
        return None
    books, faults, signed, registrars = Books(), [], [], []
    try:
        entries = [Entry(**json.loads(line)) for line in path.read_bytes().splitlines()]
        numbers = [entry.seq for entry in entries]
        if numbers != sorted(set(numbers)) or any(not isinstance(each, str) for e in entries for each in _texts(e)):
            raise ValueError
    except (ValueError, TypeError, OSError):
        raise Faults(_doubt(STEPS, "is no list of entries in their order")) from None
    for entry in entries:
        place = f"{STEPS} entry {entry.seq}"
        found = [own_fault(entry, place)] if own_fault(entry, place) else body_faults(entry.kind, entry.body, place)
        if not found and entry.batch_id not in ("", batch_id):
            found = [_doubt(place, "is about another batch")]
        if not found and entry.kind == "prepared" and entry.says["manifest_digest"] != digest:
            found = [_doubt(place, "was signed for another bundle: its manifest digest is another")]
        if not found:
            step = step_of(entry.seq, entry.kind, entry.batch_id, entry.body, entry.by, entry.key)
            found = [each for each in refusals(books, step) if each.code not in _NEEDS_THE_LEDGER]
        if found:
            faults += [_doubt(place, each.what) for each in found if each]
            break
        books.enter(step)
        on = entry.says.get("submitted_on") or entry.says.get("paid_on")
        told = Signed(entry.seq, entry.at, entry.kind, entry.by, fingerprint(entry.key), on)
        if entry.batch_id:
            signed.append(told)
        elif entry.kind == "registered" and "registrar" in entry.says["roles"]:
            registrars.append(told)
    if not faults and batch_id not in books.batches:
        faults.append(_doubt(STEPS, "does not say who prepared the batch"))
    if faults:
        raise Faults(faults)
    return Steps(books.batches[batch_id].state, tuple(signed), tuple(registrars))


def not_the_ledgers(ledger: Ledger, bundle: Path, batch_id: str) -> list[Fault]:
    """Signed steps that a bundle carries and the ledger has not; a bundle that was handed on earlier has fewer."""
    prepared = ledger.prepared(batch_id)
    if prepared is None or not (bundle / STEPS).is_file():
        return []
    ours = {canonical(asdict(entry)) for entry in _told(ledger.entries(), prepared)}
    carried = set((bundle / STEPS).read_bytes().splitlines())
    return [_doubt(STEPS, "has an entry that is not the ledger's")] if carried - ours else []


_NEEDS_THE_LEDGER = ("E658", "E608", "E609")
"""What can only be judged beside the other batches."""


def _texts(entry: Entry) -> tuple[str, ...]:
    return (entry.at, entry.by, entry.kind, entry.batch_id, entry.body, entry.previous, entry.digest, entry.key)


def _doubt(place: str, what: str) -> Fault:
    return Fault("E649", place, what, "Ask for the bundle again, and compare with the ledger: pbr verify --workspace.")
