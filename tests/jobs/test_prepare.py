"""Prepare, submit, withdraw: what stands between a workspace and a batch, and what comes after one."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs.batches import submit, withdraw
from pbr.jobs.decide import Measurement, decide, run_engines, write_findings
from pbr.jobs.prepare import Preparation, history_of, prepare, window_is_open
from pbr.jobs.replay import replay
from pbr.ledger import Ledger
from pbr.workspace import Workspace
from tests.jobs.authorities import AS_OF, WINDOW, bundle_of, contents
from tests.jobs.conftest import NOON
from tests.measures.made_evidence import evidence, family, person

DAY = timedelta(days=1)
DATE = date.fromisoformat(AS_OF)


def prepared(workspace: Path, as_of: date = DATE, window: str = WINDOW, **more: Any) -> Preparation:
    return prepare(workspace, as_of, window, at=NOON, by="somebody", **more)


def codes(raised: pytest.ExceptionInfo[Faults]) -> set[str]:
    return {fault.code for fault in raised.value.faults}


def changed(workspace: Path, old: str, new: str) -> Workspace:
    toml = (workspace / "pbr.toml").read_text()
    assert old in toml
    (workspace / "pbr.toml").write_text(toml.replace(old, new, 1))
    return Workspace.load(workspace)


# --------------------------------------------------------------------------------------------------------- the window


@pytest.mark.parametrize(
    ("claim_date", "is_open"),
    [
        (date(2014, 9, 30), False),
        (date(2014, 10, 1), True),
        (date(2014, 11, 29), True),
        (date(2014, 11, 30), False),
    ],
)
def test_a_window_is_open_on_its_first_and_on_its_last_day(claimed: Path, claim_date: date, is_open: bool) -> None:
    assert window_is_open(Workspace.load(claimed), WINDOW, claim_date) is is_open


def test_an_unknown_window_is_named_with_those_that_there_are(claimed: Path) -> None:
    with pytest.raises(Faults, match=r"E502 pbr.toml:\d+ there is no claim window '2014-12'. There are: 2014-10."):
        window_is_open(Workspace.load(claimed), "2014-12", DATE)


@pytest.mark.parametrize("window", ["", "../x", "a/b", "October 2014", ".hidden", "2014-10\n"])
def test_a_window_that_no_bundle_can_be_named_after_is_refused(unclaimed: Path, window: str) -> None:
    with pytest.raises(Faults) as raised:
        prepared(unclaimed, window=window)
    assert codes(raised) == {"E508"}
    assert not (unclaimed / "batches").exists()


def test_outside_the_window_nothing_is_claimed_and_no_batch_is_left(unclaimed: Path) -> None:
    done = prepared(unclaimed, claim_date=date(2014, 11, 30))
    assert done.bundle is None
    assert done.claim.is_empty()
    assert "window_not_open" in done.selection.attrition["reason"].to_list()
    assert not (unclaimed / "batches").exists()
    assert not (unclaimed / "ledger.sqlite").exists()


# -------------------------------------------------------------------------------------------------- again, and after


def test_what_is_claimed_once_is_not_claimed_in_the_next_window(copy: Path) -> None:
    changed(
        copy,
        "[[claims.windows]]",
        '[[claims.windows]]\nid = "next"\nopens = 2014-10-01\ncloses = 2014-12-31\n\n[[claims.windows]]',
    )
    done = prepared(copy, window="next")
    assert done.bundle is None
    fell = dict(done.selection.attrition.filter(pl.col("outcome") == "dropped").select("reason", "count").rows())
    assert fell["route_already_claimed"] == 17


def test_a_batch_taken_back_can_be_prepared_anew_under_another_id(copy: Path) -> None:
    first = bundle_of(copy)
    batch = first.name.rsplit("-", 1)[1]
    withdraw(copy, batch, "the extract was out of date", at=NOON, by="somebody")
    again = prepared(copy)
    assert again.bundle is not None
    assert not again.again
    assert again.bundle.batch.batch_id != batch
    assert again.claim.equals(prepared(copy).claim)
    assert replay(first).lines == replay(again.bundle.path).lines
    with Ledger.read(copy / "ledger.sqlite") as ledger:
        assert ledger.verify() == []
        assert ledger.batches()["state"].to_list() == ["withdrawn", "prepared"]
        assert ledger.balances()["claimed_pence"].sum() == again.claim["amount_pence"].sum()


def test_a_batch_whose_bundle_was_changed_is_not_submitted(copy: Path) -> None:
    batch = bundle_of(copy).name.rsplit("-", 1)[1]
    with (bundle_of(copy) / "data" / "held.csv").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(Faults) as raised:
        submit(copy, batch, DATE, at=NOON, by="somebody")
    assert codes(raised) == {"E553"}
    with Ledger.read(copy / "ledger.sqlite") as ledger:
        assert ledger.state(batch) == "prepared"


def test_an_unknown_batch_is_neither_submitted_nor_withdrawn(copy: Path) -> None:
    with pytest.raises(Faults) as raised:
        submit(copy, "0" * 12, DATE, at=NOON, by="somebody")
    assert codes(raised) == {"E606"}
    with pytest.raises(Faults) as raised:
        withdraw(copy, "0" * 12, "why not", at=NOON, by="somebody")
    assert codes(raised) == {"E606"}


def test_a_batch_that_nobody_prepares_leaves_no_bundle(unclaimed: Path) -> None:
    with pytest.raises(Faults) as raised:
        prepare(unclaimed, DATE, WINDOW, at=NOON, by=" ")
    assert codes(raised) == {"E613"}
    assert not list((unclaimed / "batches").glob("E*"))


# ------------------------------------------------------------------------------------------------------------ the key


def test_the_first_run_makes_a_key_that_only_its_owner_reads_and_the_next_one_keeps_it(unclaimed: Path) -> None:
    assert prepared(unclaimed).new_key
    key = (unclaimed / "pbr.key").read_bytes()
    assert (unclaimed / "pbr.key").stat().st_mode & 0o077 == 0
    assert not prepared(unclaimed).new_key
    assert (unclaimed / "pbr.key").read_bytes() == key


@pytest.mark.parametrize("key", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "\xff" * 64])
def test_a_spoilt_key_stops_the_run_before_it_makes_other_pseudonyms(unclaimed: Path, key: str) -> None:
    (unclaimed / "pbr.key").write_bytes(key.encode("latin-1"))
    with pytest.raises(Faults) as raised:
        prepared(unclaimed)
    assert codes(raised) == {"E503"}
    assert not (unclaimed / "batches").exists()


def test_a_key_out_of_reach_is_a_fault(unclaimed: Path) -> None:
    (unclaimed / "pbr.key").mkdir()
    with pytest.raises(Faults) as raised:
        prepared(unclaimed)
    assert codes(raised) == {"E509"}


def test_another_key_makes_other_pseudonyms_and_nothing_else(claimed: Path, unclaimed: Path) -> None:
    (unclaimed / "pbr.key").write_text("0" * 64)
    ours, theirs = prepared(unclaimed), pl.read_csv(bundle_of(claimed) / "data" / "claim.csv")
    assert set(ours.claim["family_ref"]).isdisjoint(theirs["family_ref"])
    assert sorted(ours.claim.select("route", "amount_pence").rows()) == sorted(
        theirs.select("route", "amount_pence").rows()
    )


# --------------------------------------------------------------------------------------------------- what is in the way


def test_a_certificate_that_is_no_text_is_a_fault(unclaimed: Path) -> None:
    (unclaimed / "certificate.html").write_bytes(b"\xff\xfe")
    with pytest.raises(Faults) as raised:
        prepared(unclaimed)
    assert codes(raised) == {"E511"}


def test_a_folder_of_batches_that_is_none_is_a_fault_and_nothing_is_entered(unclaimed: Path) -> None:
    (unclaimed / "batches").write_text("in the way")
    with pytest.raises(Faults) as raised:
        prepared(unclaimed)
    assert codes(raised) == {"E541"}
    assert not (unclaimed / "ledger.sqlite").exists()


def test_a_bundle_that_was_spoilt_is_not_written_over(copy: Path) -> None:
    with (bundle_of(copy) / "data" / "claim.csv").open("ab") as file:
        file.write(b"more\n")
    spoilt = contents(bundle_of(copy))
    with pytest.raises(Faults) as raised:
        prepared(copy)
    assert codes(raised) == {"E540"}
    assert contents(bundle_of(copy)) == spoilt


# --------------------------------------------------------------------------------------------------------- the history


def live(*lines: tuple[str, str, list[str]]) -> pl.DataFrame:
    """Live lines of £100: family, route, persons."""
    rows = [(name, route, f"L{at}", 10000, persons) for at, (name, route, persons) in enumerate(lines, 1)]
    schema = {
        "family_id": pl.String,
        "route": pl.String,
        "line_id": pl.String,
        "amount_pence": pl.Int64,
        "persons": pl.List(pl.String),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def history(lines: pl.DataFrame, *people: dict[str, Any]) -> list[tuple[Any, ...]]:
    told = evidence(*people, families=(family("F1"), family("F2")))
    stand_in = SimpleNamespace(families=told.families.select("family_id"), evidence=told, as_of=DATE)
    return history_of(lines, cast(Measurement, stand_in)).select("family_id", "claimed_by", "line_id").rows()


def test_a_live_line_bears_on_its_own_family_and_on_the_one_somebody_of_it_is_in_now() -> None:
    moved = person("P1", family_id="F2")
    assert history(live(("F1", "progress_to_work", ["P1", "P2"])), moved) == [
        ("F1", "family", "L1"),
        ("F2", "person", "L1"),
    ]


def test_somebody_who_stayed_bears_on_no_other_family() -> None:
    assert history(live(("F1", "progress_to_work", ["P1"])), person("P1")) == [("F1", "family", "L1")]


@pytest.mark.parametrize(("left_on", "bears"), [(DATE, False), (DATE + DAY, True)])
def test_only_who_is_a_member_on_the_as_of_date_is_found_again(left_on: date, bears: bool) -> None:
    moved = person("P1", family_id="F2", left_on=left_on)
    found = history(live(("F9", "progress_to_work", ["P1"])), moved)
    assert found == ([("F2", "person", "L1")] if bears else [])


def test_a_household_regrouped_as_a_new_family_waits_for_a_person(copy: Path) -> None:
    members = copy / "sources" / "members.csv"
    families = copy / "sources" / "families.csv"
    claim = prepared(copy)
    assert claim.bundle is not None
    one = claim.claim.filter(pl.col("route") == "crime_asb_education")["family_id"][0]
    for path in (members, families, copy / "sources" / "needs.csv"):
        path.write_text(path.read_text().replace(f"{one},", "F900001,"))
    changed(
        copy,
        "[[claims.windows]]",
        '[[claims.windows]]\nid = "next"\nopens = 2014-10-01\ncloses = 2014-12-31\n\n[[claims.windows]]',
    )
    again = prepared(copy, window="next")
    assert again.claim.is_empty()
    waiting = again.selection.held.select("family_id", "reason").rows()
    assert ("F900001", "person_in_another_live_line") in waiting


# -------------------------------------------------------------------------------------------------------------- decide


def test_engines_given_twice_decide_once(claimed: Path) -> None:
    assert decide(claimed, DATE, ["bulk", "reference", "bulk"]).engines == ("bulk", "reference")


@pytest.mark.parametrize("engines", [[], ["magic"], ["bulk", "magic"]])
def test_an_unknown_engine_or_none_is_a_fault(engines: list[str]) -> None:
    with pytest.raises(Faults) as raised:
        run_engines([], engines)
    assert codes(raised) == {"E403"}


def test_a_day_before_the_rules_begin_is_a_fault_for_each_parameter(claimed: Path) -> None:
    with pytest.raises(Faults) as raised:
        decide(claimed, date(2012, 3, 31))
    assert codes(raised) == {"E214"}


@pytest.mark.parametrize("as_of", [date(2012, 4, 1), date(2100, 2, 28), date(9999, 12, 31)])
def test_any_day_that_the_rules_know_can_be_decided(claimed: Path, as_of: date) -> None:
    assert set(decide(claimed, as_of).findings["verdict"]) <= {"met", "not_met", "unknown", "not_applicable"}


def test_findings_are_written_alike_in_every_form(claimed: Path, tmp_path: Path) -> None:
    findings = decide(claimed, DATE).findings
    for ending, read in ((".csv", pl.read_csv), (".parquet", pl.read_parquet), (".jsonl", pl.read_ndjson)):
        out = tmp_path / f"findings{ending}"
        write_findings(findings, out)
        again = read(out, infer_schema=False) if ending == ".csv" else read(out)  # type: ignore[operator]
        assert again.with_columns(pl.all().fill_null("")).equals(findings)


@pytest.mark.parametrize(
    ("out", "code"),
    [
        ("findings.xlsx", "E404"),
        ("findings", "E404"),
        ("no/findings.csv", "E406"),
        ("no/findings.parquet", "E406"),
        ("no/findings.jsonl", "E406"),
        ("taken.csv", "E406"),
    ],
)
def test_findings_that_cannot_be_written_are_a_fault(claimed: Path, tmp_path: Path, out: str, code: str) -> None:
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(Faults) as raised:
        write_findings(decide(claimed, DATE).findings, tmp_path / out)
    assert codes(raised) == {code}
