"""A ledger whose writer is killed, or that two commands write at once, loses nothing and doubles nothing."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.ledger import Ledger
from tests.ledger.made_batches import NOON, line, prepared
from tests.ledger.made_people import register
from tests.ledger.take_batches_on import STEPS, TAKEN_ON

ROOT = Path(__file__).parents[2]
LINES = 150


def start(path: Path, name: str, batches: int, families: str, lines: int = LINES) -> subprocess.Popen[str]:
    module = [sys.executable, "-m", "tests.ledger.append_batches"]
    command = [*module, str(path), name, str(batches), str(lines), families]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_a_writer_killed_at_any_moment_leaves_whole_entries_and_a_ledger_to_go_on_with(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    chance = random.Random(2014)
    told: set[str] = set()
    for round_ in range(10):
        writer = start(path, f"w{round_}", 10_000, "own")
        assert writer.stdout
        told.add(writer.stdout.readline().split()[0])
        time.sleep(chance.uniform(0, 0.25))
        writer.send_signal(signal.SIGKILL)
        told |= {row.split()[0] for row in writer.stdout.read().splitlines() if row.endswith(" in")}
        writer.wait()
        with Ledger.read(path) as ledger:
            assert ledger.verify() == []
            batches = ledger.batches()
        assert told <= set(batches["batch_id"])
        assert batches["lines"].unique().to_list() == [LINES]
    with Ledger.open(path) as ledger:
        ledger.append("prepared", "after", prepared(line("F1")), at=NOON, by="j.smith")
        assert ledger.verify() == []


def test_a_writer_killed_while_it_makes_the_ledger_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    chance = random.Random(2015)
    for round_ in range(5):
        path = tmp_path / f"{round_}" / "ledger.sqlite"
        writer = start(path, "w", 1, "own", lines=1)
        deadline = time.monotonic() + 20
        while not path.parent.exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.02))
        writer.kill()
        writer.communicate()
        if path.exists():
            with Ledger.read(path) as ledger:
                assert ledger.verify() == []
        with Ledger.open(path, create=True) as ledger:
            ledger.append("prepared", "after", prepared(line("F1")), at=NOON, by="j.smith")
            assert ledger.verify() == []


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    writers = [start(path, name, 30, "own", lines=3) for name in ("a", "b")]
    said = [row for writer in writers for row in writer.communicate()[0].splitlines()]
    assert len(said) == 60
    assert all(row.endswith(" in") for row in said)
    with Ledger.read(path) as ledger:
        assert ledger.verify() == []
        assert {f"{batch} in" for batch in ledger.batches()["batch_id"]} == set(said)


def test_two_writers_that_claim_the_same_families_double_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    writers = [start(path, name, 30, "shared", lines=3) for name in ("a", "b")]
    said = sorted(row for writer in writers for row in writer.communicate()[0].splitlines())
    assert len(said) == 60
    assert sorted({row.split()[1] for row in said}) == ["E608", "in"]
    with Ledger.read(path) as ledger:
        assert ledger.verify() == []
        assert sorted(ledger.live_lines()["family_id"]) == sorted(f"F-{b}-{n}" for b in range(30) for n in range(3))


def test_two_commands_that_take_the_same_batches_on_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, create=True) as ledger:
        register(ledger)
    command = [sys.executable, "-m", "tests.ledger.take_batches_on", str(path)]
    runs = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True, cwd=ROOT) for name in ("1", "2")]
    said = [row for run in runs for row in run.communicate()[0].splitlines()]
    assert sorted(said) == sorted(f"{batch} {step}" for batch in TAKEN_ON for step in STEPS)
    with Ledger.read(path) as ledger:
        assert ledger.verify() == []
        lines = ledger.lines()
        assert lines.select("batch_id", "state").rows() == [(batch, "paid") for batch in lines["batch_id"]]
        assert sorted(lines["batch_id"]) == sorted([*TAKEN_ON] * 2)
        assert (lines["paid_pence"] == lines["amount_pence"]).all()
        assert sum(1 for entry in ledger.entries() if entry.kind == "paid") == len(TAKEN_ON)


def left_by_a_killed_append(path: Path) -> None:
    """A ledger with an append half written to the file, and the journal that takes it back."""
    with Ledger.open(path, create=True) as ledger:
        ledger.append("prepared", "b1", prepared(line("F1")), at=NOON, by="j.smith")
    script = f"""
import os, signal, sqlite3
db = sqlite3.connect({str(path)!r})
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
db.execute("DROP TRIGGER entries_follow_one_another")
for n in range(2, 300):
    row = (n, n, n)
    db.execute("INSERT INTO entries VALUES (?, '', '', '', '', json_quote(hex(zeroblob(2000))), ?, ?, '', '')", row)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    assert path.with_name(path.name + "-journal").exists()


def test_an_append_that_was_killed_is_rolled_back_by_whoever_looks_first(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    left_by_a_killed_append(path)
    with Ledger.read(path) as ledger:
        assert ledger.verify() == []
        assert ledger.batches()["batch_id"].to_list() == ["b1"]


def test_a_reader_without_rights_is_told_of_an_append_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite"
    left_by_a_killed_append(path)
    monkeypatch.setattr("pbr.ledger.store.os.access", lambda *_: False)
    with pytest.raises(Faults, match=r"E611 .* was killed"), Ledger.read(path) as ledger:
        ledger.verify()


def test_a_commit_is_on_the_disk_before_append_returns(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite", create=True) as ledger:
        pragmas = {name: ledger._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "delete", "synchronous": 3}


def test_a_ledger_that_somebody_put_into_another_journal_mode_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, create=True):
        pass
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode = WAL")
    other.close()
    with Ledger.open(path) as ledger:
        ledger.append("prepared", "b1", prepared(line("F1")), at=NOON, by="j.smith")
        assert [file.name for file in tmp_path.iterdir()] == ["ledger.sqlite"]
