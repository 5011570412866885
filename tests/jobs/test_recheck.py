"""Recheck: what has changed since a claim is found, with its cause and its evidence, and nothing that has not."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.console import Commands
from pbr.cli.ledger import ledger
from pbr.errors import Faults
from pbr.jobs import review
from pbr.jobs.batches import withdraw
from pbr.jobs.prepare import prepare
from pbr.jobs.recheck import Recheck, recheck
from pbr.jobs.review import Answer
from pbr.workspace import Workspace
from tests.jobs.open_links import AS_OF, Row, named, suspensions, write
from tests.rulebook.overlays import ABSENCE, overlay_in

NOON = datetime(2014, 11, 3, 12, tzinfo=UTC)
LATER = date(2015, 2, 1)
OFFENCES = [
    ("offending", {"record_id": f"O{nth}", "person_id": "C4", "kind": "proven_offence", "occurred_on": day})
    for nth, day in enumerate(("2013-06-01", "2013-07-01", "2013-08-01"), 1)
]
"""The fourth family's child offended before engagement, and not since."""


@pytest.fixture(scope="module")
def claimed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five families, each with a line of £1,500; three suspensions that a reviewer said are not the first child's."""
    folder = write(tmp_path_factory.mktemp("recheck") / "authority", 5, [*suspensions("C1"), *OFFENCES])
    answer(folder, "reject")
    prepared = prepare(folder, AS_OF, "2014-10", at=NOON, by="analyst")
    assert prepared.claim.height == 5
    return folder


@pytest.fixture
def authority(claimed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(claimed, tmp_path / "authority"))


def answer(folder: Path, verdict: str) -> None:
    given = Answer("here", None, "X1", "C1", verdict, "the school says so")
    review.review(folder, [given], at=NOON, by="r.patel")


def edit(folder: Path, table: str, change: Callable[[list[Row]], list[Row]]) -> None:
    """Today's extract of a table, made of that of the claim."""
    path = folder / "sources" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    with path.open("w", encoding="utf-8", newline="") as handle:
        out = csv.DictWriter(handle, columns, restval="")
        out.writeheader()
        out.writerows(change(rows))


def add(folder: Path, table: str, **row: str) -> None:
    edit(folder, table, lambda rows: [*rows, row])


def covers_more(folder: Path, until: str = "2015-02-28") -> None:
    toml = folder / "pbr.toml"
    text = toml.read_text("utf-8").replace("until = 2014-10-31", f"until = {until}")
    toml.write_text(text.replace("extracted_on = 2014-11-03", "extracted_on = 2015-03-02"), "utf-8")


def told(found: Recheck) -> dict[str, tuple[str, str]]:
    """Outcome and causes by family."""
    return {row["family_id"]: (row["outcome"], row["causes"]) for row in found.differing.iter_rows(named=True)}


def evidence(found: Recheck, family: str) -> str:
    return " | ".join(row["evidence"] for row in found.lines.iter_rows(named=True) if row["family_id"] == family)


def ran(*words: object) -> Result:
    done = CliRunner().invoke(Commands("pbr", commands={"ledger": ledger}), [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


# --------------------------------------------------------------------------------------------------- what has changed


def test_a_claim_of_which_nothing_has_changed_comes_out_as_it_was(claimed: Path) -> None:
    found = recheck(claimed)
    assert found.lines.is_empty() and found.checked == 5
    done = ran("ledger", "recheck", claimed)
    assert done.exit_code == 0 and "All come out as they were claimed" in done.stderr


def test_an_offence_that_came_late_is_named_with_the_value_then_and_now(authority: Path) -> None:
    add(authority, "offending", record_id="O9", person_id="C2", kind="proven_offence", occurred_on="2014-09-01")
    before = (authority / "ledger.sqlite").read_bytes()
    found = recheck(authority)
    assert told(found) == {"F2": ("verdict_differs", "data_changed")}
    assert "minor_offences(last_months: 6): 0 then, 1 now (offending O9 is new)" in evidence(found, "F2")
    assert (authority / "ledger.sqlite").read_bytes() == before
    done = ran("ledger", "recheck", authority, "--json")
    assert done.exit_code == 3
    (row,) = json.loads(done.stdout)
    assert row["now"] == "not_met" and row["amount_pence"] == 150000


def test_an_offence_on_the_as_of_date_itself_changes_nothing(authority: Path) -> None:
    add(authority, "offending", record_id="O9", person_id="C2", kind="proven_offence", occurred_on=str(AS_OF))
    assert recheck(authority).lines.is_empty()


def test_a_term_that_is_missing_now_makes_the_line_unknown(authority: Path) -> None:
    edit(authority, "attendance", lambda rows: [row for row in rows if row["record_id"] != "TC3-2013/14-spring"])
    found = recheck(authority)
    assert told(found) == {"F3": ("verdict_differs", "data_changed")}
    assert "attendance TC3-2013/14-spring is in no extract any more" in evidence(found, "F3")
    (row,) = found.lines.to_dicts()
    assert row["now"] == "unknown (no_record)"


def test_a_record_that_is_in_quarantine_now_is_named_so(authority: Path) -> None:
    def spoiled(rows: list[Row]) -> list[Row]:
        return [
            row | {"sessions_possible": "many"} if row["record_id"] == "TC3-2013/14-spring" else row for row in rows
        ]

    edit(authority, "attendance", spoiled)
    found = recheck(authority)
    assert told(found) == {"F3": ("verdict_differs", "data_changed")}
    assert "attendance TC3-2013/14-spring is in quarantine now" in evidence(found, "F3")


def test_an_extract_that_covers_less_now_is_told_by_its_days(authority: Path) -> None:
    covers_more(authority, "2014-09-30")
    found = recheck(authority)
    assert set(told(found).values()) == {("verdict_differs", "data_changed")} and len(told(found)) == 5
    assert "offending covered 2008-01-01 to 2014-10-31 then, and 2008-01-01 to 2014-09-30 now" in evidence(found, "F1")


def test_a_family_that_is_not_there_now_is_gone(authority: Path) -> None:
    for table in ("families", "members", "needs"):
        edit(authority, table, lambda rows: [row for row in rows if row["family_id"] != "F5"])
    assert told(recheck(authority)) == {"F5": ("family_gone", "data_changed")}


def test_a_family_that_engaged_in_another_year_is_worth_another_amount(authority: Path) -> None:
    def earlier(rows: list[Row]) -> list[Row]:
        return [row | {"engaged_on": "2013-03-31"} if row["family_id"] == "F2" else row for row in rows]

    edit(authority, "families", earlier)
    edit(authority, "needs", lambda rows: [row | {"identified_on": "2013-03-01"} for row in rows])
    for who, away in ("C2", "30"), ("D2", "1"):
        for term in "spring", "summer":
            row = {"record_id": f"E{who}{term}", "person_id": who, "academic_year": "2011/12", "term": term}
            sessions = {"sessions_possible": "120", "sessions_authorised": "0", "sessions_unauthorised": away}
            add(authority, "attendance", **row, **sessions, enrolment="registered")
    found = recheck(authority)
    assert told(found) == {"F2": ("amount_differs", "data_changed")} and found.lines["now"].to_list() == ["£700"]
    assert "engaged_on: 2013-10-01 then, 2013-03-31 now" in evidence(found, "F2")


def test_a_family_that_is_no_longer_eligible_is_told_so_and_not_that_its_route_failed(authority: Path) -> None:
    def seldom_away(rows: list[Row]) -> list[Row]:
        earlier = {f"TC2-2012/13-{term}" for term in ("autumn", "spring", "summer")}
        return [row | {"sessions_unauthorised": "1"} if row["record_id"] in earlier else row for row in rows]

    edit(authority, "attendance", seldom_away)
    found = recheck(authority)
    assert told(found) == {"F2": ("verdict_differs", "data_changed")}
    assert found.lines["now"].to_list() == ["eligible not_met"]


def test_evidence_that_changes_nothing_of_the_claim_is_only_counted(authority: Path) -> None:
    add(authority, "offending", record_id="O9", person_id="C4", kind="proven_offence", occurred_on="2013-05-01")
    done = ran("ledger", "recheck", authority)
    assert done.exit_code == 0 and done.stdout == "" and "evidence changed: 1 line" in done.stderr
    assert "offending O9 is new" in ran("ledger", "recheck", authority, "--all", "--csv").stdout


# ------------------------------------------------------------------------------------------------- links and rules


def test_a_link_that_a_reviewer_accepted_since_is_told_from_new_data(authority: Path) -> None:
    answer(authority, "reopen")
    answer(authority, "accept")
    found = recheck(authority)
    assert told(found) == {"F1": ("verdict_differs", "links_changed")}
    assert "exclusions X1 is linked to C1 (confirmed) now" in evidence(found, "F1")


def test_a_decision_that_is_taken_back_leaves_the_line_open(authority: Path) -> None:
    answer(authority, "reopen")
    found = recheck(authority)
    assert told(found) == {"F1": ("verdict_differs", "links_changed")}
    assert found.lines["now"].to_list() == ["unknown (unresolved_link)"]


def test_a_record_that_names_another_child_now_is_relinked(authority: Path) -> None:
    def others(rows: list[Row]) -> list[Row]:
        return [row | {"person_id": "A4"} if row["record_id"].startswith("O") else row for row in rows]

    edit(authority, "offending", others)
    found = recheck(authority)
    assert "offending O1 was linked to C4 (confirmed), and is to A4 (confirmed)" in evidence(found, "F4")
    assert found.lines["causes"].to_list() == ["links_changed"]


def test_a_figure_that_an_overlay_changes_is_named_as_the_rule_and_its_value(authority: Path) -> None:
    # Three sessions of 360 are less than 1% and more than 0.5%.
    edit_rules(authority, ABSENCE.replace("10%", "1%").replace("2013-09-01", "2012-04-01"))
    assert recheck(authority).lines.is_empty()
    edit_rules(authority, ABSENCE.replace("10%", "0.5%").replace("2013-09-01", "2012-04-01"))
    found = recheck(authority)
    assert set(told(found).values()) == {("verdict_differs", "rules_changed")} and len(told(found)) == 5
    assert "parameter result_absence value: 15% then, 5/1000 now" in evidence(found, "F1")
    assert "on the bundle's own facts" in evidence(found, "F1")


def test_rules_that_read_what_the_bundle_does_not_carry_are_tried_on_todays_evidence(authority: Path) -> None:
    add(authority, "offending", record_id="O8", person_id="C4", kind="asb", occurred_on="2014-02-01")
    longer = ABSENCE.replace("result_absence", "asb_result_months").replace("10%", "12")
    edit_rules(authority, longer.replace("2013-09-01", "2012-04-01"))
    found = recheck(authority)
    assert told(found) == {"F4": ("verdict_differs", "rules_changed")}
    assert "on today's evidence" in evidence(found, "F4")


def test_data_links_and_rules_together_are_all_three_named(authority: Path) -> None:
    answer(authority, "reopen")
    add(authority, "offending", record_id="O9", person_id="C1", kind="proven_offence", occurred_on="2014-09-01")
    edit_rules(authority, ABSENCE.replace("10%", "0.5%").replace("2013-09-01", "2012-04-01"))
    found = recheck(authority)
    assert told(found)["F1"] == ("verdict_differs", "data_changed;links_changed;rules_changed")
    assert told(found)["F2"] == ("verdict_differs", "rules_changed")


def test_another_framework_is_no_change_of_the_rules(authority: Path) -> None:
    toml = authority / "pbr.toml"
    toml.write_text(toml.read_text("utf-8").replace('pack = "phase-1"', 'pack = "phase-2"'), "utf-8")
    found = recheck(authority)
    assert found.lines.is_empty() and len(found.other_framework) == 1


def edit_rules(folder: Path, text: str) -> None:
    overlay_in(folder, text)
    toml = folder / "pbr.toml"
    written = toml.read_text("utf-8").replace('pack = "phase-1"\noverlay = "plan.yaml"', 'pack = "phase-1"')
    toml.write_text(written.replace('pack = "phase-1"', 'pack = "phase-1"\noverlay = "plan.yaml"'), "utf-8")


# ------------------------------------------------------------------------------------------- relapse, and no bundle


def test_an_offence_since_the_claim_is_a_relapse_with_its_record_and_day(authority: Path) -> None:
    covers_more(authority)
    for term in ("2014/15", "autumn"), ("2014/15", "spring"):
        for who in ("C2", "D2"):
            row = {"record_id": f"N{who}{term[1]}", "person_id": who, "academic_year": term[0], "term": term[1]}
            away = {"sessions_possible": "120", "sessions_authorised": "0", "sessions_unauthorised": "1"}
            add(authority, "attendance", **row, **away, enrolment="registered")
    add(authority, "offending", record_id="O9", person_id="C2", kind="proven_offence", occurred_on="2014-12-01")
    assert recheck(authority).lines.is_empty()
    found = recheck(authority, LATER)
    rows = {row["family_id"]: row for row in found.lines.iter_rows(named=True)}
    assert rows["F2"]["outcome"] == "relapsed"
    assert "minor_offences(last_months: 6) = 1 (offending O9 of 2014-12-01)" in rows["F2"]["evidence"]
    assert {rows[name]["outcome"] for name in ("F1", "F3", "F4", "F5")} == {"no_longer_known"}
    assert "no_record" in rows["F1"]["now"]


def test_what_the_extracts_do_not_reach_is_no_relapse(authority: Path) -> None:
    found = recheck(authority, LATER)
    assert set(found.lines["outcome"]) == {"no_longer_known"} and found.differs
    assert all("not_covered" in now for now in found.lines["now"])


def test_what_a_practitioner_recorded_as_relapsed_since_is_reported(authority: Path) -> None:
    toml = authority / "pbr.toml"
    covers = 'path = "sources/outcomes.csv"\ncovers = {from = 2008-01-01, until = 2015-02-28}\n'
    toml.write_text(toml.read_text("utf-8") + f"[sources.outcomes]\n{covers}", "utf-8")
    rows = ["R1,F2,local_discretion,relapsed,2014-12-01", "R2,F3,local_discretion,relapsed,2014-10-30"]
    header = "record_id,family_id,need,status,observed_on"
    (authority / "sources" / "outcomes.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")
    found = recheck(authority, LATER)
    relapsed = {row["family_id"] for row in found.lines.iter_rows(named=True) if row["outcome"] == "relapsed"}
    assert relapsed == {"F2"}
    assert "outcomes R1: local_discretion relapsed on 2014-12-01" in evidence(found, "F2")


def test_a_day_that_is_not_after_the_claim_is_refused(claimed: Path) -> None:
    with pytest.raises(Faults) as raised:
        recheck(claimed, AS_OF)
    assert [fault.code for fault in raised.value.faults] == ["E740"]


def test_lines_without_a_bundle_that_verifies_are_listed_with_the_reason(authority: Path) -> None:
    (bundle,) = (authority / "batches").glob("E*")
    claim = bundle / "data" / "claim.csv"
    claim.write_bytes(claim.read_bytes().replace(b"150000", b"150001", 1))
    found = recheck(authority)
    assert set(found.lines["outcome"]) == {"cannot_be_rechecked"} and found.checked == 0
    assert "E553" in evidence(found, "F1")
    shutil.rmtree(bundle)
    found = recheck(authority)
    assert found.lines["evidence"].unique().to_list() == ["the bundle of its batch is not there"]
    assert ran("ledger", "recheck", authority).exit_code == 3


def test_a_withdrawn_batch_is_not_rechecked(authority: Path) -> None:
    (bundle,) = (authority / "batches").glob("E*")
    withdraw(Workspace.of(authority), bundle.name.rsplit("-", 1)[1], "made in error", at=NOON, by="analyst")
    add(authority, "offending", record_id="O9", person_id="C2", kind="proven_offence", occurred_on="2014-09-01")
    found = recheck(authority)
    assert found.lines.is_empty() and found.checked == 0


def test_nobody_is_named(authority: Path) -> None:
    add(authority, "exclusions", record_id="X9", kind="suspension", starts_on="2014-02-03", **named("C2"))
    done = ran("ledger", "recheck", authority, "--all", "--csv")
    assert "X9" in done.stdout and "Brindle" not in done.stdout and "2003-05-04" not in done.stdout
