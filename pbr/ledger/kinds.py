"""What can be written in the ledger: the kinds of entry, what the body of each says, and when each is refused.

In: an entry that somebody wants to append, and the ledger as it stands. Out: every reason why it may not be. A kind is
one row of `KINDS` with one function; adding one adds a body, a function and a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlite_utils import Database

from pbr.errors import Fault

Text = Annotated[str, Field(min_length=1)]
Words = Annotated[str, Field(pattern=r"\S")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
DetailsKey = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
KeyCheck = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]

NO_BATCH = ""
"""What stands for the batch in an entry that is about none."""


class Body(BaseModel):
    """What an entry says: closed, with every field written, none by default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Line(Body):
    """One claim line: a family, a route, whole pence, and the persons in the family when it was claimed."""

    line_id: Text
    family_id: Text
    family_ref: Text
    route: Text
    amount_pence: Annotated[int, Field(ge=0)]
    decision_id: Digest
    engaged_on: date
    persons: tuple[Text, ...]


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


class Submitted(Body):
    """The batch went to the department."""


class Withdrawn(Body):
    """The batch is taken back: its lines are live no more. `reason` is for people and holds no personal data."""

    reason: Words


class ReviewDecision(Body):
    """Whether the details that a record gives of somebody are this person's.

    `details_key` is a keyed digest of the details, which all records that give the same share; `table` and `record_id`
    name one of them. `rejected` and `accepted` stand until `reopened` takes them back; only then can the same details
    and person be decided anew. `why` is for people and holds no personal data.
    """

    details_key: DetailsKey
    table: Text
    record_id: Text
    person_id: Text
    verdict: Literal["accepted", "rejected", "reopened"]
    why: Words


def _some(decisions: tuple[ReviewDecision, ...]) -> tuple[ReviewDecision, ...]:
    # Field's own min_length would also count the decisions that are badly written as missing.
    if not decisions:
        raise ValueError("there is no decision")
    return decisions


class Reviewed(Body):
    """Somebody decided whom records are about. The entry is about no batch, and changes none that is there.

    `key_check` tells the key under which its details keys were made from every other, and nothing of that key.
    """

    key_check: KeyCheck
    decisions: Annotated[tuple[ReviewDecision, ...], AfterValidator(_some)]


Refusal = Callable[[Database, str, str], Iterator[Fault]]
"""Given the ledger, the batch id and the body's text, says why the entry is refused."""


@dataclass(frozen=True)
class Kind:
    """One kind of entry: its body, the states it may follow (None: no batch yet), and what else bars it.

    A kind that is about no batch follows nothing, and its entries have `NO_BATCH` for the batch's id.
    """

    body: type[Body]
    follows: tuple[str | None, ...]
    refuses: Refusal

    @property
    def is_about_a_batch(self) -> bool:
        return bool(self.follows)


def nothing_else(db: Database, batch_id: str, body: str) -> Iterator[Fault]:
    """For a kind whose only bar is the batch's state."""
    return iter(())


def claimed_twice(db: Database, batch_id: str, body: str) -> Iterator[Fault]:
    """A family, or a person, that already has a live line on the same route, here or in another batch."""
    yield from _repeated(db, body, "line_id", "E612", "line", [])
    for column, code in (("family_id", "E608"), ("person_id", "E609")):
        yield from _repeated(db, body, column, code, column.removesuffix("_id"), ["route"])
        for subject, route, batch, line in db.execute(_LIVE_ALREADY[column], {"body": body}):
            yield Fault(
                code,
                f"batch {batch_id}",
                f"{column.removesuffix('_id')} {subject} already has a live line on {route}: {line} in batch {batch}",
                "Prepare the batch again, so that the line is left out, or withdraw the earlier batch first.",
            )


_NEW_LINES = """
WITH new AS MATERIALIZED (
  SELECT json_extract(value, '$.line_id') AS line_id, json_extract(value, '$.family_id') AS family_id,
    json_extract(value, '$.route') AS route, json_extract(value, '$.persons') AS persons
  FROM json_each(:body, '$.lines')
), new_persons AS MATERIALIZED (
  SELECT new.line_id, new.route, person.value AS person_id FROM new, json_each(new.persons) AS person
)
"""

# Membership and not a join: SQLite looks each live line up in an index of the new ones, however many there are.
_LIVE_ALREADY = {
    "family_id": f"""{_NEW_LINES}
SELECT family_id, route, batch_id, line_id FROM lines
WHERE live AND (family_id, route) IN (SELECT family_id, route FROM new) ORDER BY 1, 2, 3, 4""",
    "person_id": f"""{_NEW_LINES}
SELECT person_id, route, batch_id, line_id FROM line_persons
WHERE live AND (person_id, route) IN (SELECT person_id, route FROM new_persons) ORDER BY 1, 2, 3, 4""",
}


def _repeated(db: Database, body: str, column: str, code: str, what: str, within: list[str]) -> Iterator[Fault]:
    """What the batch's own lines hold more than once."""
    columns = ", ".join([column, *within])
    source = "new_persons" if column == "person_id" else "new"
    sql = f"{_NEW_LINES} SELECT {columns} FROM {source} GROUP BY {columns} HAVING count(*) > 1 ORDER BY {columns}"
    for subject, *route in db.execute(sql, {"body": body}):
        yield Fault(
            code,
            "the batch's lines",
            f"{what} {subject} is there more than once" + "".join(f" on {name}" for name in route),
            "Claim each line, and each family and person on one route, once.",
        )


DECIDED = """
SELECT entries.seq, entries.at, entries."by",
  json_extract(entries.body, '$.key_check') AS key_check,
  json_extract(decision.value, '$.details_key') AS details_key,
  json_extract(decision.value, '$.table') AS "table",
  json_extract(decision.value, '$.record_id') AS record_id,
  json_extract(decision.value, '$.person_id') AS person_id,
  json_extract(decision.value, '$.verdict') AS verdict,
  json_extract(decision.value, '$.why') AS why
FROM entries, json_each(entries.body, '$.decisions') AS decision WHERE entries.kind = 'reviewed'
"""
"""Every decision of every review, as a query: one row a decision, with its entry's own columns."""


def decided_before(db: Database, batch_id: str, body: str) -> Iterator[Fault]:
    """Decisions that say nothing new, or that stand against others."""
    decisions = json.loads(body)["decisions"]
    asked = json.dumps(sorted({one["details_key"] for one in decisions}))
    sql = f"""
        SELECT details_key, person_id, verdict, seq FROM ({DECIDED})
        WHERE details_key IN (SELECT value FROM json_each(:asked)) ORDER BY seq"""
    stands: Standing = {}
    for key, person, verdict, seq in db.execute(sql, {"asked": asked}):
        stands.setdefault(key, {})[person] = (verdict, seq)
    yield from review_faults(decisions, stands)


Standing = dict[str, dict[str, tuple[str, int]]]
"""The last verdict on each person and the entry that holds it, by the key of the details and the person's id."""

_UNDECIDED = ("reopened", 0)


def review_faults(decisions: Iterable[Mapping[str, str]], stands: Standing) -> list[Fault]:
    """What does not fit in the decisions of one review, after those that stand; they count together, in any order."""
    found: list[Fault] = []
    new: dict[str, dict[str, str]] = {}
    for one in decisions:
        key, person, verdict = one["details_key"], one["person_id"], one["verdict"]
        place = f"{one['table']} record {one['record_id']}"
        stood, seq = stands.get(key, {}).get(person, _UNDECIDED)
        if person in new.setdefault(key, {}):
            what = f"person {person} is decided twice for the details that it gives"
            found.append(
                Fault("E631", place, what, "Decide once: records that give the same details share a decision.")
            )
        elif stood == verdict:
            known = f"person {person} is {verdict} already"
            what = f"nothing is decided of person {person}" if verdict == "reopened" else known
            found.append(Fault("E632", place, what, "`pbr review show` says what was decided of the record."))
        elif "reopened" not in (stood, verdict):
            # Nobody overturns what a colleague decided without having seen it.
            what = f"person {person} was {stood} by entry {seq}, and that stands"
            step = "Look at why, take it back with `pbr review reopen`, and then decide anew."
            found.append(Fault("E634", place, what, step))
        new[key][person] = verdict
    for one in decisions:
        key, person = one["details_key"], one["person_id"]
        then = {other: stood for other, (stood, _) in stands.get(key, {}).items()} | new[key]
        others = sorted(other for other, verdict in then.items() if verdict == "accepted" and other != person)
        if one["verdict"] == "accepted" and others:
            what = f"person {person} cannot be accepted while {', '.join(others)} is"
            step = "A record is about one person at most: reopen the other first."
            found.append(Fault("E633", f"{one['table']} record {one['record_id']}", what, step))
    return found


KINDS: dict[str, Kind] = {
    "prepared": Kind(Prepared, (None,), claimed_twice),
    "submitted": Kind(Submitted, ("prepared",), nothing_else),
    "withdrawn": Kind(Withdrawn, ("prepared", "submitted"), nothing_else),
    "reviewed": Kind(Reviewed, (), decided_before),
}


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


def place_of(batch_id: str) -> str:
    """The place of an entry's faults."""
    return f"batch {batch_id}" if batch_id != NO_BATCH else "the review"


def step_fault(kind: str, batch_id: str, state: str | None) -> Fault | None:
    """Why an entry of this kind may not follow the batch's state, or None where it may."""
    place = place_of(batch_id)
    if KINDS[kind].is_about_a_batch is (batch_id == NO_BATCH):
        about = "is about a batch and names none" if batch_id == NO_BATCH else "is about no batch and names one"
        return Fault("E630", place, f"an entry of the kind {kind} {about}", "Name the batch where there is one.")
    if not KINDS[kind].is_about_a_batch:
        return None
    if state in KINDS[kind].follows:
        return None
    if state is None:
        return Fault("E606", place, "is not in the ledger", "See `pbr ledger list` for those that are.")
    if None in KINDS[kind].follows:
        return Fault(
            "E605",
            place,
            f"is in the ledger already and is {state}",
            "The same evidence, rules and dates make the same batch: it is entered once.",
        )
    after = " or ".join(str(step) for step in KINDS[kind].follows)
    return Fault("E607", place, f"is {state} and cannot be {kind}", f"A batch is {kind} only after {after}.")
