"""A ledger of the earlier form, from before there were signatures, checks and payments, is brought up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from pbr.canonical import canonical, digest
from pbr.errors import Faults
from pbr.ledger import Ledger
from pbr.ledger.migrations import FIRST, migrations
from tests.ledger.made_batches import NOON, decision, line, prepared, reviewed
from tests.ledger.made_people import AUDITOR, FINANCE, PREPARER, audited, paid, refused, register, take_to

ROUTE = "crime_asb_education"


def earlier(path: Path, *entries: tuple[str, str, dict[str, Any]]) -> Path:
    """A ledger as the first version made and wrote it: its first migration, bodies as they were given, and digests
    over seven fields."""
    db = Database(path)
    migrations.apply(db, stop_before="002_signed_steps_and_money")
    previous = FIRST
    for seq, (kind, batch, body) in enumerate(entries, 1):
        said = {
            "seq": seq,
            "at": "2014-09-02T12:00:00Z",
            "by": "j.smith",
            "kind": kind,
            "batch_id": batch,
            "body": canonical(body).decode(),
            "previous": previous,
        }
        own = digest(said)
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*said.values(), own])
        previous = own
    db.conn.commit()
    db.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return earlier(
        tmp_path / "ledger.sqlite",
        ("prepared", "b1", prepared(line("F1"))),
        ("submitted", "b1", {}),
        ("prepared", "b2", prepared(line("F2"), line("F3"))),
        ("reviewed", "", reviewed(decision())),
        ("withdrawn", "b2", {"reason": "early"}),
        ("prepared", "b3", prepared(line("F3"))),
    )


def test_to_look_at_it_says_what_brings_it_up_to_date_and_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    for looking in (Ledger.read, Ledger.read_or_empty):
        with pytest.raises(Faults, match=r"E614 .* earlier pbr") as raised:
            looking(path)
        assert "Any command that writes" in str(raised.value)
    assert path.read_bytes() == before


def test_opened_it_is_brought_up_to_date_and_verifies_with_all_that_was_in_it(path: Path) -> None:
    with sqlite3.connect(path) as db:
        before = db.execute("SELECT seq, digest FROM entries ORDER BY seq").fetchall()
    db.close()
    with Ledger.open(path) as ledger:
        assert ledger.verify() == []
    with Ledger.read(path) as ledger:
        assert ledger.verify() == []
        assert [(entry.seq, entry.digest) for entry in ledger.entries()] == before
        assert dict(ledger.batches().select("batch_id", "state").iter_rows()) == {
            "b1": "submitted",
            "b2": "withdrawn",
            "b3": "prepared",
        }
        assert ledger.live_lines()["family_id"].to_list() == ["F1", "F3"]
        assert ledger.decisions().height == 1
        assert ledger.balances("authority").select("claimed_pence", "paid_pence", "withdrawn_pence").row(0) == (
            140000,
            0,
            140000,
        )


def test_it_is_gone_on_with(path: Path) -> None:
    with Ledger.open(path) as ledger:
        assert refused(ledger, "prepared", "b4", prepared(line("F1")), "j.smith") == ["E608", "E609", "E609"]
        register(ledger)
        ledger.append("paid", "b1", paid((f"F1-{ROUTE}", 70000)), at=NOON, by=FINANCE)
        assert refused(ledger, "checked", "b3", audited(), AUDITOR) == ["E647"]
        ledger.append("withdrawn", "b3", {"reason": "nobody signed it"}, at=NOON, by=PREPARER)
        ledger.append("prepared", "b4", prepared(line("F3")), at=NOON, by=PREPARER)
        take_to(ledger, "b4", "submitted")
        assert ledger.verify() == []


def test_nothing_is_submitted_as_it_was_then(path: Path) -> None:
    with Ledger.open(path) as ledger:
        assert refused(ledger, "submitted", "b3", {}, "j.smith") == ["E607"]


def test_what_that_version_would_not_have_written_is_still_named(tmp_path: Path) -> None:
    entries = [("prepared", "b1", prepared(line("F1"))), ("submitted", "b1", {}), ("submitted", "b1", {})]
    with Ledger.open(earlier(tmp_path / "ledger.sqlite", *entries)) as ledger:
        (fault,) = ledger.verify()
    assert (fault.code, fault.place) == ("E624", f"{ledger.path} entry 3")


def test_a_change_to_what_it_holds_is_still_named(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER entries_are_never_changed")
        db.execute("UPDATE entries SET body = replace(body, '70000', '70001') WHERE seq = 1")
    db.close()
    with Ledger.open(path) as ledger:
        assert {fault.code for fault in ledger.verify()} == {"E620", "E622"}


def test_it_is_brought_up_to_date_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Database.execute

    def stopped(self: Database, sql: str, *given: Any) -> Any:
        if sql.lstrip().startswith("CREATE VIEW payments"):
            raise KeyboardInterrupt
        return execute(self, sql, *given)

    monkeypatch.setattr(Database, "execute", stopped)
    with pytest.raises(KeyboardInterrupt):
        Ledger.open(path)
    monkeypatch.undo()
    with pytest.raises(Faults, match="E614"):
        Ledger.read(path)
    with Ledger.open(path) as ledger:
        assert ledger.verify() == []
