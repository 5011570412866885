"""What the entries of the ledger say: one closed body a kind, with every field written.

A field with a default came later than the kind: an entry from before it reads as if the default stood there, and every
new entry writes it. Money is whole pence; `reason`, `why`, `cause` and `role` are for people and hold no personal data.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Words = Annotated[str, Field(pattern=r"\S")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
DetailsKey = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
KeyCheck = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Pence = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
FinancialYear = Annotated[str, Field(pattern=r"^20[0-9]{2}/[0-9]{2}$")]

Role = Literal["registrar", "preparer", "auditor", "approver", "finance"]


def _some(items: tuple[object, ...]) -> tuple[object, ...]:
    # Field's own min_length would also count the items that are badly written as missing.
    if not items:
        raise ValueError("there is none")
    return items


class Body(BaseModel):
    """What an entry says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# ---------------------------------------------------------------------------------------------------- claims and money


class Line(Body):
    """One claim line: a family, a route, whole pence, and the persons in the family when it was claimed.

    `override`: the entry of the override that it rests on. `supersedes`: the earlier line in whose place it stands.
    """

    line_id: Text
    family_id: Text
    family_ref: Text
    route: Text
    amount_pence: Pence
    decision_id: Digest
    engaged_on: date
    persons: tuple[Text, ...]
    override: int | None = None
    supersedes: Text | None = None


class HeldLine(Body):
    """A line that a control kept out of the batch, `;` between the controls."""

    family_id: Text
    route: Text
    amount_pence: Pence
    reason: Text


class Prepared(Body):
    """A batch was made, and its bundle written: the digest of the bundle's manifest ties the two together."""

    authority_code: Text
    window: Text
    pack_id: Text
    pack_digest: Digest
    as_of: date
    claim_date: date
    run_key: Text
    """What the run was given; the same key again is the same run (`Ledger.find_prepared`)."""
    bundle: Text
    manifest_digest: Digest
    allocation: dict[str, int | str] | None
    """The authority's allocation as it was applied, for people to read; null where the pack has none."""
    lines: tuple[Line, ...]
    held: tuple[HeldLine, ...] = ()


class Audited(Body):
    """Results of an audit's sample. As `checked` nothing was found that bars the claim; as `audited` it was not enough,
    or a line was found invalid.

    `invalid`: the ids of lines found invalid. The interval of invalid lines and of pence at risk is the one that
    `pbr audit record` told, for the whole batch.
    """

    manifest_digest: Digest
    population_digest: Digest
    sample_digest: Digest
    results_digest: Digest
    seed: Text
    sampled: Count
    tested: Count
    invalid: tuple[Text, ...]
    decision: Literal["pass", "extend", "check_all", "withdraw", "incomplete"]
    tolerable: Text
    invalid_lines_low: Count
    invalid_lines_high: Count
    found_pence: Pence
    projected_pence: Pence
    most_pence: Pence


class Approved(Body):
    """The responsible officer signed for the claim as its bundle has it."""

    manifest_digest: Digest


class Submitted(Body):
    """The batch went to the department, on a day inside its claim window."""

    submitted_on: date | None = None
    manifest_digest: Digest | None = None


class Payment(Body):
    line_id: Text
    amount_pence: Pence


class Paid(Body):
    """A remittance advice of the department, as far as it is about this batch."""

    reference: Words
    paid_on: date
    remittance_digest: Digest
    lines: Annotated[tuple[Payment, ...], AfterValidator(_some)]


class Correction(Body):
    """A line reversed. `withdraw`: it is claimed no more, nothing having been paid. `repay`: what was paid, or a part,
    is given back; when nothing is left the line is claimed no more. `supersede`: reversed whole, for another line to
    stand in its place. `amount_pence`: what is given back; of a line on which nothing is paid, what was claimed.
    """

    line_id: Text
    act: Literal["withdraw", "repay", "supersede"]
    amount_pence: Pence
    cause: Words


class Corrected(Body):
    """Lines of a submitted or paid batch are reversed. Nothing of what was entered before changes."""

    corrections: Annotated[tuple[Correction, ...], AfterValidator(_some)]


class Withdrawn(Body):
    """The batch is taken back: its lines are live no more."""

    reason: Words


class ImportedLine(Body):
    """A claim made before there was this ledger. `persons`: as far as the earlier record names them."""

    line_id: Text
    window: Text
    family_id: Text
    family_ref: Text
    route: Text
    amount_pence: Pence
    paid_pence: Pence
    engaged_on: date | None
    claimed_on: date | None
    persons: tuple[Text, ...]


class Imported(Body):
    """Claims taken over from an earlier record, so that none is made twice."""

    authority_code: Text
    file: Text
    file_digest: Digest
    pack_id: Text | None
    lines: Annotated[tuple[ImportedLine, ...], AfterValidator(_some)]


class AttachmentPaid(Body):
    """Attachment fees of one financial year, which are paid for a number of families and not for named ones."""

    financial_year: FinancialYear
    pack_id: Text
    families: Annotated[int, Field(ge=1)]
    fee_pence: Pence
    amount_pence: Pence
    reference: Words
    paid_on: date


# ----------------------------------------------------------------------------------------------------------- overrides


class Overridden(Body):
    """Somebody asks that one decision be claimed although a control holds its line (`release`), or although its route
    is not met, as a discretionary pass (`pass`). It counts once another person has approved it, until `expires_on`
    (that day inside), and for this decision only: other evidence, rules or dates make another decision.

    `holds`: the controls that are released, in order. `basis`: the text that allows a discretionary pass.
    """

    family_id: Text
    route: Text
    decision_id: Digest
    act: Literal["release", "pass"]
    holds: tuple[Text, ...]
    reason: Words
    role: Words
    basis: Words | None
    expires_on: date


class OverrideApproved(Body):
    """Another person agrees to an override, named by the number of its entry."""

    override: int


class OverrideWithdrawn(Body):
    """An override counts no more. Lines that were claimed by it stay as they are."""

    override: int
    reason: Words


# -------------------------------------------------------------------------------------------------------------- people


class Registered(Body):
    """A person's public key, and what they may do. The first is a registrar's own; each other is signed by one."""

    person: Words
    roles: Annotated[tuple[Role, ...], AfterValidator(_some)]
    public_key: PublicKey


class Revoked(Body):
    """From here on nothing is taken that is signed with this key. What was signed before stays signed."""

    public_key: PublicKey
    reason: Words


# ------------------------------------------------------------------------------------------------------------- reviews


class ReviewDecision(Body):
    """Whether the details that a record gives of somebody are this person's.

    `details_key` is a keyed digest of the details, which all records that give the same share; `table` and `record_id`
    name one of them. `rejected` and `accepted` stand until `reopened` takes them back; only then can the same details
    and person be decided anew.
    """

    details_key: DetailsKey
    table: Text
    record_id: Text
    person_id: Text
    verdict: Literal["accepted", "rejected", "reopened"]
    why: Words


class Reviewed(Body):
    """Somebody decided whom records are about. The entry is about no batch, and changes none that is there.

    `key_check` tells the key under which its details keys were made from every other, and nothing of that key.
    """

    key_check: KeyCheck
    decisions: Annotated[tuple[ReviewDecision, ...], AfterValidator(_some)]
