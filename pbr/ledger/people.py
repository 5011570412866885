"""Who may do what: the register of keys, and the steps that must lie in different hands.

In: an entry that somebody wants to append, and the books. Out: every reason why it is not theirs to make. Where no key
is registered, nothing can be signed: a batch can then be prepared and withdrawn, and goes no further.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from pbr.errors import Fault
from pbr.ledger.books import Books, Step
from pbr.values import pounds

MAY: dict[str, tuple[str, ...]] = {
    "prepared": ("preparer",),
    "audited": ("auditor",),
    "checked": ("auditor",),
    "approved": ("approver",),
    "submitted": ("preparer", "approver"),
    "paid": ("finance",),
    "corrected": ("preparer", "approver", "finance"),
    "withdrawn": ("preparer", "auditor", "approver", "finance"),
    "imported": ("preparer",),
    "attachment_paid": ("finance",),
    "overridden": ("preparer",),
    "override_approved": ("approver",),
    "override_withdrawn": ("preparer", "auditor", "approver"),
    "reviewed": ("preparer", "auditor", "approver"),
    "registered": ("registrar",),
    "revoked": ("registrar",),
}
"""The roles that may make an entry of each kind."""

UNSIGNED = ("prepared", "withdrawn", "reviewed", "imported")
"""The kinds that are taken unsigned while no key is registered."""

APART: dict[str, tuple[str, ...]] = {
    "audited": ("prepared",),
    "checked": ("prepared",),
    "approved": ("prepared", "checked"),
}
"""Whoever made one of these entries of a batch does not make the other."""


MONEY_BACK = ("finance",)
"""The role that may free a line on which money is kept: say that it was given back, or take an import back. Whoever
prepares or approves claims would gain a line to claim anew, on their own word.
"""


def folded(name: str) -> str:
    """A name as names are compared: its letters and figures, whatever their capitals, accents and encoding, and however
    it is spaced and pointed: `J. Smith` is `j smith`.
    """
    return "".join(mark for mark in unicodedata.normalize("NFKD", name.casefold()) if mark.isalnum())


def not_theirs(books: Books, step: Step, place: str) -> list[Fault]:
    """Why whoever signs may not make the entry; empty where they may."""
    for look in (_key_faults, _money_faults, _too_near):
        if found := list(look(books, step, place)):
            return found
    return []


def _key_faults(books: Books, step: Step, place: str) -> Iterator[Fault]:
    if not step.key:
        if books.keys or step.kind not in UNSIGNED:
            what = f"is to be {step.kind.replace('_', ' ')} without a signature"
            step_next = (
                "Sign it with --key FILE." if books.keys else "Make keys with `pbr keys new`, and register them."
            )
            yield Fault("E640", place, what, step_next)
        return
    if not books.keys and step.kind == "registered":
        if step.says["public_key"] != step.key or "registrar" not in step.says["roles"]:
            what = "the first key of a register is a registrar's own, and this is not"
            yield Fault("E641", place, what, "Register a registrar first: `pbr keys register --role registrar`.")
        elif folded(step.says["person"]) != folded(step.by):
            what = f"is the key of {step.says['person']}, and says that {step.by} made it"
            yield Fault("E644", place, what, "Leave the name out: the entry has it.")
        return
    known = books.keys.get(step.key)
    if known is None:
        yield Fault("E642", place, "is signed with a key that is not registered", "A registrar registers it first.")
    elif known.until is not None:
        what = f"is signed with {known.person}'s key, which entry {known.until} revoked"
        yield Fault("E643", place, what, "Make a new key, and have it registered.")
    elif folded(known.person) != folded(step.by):
        what = f"is signed with {known.person}'s key, and says that {step.by} made it"
        yield Fault("E644", place, what, "Leave the name out: the register has it.")
    elif not set(known.roles) & set(MAY[step.kind]):
        what = f"{known.person} is registered as {', '.join(known.roles)}, and {step.kind} is not theirs to enter"
        yield Fault("E645", place, what, f"It takes: {' or '.join(MAY[step.kind])}.")


def _money_faults(books: Books, step: Step, place: str) -> Iterator[Fault]:
    """Somebody else than finance who frees lines on which money is kept."""
    batch, known = books.batches.get(step.batch_id), books.keys.get(step.key)
    if batch is None or known is None or set(known.roles) & set(MONEY_BACK):
        return
    named = [one["line_id"] for one in step.says["corrections"]] if step.kind == "corrected" else []
    freed = batch.lines.keys() if step.kind == "withdrawn" and batch.state == "imported" else named
    if kept := sum(batch.lines[line_id].kept_pence for line_id in freed if line_id in batch.lines):
        roles, money = ", ".join(known.roles), pounds(kept)
        what = f"{known.person} is registered as {roles}, and {money} that were paid are kept on what they reverse"
        yield Fault("E645", place, what, f"It takes: {' or '.join(MONEY_BACK)}.")


def _too_near(books: Books, step: Step, place: str) -> Iterator[Fault]:
    """Two steps in one hand that belong in two."""
    batch = books.batches.get(step.batch_id)
    if batch is not None:
        for earlier in APART.get(step.kind, ()):
            if folded(batch.by.get(earlier, "")) == folded(step.by):
                what = f"was {earlier} by {step.by}, who cannot also be the one by whom it is {step.kind}"
                yield Fault("E646", place, what, "Another person does it, with a key of their own.")
    if step.kind == "override_approved":
        override = books.overrides.get(step.says["override"])
        if override is not None and folded(override.proposed_by) == folded(step.by):
            what = f"override {override.entry} was proposed by {step.by}, who cannot also approve it"
            yield Fault("E646", place, what, "Another person approves it, with a key of their own.")
