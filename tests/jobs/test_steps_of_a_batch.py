"""A batch from its preparation to its payment, each step signed by whoever may; and what is put right after."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.errors import Disagreement, Faults
from pbr.jobs.audit_record import record_results
from pbr.jobs.audit_sample import draw_sample
from pbr.jobs.batches import approve, attach, correct, enter_audit, pay, submit, withdraw
from pbr.jobs.overrides import Why, overrides, propose
from pbr.jobs.overrides import approve as approve_override
from pbr.jobs.prepare import prepare
from pbr.jobs.remittance import read_remittance
from pbr.jobs.replay import open_bundle, replay
from pbr.jobs.verify import verify
from pbr.ledger import Ledger, Signer
from pbr.workspace import Workspace
from tests.jobs.authorities import AS_OF, WINDOW, bundle_of
from tests.jobs.conftest import NOON
from tests.jobs.forged import forged, reentered, renumbered
from tests.ledger.made_people import APPROVER, AUDITOR, FINANCE, PREPARER, REGISTRAR, STRANGER, register

DATE = date.fromisoformat(AS_OF)
SEED = "what the auditor said"


@pytest.fixture(scope="module")
def signed(claimed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with a register, and one batch that its programme manager prepared."""
    root = tmp_path_factory.mktemp("signed") / "authority"
    shutil.copytree(claimed / "sources", root / "sources")
    for file in ("pbr.toml", "pbr.key"):
        shutil.copy(claimed / file, root)
    with Ledger.open(root / "ledger.sqlite", create=True) as ledger:
        register(ledger)
    prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    return root


@pytest.fixture
def root(signed: Path, tmp_path: Path) -> Path:
    shutil.copytree(signed, tmp_path / "authority")
    return tmp_path / "authority"


def batch_of(root: Path) -> str:
    return bundle_of(root).name.rsplit("-", 1)[1]


def state(root: Path) -> str | None:
    with Ledger.read(root / "ledger.sqlite") as ledger:
        assert ledger.verify() == []
        return ledger.state(batch_of(root))


def audit(root: Path, invalid: int = 0, by: Signer = AUDITOR) -> str:
    """Test the whole sample, and find some of it invalid; the decision."""
    bundle = bundle_of(root)
    lines = draw_sample(bundle, SEED).sample.lines["claim_line_id"].to_list()
    results = ["invalid"] * invalid + ["valid"] * (len(lines) - invalid)
    file = root / "results.csv"
    rows = [f"{line},{result},,a.audit" for line, result in zip(lines, results, strict=True)]
    file.write_text("claim_line_id,result,note,tested_by\n" + "\n".join(rows) + "\n")
    outcome = record_results(bundle, file, SEED).outcome
    enter_audit(root, outcome, at=NOON, by=by)
    return outcome.decision


def take_to_submitted(root: Path) -> None:
    assert audit(root) == "pass"
    approve(root, batch_of(root), at=NOON, by=APPROVER)
    submit(root, batch_of(root), date(2014, 11, 3), at=NOON, by=PREPARER)


def remittance(root: Path, amounts: Callable[[str, int], int | None]) -> Path:
    """A remittance advice over the batch's lines, at what `amounts` says of each (None: not in it)."""
    claim = open_bundle(bundle_of(root)).tables["claim.csv"].select("claim_line_id", "amount_pence")
    paid = [(line, amounts(line, pence)) for line, pence in claim.iter_rows()]
    rows = [f"{line},{pence}" for line, pence in paid if pence is not None]
    (root / "remittance.csv").write_text("claim_line_id,amount_pence\n" + "\n".join(rows) + "\n")
    return root / "remittance.csv"


def codes(raised: pytest.ExceptionInfo[Faults]) -> set[str]:
    return {fault.code for fault in raised.value.faults}


def test_a_batch_goes_from_hand_to_hand_and_its_bundle_says_so(root: Path) -> None:
    take_to_submitted(root)
    pay(root, remittance(root, lambda _, pence: pence), "4711", date(2014, 12, 1), at=NOON, by=FINANCE)
    assert state(root) == "paid"
    found = verify(bundle_of(root), root)
    assert found.steps is not None and found.state == found.steps.state == "paid"
    by = [(step.kind, step.by) for step in found.steps.signed]
    assert by == [
        ("prepared", "p.manager"),
        ("checked", "a.audit"),
        ("approved", "s.officer"),
        ("submitted", "p.manager"),
        ("paid", "f.finance"),
    ]
    assert [registrar.by for registrar in found.steps.registrars] == ["r.head"]
    with Ledger.read(root / "ledger.sqlite") as ledger:
        balance = ledger.balances("authority").row(0, named=True)
    assert balance["claimed_pence"] == balance["paid_pence"] == found.run.amount_pence
    assert balance["outstanding_pence"] == 0


def test_what_nobody_signed_is_neither_checked_nor_submitted(claimed: Path, tmp_path: Path) -> None:
    root = tmp_path / "authority"
    shutil.copytree(claimed, root)
    with Ledger.open(root / "ledger.sqlite") as ledger:
        register(ledger)
    with pytest.raises(Faults) as raised:
        audit(root)
    assert codes(raised) == {"E647"}


def test_whoever_prepared_a_batch_neither_checks_nor_approves_it(root: Path) -> None:
    with pytest.raises(Faults) as raised:
        audit(root, by=PREPARER)
    assert codes(raised) == {"E645"}
    audit(root)
    for hand, code in (
        (PREPARER, "E645"),
        (AUDITOR, "E645"),
        (FINANCE, "E645"),
        (REGISTRAR, "E645"),
        (STRANGER, "E642"),
    ):
        with pytest.raises(Faults) as raised:
            approve(root, batch_of(root), at=NOON, by=hand)
        assert codes(raised) == {code}
    assert state(root) == "checked"


def test_a_batch_is_not_approved_before_it_is_checked_nor_submitted_before_it_is_approved(root: Path) -> None:
    with pytest.raises(Faults) as raised:
        approve(root, batch_of(root), at=NOON, by=APPROVER)
    assert codes(raised) == {"E607"}
    audit(root)
    with pytest.raises(Faults) as raised:
        submit(root, batch_of(root), date(2014, 11, 3), at=NOON, by=PREPARER)
    assert codes(raised) == {"E607"}


@pytest.mark.parametrize(("on", "is_open"), [("2014-09-30", False), ("2014-11-29", True), ("2014-11-30", False)])
def test_a_batch_is_submitted_inside_its_window_only(root: Path, on: str, is_open: bool) -> None:
    audit(root)
    approve(root, batch_of(root), at=NOON, by=APPROVER)
    if is_open:
        submit(root, batch_of(root), date.fromisoformat(on), at=NOON, by=PREPARER)
        assert state(root) == "submitted"
        return
    with pytest.raises(Faults) as raised:
        submit(root, batch_of(root), date.fromisoformat(on), at=NOON, by=PREPARER)
    assert codes(raised) == {"E514"}
    assert state(root) == "approved"


def test_a_line_found_invalid_keeps_the_batch_back_and_is_held_in_the_next(root: Path) -> None:
    assert audit(root, invalid=1) == "check_all"
    with pytest.raises(Faults):
        approve(root, batch_of(root), at=NOON, by=APPROVER)
    first = open_bundle(bundle_of(root)).tables["claim.csv"]
    with Ledger.read(root / "ledger.sqlite") as ledger:
        (bad,) = ledger.found_wrong().select("decision_id", "route").rows()
    withdraw(root, batch_of(root), "a line was found invalid", at=NOON, by=PREPARER)
    again = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    assert again.bundle is not None
    assert again.claim.height == first.height - 1
    held = again.selection.held.filter(pl.col("reason").str.contains("found_invalid_by_audit"))
    assert held.select("decision_id", "route").rows() == [bad]
    assert replay(again.bundle.path).lines == again.claim.height
    # What was tested before and stays is drawn again by the same seed.
    before = set(first["claim_line_id"]) - set(again.claim["claim_line_id"])
    assert len(before) == 1


def test_a_held_line_is_claimed_when_a_second_person_approves_its_release_and_not_before(root: Path) -> None:
    line = open_bundle(bundle_of(root)).tables["held.csv"].filter(pl.col("reason") == "neutral_only").row(0, named=True)
    families = open_bundle(bundle_of(root)).tables["families.parquet"]
    family = families.filter(pl.col("family_ref") == line["family_ref"])["family_id"][0]
    withdraw(root, batch_of(root), "to claim one line more", at=NOON, by=PREPARER)
    first = bundle_of(root)
    why = Why("the school's letter shows the change", "programme manager", date(2014, 11, 29))
    proposed = propose(root, family, line["route"], DATE, WINDOW, why, at=NOON, by=PREPARER)
    waiting = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    assert "override_not_approved" in ";".join(waiting.selection.held["reason"])
    assert family not in waiting.selection.lines["family_id"].to_list()
    assert waiting.bundle is not None
    withdraw(root, waiting.bundle.batch.batch_id, "now it is approved", at=NOON, by=PREPARER)
    with pytest.raises(Faults) as raised:
        approve_override(root, proposed.seq, at=NOON, by=PREPARER)
    assert codes(raised) == {"E645"}
    approve_override(root, proposed.seq, at=NOON, by=APPROVER)
    done = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    assert done.bundle is not None
    (claimed,) = done.selection.lines.filter(pl.col("family_id") == family).to_dicts()
    assert claimed["override"] == proposed.seq and "override" in claimed["flags"].split(";")
    (listed,) = open_bundle(done.bundle.path).tables["overrides.csv"].to_dicts()
    assert (listed["proposed_by"], listed["approved_by"], listed["entry"]) == ("p.manager", "s.officer", proposed.seq)
    assert replay(done.bundle.path).lines == done.claim.height
    sampled = draw_sample(done.bundle.path, SEED).sample.lines
    always = sampled.filter(pl.col("why").str.contains("override"))
    assert always["family_id"].to_list() == [family]
    assert overrides(root)["state"].to_list() == ["approved"]
    shutil.rmtree(first)


def test_a_result_is_passed_at_discretion_only_where_a_text_allows_it(root: Path) -> None:
    findings = open_bundle(bundle_of(root)).tables["decisions.parquet"].filter(pl.col("subject_id") == "")
    eligible = findings.filter((pl.col("item") == "eligible") & (pl.col("verdict") == "met"))["family_id"]
    missed = findings.filter(
        (pl.col("part") == "route")
        & (pl.col("item") == "crime_asb_education")
        & (pl.col("verdict") == "not_met")
        & pl.col("family_id").is_in(eligible.implode())
    )["family_id"][0]
    why = Why("equivalent progress", "head of service", date(2014, 11, 29))
    with pytest.raises(Faults) as raised:
        propose(root, missed, "crime_asb_education", DATE, WINDOW, why, at=NOON, by=PREPARER)
    assert codes(raised) == {"E516"}
    toml = root / "pbr.toml"
    toml.write_text(toml.read_text().replace("[claims]", '[claims]\ndiscretion = "outcome plan, section 4"', 1))
    withdraw(root, batch_of(root), "one line more", at=NOON, by=PREPARER)
    first = bundle_of(root)
    entry = propose(root, missed, "crime_asb_education", DATE, WINDOW, why, at=NOON, by=PREPARER)
    approve_override(root, entry.seq, at=NOON, by=APPROVER)
    done = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    assert done.bundle is not None
    (line,) = done.selection.lines.filter(pl.col("override") == entry.seq).to_dicts()
    assert (line["family_id"], line["flags"].split(";")[-1]) == (missed, "override")
    assert done.bundle.batch.discretion == "outcome plan, section 4"
    assert replay(done.bundle.path).lines == done.claim.height
    shutil.rmtree(first)


def test_nothing_overrides_eligibility(root: Path) -> None:
    findings = open_bundle(bundle_of(root)).tables["decisions.parquet"].filter(pl.col("subject_id") == "")
    family = findings.filter((pl.col("item") == "eligible") & (pl.col("verdict") == "not_met"))["family_id"][0]
    why = Why("they need it", "head of service", date(2014, 11, 29))
    with pytest.raises(Faults) as raised:
        propose(root, family, "crime_asb_education", DATE, WINDOW, why, at=NOON, by=PREPARER)
    assert codes(raised) == {"E515"}
    early = Why("too early", "head of service", date(2014, 10, 30))
    with pytest.raises(Faults) as raised:
        propose(root, family, "crime_asb_education", DATE, WINDOW, early, at=NOON, by=PREPARER)
    assert codes(raised) == {"E517"}


def test_an_overpaid_a_strange_and_a_second_payment_are_refused_whole(root: Path) -> None:
    take_to_submitted(root)
    day = date(2014, 12, 1)
    with pytest.raises(Faults) as raised:
        pay(root, remittance(root, lambda _, pence: pence + 1), "1", day, at=NOON, by=FINANCE)
    assert codes(raised) == {"E656"}
    strange = root / "strange.csv"
    strange.write_text("claim_line_id,amount\nL0000000000000000,£1.00\n")
    with pytest.raises(Faults) as raised:
        pay(root, strange, "1", day, at=NOON, by=FINANCE)
    assert codes(raised) == {"E683"}
    assert state(root) == "submitted"
    pay(root, remittance(root, lambda _, pence: pence), "1", day, at=NOON, by=FINANCE)
    for reference, code in (("1", "E653"), ("2", "E656")):
        with pytest.raises(Faults) as raised:
            pay(root, remittance(root, lambda _, pence: pence), reference, day, at=NOON, by=FINANCE)
        assert code in codes(raised)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("claim_line_id,amount\nL1,7.5\n", "E681"),
        ("claim_line_id,amount\n,7.50\n", "E682"),
        ("claim_line_id,amount\n", "E682"),
        ("line,money\nL1,7\n", "E680"),
        ("claim_line_id,amount_pence\nL1,-7\n", "E681"),
    ],
)
def test_a_remittance_that_cannot_be_read_is_told_by_its_rows(root: Path, content: str, code: str) -> None:
    file = root / "bad.csv"
    file.write_text(content)
    with pytest.raises(Faults) as raised:
        pay(root, file, "1", date(2014, 12, 1), at=NOON, by=FINANCE)
    assert codes(raised) - {"E683"} == {code}


HEAD = "claim_line_id,amount"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is not there"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"claim_line_id;amount\nL1;7.00\n", "parted by semicolons"),
        (b"claim_line_id\tamount\nL1\t7.00\n", "parted by tabs"),
        ("claim_line_id,amount\nL1,£7\n".encode("cp1252"), "is not text in UTF-8"),
        (b"Line,Paid\nL1,7\n", "lacks the columns claim_line_id, amount_pence or amount; its columns are: Line, Paid"),
        (b"claim_line_id,amount,amount_pence\nL1,7.00,700\n", "has both amount and amount_pence"),
        (b"claim_line_id,Amount,amount\nL1,7.00,7.00\n", "has the column amount twice"),
        (b"claim_line_id,amount\nL1,1,500.00\n", "row 2 has more cells than the header"),
    ],
)
def test_why_a_remittance_is_no_table_is_said_in_words(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "bad.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Faults, match=f"E680 bad.csv .*{says}|E680 bad.csv {says}") as raised:
        read_remittance(file)
    assert codes(raised) == {"E680"}


def test_a_remittance_is_read_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "december.csv"
    text = 'Claim line ID,Note, AMOUNT \n,,\nL1,paid,"1,500.00"\n\nL2,paid,£7\n,,\n,,\n'
    file.write_bytes(text.encode("utf-8-sig"))
    assert read_remittance(file).lines.rows() == [(3, "L1", 150000), (5, "L2", 700)]


def test_unknown_lines_are_told_together_with_amounts_that_cannot_be_read(root: Path) -> None:
    take_to_submitted(root)
    file = root / "bad.csv"
    file.write_text(f"{HEAD}\nL1,7.5\nL0000000000000000,7.00\n,7.00\n")
    with pytest.raises(Faults) as raised:
        pay(root, file, "1", date(2014, 12, 1), at=NOON, by=FINANCE)
    told = [(fault.place.split()[-1], fault.code) for fault in raised.value.faults]
    assert told == [("2", "E681"), ("2", "E683"), ("3", "E683"), ("4", "E682")]


def test_a_batch_is_not_paid_before_the_day_on_which_it_was_submitted(root: Path) -> None:
    take_to_submitted(root)
    advice = remittance(root, lambda _, pence: pence)
    with pytest.raises(Faults) as raised:
        pay(root, advice, "1", date(2014, 11, 2), at=NOON, by=FINANCE)
    assert codes(raised) == {"E676"}
    assert state(root) == "submitted"
    pay(root, advice, "1", date(2014, 11, 3), at=NOON, by=FINANCE)
    assert state(root) == "paid"


def test_attachment_fees_are_not_paid_before_their_year_begins(root: Path) -> None:
    with pytest.raises(Faults) as raised:
        attach(root, "2012/13", 1, "1", date(2012, 3, 31), at=NOON, by=FINANCE)
    assert codes(raised) == {"E676"}
    attach(root, "2012/13", 1, "1", date(2012, 4, 1), at=NOON, by=FINANCE)


def test_a_batch_is_not_submitted_before_the_day_that_it_is_claimed_on(root: Path) -> None:
    audit(root)
    approve(root, batch_of(root), at=NOON, by=APPROVER)
    with pytest.raises(Faults) as raised:
        submit(root, batch_of(root), date(2014, 10, 30), at=NOON, by=PREPARER)
    assert codes(raised) == {"E523"}
    submit(root, batch_of(root), DATE, at=NOON, by=PREPARER)
    assert state(root) == "submitted"


def test_a_line_repaid_is_held_until_somebody_shows_that_it_was_right(root: Path) -> None:
    take_to_submitted(root)
    pay(root, remittance(root, lambda _, pence: pence), "1", date(2014, 12, 1), at=NOON, by=FINANCE)
    line = open_bundle(bundle_of(root)).tables["claim.csv"].row(0, named=True)
    entry = correct(root, line["claim_line_id"], "repay", "spot check", at=NOON, by=FINANCE)
    assert entry.says["corrections"][0]["amount_pence"] == line["amount_pence"]
    with Ledger.read(root / "ledger.sqlite") as ledger:
        found = ledger.lines().filter(pl.col("line_id") == line["claim_line_id"]).row(0, named=True)
    assert (found["live"], found["reversed_by"], found["repaid_pence"]) == (False, "repay", line["amount_pence"])
    again = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    assert again.claim.is_empty()
    (held,) = again.selection.held.filter(pl.col("reason").str.contains("reversed_before")).to_dicts()
    assert (held["decision_id"], held["route"]) == (line["decision_id"], line["route"])
    why = Why("the spot check looked at the twin", "programme manager", date(2014, 11, 29))
    released = propose(root, held["family_id"], line["route"], DATE, WINDOW, why, at=NOON, by=PREPARER)
    approve_override(root, released.seq, at=NOON, by=APPROVER)
    assert prepare(root, DATE, WINDOW, at=NOON, by=PREPARER).claim["decision_id"].to_list() == [line["decision_id"]]


def test_a_superseded_line_is_named_by_the_one_in_its_place(root: Path) -> None:
    take_to_submitted(root)
    line = open_bundle(bundle_of(root)).tables["claim.csv"].row(0, named=True)
    correct(root, line["claim_line_id"], "supersede", "wrong year", at=NOON, by=PREPARER)
    # What the evidence says is the same, so two people must say that it is right all the same.
    waiting = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER).selection.held
    (held,) = waiting.filter(pl.col("reason").str.contains("reversed_before")).to_dicts()
    why = Why("the year was right after all", "programme manager", date(2014, 11, 29))
    released = propose(root, held["family_id"], held["route"], DATE, WINDOW, why, at=NOON, by=PREPARER)
    approve_override(root, released.seq, at=NOON, by=APPROVER)
    again = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    assert again.bundle is not None
    told = open_bundle(again.bundle.path).tables["history.csv"].filter(pl.col("claimed_by") == "reversed")
    assert told["line_id"].to_list() == [line["claim_line_id"]]
    with Ledger.read(root / "ledger.sqlite") as ledger:
        (new,) = ledger.lines().filter(pl.col("batch_id") == again.bundle.batch.batch_id).to_dicts()
        assert ledger.verify() == []
    assert new["supersedes"] == line["claim_line_id"]


def dearer(claim: pl.DataFrame) -> pl.DataFrame:
    return renumbered(claim.with_columns(pl.col("amount_pence") + 10000))


def test_a_claim_that_its_own_evidence_does_not_give_is_decided_again_and_not_submitted(
    root: Path, tmp_path: Path
) -> None:
    """Forged before it was entered, so that bundle and ledger agree: only deciding it again tells."""
    reentered(root, forged(bundle_of(root), tmp_path / "forged", claim_csv=dearer), PREPARER)
    audit(root)
    approve(root, batch_of(root), at=NOON, by=APPROVER)
    with pytest.raises(Disagreement, match="amount_pence"):
        submit(root, batch_of(root), date(2014, 11, 3), at=NOON, by=PREPARER)
    assert state(root) == "approved"


@pytest.mark.parametrize("change", ["by", "signature", "body", "gone", "order", "other batch"])
def test_signed_steps_that_were_touched_are_told(root: Path, change: str) -> None:
    audit(root)
    path = bundle_of(root) / "steps.jsonl"
    entries = [json.loads(line) for line in path.read_bytes().splitlines()]
    match change:
        case "by":
            entries[-1]["by"] = "somebody"
        case "signature":
            entries[-1]["signature"] = entries[-2]["signature"]
        case "body":
            entries[-1]["body"] = entries[-1]["body"].replace('"tested":', '"tested":1')
        case "gone":
            entries = [entry for entry in entries if entry["kind"] != "prepared"]
        case "order":
            entries.reverse()
        case "other batch":
            entries[-1]["batch_id"] = "0" * 12
    path.write_bytes(b"".join(json.dumps(entry).encode() + b"\n" for entry in entries))
    with pytest.raises(Faults) as raised:
        verify(bundle_of(root))
    assert codes(raised) == {"E649"}


def test_the_steps_of_a_bundle_are_written_again_by_the_next_command(root: Path) -> None:
    audit(root)
    (bundle_of(root) / "steps.jsonl").unlink()
    approve(root, batch_of(root), at=NOON, by=APPROVER)
    steps = verify(bundle_of(root), root).steps
    assert steps is not None and steps.state == "approved"


@pytest.mark.parametrize(
    ("year", "families", "code"),
    [("2012/13", 10, None), ("2012/14", 10, "E518"), ("2030/31", 10, "E518"), ("2012/13", 100_000, "E518")],
)
def test_attachment_fees_are_those_of_the_year_and_of_funded_families(
    root: Path, year: str, families: int, code: str | None
) -> None:
    if code is None:
        entry = attach(root, year, families, "4700", date(2012, 7, 2), at=NOON, by=FINANCE)
        assert (entry.says["fee_pence"], entry.says["amount_pence"]) == (320000, 3200000)
        return
    with pytest.raises(Faults) as raised:
        attach(root, year, families, "4700", date(2012, 7, 2), at=NOON, by=FINANCE)
    assert codes(raised) == {code}


def test_a_workspace_whose_window_is_not_declared_submits_nothing(root: Path) -> None:
    audit(root)
    approve(root, batch_of(root), at=NOON, by=APPROVER)
    toml = root / "pbr.toml"
    toml.write_text(toml.read_text().replace('id = "2014-10"', 'id = "another"'))
    assert Workspace.load(root).claims.windows[0].id == "another"
    with pytest.raises(Faults) as raised:
        submit(root, batch_of(root), date(2014, 11, 3), at=NOON, by=PREPARER)
    assert codes(raised) == {"E514"}


@pytest.mark.parametrize("named", ["name", "birth", "postcode", "number", "nobody"])
def test_words_for_the_ledger_name_nobody(root: Path, named: str) -> None:
    members = pl.read_csv(root / "sources" / "members.csv", infer_schema=False)
    person = members.filter(pl.col("upn").is_not_null()).row(0, named=True)
    words = {
        "name": f"{person['surname'].upper()}, {person['forename']} was never excluded",
        "birth": f"born {date.fromisoformat(person['date_of_birth']):%d/%m/%Y}",
        "postcode": f"moved to {person['postcode'].replace(' ', '').lower()}",
        "number": f"see {person['upn']}",
        "nobody": f"see the file of {person['person_id']}: the school wrote on 2014-11-02",
    }[named]
    if named == "nobody":
        withdraw(root, batch_of(root), words, at=NOON, by=PREPARER)
        return
    with pytest.raises(Faults) as raised:
        withdraw(root, batch_of(root), words, at=NOON, by=PREPARER)
    assert codes(raised) == {"E522"}
    assert str(person["surname"]) not in str(raised.value)
    assert state(root) == "prepared"


def test_a_batch_is_withdrawn_though_the_members_list_cannot_be_read(root: Path) -> None:
    (root / "sources" / "members.csv").unlink()
    withdraw(root, batch_of(root), "the list is being made anew", at=NOON, by=PREPARER)
    assert state(root) == "withdrawn"


def test_a_ledger_that_was_lost_is_not_begun_anew_beside_what_was_signed(root: Path) -> None:
    (root / "ledger.sqlite").unlink()
    with Ledger.open(root / "ledger.sqlite", create=True) as ledger:
        register(ledger)
    with pytest.raises(Faults) as raised:
        prepare(root, DATE, WINDOW, at=NOON, by=PREPARER)
    assert codes(raised) == {"E521"}


def test_families_with_live_lines_that_are_on_no_list_now_are_told(root: Path) -> None:
    with Ledger.read(root / "ledger.sqlite") as ledger:
        family = ledger.live_lines()["family_id"][0]
    for path in (root / "sources").glob("*.csv"):
        rows = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join(row for row in rows if family.encode() not in row))
    told = prepare(root, DATE, WINDOW, at=NOON, by=PREPARER).warnings
    assert any("1 family has live lines and no place on the list now" in warning for warning in told)
