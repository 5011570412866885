"""What can be written in the ledger: the kinds of entry, what each may follow, and when it is refused.

In: an entry that somebody wants to append, and the books as they stand. Out: every reason why it may not be. A kind is
a body in `bodies`, a row of `KINDS`, its roles in `people.MAY` and what it does to the books; adding one adds these.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pbr.canonical import canonical
from pbr.errors import Fault
from pbr.ledger import bodies
from pbr.ledger.books import Books, ClaimLine, Step
from pbr.ledger.people import folded, not_theirs
from pbr.ledger.reviews import review_faults
from pbr.values import pounds

NO_BATCH = ""
"""What stands for the batch in an entry that is about none."""

SAME_PERSON = "person_in_another_live_line"
"""The control that a person of one family is in another's live line: released, the ledger takes the line."""

FOUND_INVALID = "found_invalid_by_audit"
"""The control that an audit found the decision invalid on this route."""

REVERSED = "reversed_before"
"""The control that a line of this decision was repaid or withdrawn."""

Refusal = Callable[[Books, Step], Iterator[Fault]]
"""Given the books, says why an entry is refused."""


@dataclass(frozen=True)
class Kind:
    """One kind of entry: its body, the states it may follow (None: no batch yet), and what else bars it.

    A kind that is about no batch follows nothing, and its entries have `NO_BATCH` for the batch's id.
    """

    body: type[bodies.Body]
    follows: tuple[str | None, ...]
    refuses: Refusal

    @property
    def is_about_a_batch(self) -> bool:
        return bool(self.follows)


# ------------------------------------------------------------------------------------------------------------- refusals


def nothing_else(books: Books, step: Step) -> Iterator[Fault]:
    """For a kind whose only bar is the batch's state and whoever enters it."""
    return iter(())


def claimed_twice(books: Books, step: Step) -> Iterator[Fault]:
    """A family, or a person, that already has a live line on the same route, here or in another batch."""
    lines = step.says["lines"]
    yield from _repeated("E612", "line", "", (line["line_id"] for line in lines))
    for route in sorted({line["route"] for line in lines}):
        own = [line for line in lines if line["route"] == route]
        persons = [person for line in own if not _is_released(books, line) for person in sorted(set(line["persons"]))]
        yield from _repeated("E608", "family", f" on {route}", (line["family_id"] for line in own))
        yield from _repeated("E609", "person", f" on {route}", persons)
        for code, what, subjects in (
            ("E608", "family", [line["family_id"] for line in own]),
            ("E609", "person", persons),
        ):
            for subject in sorted(set(subjects)):
                for live in books.taken.get((what, subject, route), ()):
                    yield _taken(code, step, f"{what} {subject}", live)
    yield from _override_faults(books, step)
    yield from _superseded_faults(books, step)
    yield from _wrong_again(books, step)


def _is_released(books: Books, line: Mapping[str, Any], hold: str = SAME_PERSON) -> bool:
    """Whether an approved override releases the line of a control."""
    override = books.overrides.get(line.get("override") or 0)
    return override is not None and override.state == "approved" and hold in override.says["holds"]


def _wrong_again(books: Books, step: Step) -> Iterator[Fault]:
    for line in step.says["lines"]:
        act, seq = books.found_wrong.get((line.get("decision_id"), line["route"]), ("", 0))
        if seq and not _is_released(books, line, FOUND_INVALID if act == "audit" else REVERSED):
            what = f"line {line['line_id']} rests on a decision that entry {seq} found wrong"
            yield Fault("E652", f"batch {step.batch_id}", what, "Prepare the batch again, so that the line is held.")


def _repeated(code: str, what: str, where: str, names: Any) -> Iterator[Fault]:
    """What the batch's own lines hold more than once."""
    for name, count in sorted(Counter(names).items()):
        if count > 1:
            step = "Claim each line, and each family and person on one route, once."
            yield Fault(code, "the batch's lines", f"{what} {name} is there more than once{where}", step)


def _taken(code: str, step: Step, subject: str, live: ClaimLine) -> Fault:
    line, batch = live.says["line_id"], live.batch.batch_id
    what = f"{subject} already has a live line on {live.says['route']}: {line} in batch {batch}"
    mend = "Prepare the batch again, so that the line is left out, or withdraw the earlier batch first."
    return Fault(code, f"batch {step.batch_id}", what, mend)


def _override_faults(books: Books, step: Step) -> Iterator[Fault]:
    for line in step.says["lines"]:
        if line.get("override") is None:
            continue
        override = books.overrides.get(line["override"])
        named = f"line {line['line_id']}: override {line['override']}"
        mend = "Prepare the batch again, so that the line is held."
        said = {} if override is None else override.says
        if override is None or override.state != "approved":
            yield Fault("E660", f"batch {step.batch_id}", f"{named} is not approved, or not there", mend)
        elif any(said[name] != line[name] for name in ("family_id", "route", "decision_id")):
            yield Fault("E661", f"batch {step.batch_id}", f"{named} is of another decision", mend)
        elif said["expires_on"] < str(step.says["claim_date"]):
            yield Fault("E662", f"batch {step.batch_id}", f"{named} expired on {said['expires_on']}", mend)


def _superseded_faults(books: Books, step: Step) -> Iterator[Fault]:
    superseded = {line.says["line_id"]: line for line in books.lines if line.reversed_by == "supersede"}
    for line in step.says["lines"]:
        earlier = superseded.get(line.get("supersedes"))
        if line.get("supersedes") and (earlier is None or earlier.says["family_id"] != line["family_id"]):
            what = f"line {line['line_id']} stands for {line['supersedes']}, which is no superseded line of its family"
            yield Fault("E658", f"batch {step.batch_id}", what, "Supersede the earlier line first.")


def imported_wrongly(books: Books, step: Step) -> Iterator[Fault]:
    """What is claimed twice, and a line on which more was paid than claimed."""
    yield from claimed_twice(books, step)
    for line in step.says["lines"]:
        if line["paid_pence"] > line["amount_pence"]:
            sums = f"{line['amount_pence']} pence claimed, {line['paid_pence']} paid"
            what = f"line {line['line_id']} was paid beyond what was claimed: {sums}"
            yield Fault("E656", f"batch {step.batch_id}", what, "Correct the record that is imported.")


def unsound(books: Books, step: Step) -> Iterator[Fault]:
    """An audit's results that are not this batch's, or that do not add up to what they are entered as."""
    batch, says, place = books.batches[step.batch_id], step.says, f"batch {step.batch_id}"
    yield from _other_bundle(books, step)
    if strange := sorted(set(says["invalid"]) - batch.lines.keys()):
        yield Fault("E650", place, f"has no line {', '.join(strange)}", "Name the batch's own lines.")
    passed = says["decision"] == "pass" and not says["invalid"] and says["tested"] >= min(1, len(batch.lines))
    if (step.kind == "checked") != passed:
        what = f"the results say '{says['decision']}', {says['tested']} tested, {len(says['invalid'])} invalid"
        yield Fault("E651", place, f"is not to be {step.kind}: {what}", "A batch is checked when its audit passes.")
    if step.kind == "checked":
        yield from _must_be_signed(books, step)
        yield from _found_invalid(books, step)


def unapproved(books: Books, step: Step) -> Iterator[Fault]:
    """A batch that is not the one that was checked, or with a line that an audit found invalid."""
    yield from _other_bundle(books, step)
    yield from _found_invalid(books, step)


def _must_be_signed(books: Books, step: Step) -> Iterator[Fault]:
    if not books.batches[step.batch_id].is_signed:
        mend = "Withdraw it, and prepare it again with --key FILE."
        yield Fault("E647", f"batch {step.batch_id}", "was prepared unsigned, so nobody answers for it", mend)


def _other_bundle(books: Books, step: Step) -> Iterator[Fault]:
    named, own = step.says.get("manifest_digest"), books.batches[step.batch_id].says.get("manifest_digest")
    if named is not None and own is not None and named != own:
        what = "is not the bundle that was looked at: the ledger has another digest for it"
        yield Fault("E635", f"batch {step.batch_id}", what, "Restore the bundle, or withdraw the batch.")


def _found_invalid(books: Books, step: Step) -> Iterator[Fault]:
    for line_id, seq in sorted(books.batches[step.batch_id].invalid.items()):
        what = f"line {line_id} was found invalid by entry {seq}, and cannot be claimed"
        mend = "Withdraw the batch, put right what was found, and prepare it again without the line."
        yield Fault("E652", f"batch {step.batch_id}", what, mend)


def paid_wrongly(books: Books, step: Step) -> Iterator[Fault]:
    """A payment for a line that is not there, that is reversed, or beyond what was claimed; a remittance twice."""
    batch, place = books.batches[step.batch_id], f"batch {step.batch_id}"
    reference = step.says["reference"]
    if entered := [seq for other, seq in batch.remittances.items() if folded(other) == folded(reference)]:
        what = f"remittance {reference} was entered already, by entry {entered[0]}"
        yield Fault("E653", place, what, "A remittance is entered once. Another one has another reference.")
        return
    yield from _repeated("E654", "line", " in the remittance", (one["line_id"] for one in step.says["lines"]))
    for one in step.says["lines"]:
        line = batch.lines.get(one["line_id"])
        if line is None:
            yield Fault("E650", place, f"has no line {one['line_id']}", "Name the batch's own lines.")
        elif not line.is_live:
            what = f"line {one['line_id']} is claimed no more, and cannot be paid"
            yield Fault("E655", place, what, "Give the money back; `pbr ledger reconcile` tells of it.")
        elif line.paid_pence + one["amount_pence"] > line.says["amount_pence"]:
            claimed, paid, more = map(pounds, (line.says["amount_pence"], line.paid_pence, one["amount_pence"]))
            sums = f"{claimed} claimed, {paid} paid, {more} more"
            what = f"line {one['line_id']} would be paid beyond what was claimed: {sums}"
            yield Fault("E656", place, what, "Give the rest back; `pbr ledger reconcile` tells of it.")


def corrected_wrongly(books: Books, step: Step) -> Iterator[Fault]:
    """A reversal that does not fit what was claimed and paid."""
    batch, place = books.batches[step.batch_id], f"batch {step.batch_id}"
    corrections = step.says["corrections"]
    yield from _repeated("E654", "line", " in the correction", (one["line_id"] for one in corrections))
    for one in corrections:
        line, named = batch.lines.get(one["line_id"]), f"line {one['line_id']}"
        if line is None:
            yield Fault("E650", place, f"has no {named}", "Name the batch's own lines.")
            continue
        if not line.is_live:
            yield Fault("E657", place, f"{named} is claimed no more", "It is reversed already: see `pbr ledger lines`.")
            continue
        kept, claimed = line.kept_pence, line.says["amount_pence"]
        match one["act"]:
            case "repay" if not kept:
                what = f"{named} cannot be repaid: nothing was paid on it"
                yield Fault("E659", place, what, "Withdraw the line instead.")
            case "repay" if not 1 <= one["amount_pence"] <= kept:
                asked = pounds(one["amount_pence"])
                what = f"{named}: {asked} cannot be repaid of the {pounds(kept)} that were paid and kept"
                yield Fault("E659", place, what, "Repay at most what was paid.")
            case "withdraw" if kept:
                what = f"{named} cannot be withdrawn: {pounds(kept)} were paid on it"
                yield Fault("E659", place, what, "Repay it instead.")
            case "withdraw" | "supersede" if one["amount_pence"] != (kept or claimed):
                whole, asked = pounds(kept or claimed), pounds(one["amount_pence"])
                what = f"{named} is reversed whole, and that is {whole}, not {asked}"
                yield Fault("E659", place, what, "Name the whole amount.")


def paid_already(books: Books, step: Step) -> Iterator[Fault]:
    """A batch with money that was paid and not given back cannot be taken back as a whole."""
    batch = books.batches[step.batch_id]
    kept = sum(line.kept_pence for line in batch.lines.values())
    if batch.state == "paid" and kept:
        what = f"cannot be withdrawn: {pounds(kept)} were paid on its lines and not given back"
        yield Fault("E648", f"batch {step.batch_id}", what, "Repay the lines first, with `pbr claim repay`.")


def fee_wrong(books: Books, step: Step) -> Iterator[Fault]:
    """Attachment fees that do not multiply, or a remittance entered already."""
    says, place = step.says, f"attachment fees {step.says['financial_year']}"
    if says["families"] * says["fee_pence"] != says["amount_pence"]:
        what = f"{says['families']} families at {says['fee_pence']} pence do not make {says['amount_pence']}"
        yield Fault("E669", place, what, "Correct the number of families or the amount.")
    if any(folded(other["reference"]) == folded(says["reference"]) for other in books.attachments):
        what = f"remittance {says['reference']} was entered already"
        yield Fault("E653", place, what, "A remittance is entered once. Another one has another reference.")


def overridden_already(books: Books, step: Step) -> Iterator[Fault]:
    """A second override of one decision on one route; or one that says too little or too much."""
    says, place = step.says, f"override of family {step.says['family_id']}"
    if (earlier := books.override_of(says["decision_id"], says["route"])) is not None:
        what = f"there is one of this decision on {says['route']} already, and it is {earlier.state}"
        yield Fault("E663", place, f"{what}: override {earlier.entry}", "Withdraw it first, or have it approved.")
    if (says["act"] == "release") != bool(says["holds"]):
        what = "a release names the controls that it releases, and a discretionary pass none"
        yield Fault("E664", place, what, "See data/held.csv for what holds the line.")
    if (says["act"] == "pass") != (says["basis"] is not None):
        what = "a discretionary pass names the text that allows it, and a release none"
        yield Fault("E664", place, what, "Set `discretion` under [claims] in pbr.toml.")


def not_open(books: Books, step: Step) -> Iterator[Fault]:
    """An override that is not there, or not in the state that is to be changed."""
    override, place = books.overrides.get(step.says["override"]), f"override {step.says['override']}"
    if override is None:
        yield Fault("E665", place, "is not in the ledger", "See `pbr override list` for those that are.")
    elif override.state == "withdrawn" or (step.kind == "override_approved" and override.state == "approved"):
        yield Fault("E665", place, f"is {override.state} already", "See `pbr override list`.")


def registered_already(books: Books, step: Step) -> Iterator[Fault]:
    """A key that is known, a person who has one, and a registrar who would do anything else."""
    says, place = step.says, f"key of {step.says['person']}"
    if says["public_key"] in books.keys:
        yield Fault("E666", place, "was registered already", "Make another with `pbr keys new`.")
    if any(key.until is None and folded(key.person) == folded(says["person"]) for key in books.keys.values()):
        yield Fault("E667", place, "there is one already that is not revoked", "Revoke it first: one person, one key.")
    if "registrar" in says["roles"] and len(set(says["roles"])) > 1:
        what = "a registrar vouches for the others' keys, and takes no part in claims"
        yield Fault("E668", place, what, "Give the role to somebody who has no other.")


def not_registered(books: Books, step: Step) -> Iterator[Fault]:
    """A key that is not there to be revoked; and the last registrar's, without which nothing could be registered."""
    known, place = books.keys.get(step.says["public_key"]), "the register"
    if known is None or known.until is not None:
        yield Fault("E642", place, "has no such key, or it is revoked already", "See `pbr keys list`.")
    elif "registrar" in known.roles:
        others = [key for key in books.keys.values() if key.until is None and "registrar" in key.roles]
        if len(others) == 1:
            what = f"{known.person} is the only registrar: nobody could register a key any more"
            yield Fault("E668", place, what, "Register another registrar first.")


def decided_before(books: Books, step: Step) -> Iterator[Fault]:
    """Decisions that say nothing new, or that stand against others."""
    yield from review_faults(step.says["decisions"], books.decided)


KINDS: dict[str, Kind] = {
    "prepared": Kind(bodies.Prepared, (None,), claimed_twice),
    "audited": Kind(bodies.Audited, ("prepared", "checked", "approved", "submitted", "paid"), unsound),
    "checked": Kind(bodies.Audited, ("prepared",), unsound),
    "approved": Kind(bodies.Approved, ("checked",), unapproved),
    "submitted": Kind(bodies.Submitted, ("approved",), unapproved),
    "paid": Kind(bodies.Paid, ("submitted", "paid"), paid_wrongly),
    "corrected": Kind(bodies.Corrected, ("submitted", "paid", "imported"), corrected_wrongly),
    "withdrawn": Kind(
        bodies.Withdrawn, ("prepared", "checked", "approved", "submitted", "paid", "imported"), paid_already
    ),
    "imported": Kind(bodies.Imported, (None,), imported_wrongly),
    "overridden": Kind(bodies.Overridden, (), overridden_already),
    "override_approved": Kind(bodies.OverrideApproved, (), not_open),
    "override_withdrawn": Kind(bodies.OverrideWithdrawn, (), not_open),
    "attachment_paid": Kind(bodies.AttachmentPaid, (), fee_wrong),
    "registered": Kind(bodies.Registered, (), registered_already),
    "revoked": Kind(bodies.Revoked, (), not_registered),
    "reviewed": Kind(bodies.Reviewed, (), decided_before),
}


# -------------------------------------------------------------------------------------------------- what speaks against


def refusals(books: Books, step: Step) -> list[Fault]:
    """Everything that speaks against an entry whose body is as its kind has it: first who makes it, then the batch's
    state, then what is particular to the kind.
    """
    place = place_of(step.kind, step.batch_id)
    if not step.by.strip():
        return [Fault("E613", place, "does not say who made it", "Say who you are.")]
    batch = books.batches.get(step.batch_id)
    if batch is not None and _is_of_the_earlier_form(books, step, batch.state):
        return []
    if fault := step_fault(step.kind, step.batch_id, batch.state if batch else None):
        return [fault]
    return not_theirs(books, step, place) or list(KINDS[step.kind].refuses(books, step))


def _is_of_the_earlier_form(books: Books, step: Step, state: str) -> bool:
    """A submission from before there were keys and checks. Entries that are written now have every field."""
    return step.kind == "submitted" and not step.says and not step.key and not books.keys and state == "prepared"


def body_faults(kind: str, body: str, place: str) -> list[Fault]:
    """How a body (JSON text) differs from what its kind says; a kind that is not known is a fault itself."""
    if kind not in KINDS:
        known = ", ".join(KINDS)
        return [Fault("E604", place, f"kind '{kind}' is not known (known: {known})", "Use a newer pbr.")]
    try:
        KINDS[kind].body.model_validate_json(body)
    except ValidationError as error:
        # Pydantic's own messages hold the value that was found, which may be personal: only where and what are told.
        return [_body_fault(kind, place, found) for found in error.errors(include_input=False, include_url=False)]
    return []


def _body_fault(kind: str, place: str, found: Any) -> Fault:
    where = ".".join(str(part) for part in found["loc"]) or "the body"
    return Fault("E603", place, f"{kind}: {where}: {found['msg']}", "Give every field of the kind, with its type.")


def written_body(kind: str, body: Mapping[str, Any], place: str) -> str:
    """A body in canonical form with every field of its kind. Raises TypeError where a value has none."""
    text = canonical(dict(body)).decode()
    if body_faults(kind, text, place):
        return text
    return canonical(KINDS[kind].body.model_validate_json(text).model_dump(mode="json")).decode()


def place_of(kind: str, batch_id: str) -> str:
    """The place of an entry's faults."""
    if batch_id != NO_BATCH:
        return f"batch {batch_id}"
    return "the review" if kind == "reviewed" else f"the entry {kind}"


def step_fault(kind: str, batch_id: str, state: str | None) -> Fault | None:
    """Why an entry of this kind may not follow the batch's state, or None where it may."""
    place = place_of(kind, batch_id)
    if KINDS[kind].is_about_a_batch is (batch_id == NO_BATCH):
        about = "is about a batch and names none" if batch_id == NO_BATCH else "is about no batch and names one"
        return Fault("E630", place, f"an entry of the kind {kind} {about}", "Name the batch where there is one.")
    if not KINDS[kind].is_about_a_batch or state in KINDS[kind].follows:
        return None
    if state is None:
        return not_in_the_ledger(batch_id)
    if None in KINDS[kind].follows:
        return Fault(
            "E605",
            place,
            f"is in the ledger already and is {state}",
            "The same evidence, rules and dates make the same batch: it is entered once.",
        )
    after = " or ".join(str(step) for step in KINDS[kind].follows)
    return Fault("E607", place, f"is {state} and cannot be {kind}", f"A batch is {kind} only after {after}.")


def not_in_the_ledger(batch_id: str) -> Fault:
    """That a batch was never entered."""
    return Fault("E606", f"batch {batch_id}", "is not in the ledger", "See `pbr ledger list` for those that are.")


def step_of(seq: int, kind: str, batch_id: str, body: str, by: str, key: str) -> Step:
    """An entry's meaning, from its body's text; dates are ISO 8601 text."""
    return Step(seq, kind, batch_id, json.loads(body), by, key)
