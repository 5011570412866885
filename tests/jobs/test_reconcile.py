"""Reconciliation: decisions, claim file, ledger and remittance advices agree, or the difference is told by name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from pbr.claims.contract import read, written
from pbr.claims.select import family_ref
from pbr.cli.console import Commands
from pbr.cli.ledger import ledger as ledger_commands
from pbr.errors import Faults
from pbr.jobs.batches import correct, pay
from pbr.jobs.key import key_of
from pbr.jobs.ledger import allocations, lines
from pbr.jobs.reconcile import Reconciliation, reconcile
from pbr.ledger import NO_BATCH, Ledger
from pbr.workspace import Workspace
from tests.jobs.authorities import bundle_of
from tests.jobs.conftest import NOON
from tests.ledger.made_people import APPROVER, AUDITOR, FINANCE, PREPARER, audited, overridden, register

ADVICE = "december.csv"


def advice(path: Path, rows: list[tuple[str, int]]) -> Path:
    path.write_text("claim_line_id,amount_pence\n" + "".join(f"{line},{pence}\n" for line, pence in rows), "utf-8")
    return path


def rows_of(path: Path) -> list[tuple[str, int]]:
    return [(line, int(pence)) for line, pence in (row.split(",") for row in path.read_text().splitlines()[1:])]


@pytest.fixture(scope="module")
def once_paid(claimed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The batch signed for at every step, in a ledger of its own: all lines but the last are paid."""
    workspace = tmp_path_factory.mktemp("paid") / "authority"
    shutil.copytree(claimed / "batches", workspace / "batches")
    shutil.copy(claimed / "pbr.toml", workspace)
    with Ledger.read(claimed / "ledger.sqlite") as unsigned:
        (prepared,) = unsigned.entries()
    batch_id, manifest = prepared.batch_id, prepared.says["manifest_digest"]
    with Ledger.open(workspace / "ledger.sqlite", create=True) as opened:
        register(opened)
        for step, body, who in (
            ("prepared", prepared.says, PREPARER),
            ("checked", audited(manifest=manifest), AUDITOR),
            ("approved", {"manifest_digest": manifest}, APPROVER),
            ("submitted", {"submitted_on": date(2014, 11, 3), "manifest_digest": manifest}, PREPARER),
        ):
            opened.append(step, batch_id, body, at=NOON, by=who)
        amounts = opened.lines().select("line_id", "amount_pence").rows()
    advice(workspace / ADVICE, amounts[:-1])
    pay(workspace, workspace / ADVICE, "R1", date(2014, 12, 1), at=NOON, by=FINANCE)
    return workspace


@pytest.fixture
def paid(once_paid: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once_paid, tmp_path / "paid"))


def found(workspace: Path, *advices: Path) -> Reconciliation:
    return reconcile(workspace, advices or [workspace / ADVICE])


def named(found: Reconciliation) -> dict[str, list[str]]:
    """The lines that each difference is told of."""
    told = found.differing.select(pl.col("differences").str.split(";"), "line_id").explode("differences")
    return {str(name): ids["line_id"].to_list() for (name,), ids in told.group_by("differences", maintain_order=True)}


def edit(workspace: Path, file: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a table of the bundle where it lies, as somebody who can write to the folder would."""
    path = bundle_of(workspace) / "data" / file
    path.write_bytes(written(file, change(read(file, path.read_bytes()))))


# ------------------------------------------------------------------------------------------------------ all agree


def test_a_batch_that_is_paid_agrees_and_what_is_not_paid_yet_is_outstanding(once_paid: Path) -> None:
    result = found(once_paid)
    assert result.agrees
    ledger = lines(once_paid)
    last = ledger.row(-1, named=True)
    outstanding = result.lines.filter(pl.col("outstanding_pence") > 0)
    assert outstanding.select("line_id", "outstanding_pence").rows() == [(last["line_id"], last["amount_pence"])]
    (batch,) = result.batches.to_dicts()
    total = ledger["amount_pence"].sum()
    assert (batch["claim_file_pence"], batch["ledger_pence"]) == (total, total)
    assert batch["paid_pence"] == batch["remitted_pence"] == total - last["amount_pence"]
    assert batch["ledger_pence"] == batch["paid_pence"] + batch["outstanding_pence"] + batch["reversed_unpaid_pence"]
    assert batch["decided_lines"] == batch["lines"] == ledger.height
    assert set(result.lines["decided"]) == {"met"}


def test_without_an_advice_payments_are_compared_with_none(once_paid: Path) -> None:
    result = reconcile(once_paid)
    assert result.agrees
    assert result.lines["remitted_pence"].null_count() == result.lines.height


def test_a_line_that_is_repaid_still_agrees_with_what_was_remitted_for_it(paid: Path) -> None:
    line, pence = rows_of(paid / ADVICE)[0]
    correct(paid, line, "repay", "spot check", at=NOON, by=FINANCE)
    result = found(paid)
    assert result.agrees
    row = result.lines.filter(pl.col("line_id") == line).row(0, named=True)
    assert (row["paid_pence"], row["repaid_pence"], row["reversed_by"]) == (pence, pence, "repay")


def test_a_withdrawn_batch_is_compared_with_no_bundle(copy: Path) -> None:
    with Ledger.open(copy / "ledger.sqlite") as opened:
        opened.append("withdrawn", opened.batches()["batch_id"][0], {"reason": "too early"}, at=NOON, by="somebody")
    shutil.rmtree(copy / "batches")
    result = reconcile(copy)
    assert result.agrees
    (batch,) = result.batches.to_dicts()
    assert (batch["claim_file_pence"], batch["outstanding_pence"]) == (None, 0)
    assert batch["reversed_unpaid_pence"] == batch["ledger_pence"] > 0


# ------------------------------------------------------------------------------------------- decisions and claim file


def test_every_line_of_a_batch_without_its_bundle_is_named(paid: Path) -> None:
    shutil.rmtree(bundle_of(paid))
    result = found(paid)
    assert named(result) == {"bundle_missing": lines(paid)["line_id"].to_list()}
    assert result.batches["differences"].to_list() == ["bundle_missing"]


def test_a_penny_in_the_claim_file_is_told_of_its_line_and_of_the_totals(paid: Path) -> None:
    edit(paid, "claim.csv", lambda claim: claim.with_columns(pl.col("amount_pence") + (pl.int_range(pl.len()) == 0)))
    result, told = found(paid), named(found(paid))
    assert told["bundle_changed"] == lines(paid)["line_id"].to_list()
    assert told["claimed_amount_differs"] == [lines(paid)["line_id"][0]]
    assert result.batches["differences"].to_list() == ["bundle_changed;run_totals_differ"]


def test_a_bundle_that_cannot_be_read_at_all_is_changed(paid: Path) -> None:
    (bundle_of(paid) / "data" / "claim.csv").write_bytes(b"\xff\x00")
    assert list(named(found(paid))) == ["bundle_changed"]


def test_a_line_that_only_the_ledger_or_only_the_claim_file_has_is_told(paid: Path) -> None:
    first = lines(paid)["line_id"][0]
    renamed = pl.when(pl.col("claim_line_id") == first).then(pl.lit("L0")).otherwise("claim_line_id")
    edit(paid, "claim.csv", lambda claim: claim.with_columns(claim_line_id=renamed))
    told = named(found(paid))
    assert told["not_in_claim_file"] == [first]
    assert told["not_in_ledger"] == ["L0"]


def test_a_line_on_a_decision_that_is_not_met_or_not_there_is_told(paid: Path) -> None:
    claim = read("claim.csv", (bundle_of(paid) / "data" / "claim.csv").read_bytes()).sort("claim_line_id")
    unmet, gone = claim["decision_id"][0], claim["decision_id"][1]
    is_unmet = (pl.col("decision_id") == unmet) & (pl.col("part") == "route")

    def changed(findings: pl.DataFrame) -> pl.DataFrame:
        verdict = pl.when(is_unmet).then(pl.lit("not_met")).otherwise("verdict")
        return findings.filter(pl.col("decision_id") != gone).with_columns(verdict=verdict)

    edit(paid, "decisions.parquet", changed)
    told = named(found(paid))
    assert told["not_met"] == claim.filter(pl.col("decision_id") == unmet)["claim_line_id"].to_list()
    assert told["decision_missing"] == claim.filter(pl.col("decision_id") == gone)["claim_line_id"].to_list()


@pytest.mark.parametrize(("approved_by", "decided"), [("a.second", "passed by override 7"), ("", "not_met")])
def test_a_line_rests_on_a_pass_only_where_a_second_person_approved_it(
    paid: Path, approved_by: str, decided: str
) -> None:
    line = read("claim.csv", (bundle_of(paid) / "data" / "claim.csv").read_bytes()).row(0, named=True)
    one = {"family_id": "F", "route": line["route"], "decision_id": line["decision_id"], "act": "pass", "holds": ""}
    one |= {"reason": "r", "role": "r", "expires_on": date(2014, 12, 31), "proposed_by": "p", "entry": 7}
    edit(paid, "overrides.csv", lambda table: pl.DataFrame([one | {"approved_by": approved_by}], table.schema))
    is_it = (pl.col("decision_id") == line["decision_id"]) & (pl.col("part") == "route")
    verdict = pl.when(is_it).then(pl.lit("not_met")).otherwise("verdict")
    edit(paid, "decisions.parquet", lambda table: table.with_columns(verdict=verdict))
    result = found(paid)
    row = result.lines.filter(pl.col("line_id") == line["claim_line_id"]).row(0, named=True)
    assert row["decided"] == decided
    assert ("not_met" in row["differences"]) == (not approved_by)


def test_a_line_that_is_another_in_the_ledger_is_told_and_so_is_an_override_that_the_bundle_has_not(
    claimed: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    shutil.copytree(claimed / "batches", made / "batches")
    shutil.copy(claimed / "pbr.toml", made)
    with Ledger.read(claimed / "ledger.sqlite") as unsigned:
        (prepared,) = unsigned.entries()
    first, second, *rest = prepared.says["lines"]
    with Ledger.open(made / "ledger.sqlite", create=True) as opened:
        register(opened)
        says = {name: first[name] for name in ("family_id", "route", "decision_id")}
        entry = opened.append("overridden", NO_BATCH, overridden(**says), at=NOON, by=PREPARER)
        opened.append("override_approved", NO_BATCH, {"override": entry.seq}, at=NOON, by=APPROVER)
        lines = [first | {"override": entry.seq}, second | {"family_ref": "somebody else"}, *rest]
        opened.append("prepared", prepared.batch_id, prepared.says | {"lines": lines}, at=NOON, by=PREPARER)
    told = named(reconcile(made))
    assert told == {"override_missing": [first["line_id"]], "claim_line_differs": [second["line_id"]]}


# -------------------------------------------------------------------------------------------------------- remittances


def test_what_is_remitted_and_not_entered_is_told(paid: Path) -> None:
    last = lines(paid).row(-1, named=True)
    second = advice(paid / "march.csv", [(last["line_id"], last["amount_pence"])])
    assert named(found(paid, paid / ADVICE, second)) == {"remitted_not_entered": [last["line_id"]]}


def test_what_is_remitted_for_a_line_that_nobody_claims_is_told_and_added_to_no_batch(paid: Path) -> None:
    stray = advice(paid / "stray.csv", [("Lnobody", 100)])
    result = found(paid, paid / ADVICE, stray)
    assert named(result) == {"remitted_for_no_line": ["Lnobody"]}
    assert result.batches.filter(pl.col("batch_id").is_null())["remitted_pence"].to_list() == [100]
    assert result.batches["remitted_pence"].sum() == sum(pence for _, pence in rows_of(paid / ADVICE)) + 100


def test_a_penny_less_than_was_entered_is_told(paid: Path) -> None:
    (line, pence), *rest = rows_of(paid / ADVICE)
    other = advice(paid / "other.csv", [(line, pence - 1), *rest])
    assert named(found(paid, other)) == {"paid_amount_differs": [line]}


def test_what_was_entered_from_an_advice_that_is_not_given_is_told(paid: Path) -> None:
    rows = rows_of(paid / ADVICE)
    some = advice(paid / "some.csv", rows[:1])
    told = named(found(paid, some))
    assert told == {"entered_from_an_advice_not_given": sorted(line for line, _ in rows[1:])}


def test_the_same_sums_in_another_file_are_no_difference(paid: Path) -> None:
    assert found(paid, advice(paid / "again.csv", rows_of(paid / ADVICE)[::-1])).agrees


def test_what_is_remitted_for_a_reversed_line_is_told(paid: Path) -> None:
    last = lines(paid).row(-1, named=True)
    correct(paid, last["line_id"], "withdraw", "moved away", at=NOON, by=PREPARER)
    late = advice(paid / "late.csv", [(last["line_id"], last["amount_pence"])])
    assert named(found(paid, paid / ADVICE, late)) == {"remitted_for_a_reversed_line": [last["line_id"]]}


@pytest.mark.parametrize(
    ("more", "name"),
    [([0, 0], "remitted_twice"), ([1], "remitted_beyond_the_claim")],
    ids=["the same amount again", "a penny more"],
)
def test_more_than_was_claimed_is_told(paid: Path, more: list[int], name: str) -> None:
    last = lines(paid).row(-1, named=True)
    rows = [(last["line_id"], last["amount_pence"] + extra) for extra in more]
    told = named(found(paid, paid / ADVICE, advice(paid / "more.csv", rows)))
    assert told == {"remitted_not_entered": [last["line_id"]], name: [last["line_id"]]}


def test_instalments_up_to_the_claim_are_not_twice(paid: Path) -> None:
    last = lines(paid).row(-1, named=True)
    halves = [(last["line_id"], last["amount_pence"] // 2), (last["line_id"], last["amount_pence"] // 2)]
    told = named(found(paid, paid / ADVICE, advice(paid / "halves.csv", halves)))
    assert list(told) == ["remitted_not_entered"]


def test_an_advice_that_is_given_twice_or_cannot_be_read_is_a_fault(paid: Path) -> None:
    twin = Path(shutil.copy(paid / ADVICE, paid / "twin.csv"))
    torn = advice(paid / "torn.csv", [("", 1)])
    with pytest.raises(Faults) as raised:
        found(paid, paid / ADVICE, twin, torn)
    assert [fault.code for fault in raised.value.faults] == ["E682", "E770"]


# ------------------------------------------------------------------------------------------------------- the commands


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(Commands("pbr", commands={"ledger": ledger_commands}), [str(word) for word in words])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def test_the_command_returns_3_where_anything_differs_and_shows_only_that(paid: Path) -> None:
    ran = pbr("ledger", "reconcile", paid, "--remittance", paid / ADVICE)
    assert ran.exit_code == 0
    assert "agree to the penny" in ran.stderr and "Outstanding" in ran.stderr
    (line, pence), *rest = rows_of(paid / ADVICE)
    other = advice(paid / "other.csv", [(line, pence - 1), *rest])
    ran = pbr("ledger", "reconcile", paid, "--remittance", other)
    assert ran.exit_code == 3
    assert line in ran.stdout and "paid amount differs" in ran.stdout
    assert not any(other in ran.stdout for other, _ in rest)
    as_json = pbr("ledger", "reconcile", paid, "--remittance", other, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["agrees"]) == (3, False)


def test_lines_are_chosen_by_batch_family_and_whether_they_are_live(paid: Path) -> None:
    every = lines(paid)
    first = every.row(0, named=True)
    correct(paid, first["line_id"], "repay", "spot check", at=NOON, by=FINANCE)
    assert lines(paid, live=True).height == every.height - 1
    for family in (first["family_id"], first["family_ref"]):
        assert set(lines(paid, family=family)["family_id"]) == {first["family_id"]}
    assert lines(paid, batch=first["batch_id"]).height == every.height
    ran = pbr("ledger", "lines", paid, "--batch", "nobatch")
    assert ran.exit_code == 1 and "E606 batch nobatch" in ran.stderr
    shown = json.loads(pbr("ledger", "lines", paid, "--family", first["family_id"], "--json").stdout)
    assert {"paid_pence", "repaid_pence", "reversed_by"} <= set(shown[0])
    assert pbr("ledger", "lines", paid, "--csv").stdout.count("\n") == every.height + 1


def test_a_family_that_is_listed_and_has_no_line_has_an_empty_table(claimed: Path) -> None:
    listed = pl.read_csv(claimed / "sources" / "families.csv", infer_schema=False)["family_id"].to_list()
    without = next(family for family in listed if family not in set(lines(claimed)["family_id"]))
    key = key_of(Workspace.of(claimed))
    assert key is not None
    assert lines(claimed, family=without).is_empty()
    assert lines(claimed, family=family_ref(without, key)).is_empty()
    with pytest.raises(Faults, match="E677 family F-nobody is neither in the ledger nor in the list of families"):
        lines(claimed, family="F-nobody")


def test_withdrawn_batches_are_not_counted_as_compared_nor_added_up(copy: Path) -> None:
    before = len(lines(copy))
    with Ledger.open(copy / "ledger.sqlite") as opened:
        opened.append("withdrawn", opened.batches()["batch_id"][0], {"reason": "too early"}, at=NOON, by="somebody")
    ran = pbr("ledger", "reconcile", copy)
    assert "agree to the penny: 0 lines." in ran.stderr
    assert f"Not compared with decisions and claim files: {before} lines of 1 withdrawn batch." in ran.stderr
    (total,) = [line for line in ran.stdout.splitlines() if line.startswith("all ")]
    assert "£0" in total and not re.search("£[1-9]", total)


def test_the_balance_tells_what_is_left_of_the_allocation(paid: Path) -> None:
    (one,) = allocations(paid)
    families = lines(paid, live=True)["family_id"].n_unique()
    assert (one.funded, one.claimed, one.left) == (one.agreed * 5 // 6, families, one.agreed * 5 // 6 - families)
    ran = pbr("ledger", "balance", paid)
    assert f"{one.funded} families of {one.agreed} agreed (5/6); {families} with live lines" in ran.stderr
    assert all(word in ran.stdout for word in ("claimed", "paid", "repaid", "outstanding", "held"))
