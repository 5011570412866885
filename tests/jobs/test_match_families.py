"""Match families on whole workspaces: what the extracts and the ledger say together, whatever their order."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from pbr.jobs.batches import withdraw
from pbr.jobs.match_families import match_families
from pbr.ledger import Ledger
from pbr.linkage.families import FamiliesReport
from tests.jobs.authorities import AS_OF, contents, shuffled
from tests.jobs.conftest import NOON
from tests.jobs.doubtful_lists import AGAIN, a_child_at_school, add, claimed_family, come_back, table

DAY = date.fromisoformat(AS_OF)


def tables(report: FamiliesReport) -> list[pl.DataFrame]:
    missing = report.missing
    return [report.counts, report.same_persons, report.regrouped, missing.people, missing.records, missing.left_out]


def test_a_claimed_family_that_comes_back_is_told_with_what_was_claimed(copy: Path) -> None:
    family, pence = claimed_family(copy)
    again = come_back(copy, family, "2014-06-02")
    report = match_families(copy, DAY)
    row = report.regrouped.filter(pl.col("family_id") == AGAIN).row(0, named=True)
    everybody = again["person_id"].n_unique()
    assert (row["earlier_family_id"], row["earlier_claimed_pence"], row["claimed_pence"]) == (family, pence, 0)
    assert (row["shared"], row["members"], row["earlier_members"]) == (everybody, everybody, everybody)
    persons = report.same_persons.filter((pl.col("other_family_id") == AGAIN) & (pl.col("family_id") == family))
    assert persons["claimed_pence"].max() == pence
    assert set(persons["other_person_id"]) == set(again["person_id"])
    assert report.counts.rows()[2] == ("regrouped", 1, 2, pence)


def test_a_batch_that_was_withdrawn_claims_nothing(copy: Path) -> None:
    family, pence = claimed_family(copy)
    come_back(copy, family, "2014-06-02")
    assert match_families(copy, DAY).regrouped["earlier_claimed_pence"].to_list() == [pence]
    with Ledger.read(copy / "ledger.sqlite") as ledger:
        batch = ledger.batches()["batch_id"][0]
    withdraw(copy, batch, "made by mistake", at=NOON, by="somebody")
    assert match_families(copy, DAY).regrouped["earlier_claimed_pence"].to_list() == [0]


def test_an_authority_without_a_ledger_has_claimed_nothing(unclaimed: Path) -> None:
    come_back(unclaimed, "F000001", "2014-06-02")
    report = match_families(unclaimed, DAY)
    assert report.regrouped.select("earlier_family_id", "earlier_claims", "earlier_claimed_pence").rows() == [
        ("F000001", "", 0)
    ]


def test_a_family_that_comes_back_on_the_as_of_date_is_not_there_yet(copy: Path) -> None:
    family, _ = claimed_family(copy)
    come_back(copy, family, AS_OF)
    assert match_families(copy, DAY).regrouped.is_empty()
    assert match_families(copy).regrouped["family_id"].to_list() == [AGAIN]


def test_a_child_at_school_whom_no_list_has_is_told_with_its_record(copy: Path) -> None:
    family, _ = claimed_family(copy)
    before = match_families(copy, DAY)
    a_child_at_school(copy, family)
    after = match_families(copy, DAY)
    (row,) = after.missing.people.join(before.missing.people, on="stranger", how="anti").rows(named=True)
    assert (row["family_id"], row["by"], row["age_group"], row["records"]) == (family, "postcode", "child", 1)
    assert after.missing.records.height == before.missing.records.height + 1
    assert after.counts["found"][3] == before.counts["found"][3] + 1


def test_members_in_quarantine_are_nobody_yet(copy: Path) -> None:
    before = match_families(copy, DAY)
    rows = table(copy, "members").filter(pl.col("family_id") == "F000001")
    add(copy, "members", rows.with_columns(pl.col("person_id").str.replace("P", "Q"), date_of_birth=pl.lit("soon")))
    assert match_families(copy, DAY).same_persons.equals(before.same_persons)


def test_rows_in_any_order_give_the_same_report(unclaimed: Path, tmp_path: Path) -> None:
    come_back(unclaimed, "F000001", "2014-06-02")
    a_child_at_school(unclaimed, "F000003")
    first = match_families(unclaimed, DAY)
    again = match_families(shuffled(unclaimed, tmp_path / "shuffled", seed=5), DAY)
    assert first.regrouped.height == 1
    assert first.missing.people.filter(pl.col("family_id") == "F000003").height == 1
    for one, other in zip(tables(first), tables(again), strict=True):
        assert one.equals(other)


def test_nothing_is_written(copy: Path) -> None:
    come_back(copy, claimed_family(copy)[0], "2014-06-02")
    before = contents(copy)
    match_families(copy, DAY)
    assert contents(copy) == before
