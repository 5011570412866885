"""Two at once on one workspace: one batch, one submission, one payment, and nothing lost or paid twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.jobs.audit_record import record_results
from pbr.jobs.audit_sample import draw_sample
from pbr.jobs.batches import approve, enter_audit
from pbr.jobs.prepare import Preparation, prepare
from pbr.jobs.replay import open_bundle
from pbr.jobs.verify import Verified, verify
from pbr.ledger import Ledger
from tests.jobs.authorities import CHECKOUT, bundle_of
from tests.jobs.conftest import NOON
from tests.ledger.made_people import APPROVER, AUDITOR, PREPARER, register

AS_OF, WINDOW = date(2014, 10, 1), "2014-10"
EXTRACTS = CHECKOUT / "fixtures" / "errors-found-before"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a register, and without a key: nothing was claimed yet."""
    made = Path(shutil.copytree(EXTRACTS, tmp_path / "authority"))
    with Ledger.open(made / "ledger.sqlite", create=True) as ledger:
        register(ledger)
    return made


class Hands:
    """Two processes that take a step of a batch at the same moment."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.jobs.take_steps"]
        self.processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=CHECKOUT,
                env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
            )
            for _ in range(2)
        ]
        assert self._hear() == ["ready", "ready"]

    def both(self, step: str, root: Path, *what: str | Path) -> list[str]:
        """What each says of the step, sorted; where both are given the same, `what` is it."""
        for process, said in zip(self.processes, what * (2 // len(what)), strict=True):
            assert process.stdin is not None
            process.stdin.write(f"{step}\t{root}\t{said}\n")
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.flush()
        return sorted(self._hear())

    def leave(self) -> None:
        for process in self.processes:
            process.communicate()

    def _hear(self) -> list[str]:
        return [process.stdout.readline().rstrip("\n") for process in self.processes if process.stdout is not None]


@pytest.fixture(scope="module")
def hands() -> Iterator[Hands]:
    both = Hands()
    yield both
    both.leave()


def sound(root: Path) -> Verified:
    """The workspace's one batch, whose ledger and bundle verify, each against the other."""
    with Ledger.read(root / "ledger.sqlite") as ledger:
        assert ledger.verify() == []
        assert ledger.batches()["bundle"].to_list() == [bundle_of(root).name]
    return verify(bundle_of(root), root)


def check_and_approve(root: Path, batch_id: str) -> None:
    bundle, seed = bundle_of(root), "two at once"
    lines = draw_sample(bundle, seed).sample.lines["claim_line_id"]
    results = root / "results.csv"
    results.write_text("claim_line_id,result\n" + "".join(f"{line},valid\n" for line in lines))
    enter_audit(root, record_results(bundle, results, seed).outcome, at=NOON, by=AUDITOR)
    approve(root, batch_id, at=NOON, by=APPROVER)


def remittance(root: Path) -> Path:
    claim = open_bundle(bundle_of(root)).tables["claim.csv"]
    file = root / "remittance.csv"
    file.write_text(claim.select("claim_line_id", "amount_pence").write_csv())
    return file


def test_two_processes_take_one_batch_to_its_payment_and_each_step_is_taken_once(root: Path, hands: Hands) -> None:
    assert hands.both("prepare", root, "signed") == ["again", "done"]
    batch_id = sound(root).run.batch_id
    check_and_approve(root, batch_id)
    assert hands.both("submit", root, batch_id) == ["E607", "done"]
    assert sound(root).state == "submitted"
    refused, taken = hands.both("pay", root, remittance(root))
    assert taken == "done" and set(refused.split()) <= {"E653", "E656", "E607"}
    found = sound(root)
    assert found.steps is not None
    steps = ["prepared", "checked", "approved", "submitted", "paid"]
    assert [step.kind for step in found.steps.signed] == steps
    with Ledger.read(root / "ledger.sqlite") as ledger:
        assert [entry.kind for entry in ledger.entries() if entry.batch_id] == steps
        balance = ledger.balances("authority").row(0, named=True)
    assert balance["claimed_pence"] == balance["paid_pence"] == found.run.amount_pence


def test_two_processes_make_ledger_key_and_batch_of_a_new_workspace_once(hands: Hands, tmp_path: Path) -> None:
    root = Path(shutil.copytree(EXTRACTS, tmp_path / "authority"))
    assert hands.both("prepare", root, "one", "another") == ["again", "done"]
    assert sound(root).state == "prepared"
    assert len((root / "pbr.key").read_text()) == 65
    assert not list(root.glob(".pbr.key*"))


def test_whoever_is_overtaken_while_preparing_finds_the_batch_and_leaves_its_bundle(root: Path) -> None:
    overtaking: list[Preparation] = []

    def overtaken(step: str) -> None:
        if step == "write the ledger":
            overtaking.append(prepare(root, AS_OF, WINDOW, at=NOON, by=PREPARER))

    done = prepare(root, AS_OF, WINDOW, at=NOON, by=PREPARER, say=overtaken)
    (first,) = overtaking
    assert (first.again, done.again) == (False, True)
    assert first.bundle is not None and done.bundle is not None
    assert done.bundle.manifest_digest == first.bundle.manifest_digest == sound(root).manifest_digest


def test_whoever_is_overtaken_by_another_claim_of_the_same_families_leaves_no_bundle(root: Path) -> None:
    def overtaken(step: str) -> None:
        if step == "write the ledger":
            prepare(root, AS_OF, "2015-02", at=NOON, by=PREPARER, claim_date=date(2015, 1, 5))

    with pytest.raises(Faults) as raised:
        prepare(root, AS_OF, WINDOW, at=NOON, by=PREPARER, say=overtaken)
    assert {fault.code for fault in raised.value.faults} == {"E608", "E609"}
    assert sound(root).run.window == "2015-02"
