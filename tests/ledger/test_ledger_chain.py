"""Whatever is done to the file behind pbr's back is found, and the first entry that does not fit is named."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pbr.canonical import canonical
from pbr.errors import Fault, Faults
from pbr.ledger import Ledger
from pbr.ledger.chain import entry_digest
from tests.ledger.made_batches import NOON, decision, line, prepared
from tests.ledger.made_batches import reviewed as review

ROUTE = "crime_asb_education"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, create=True) as ledger:
        for number in (1, 2, 3):
            ledger.append("prepared", f"b{number}", prepared(line(f"F{number}")), at=NOON, by="j.smith")
        ledger.append("withdrawn", "b1", {"reason": "early"}, at=NOON, by="a.jones")
    return path


@pytest.fixture
def reviewed(path: Path) -> Path:
    with Ledger.open(path) as ledger:
        ledger.append("reviewed", "", review(decision("P1", "rejected"), decision("P2")), at=NOON, by="r.patel")
    return path


def do(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def without_triggers(path: Path, *statements: str) -> None:
    """Change the rows as somebody who knows the file would: the triggers taken away, and put back."""
    with sqlite3.connect(path) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
        for _, sql in triggers:
            db.execute(sql)
    db.close()


def verified(path: Path) -> list[Fault]:
    with Ledger.read(path) as ledger:
        return ledger.verify()


def test_an_untouched_ledger_verifies(reviewed: Path) -> None:
    assert verified(reviewed) == []


def test_a_decision_changed_behind_pbrs_back_is_named(reviewed: Path) -> None:
    without_triggers(reviewed, "UPDATE entries SET body = replace(body, 'rejected', 'accepted') WHERE seq = 5")
    (fault,) = verified(reviewed)
    assert (fault.code, fault.place) == ("E622", f"{reviewed} entry 5")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}' WHERE seq = 2",
        "UPDATE entries SET \"by\" = 'somebody'",
        "DELETE FROM entries WHERE seq = 4",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries"
        " SELECT seq, at, 'me', kind, batch_id, body, previous, digest, '', '' FROM entries",
        "INSERT INTO entries"
        " VALUES (9, '', 'me', 'submitted', 'b2', '{}', (SELECT max(digest) FROM entries), 'x', '', '')",
        "INSERT INTO entries VALUES (5, 'now', 'me', 'submitted', 'b2', '{}', 'wrong', 'x', '', '')",
        "INSERT INTO entries VALUES (5, 'now', 'me', 'submitted', 'b2', 'not json', 'wrong', 'x', '', '')",
    ],
)
def test_the_file_itself_refuses_to_be_edited(path: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        do(path, statement)
    assert verified(path) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "'2014-09-02T12:00:01Z'"),
        ('"by"', "'somebody'"),
        ("kind", "'withdrawn'"),
        ("batch_id", "'b9'"),
        ("body", "replace(body, '70000', '70001')"),
        ("body", "replace(body, ',', ', ')"),
        ("previous", "printf('%064d', 7)"),
        ("digest", "printf('%064d', 7)"),
        ("key", "printf('%064d', 7)"),
        ("signature", "'00'"),
    ],
)
def test_an_entry_changed_in_any_column_is_named(path: Path, column: str, value: str) -> None:
    without_triggers(path, f"UPDATE entries SET {column} = {value} WHERE seq = 2")
    (fault,) = verified(path)
    assert (fault.code, fault.place) == ("E622", f"{path} entry 2")


def test_only_the_first_entry_that_does_not_fit_is_named(path: Path) -> None:
    without_triggers(path, "UPDATE entries SET \"by\" = 'x' WHERE seq >= 3")
    assert [fault.place for fault in verified(path)] == [f"{path} entry 3"]


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_an_entry_taken_out_is_missed_at_the_one_after_it(path: Path, seq: int) -> None:
    without_triggers(path, f"DELETE FROM entries WHERE seq = {seq}")
    (fault,) = verified(path)
    assert (fault.code, fault.place) == ("E621", f"{path} entry {seq + 1}")


def test_entries_cut_off_the_end_are_missed(path: Path) -> None:
    without_triggers(path, "DELETE FROM entries WHERE seq >= 3")
    (fault,) = verified(path)
    assert (fault.code, fault.place) == ("E621", f"{path} entry 3")


def test_a_ledger_emptied_is_not_a_new_ledger(path: Path) -> None:
    without_triggers(path, "DELETE FROM entries")
    assert [fault.code for fault in verified(path)] == ["E621"]


def test_an_entry_with_its_own_digest_made_again_breaks_the_chain_at_the_next(path: Path) -> None:
    with Ledger.read(path) as ledger:
        second = list(ledger.entries())[1]
    body = second.body.replace("70000", "90000")
    digest = entry_digest(2, second.at, second.by, second.kind, second.batch_id, body, second.previous)
    without_triggers(path, f"UPDATE entries SET body = '{body}', digest = '{digest}' WHERE seq = 2")
    (fault,) = verified(path)
    assert (fault.code, fault.place) == ("E623", f"{path} entry 3")


@pytest.mark.parametrize(
    ("kind", "batch", "body", "told"),
    [
        ("withdrawn", "b1", {"reason": "again"}, "cannot be withdrawn"),
        ("submitted", "b2", {"submitted_on": None, "manifest_digest": None}, "cannot be submitted"),
        ("submitted", "b1", {}, "cannot be submitted"),
        ("submitted", "b9", {}, "not in the ledger"),
        ("prepared", "b9", prepared(line("F2")), "already has a live line"),
        ("registered", "", {"person": "me", "roles": ["registrar"], "public_key": "0" * 64}, "without a signature"),
        ("withdrawn", "b2", {}, "reason"),
        ("shredded", "b2", {}, "not known"),
        ("submitted", "", {}, "names none"),
        ("reviewed", "b1", review(decision()), "names one"),
        ("reviewed", "", review(), "decisions"),
        ("reviewed", "", review(decision("P1", "rejected")), "rejected already"),
        ("reviewed", "", review(decision("P1")), "that stands"),
        ("reviewed", "", review(decision("P3")), "while P2 is"),
    ],
)
def test_an_entry_that_pbr_would_not_have_written_is_named_though_it_fits_the_chain(
    reviewed: Path, kind: str, batch: str, body: dict[str, object], told: str
) -> None:
    add_by_hand(reviewed, kind, batch, canonical(body).decode())
    (fault,) = verified(reviewed)
    assert (fault.code, fault.place) == ("E624", f"{reviewed} entry 6")
    assert told in fault.what


def test_a_body_out_of_canonical_form_is_named(path: Path) -> None:
    add_by_hand(path, "withdrawn", "b2", '{"reason": "spaced out"}')
    assert [fault.code for fault in verified(path)] == ["E624"]


def test_a_family_claimed_twice_behind_pbrs_back_is_named(path: Path) -> None:
    with Ledger.read(path) as ledger:
        body = list(ledger.entries())[1].body
    add_by_hand(path, "prepared", "b9", body)
    (fault,) = verified(path)
    assert (fault.code, fault.place) == ("E624", f"{path} entry 5")
    assert "F2 already has a live line" in fault.what


def add_by_hand(path: Path, kind: str, batch: str, body: str) -> None:
    with Ledger.read(path) as ledger:
        last = list(ledger.entries())[-1]
    entry = (last.seq + 1, last.at, "somebody", kind, batch, body, last.digest)
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '')", (*entry, entry_digest(*entry)))
    db.close()


@pytest.mark.parametrize(
    ("statement", "place", "what"),
    [
        ("DROP TRIGGER entries_are_never_changed", "trigger entries_are_never_changed", "is missing"),
        ("DROP TRIGGER entries_are_never_removed", "trigger entries_are_never_removed", "is missing"),
        ("DROP TRIGGER entries_follow_one_another", "trigger entries_follow_one_another", "is missing"),
        ("DROP VIEW lines", "view lines", "is missing"),
        ("DROP TABLE entries", "table entries", "is missing"),
        ("CREATE TABLE extra (x)", "table extra", "is not the ledger's"),
        (
            "CREATE TRIGGER later AFTER INSERT ON _sqlite_migrations BEGIN SELECT 1; END",
            "trigger later",
            "is not the ledger's",
        ),
    ],
)
def test_a_guard_that_is_gone_is_named(path: Path, statement: str, place: str, what: str) -> None:
    do(path, statement)
    assert ("E620", f"{path} {place}", what) in [(f.code, f.place, f.what) for f in verified(path)]


def test_a_guard_that_no_longer_guards_is_named(path: Path) -> None:
    name = "entries_are_never_removed"
    do(path, f"DROP TRIGGER {name}", f"CREATE TRIGGER {name} BEFORE DELETE ON entries BEGIN SELECT 1; END")
    assert [(f.code, f.what) for f in verified(path)] == [("E620", "was changed")]


def test_a_missing_guard_and_a_changed_entry_are_both_named(path: Path) -> None:
    do(path, "DROP TRIGGER entries_are_never_changed", "UPDATE entries SET \"by\" = 'x' WHERE seq = 3")
    assert [fault.code for fault in verified(path)] == ["E620", "E622"]


def test_an_index_that_does_not_show_an_entry_is_named(path: Path) -> None:
    """Whoever asks for a batch's steps would not see its withdrawal."""
    name = "entries_of_a_batch"
    with sqlite3.connect(path) as db:
        index = db.execute("SELECT * FROM sqlite_master WHERE name = ?", [name]).fetchone()
        db.execute("PRAGMA writable_schema = ON")
        db.execute("DELETE FROM sqlite_master WHERE name = ?", [name])
    db.close()
    add_by_hand(path, "withdrawn", "b2", canonical({"reason": "unseen"}).decode())
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", index)
    db.close()
    assert {fault.code for fault in verified(path)} == {"E602"}


@pytest.mark.parametrize(
    ("kind", "batch", "body"),
    [
        ("paid", "b2", {"lines": [{"line_id": "none", "amount_pence": 1}], "reference": "R1"}),
        ("paid", "b9", {"lines": [], "reference": "R1"}),
        ("corrected", "b2", {}),
        ("override_approved", "", {"override": 7}),
        ("revoked", "", {"public_key": "none"}),
        ("prepared", "b9", {"lines": [[]]}),
        ("prepared", "b9", [1]),
    ],
)
def test_an_entry_that_fits_nothing_is_told_and_never_breaks_whoever_reads(
    path: Path, kind: str, batch: str, body: object
) -> None:
    add_by_hand(path, kind, batch, canonical(body).decode())
    assert [fault.code for fault in verified(path)] == ["E624"]
    with Ledger.read(path) as ledger, pytest.raises(Faults, match=r"entry 5 was not written by pbr"):
        ledger.lines()
    with Ledger.open(path) as ledger, pytest.raises(Faults, match="E624"):
        ledger.append("withdrawn", "b3", {"reason": "why not"}, at=NOON, by="j.smith")


def test_any_byte_of_the_file_changed_is_a_fault_or_changes_nothing_that_is_read(path: Path) -> None:
    with Ledger.read(path) as ledger:
        said = list(ledger.entries())
    whole = path.read_bytes()
    for place in range(0, len(whole), 211):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            faults = verified(path)
        except Exception as error:
            assert type(error).__name__ == "Faults", place
            continue
        if not faults:
            with Ledger.read(path) as ledger:
                assert list(ledger.entries()) == said, place


def test_nothing_is_added_to_a_ledger_whose_end_was_cut_off(path: Path) -> None:
    without_triggers(path, "DELETE FROM entries WHERE seq = 4")
    with Ledger.open(path) as ledger, pytest.raises(Faults) as raised:
        ledger.append("prepared", "b9", prepared(line("F9")), at=NOON, by="j.smith")
    assert [fault.code for fault in raised.value.faults] == ["E636"]
    assert [fault.code for fault in verified(path)] == ["E621"]
