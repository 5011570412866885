"""`pbr ledger` and `pbr verify`: what they print, what they return, and what they never do."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from pbr.claims.bundle import Bundle, write_bundle
from pbr.cli.console import Commands
from pbr.cli.ledger import ledger
from pbr.cli.verify import verify
from pbr.ledger import Ledger
from tests.claims.made_bundles import contents
from tests.ledger.made_batches import NOON, line, prepared


@dataclass
class Authority:
    """A workspace with one batch prepared, and its bundle."""

    root: Path
    bundle: Bundle

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.sqlite"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    root = tmp_path / "thurrock"
    root.mkdir()
    (root / "pbr.toml").write_text('[authority]\ncode = "E06000034"\nname = "Thurrock"\n[rules]\npack = "phase-1"\n')
    bundle = write_bundle(root / "batches", contents())
    body = prepared(
        line("F1"), line("F2", pence=10050), bundle=bundle.path.name, manifest_digest=bundle.manifest_digest
    )
    with Ledger.open(root / "ledger.sqlite", create=True) as opened:
        opened.append("prepared", bundle.batch.batch_id, body, at=NOON, by="j.smith")
    return Authority(root, bundle)


def pbr(*words: object) -> Result:
    commands = Commands("pbr", commands={"ledger": ledger, "verify": verify})
    ran = CliRunner().invoke(commands, [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def test_the_list_shows_each_batch_with_its_state(authority: Authority) -> None:
    ran = pbr("ledger", "list", authority.root)
    assert ran.exit_code == 0
    assert all(word in ran.stdout for word in (authority.bundle.batch.batch_id, "prepared", "£800.50", "j.smith"))


def test_the_list_is_there_for_programs_in_pence(authority: Authority) -> None:
    (batch,) = json.loads(pbr("ledger", "list", authority.root, "--json").stdout)
    assert (batch["state"], batch["lines"], batch["amount_pence"]) == ("prepared", 2, 80050)
    as_csv = pbr("ledger", "list", authority.root, "--csv").stdout
    assert pl.read_csv(as_csv.encode())["amount_pence"].to_list() == [80050]


def test_every_entry_can_be_listed_with_its_digest(authority: Authority) -> None:
    with Ledger.open(authority.ledger) as opened:
        opened.append("withdrawn", authority.bundle.batch.batch_id, {"reason": "early"}, at=NOON, by="a.jones")
        digests = [entry.digest for entry in opened.entries()]
    found = json.loads(pbr("ledger", "list", authority.root, "--entries", "--json").stdout)
    assert [(entry["kind"], entry["by"]) for entry in found] == [("prepared", "j.smith"), ("withdrawn", "a.jones")]
    assert [entry["digest"] for entry in found] == digests


def test_balances_are_by_window_and_route_or_by_what_is_asked(authority: Authority) -> None:
    (row,) = json.loads(pbr("ledger", "balance", authority.root, "--json").stdout)
    assert row["claimed_pence"] == 80050
    families = json.loads(pbr("ledger", "balance", authority.root, "--by", "family", "--json").stdout)
    assert [(each["family_id"], each["claimed_pence"]) for each in families] == [("F1", 70000), ("F2", 10050)]
    assert "£800.50" in pbr("ledger", "balance", authority.root, "--by", "authority").stdout


def test_a_balance_by_something_else_is_a_wrong_call(authority: Authority) -> None:
    assert pbr("ledger", "balance", authority.root, "--by", "surname").exit_code == 2


def test_an_untouched_ledger_is_said_to_be_so_with_its_last_digest(authority: Authority) -> None:
    with Ledger.read(authority.ledger) as opened:
        last = opened.last()
    assert last is not None
    ran = pbr("ledger", "verify", authority.root)
    assert (ran.exit_code, last.digest in ran.stderr) == (0, True)
    assert json.loads(pbr("ledger", "verify", authority.root, "--json").stdout)["digest"] == last.digest


def test_a_ledger_that_was_touched_is_exit_code_1(authority: Authority) -> None:
    with sqlite3.connect(authority.ledger) as db:
        db.execute("DROP TRIGGER entries_are_never_changed")
        db.execute("UPDATE entries SET body = replace(body, '10050', '90050')")
    db.close()
    ran = pbr("ledger", "verify", authority.root)
    assert ran.exit_code == 1
    assert "E620" in ran.stderr
    assert "E622" in ran.stderr
    assert "entry 1" in ran.stderr


@pytest.mark.parametrize("command", ["list", "verify", "balance"])
def test_a_workspace_without_a_ledger_is_told_what_makes_one(authority: Authority, command: str) -> None:
    authority.ledger.unlink()
    ran = pbr("ledger", command, authority.root)
    assert ran.exit_code == 1
    assert "E601" in ran.stderr
    assert "pbr claim prepare" in ran.stderr
    assert not authority.ledger.exists()


def test_a_bundle_that_is_whole_is_said_to_be_so(authority: Authority) -> None:
    ran = pbr("verify", authority.bundle.path)
    assert ran.exit_code == 0
    assert "Every byte is as it was written" in ran.stderr
    assert authority.bundle.manifest_digest in ran.stderr
    said = json.loads(pbr("verify", authority.bundle.path, "--json").stdout)
    assert (said["verified"], said["amount_pence"], said["state"]) == (True, 80000, None)


def test_every_fault_of_a_bundle_is_listed(authority: Authority) -> None:
    (authority.bundle.path / "data/claim.csv").write_bytes(b"")
    (authority.bundle.path / "data/held.csv").unlink()
    ran = pbr("verify", authority.bundle.path)
    assert ran.exit_code == 1
    assert "E553 data/claim.csv" in ran.stderr
    assert "E551 data/held.csv" in ran.stderr
    assert "2 faults." in ran.stderr
    listed = pbr("verify", authority.bundle.path, "--json")
    assert listed.exit_code == 1
    assert [fault["code"] for fault in json.loads(listed.stdout)["faults"]] == ["E553", "E551"]


def test_the_workspace_tells_that_it_is_the_bundle_that_was_prepared(authority: Authority) -> None:
    ran = pbr("verify", authority.bundle.path, "--workspace", authority.root)
    assert ran.exit_code == 0
    assert "The ledger knows it, and it is prepared." in ran.stderr


def test_a_bundle_made_again_around_another_fact_is_found_by_the_ledger(authority: Authority, tmp_path: Path) -> None:
    facts = contents().facts.with_columns(value=pl.lit("4"))
    forged = write_bundle(tmp_path / "forged", contents(facts=facts))
    assert pbr("verify", forged.path).exit_code == 0
    ran = pbr("verify", forged.path, "--workspace", authority.root)
    assert ran.exit_code == 1
    assert "E507" in ran.stderr


def test_a_bundle_of_another_authority_is_not_in_the_ledger(authority: Authority, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other", contents(held=contents().held.clear()))
    ran = pbr("verify", other.path, "--workspace", authority.root)
    assert ran.exit_code == 1
    assert "E507" in ran.stderr
    assert "no entry" in ran.stderr


def test_a_ledger_that_was_touched_vouches_for_no_bundle(authority: Authority) -> None:
    with sqlite3.connect(authority.ledger) as db:
        db.execute("DROP TRIGGER entries_are_never_changed")
        db.execute("UPDATE entries SET \"by\" = 'somebody'")
    db.close()
    ran = pbr("verify", authority.bundle.path, "--workspace", authority.root)
    assert ran.exit_code == 1
    assert "E622" in ran.stderr
