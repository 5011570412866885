"""Who may make which entry: keys, roles, and the steps that lie in different hands."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pbr.canonical import canonical
from pbr.ledger import NO_BATCH, Entry, Ledger, Signer
from pbr.ledger.bodies import Registered
from pbr.ledger.chain import entry_digest
from pbr.ledger.signatures import holds, words_of
from tests.ledger.made_batches import NOON, decision, line, prepared, reviewed
from tests.ledger.made_people import (
    APPROVER,
    AUDITOR,
    FINANCE,
    PREPARER,
    REGISTRAR,
    STRANGER,
    attached,
    audited,
    corrected,
    imported,
    new_ledger,
    overridden,
    paid,
    person,
    refused,
    register,
    signer,
    take_to,
)

LINE = "F1-crime_asb_education"
ROLES = ("registrar", "preparer", "auditor", "approver", "finance")
WITHDRAWAL = {"reason": "a mistake"}
APPROVAL = {"manifest_digest": "b" * 64}
SUBMISSION = {"submitted_on": None, "manifest_digest": "b" * 64}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with new_ledger() as ledger:
        register(ledger)
        yield ledger


@pytest.fixture
def nobody() -> Iterator[Ledger]:
    """A ledger in which no key is registered."""
    with new_ledger() as ledger:
        yield ledger


def key_of(who: Signer, name: str, *roles: str) -> dict[str, Any]:
    return {"person": name, "roles": roles, "public_key": who.key}


def prepare(ledger: Ledger, batch: str = "b1", by: str | Signer = PREPARER, family: str = "F1") -> None:
    ledger.append("prepared", batch, prepared(line(family)), at=NOON, by=by)


def at(state: str) -> Callable[[Ledger], None]:
    """A ledger with batch b1 in a state."""

    def begin(ledger: Ledger) -> None:
        prepare(ledger)
        if state != "prepared":
            take_to(ledger, "b1", state)

    return begin


def none(ledger: Ledger) -> None:
    """A ledger with people and nothing else."""


def with_override(ledger: Ledger) -> None:
    ledger.append("overridden", NO_BATCH, overridden(), at=NOON, by=PREPARER)


OVERRIDE = 6
"""The entry of the override that `with_override` makes: it follows the five keys."""

STEPS: dict[str, tuple[Callable[[Ledger], None], str, dict[str, Any], str]] = {
    "prepared": (none, "b1", prepared(line("F1")), "preparer"),
    "imported": (none, "b1", imported(line("F1")), "preparer"),
    "overridden": (none, NO_BATCH, overridden(), "preparer"),
    "audited": (at("prepared"), "b1", audited("extend"), "auditor"),
    "checked": (at("prepared"), "b1", audited(), "auditor"),
    "approved": (at("checked"), "b1", APPROVAL, "approver"),
    "submitted": (at("approved"), "b1", SUBMISSION, "preparer approver"),
    "paid": (at("submitted"), "b1", paid((LINE, 70000)), "finance"),
    "corrected": (at("submitted"), "b1", corrected(LINE, "withdraw", 70000), "preparer approver finance"),
    "withdrawn": (at("prepared"), "b1", WITHDRAWAL, "preparer auditor approver finance"),
    "attachment_paid": (none, NO_BATCH, attached(), "finance"),
    "override_approved": (with_override, NO_BATCH, {"override": OVERRIDE}, "approver"),
    "override_withdrawn": (
        with_override,
        NO_BATCH,
        {"override": OVERRIDE, "reason": "no"},
        "preparer auditor approver",
    ),
    "reviewed": (none, NO_BATCH, reviewed(decision()), "preparer auditor approver"),
    "registered": (none, NO_BATCH, key_of(STRANGER, "n.new", "auditor"), "registrar"),
    "revoked": (none, NO_BATCH, {"public_key": FINANCE.key, "reason": "left"}, "registrar"),
}


@pytest.mark.parametrize("kind", STEPS)
def test_each_kind_of_entry_is_made_by_its_roles_and_by_no_other(kind: str) -> None:
    begin, batch, body, roles = STEPS[kind]
    for role in ROLES:
        with new_ledger() as ledger:
            register(ledger)
            begin(ledger)
            another = person(ledger, f"another.{role}", 20, role)
            assert refused(ledger, kind, batch, body, another) == ([] if role in roles.split() else ["E645"]), role


@pytest.mark.parametrize("kind", STEPS)
def test_no_entry_is_taken_unsigned_once_a_key_is_registered(kind: str) -> None:
    begin, batch, body, _ = STEPS[kind]
    with new_ledger() as ledger:
        register(ledger)
        begin(ledger)
        assert refused(ledger, kind, batch, body, "r.head") == ["E640"]


@pytest.mark.parametrize("kind", ["prepared", "imported", "reviewed"])
def test_where_no_key_is_registered_work_goes_on_unsigned(nobody: Ledger, kind: str) -> None:
    _, batch, body, _ = STEPS[kind]
    assert refused(nobody, kind, batch, body, "j.smith") == []
    if batch:
        assert refused(nobody, "withdrawn", batch, WITHDRAWAL, "j.smith") == []


@pytest.mark.parametrize("kind", ["overridden", "attachment_paid", "registered"])
def test_where_no_key_is_registered_nothing_that_needs_a_signature_is_taken(nobody: Ledger, kind: str) -> None:
    _, batch, body, _ = STEPS[kind]
    assert refused(nobody, kind, batch, body, "j.smith") == ["E640"]


@pytest.mark.parametrize(("kind", "body"), [("checked", audited()), ("audited", audited("extend"))])
def test_an_unsigned_batch_is_not_audited_while_nobody_can_sign(
    nobody: Ledger, kind: str, body: dict[str, Any]
) -> None:
    prepare(nobody, by="j.smith")
    assert refused(nobody, kind, "b1", body, "a.audit") == ["E640"]


def test_a_batch_that_was_prepared_unsigned_is_not_checked_and_can_be_withdrawn(nobody: Ledger) -> None:
    prepare(nobody, by="j.smith")
    register(nobody)
    assert refused(nobody, "checked", "b1", audited(), AUDITOR) == ["E647"]
    assert refused(nobody, "audited", "b1", audited("extend"), AUDITOR) == []
    assert refused(nobody, "withdrawn", "b1", WITHDRAWAL, PREPARER) == []


# ------------------------------------------------------------------------------------------------------- the register


@pytest.mark.parametrize(
    ("who", "body"),
    [
        (PREPARER, key_of(PREPARER, "p.manager", "preparer")),
        (REGISTRAR, key_of(PREPARER, "p.manager", "registrar")),
        (REGISTRAR, key_of(PREPARER, "p.manager", "preparer")),
    ],
)
def test_the_first_key_is_a_registrars_own(nobody: Ledger, who: Signer, body: dict[str, Any]) -> None:
    assert refused(nobody, "registered", NO_BATCH, body, who) == ["E641"]
    assert refused(nobody, "registered", NO_BATCH, key_of(REGISTRAR, "r.head", "registrar"), REGISTRAR) == []


def test_before_the_first_key_nothing_is_taken_that_is_signed(nobody: Ledger) -> None:
    assert refused(nobody, "prepared", "b1", prepared(line("F1")), PREPARER) == ["E642"]


def test_a_registrar_takes_no_part_in_claims(ledger: Ledger) -> None:
    body = key_of(STRANGER, "r.second", "registrar", "preparer")
    assert refused(ledger, "registered", NO_BATCH, body, REGISTRAR) == ["E668"]
    assert refused(ledger, "registered", NO_BATCH, key_of(STRANGER, "r.second", "registrar"), REGISTRAR) == []


def test_anybody_else_may_have_several_roles(ledger: Ledger) -> None:
    body = key_of(STRANGER, "all.rounder", "preparer", "auditor", "approver", "finance")
    assert refused(ledger, "registered", NO_BATCH, body, REGISTRAR) == []


def test_a_key_is_registered_once_even_after_it_was_revoked(ledger: Ledger) -> None:
    body = key_of(FINANCE, "somebody.else", "finance")
    assert refused(ledger, "registered", NO_BATCH, body, REGISTRAR) == ["E666"]
    ledger.append("revoked", NO_BATCH, {"public_key": FINANCE.key, "reason": "left"}, at=NOON, by=REGISTRAR)
    assert refused(ledger, "registered", NO_BATCH, body, REGISTRAR) == ["E666"]


@pytest.mark.parametrize("name", ["f.finance", " F.FINANCE ", "f.fin\u200bance", "\uff46.finance"])
def test_one_person_has_one_key_however_the_name_is_written(ledger: Ledger, name: str) -> None:
    body = key_of(STRANGER, name, "preparer")
    assert refused(ledger, "registered", NO_BATCH, body, REGISTRAR) == ["E667"]
    ledger.append("revoked", NO_BATCH, {"public_key": FINANCE.key, "reason": "lost"}, at=NOON, by=REGISTRAR)
    assert refused(ledger, "registered", NO_BATCH, body, REGISTRAR) == []


def test_a_key_that_is_not_there_cannot_be_revoked_nor_one_twice(ledger: Ledger) -> None:
    def revoke(key: Signer) -> list[str]:
        return refused(ledger, "revoked", NO_BATCH, {"public_key": key.key, "reason": "left"}, REGISTRAR)

    assert revoke(STRANGER) == ["E642"]
    assert revoke(FINANCE) == []
    assert revoke(FINANCE) == ["E642"]


def test_the_only_registrar_stays_until_there_is_another(ledger: Ledger) -> None:
    revocation = {"public_key": REGISTRAR.key, "reason": "left"}
    assert refused(ledger, "revoked", NO_BATCH, revocation, REGISTRAR) == ["E668"]
    second = person(ledger, "r.second", 20, "registrar")
    assert refused(ledger, "revoked", NO_BATCH, revocation, second) == []
    assert refused(ledger, "revoked", NO_BATCH, {"public_key": second.key, "reason": "left"}, second) == ["E668"]
    body = key_of(STRANGER, "n.new", "auditor")
    assert refused(ledger, "registered", NO_BATCH, body, REGISTRAR) == ["E643"]


def test_a_strangers_key_signs_nothing(ledger: Ledger) -> None:
    assert refused(ledger, "prepared", "b1", prepared(line("F1")), STRANGER) == ["E642"]


def test_what_was_signed_before_a_key_was_revoked_stays_and_nothing_follows(ledger: Ledger) -> None:
    prepare(ledger)
    ledger.append("revoked", NO_BATCH, {"public_key": PREPARER.key, "reason": "stolen"}, at=NOON, by=REGISTRAR)
    assert refused(ledger, "prepared", "b2", prepared(line("F2")), PREPARER) == ["E643"]
    assert refused(ledger, "checked", "b1", audited(), AUDITOR) == []
    assert ledger.verify() == []


def test_the_register_says_whose_key_it_is_and_from_when_until_when(ledger: Ledger) -> None:
    ledger.append("revoked", NO_BATCH, {"public_key": FINANCE.key, "reason": "left"}, at=NOON, by=REGISTRAR)
    assert ledger.keys().select("person", "roles", "since", "until").rows() == [
        ("r.head", "registrar", 1, None),
        ("p.manager", "preparer", 2, None),
        ("a.audit", "auditor", 3, None),
        ("s.officer", "approver", 4, None),
        ("f.finance", "finance", 5, 6),
    ]


def test_an_entry_is_in_the_name_that_the_register_has(ledger: Ledger) -> None:
    prepare(ledger)
    last = ledger.last()
    assert last is not None
    assert (last.by, last.key) == ("p.manager", PREPARER.key)


# ----------------------------------------------------------------------------------------------------- different hands


def renamed(ledger: Ledger, old: Signer, name: str, number: int, *roles: str) -> Signer:
    """Somebody's key is revoked, and they have another in a name that is written otherwise."""
    ledger.append("revoked", NO_BATCH, {"public_key": old.key, "reason": "lost"}, at=NOON, by=REGISTRAR)
    return person(ledger, name, number, *roles)


@pytest.mark.parametrize("name", ["p.manager", "P.Manager", "  p.manager "])
def test_whoever_prepared_a_batch_neither_checks_nor_approves_it(ledger: Ledger, name: str) -> None:
    prepare(ledger)
    same = renamed(ledger, PREPARER, name, 20, "preparer", "auditor", "approver")
    assert refused(ledger, "checked", "b1", audited(), same) == ["E646"]
    assert refused(ledger, "audited", "b1", audited("extend"), same) == ["E646"]
    ledger.append("checked", "b1", audited(), at=NOON, by=AUDITOR)
    assert refused(ledger, "approved", "b1", APPROVAL, same) == ["E646"]
    assert refused(ledger, "approved", "b1", APPROVAL, APPROVER) == []
    assert refused(ledger, "submitted", "b1", SUBMISSION, same) == []


def test_whoever_checked_a_batch_does_not_approve_it(ledger: Ledger) -> None:
    both = person(ledger, "b.both", 20, "auditor", "approver")
    prepare(ledger)
    prepare(ledger, "b2", family="F2")
    for batch in ("b1", "b2"):
        ledger.append("checked", batch, audited(), at=NOON, by=both if batch == "b1" else AUDITOR)
    assert refused(ledger, "approved", "b1", APPROVAL, both) == ["E646"]
    assert refused(ledger, "approved", "b2", APPROVAL, both) == []


def test_whoever_prepared_one_batch_may_check_and_approve_others(ledger: Ledger) -> None:
    all_rounder = person(ledger, "all.rounder", 20, "preparer", "auditor", "approver")
    prepare(ledger, by=all_rounder)
    prepare(ledger, "b2", family="F2")
    assert refused(ledger, "checked", "b2", audited(), all_rounder) == []


def test_nobody_but_finance_frees_a_line_that_money_is_kept_on(ledger: Ledger) -> None:
    at("submitted")(ledger)
    ledger.append("paid", "b1", paid((LINE, 30000)), at=NOON, by=FINANCE)
    for act in ("repay", "supersede"):
        for hand in (PREPARER, APPROVER):
            assert refused(ledger, "corrected", "b1", corrected(LINE, act, 30000), hand) == ["E645"]
    assert refused(ledger, "corrected", "b1", corrected(LINE, "repay", 1), FINANCE) == []
    assert refused(ledger, "corrected", "b1", corrected(LINE, "supersede", 29999), FINANCE) == []


def test_a_preparer_alone_takes_back_an_import_only_if_nothing_was_paid_on_it(ledger: Ledger) -> None:
    ledger.append("imported", "i1", imported(line("F1")), at=NOON, by=PREPARER)
    ledger.append("imported", "i2", imported({**line("F2"), "paid_pence": 0}), at=NOON, by=PREPARER)
    assert refused(ledger, "withdrawn", "i1", WITHDRAWAL, PREPARER) == ["E645"]
    assert refused(ledger, "withdrawn", "i1", WITHDRAWAL, APPROVER) == ["E645"]
    assert refused(ledger, "withdrawn", "i1", WITHDRAWAL, FINANCE) == []
    assert refused(ledger, "withdrawn", "i2", WITHDRAWAL, PREPARER) == []


# ---------------------------------------------------------------------------------------------------------- signatures


def test_the_same_words_under_the_same_key_have_the_same_signature() -> None:
    words = words_of(1, "2014-09-02T12:00:00Z", "p.manager", "withdrawn", "b1", "{}", "0" * 64)
    assert PREPARER.sign(words) == signer(2).sign(words)
    assert holds(PREPARER.key, PREPARER.sign(words), words)
    assert not holds(AUDITOR.key, PREPARER.sign(words), words)
    assert not holds(PREPARER.key, PREPARER.sign(words), words + b" ")
    assert not any(holds(key, sign, words) for key, sign in (("", ""), ("zz", "00"), (PREPARER.key, "00" * 64)))


def test_a_signer_does_not_show_the_private_key() -> None:
    assert "private" not in repr(PREPARER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Ledger.open(tmp_path / "ledger.sqlite", create=True) as ledger:
        register(ledger)
        prepare(ledger)
        prepare(ledger, "b2", family="F2")
    return tmp_path / "ledger.sqlite"


def by_hand(path: Path, entry: Entry) -> None:
    """Put an entry at the end, whatever it says, with a digest that fits."""
    said = (entry.seq, entry.at, entry.by, entry.kind, entry.batch_id, entry.body, entry.previous)
    row = (*said, entry_digest(*said, entry.key, entry.signature), entry.key, entry.signature)
    names = 'seq, at, "by", kind, batch_id, body, previous, digest, key, signature'
    with sqlite3.connect(path) as db:
        db.execute(f"INSERT INTO entries ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    db.close()


def next_entry(path: Path, kind: str, batch: str, body: dict[str, Any], name: str, who: Signer, **other: Any) -> Entry:
    """What would follow, signed by a key in any name, and changed after it was signed."""
    with Ledger.read(path) as ledger:
        last = ledger.last()
    assert last is not None
    text = canonical(body).decode()
    entry = Entry(last.seq + 1, "2014-09-02T12:00:00Z", name, kind, batch, text, last.digest, "")
    said = (entry.seq, entry.at, entry.by, entry.kind, entry.batch_id, entry.body, entry.previous)
    return replace(entry, **({"key": who.key, "signature": who.sign(words_of(*said))} | other))


def told(path: Path) -> tuple[str, str, str]:
    with Ledger.read(path) as ledger:
        (fault,) = ledger.verify()
    return fault.code, fault.place.rsplit(" ", 1)[1], fault.what


def test_an_entry_signed_by_hand_as_pbr_would_is_as_good(path: Path) -> None:
    by_hand(path, next_entry(path, "withdrawn", "b1", WITHDRAWAL, "p.manager", PREPARER))
    with Ledger.read(path) as ledger:
        assert ledger.verify() == []


@pytest.mark.parametrize(
    ("kind", "body", "by", "who", "what"),
    [
        ("checked", audited(), "p.manager", PREPARER, "is registered as preparer"),
        ("withdrawn", WITHDRAWAL, "s.officer", PREPARER, "and says that s.officer made it"),
        ("withdrawn", WITHDRAWAL, "x.stranger", STRANGER, "a key that is not registered"),
    ],
)
def test_an_entry_signed_by_hand_by_somebody_who_may_not_is_named(
    path: Path, kind: str, body: dict[str, Any], by: str, who: Signer, what: str
) -> None:
    by_hand(path, next_entry(path, kind, "b1", body, by, who))
    code, entry, said = told(path)
    assert (code, entry) == ("E624", "8")
    assert what in said


def test_an_unsigned_entry_put_in_by_hand_is_named(path: Path) -> None:
    by_hand(path, next_entry(path, "withdrawn", "b1", WITHDRAWAL, "p.manager", PREPARER, key="", signature=""))
    code, _, said = told(path)
    assert code == "E624" and "without a signature" in said


@pytest.mark.parametrize(
    "other", [{"batch_id": "b2"}, {"by": "s.officer"}, {"at": "2014-09-02T12:00:01Z"}, {"key": APPROVER.key}]
)
def test_a_signature_over_other_words_is_named(path: Path, other: dict[str, Any]) -> None:
    by_hand(path, next_entry(path, "withdrawn", "b1", WITHDRAWAL, "p.manager", PREPARER, **other))
    assert told(path)[:2] == ("E626", "8")


def test_the_signature_of_another_entry_is_named(path: Path) -> None:
    with Ledger.read(path) as ledger:
        earlier = list(ledger.entries())[-1]
    entry = next_entry(path, "withdrawn", "b1", WITHDRAWAL, "p.manager", PREPARER)
    by_hand(path, replace(entry, signature=earlier.signature))
    assert told(path)[:2] == ("E626", "8")


@pytest.mark.parametrize("at", ["2014-09-02", "2014-09-02T12:00:00+01:00", "2014-09-02T12:00:00Z ", "yesterday", ""])
def test_a_time_that_is_not_written_as_pbr_does_is_named(path: Path, at: str) -> None:
    entry = next_entry(path, "withdrawn", "b1", WITHDRAWAL, "p.manager", PREPARER, at=at)
    said = (entry.seq, at, entry.by, entry.kind, entry.batch_id, entry.body, entry.previous)
    by_hand(path, replace(entry, signature=PREPARER.sign(words_of(*said))))
    code, _, what = told(path)
    assert code == "E624" and "its time" in what


def test_the_first_key_put_in_by_hand_in_another_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, create=True) as ledger:
        prepare(ledger, by="j.smith")
    body = Registered(person="r.head", roles=("registrar",), public_key=REGISTRAR.key).model_dump(mode="json")
    by_hand(path, next_entry(path, "registered", NO_BATCH, body, "s.officer", REGISTRAR))
    code, _, what = told(path)
    assert code == "E624" and "r.head" in what


def test_a_person_of_whom_the_register_has_nobody_cannot_be_made_up_by_editing_it(path: Path) -> None:
    names = "entries_are_never_changed"
    with sqlite3.connect(path) as db:
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", [names]).fetchone()
        db.execute(f"DROP TRIGGER {names}")
        db.execute("UPDATE entries SET body = replace(body, ?, ?) WHERE seq = 4", [APPROVER.key, STRANGER.key])
        db.execute(sql)
    db.close()
    assert told(path)[:2] == ("E622", "4")
