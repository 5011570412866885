"""The queue of links that wait for a person, and what their answers do to the decisions that follow."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs import review
from pbr.jobs.decide import measure_workspace, run_engines
from pbr.jobs.prepare import prepare
from pbr.jobs.review import Answer
from pbr.ledger import Ledger
from pbr.workspace import Workspace
from tests.jobs.open_links import AS_OF, Row, benefit, named, numbered, schooling, suspensions, write

NOON = datetime(2014, 11, 3, 12, tzinfo=UTC)
Extra = list[tuple[str, Row]]
TWIN: Extra = [
    ("members", {"family_id": "F2", "postcode": "QX9 9ZZ"} | named("C1", person_id="E1")),
    *schooling("E1"),
]
"""Somebody in the second family who has the name and the birth of a child of the first."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "authority"


def answer(
    verdict: str, record: str = "X1", person: str = "C1", why: str = "the school says so", **more: str
) -> Answer:
    return Answer("here", more.pop("source", None), record, person, verdict, why, **more)


def decide(workspace: Path, *answers: Answer) -> review.Reviewed:
    return review.review(workspace, answers, at=NOON, by="r.patel")


def refused(workspace: Path, *answers: Answer) -> list[str]:
    ledger = Workspace.of(workspace).ledger_path
    before = ledger.read_bytes() if ledger.exists() else None
    with pytest.raises(Faults) as raised:
        decide(workspace, *answers)
    assert (ledger.read_bytes() if ledger.exists() else None) == before
    return [fault.code for fault in raised.value.faults]


def verdict(workspace: Path, item: str = "crime_asb_education", family: str = "F1") -> str:
    measurement = measure_workspace(workspace, AS_OF)
    found = run_engines(measurement.cohorts, ["bulk"])
    own = (pl.col("family_id") == family) & (pl.col("item") == item) & (pl.col("subject_id") == "")
    return str(found.filter(own)["verdict"].item())


def queue(workspace: Path) -> pl.DataFrame:
    return review.queue(workspace, AS_OF).links


def at_stake(workspace: Path) -> list[tuple[str, str, int, str]]:
    return queue(workspace).select("record_id", "person_id", "at_stake_pence", "verdicts").rows()


# ------------------------------------------------------------------------------------------------------------ the queue


def test_records_that_give_the_same_details_are_one_row_of_the_queue(folder: Path) -> None:
    (row,) = queue(write(folder, 2, suspensions("C1", 4))).to_dicts()
    row.pop("details_key")
    assert row == {
        "source": "exclusions",
        "record_id": "X1",
        "records": 4,
        "person_id": "C1",
        "family_ids": "F1",
        "pass": "moved_house",
        "evidence": "surname same, forename same, date_of_birth same",
        "candidates": 1,
        "at_stake_pence": 150000,
        "verdicts": "crime_asb_education",
    }


def test_a_link_that_can_change_no_verdict_has_nothing_at_stake(folder: Path) -> None:
    assert at_stake(write(folder, 1, suspensions("C1", 2))) == [("X1", "C1", 0, "")]


def test_what_a_family_cannot_be_paid_anyway_is_not_at_stake(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"), without={1: frozenset({"benefit"})})
    assert at_stake(workspace) == [("X1", "C1", 0, "crime_asb_education")]


def test_eligibility_that_hangs_on_a_link_puts_every_result_at_stake(folder: Path) -> None:
    perhaps = ("employment", named("A1") | benefit("B9"))
    workspace = write(folder, 1, [perhaps], without={1: frozenset({"benefit"})})
    assert at_stake(workspace) == [("B9", "A1", 160000, "continuous_employment;eligible")]


def test_a_result_that_pays_in_the_place_of_another_puts_the_difference_at_stake(folder: Path) -> None:
    work = {"record_id": "W9", "kind": "work", "starts_on": "2014-04-01"}
    off = {"record_id": "B8", "kind": "benefit", "code": "ESA", "starts_on": "2012-06-01", "ends_on": "2014-03-31"}
    rows = [("employment", named("A1") | work), ("employment", off | {"person_id": "A1"})]
    workspace = write(folder, 1, rows, without={1: frozenset({"benefit"})})
    assert at_stake(workspace) == [("W9", "A1", 10000, "continuous_employment")]


def test_what_is_claimed_already_is_not_at_stake(folder: Path) -> None:
    workspace = write(folder, 1)
    prepare(workspace, AS_OF, "2014-10", at=NOON, by="somebody")
    later = folder.with_name("later")
    write(later, 1, suspensions("C1"))
    Workspace.of(workspace).ledger_path.rename(later / "ledger.sqlite")
    assert at_stake(later) == [("X1", "C1", 0, "crime_asb_education")]


def test_a_row_in_quarantine_that_is_perhaps_somebodys_is_at_stake(folder: Path) -> None:
    row = {"record_id": "X1", "kind": "suspension", "starts_on": "not known"}
    workspace = write(folder, 1, [("exclusions", named("C1") | row)])
    assert at_stake(workspace) == [("X1", "C1", 150000, "crime_asb_education")]
    decide(workspace, answer("reject"))
    assert verdict(workspace) == "met"


def test_a_row_in_quarantine_that_is_surely_somebodys_puts_no_link_at_stake(folder: Path) -> None:
    sure = {"record_id": "X0", "person_id": "C1", "kind": "suspension", "starts_on": "not known"}
    workspace = write(folder, 1, [("exclusions", sure), *suspensions("C1")])
    assert at_stake(workspace) == [("X1", "C1", 0, "")]


def test_a_record_from_before_somebodys_birth_puts_at_stake_what_it_would_break(folder: Path) -> None:
    row = {"record_id": "O1", "kind": "asb", "occurred_on": "2003-01-02"}
    workspace = write(folder, 1, [("offending", numbered("C1") | row)])
    assert verdict(workspace) == "met"
    assert at_stake(workspace) == [("O1", "C1", 150000, "crime_asb_education;eligible")]
    decide(workspace, answer("accept", "O1"))
    assert verdict(workspace) == "unknown"


def test_a_mark_that_another_contradicts_puts_at_stake_what_it_would_break(folder: Path) -> None:
    session = {"date": "2014-02-03", "session": "AM"}
    rows = [
        ("marks", {"record_id": "M1", "person_id": "C1", "code": "/"} | session),
        ("marks", named("C1") | {"record_id": "M2", "code": "O"} | session),
    ]
    workspace = write(folder, 1, rows)
    before = verdict(workspace)
    assert ("M2", 150000) in queue(workspace).select("record_id", "at_stake_pence").rows()
    decide(workspace, answer("accept", "M2"))
    assert (before, verdict(workspace)) == ("met", "unknown")


def test_details_that_may_be_two_persons_have_a_row_for_each(folder: Path) -> None:
    found = queue(write(folder, 2, [*TWIN, *suspensions("C1")]))
    assert found.select("person_id", "family_ids", "candidates").rows() == [("C1", "F1", 2), ("E1", "F2", 2)]
    assert found["at_stake_pence"].to_list() == [150000, 150000]


def test_the_queue_is_in_the_order_of_what_matters_and_no_two_rows_tie(folder: Path) -> None:
    rows = [
        *suspensions("C3", 2, "A"),
        *suspensions("D3", 2, "B", nino="XA123456C"),
        *suspensions("C2", 3, "C"),
        *suspensions("D1", 4, "D"),
        *suspensions("C1", 3, "E"),
    ]
    workspace = write(folder, 3, rows)
    found = queue(workspace)["record_id"].to_list()
    assert found == ["D1", "C1", "E1", "A1", "B1"]
    turned = write(folder.with_name("turned"), 3, reversed(rows))
    (turned / "pbr.key").write_bytes((workspace / "pbr.key").read_bytes())
    assert queue(turned).equals(queue(workspace))


def test_each_family_is_priced_by_the_framework_that_was_in_force_for_it(folder: Path) -> None:
    workspace = write(folder, 2, suspensions("C1"))
    path = workspace / "pbr.toml"
    path.write_text(path.read_text().replace('pack = "phase-1"', 'pack = "in-force"'))
    assert at_stake(workspace) == [("X1", "C1", 150000, "crime_asb_education")]


def test_where_nothing_is_open_the_queue_is_empty(folder: Path) -> None:
    assert queue(write(folder, 1)).is_empty()


def test_the_queue_names_nobody(folder: Path) -> None:
    text = queue(write(folder, 2, [*TWIN, *suspensions("C1")])).write_csv()
    assert not [secret for secret in ("Cora", "Ashbeck", "2003-05-04", "QX1") if secret in text]


# ------------------------------------------------------------------------------------------------------------ decisions


def test_an_accepted_link_is_confirmed_for_every_record_that_gives_the_same_details(folder: Path) -> None:
    workspace = write(folder, 2, [*TWIN, *suspensions("C1")])
    made = decide(workspace, answer("accept"))
    assert (made.decisions, made.records, made.entry.seq, made.entry.by) == (1, 3, 1, "r.patel")
    links = measure_workspace(workspace, AS_OF).evidence.links.filter(pl.col("record_id").str.starts_with("X"))
    about = links.select("person_id", "status").unique().sort(pl.all()).rows()
    assert about == [("C1", "confirmed"), ("E1", "rejected")]
    assert verdict(workspace) == "not_met"
    assert verdict(workspace, family="F2") == "met"
    assert queue(workspace).is_empty()


def test_a_rejected_link_counts_no_more(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    assert verdict(workspace) == "unknown"
    decide(workspace, answer("reject"))
    assert verdict(workspace) == "met"


def test_a_confirmed_link_can_be_rejected(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1", postcode="QX1 1AD"))
    assert verdict(workspace) == "not_met"
    decide(workspace, answer("reject"))
    assert verdict(workspace) == "met"


def test_a_person_whom_no_pass_thought_of_can_be_accepted(folder: Path) -> None:
    workspace = write(folder, 2, suspensions("C1", postcode="QX1 1AD"))
    decide(workspace, answer("accept", person="D2"))
    assert (verdict(workspace), verdict(workspace, family="F2")) == ("met", "not_met")


def test_what_a_colleague_decided_is_not_overturned_unseen(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    decide(workspace, answer("reject"))
    assert refused(workspace, answer("accept", "X2")) == ["E634"]
    decide(workspace, answer("reopen", "X3"))
    decide(workspace, answer("accept", "X2"))
    assert refused(workspace, answer("reject")) == ["E634"]
    assert verdict(workspace) == "not_met"


def test_the_decision_on_a_person_who_left_the_list_is_reopened_and_another_person_accepted(folder: Path) -> None:
    workspace = write(folder, 2, [*TWIN, *suspensions("C1")])
    decide(workspace, answer("accept", person="E1"))
    members = workspace / "sources" / "members.csv"
    members.write_text("".join(row for row in members.read_text().splitlines(True) if ",E1," not in row))
    assert refused(workspace, answer("accept")) == ["E633"]
    assert refused(workspace, answer("reject", person="E1")) == ["E332"]
    assert refused(workspace, answer("reopen", person="E2")) == ["E332"]
    decide(workspace, answer("reopen", person="E1"), answer("accept"))
    assert verdict(workspace) == "not_met"


def test_a_reopened_link_waits_again(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    before = queue(workspace)
    decide(workspace, answer("reject"))
    decide(workspace, answer("reopen"))
    assert queue(workspace).equals(before)


def test_a_decision_lapses_when_the_supplier_changes_the_details(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    decide(workspace, answer("reject"))
    path = workspace / "sources" / "exclusions.csv"
    path.write_text(path.read_text().replace("Ashbeck", "Ashbec"))
    path.write_text(path.read_text().replace("2003-05-04,,", "2003-05-04,QX1 1AD,"))
    assert verdict(workspace) == "not_met"


def test_a_decision_holds_when_the_supplier_only_writes_the_details_otherwise(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    decide(workspace, answer("reject"))
    path = workspace / "sources" / "exclusions.csv"
    path.write_text(path.read_text().replace("Ashbeck", "ASHBECK"))
    assert verdict(workspace) == "met"


def test_the_ledger_holds_nobodys_name(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    decide(workspace, answer("accept"))
    content = (workspace / "ledger.sqlite").read_bytes()
    assert b"X1" in content
    assert not [secret for secret in (b"Cora", b"Ashbeck", b"2003-05-04") if secret in content]


def test_nothing_is_decided_under_another_key_than_that_of_the_decisions_that_stand(folder: Path) -> None:
    workspace = write(folder, 2, [*suspensions("C1"), *suspensions("D2", 3, "Y")])
    decide(workspace, answer("reject"), answer("reject", "Y1", "D2"))
    key = workspace / "pbr.key"
    right = key.read_text()
    key.write_text("0" * 64 + "\n")
    told = (
        r"E503 pbr.key is another key: 2 reviewers' decisions stand in the ledger that were made under the one before"
    )
    for attempt in (
        verdict,
        queue,
        lambda folder: review.show(folder, "X1"),
        lambda folder: decide(folder, answer("reopen")),
    ):
        with pytest.raises(Faults, match=told):
            attempt(workspace)
    key.unlink()
    with pytest.raises(Faults, match=r"E503 pbr.key is not there: 2 reviewers' decisions stand"):
        verdict(workspace)
    key.write_text(right)
    decide(workspace, answer("reopen"), answer("reopen", "Y1", "D2"))
    key.write_text("0" * 64 + "\n")
    assert verdict(workspace) == "unknown"
    decide(workspace, answer("reject"))
    assert verdict(workspace) == "met"


def test_a_batch_prepared_before_a_decision_stays_and_preparing_again_makes_another(folder: Path) -> None:
    workspace = write(folder, 2, suspensions("C1"))
    first = prepare(workspace, AS_OF, "2014-10", at=NOON, by="somebody")
    assert first.bundle is not None
    assert first.claim["family_id"].to_list() == ["F2"]
    decide(workspace, answer("reject"))
    second = prepare(workspace, AS_OF, "2014-10", at=NOON, by="somebody")
    assert second.bundle is not None
    assert (second.claim["family_id"].to_list(), second.again) == (["F1"], False)
    with Ledger.read(workspace / "ledger.sqlite") as ledger:
        assert ledger.verify() == []
        assert ledger.batches()["state"].to_list() == ["prepared", "prepared"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (answer("accept", record="X9"), "E330"),
        (answer("accept", source="offending"), "E330"),
        (answer("accept", person="P9"), "E332"),
        (answer("reject", person="D1"), "E334"),
        (answer("accept", details_key="0" * 32), "E335"),
        (answer("perhaps"), "E336"),
        (answer(""), "E336"),
        (answer("accept", why="  "), "E337"),
        (answer("reopen"), "E632"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(folder: Path, wrong: Answer, code: str) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    assert refused(workspace, wrong) == [code]
    assert not (workspace / "ledger.sqlite").exists()


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_entered(folder: Path) -> None:
    workspace = write(folder, 2, [*TWIN, *suspensions("C1")])
    wrong = [answer("accept"), answer("accept", person="E1"), answer("hm", record="X9", person="P9", why="")]
    assert sorted(refused(workspace, *wrong)) == ["E330", "E332", "E336", "E337", "E633", "E633"]


def test_what_stands_where_an_id_should_is_never_repeated(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    decide(workspace, answer("reject"))
    name = "Cora Ashbeck"
    wrong = [
        Answer("queue.csv:2", name, name, name, name.lower(), name, name),
        Answer("queue.csv:3", "exclusions", "X1", name, "reopen", name),
        Answer("queue.csv:4", "exclusions", name, "C1", "reject", name),
        Answer("queue.csv:5", None, "X1", "C1", "reopen", name, name),
        Answer("queue.csv:6", None, "X2", "D1", "reject", name),
    ]
    with pytest.raises(Faults) as raised:
        decide(workspace, *wrong)
    told = [(fault.code, fault.place) for fault in raised.value.faults]
    assert told == [
        ("E332", "queue.csv:2 person_id"),
        ("E330", "queue.csv:2 record_id"),
        ("E336", "queue.csv:2 verdict"),
        ("E332", "queue.csv:3 person_id"),
        ("E330", "queue.csv:4 record_id"),
        ("E335", "queue.csv:5 record_id"),
        ("E334", "queue.csv:6 person_id"),
    ]
    assert "ashbeck" not in str(raised.value).lower()


def test_an_id_that_several_sources_use_needs_its_source(folder: Path) -> None:
    other = ("offending", named("D1") | {"record_id": "X1", "kind": "asb", "occurred_on": "2014-05-01"})
    workspace = write(folder, 1, [other, *suspensions("C1")])
    assert refused(workspace, answer("accept")) == ["E331"]
    decide(workspace, answer("accept", source="exclusions"))
    assert verdict(workspace) == "not_met"


# ----------------------------------------------------------------------------------------------------------- one record


def test_a_record_is_shown_beside_everybody_it_may_be_about(folder: Path) -> None:
    shown = review.show(write(folder, 2, [*TWIN, *suspensions("C1")]), "X2")
    assert (shown.source, shown.records) == ("exclusions", 3)
    assert shown.candidates.select("person_id", "family_ids", "status").rows() == [
        ("C1", "F1", "possible"),
        ("E1", "F2", "possible"),
    ]
    assert shown.fields.columns == ["field", "record", "C1", "E1"]
    assert shown.fields.rows() == [
        ("person_id", None, "C1", "E1"),
        ("nino", None, "XA670001C", None),
        ("forename", "Cora", "Cora", "Cora"),
        ("surname", "Ashbeck", "Ashbeck", "Ashbeck"),
        ("date_of_birth", "2003-05-04", "2003-05-04", "2003-05-04"),
        ("postcode", None, "QX1 1AD", "QX9 9ZZ"),
    ]
    assert shown.past.is_empty()


def test_a_person_recorded_in_two_ways_is_shown_in_both(folder: Path) -> None:
    moved = [
        {"postcode": "QX7 7AA", "left_on": "2013-12-01"},
        {"postcode": "QX8 8AA", "joined_on": "2013-12-01"},
    ]
    rows = [("members", {"family_id": "F1"} | named("C1", person_id="E1") | row) for row in moved]
    shown = review.show(write(folder, 1, [*rows, *suspensions("C1")]), "X1")
    assert shown.fields.columns == ["field", "record", "C1", "E1", "E1 (2)"]
    assert shown.fields.filter(pl.col("field") == "postcode").row(0)[2:] == ("QX1 1AD", "QX7 7AA", "QX8 8AA")


def test_what_was_decided_before_is_shown_with_who_when_and_why(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    decide(workspace, answer("accept"))
    review.review(workspace, [answer("reopen", "X3", why="another Cora")], at=NOON, by="a.jones")
    past = review.show(workspace, "X2").past
    assert past.select("seq", "by", "record_id", "verdict", "why").rows() == [
        (1, "r.patel", "X1", "accepted", "the school says so"),
        (2, "a.jones", "X3", "reopened", "another Cora"),
    ]


# -------------------------------------------------------------------------------------------------------- spreadsheets


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def filled(path: Path, *answers: tuple[str, str], encoding: str = "utf-8-sig") -> Path:
    """The exported rows with verdict and why, as a spreadsheet saves them."""
    rows = rows_of(path)
    for row, (said, why) in zip(rows, answers, strict=True):
        row |= {"verdict": said, "why": why}
    with path.open("w", encoding=encoding, newline="") as handle:
        out = csv.DictWriter(handle, rows[0])
        out.writeheader()
        out.writerows(rows)
    return path


@pytest.fixture
def exported(folder: Path) -> Path:
    workspace = write(folder, 2, [*TWIN, *suspensions("C1"), *suspensions("D2", 3, "Y")])
    review.export(workspace, AS_OF, folder / "queue.csv")
    return folder / "queue.csv"


def test_the_queue_is_exported_with_the_details_side_by_side_and_room_for_answers(exported: Path) -> None:
    rows = rows_of(exported)
    assert [(row["record_id"], row["person_id"]) for row in rows] == [("X1", "C1"), ("X1", "E1"), ("Y1", "D2")]
    assert (rows[1]["postcode of the record"], rows[1]["postcode of the person"]) == ("", "QX9 9ZZ")
    assert {(row["verdict"], row["why"]) for row in rows} == {("", "")}
    assert exported.stat().st_mode & 0o077 == 0


def test_an_exported_queue_that_was_filled_in_becomes_one_entry(exported: Path) -> None:
    filled(exported, ("Accept", "same school"), ("", ""), ("rejected", "a cousin"))
    made = review.review(exported.parent, review.read_answers(exported), at=NOON, by="r.patel")
    assert (made.decisions, made.records, made.entry.seq) == (2, 6, 1)
    assert (verdict(exported.parent), verdict(exported.parent, family="F2")) == ("not_met", "met")


def test_a_file_that_windows_saved_is_read(exported: Path) -> None:
    filled(exported, ("accept", "the caf\xe9 knows her"), ("", ""), ("", ""), encoding="windows-1252")
    (read,) = review.read_answers(exported)
    assert read.why == "the caf\xe9 knows her"


def test_a_file_saved_as_xlsx_is_read(exported: Path) -> None:
    frame = pl.read_csv(exported, infer_schema=False).with_columns(verdict=pl.lit("reject"), why=pl.lit("a cousin"))
    frame.write_excel(exported.with_suffix(".xlsx"))
    assert len(review.read_answers(exported.with_suffix(".xlsx"))) == 3


def test_every_bad_row_is_told_with_its_number_and_nothing_is_entered(exported: Path) -> None:
    filled(exported, ("accept", ""), ("maybe", "who knows"), ("", "forgot the verdict"))
    with pytest.raises(Faults) as raised:
        review.review(exported.parent, review.read_answers(exported), at=NOON, by="r.patel")
    assert [(fault.code, fault.place) for fault in raised.value.faults] == [
        ("E337", "queue.csv:2 why"),
        ("E336", "queue.csv:3 verdict"),
        ("E336", "queue.csv:4 verdict"),
    ]
    assert not (exported.parent / "ledger.sqlite").exists()


def test_two_persons_are_not_accepted_for_one_record(exported: Path) -> None:
    filled(exported, ("accept", "same school"), ("accept", "same school"), ("", ""))
    assert refused(exported.parent, *review.read_answers(exported)) == ["E633", "E633"]


def test_details_that_changed_since_the_export_are_looked_at_anew(exported: Path) -> None:
    filled(exported, ("accept", "same school"), ("", ""), ("", ""))
    path = exported.parent / "sources" / "exclusions.csv"
    path.write_text(path.read_text().replace("Cora,Ashbeck", "Cora,Ashbecke"))
    assert refused(exported.parent, *review.read_answers(exported)) == ["E335"]


def test_a_file_that_is_there_is_not_written_over(exported: Path) -> None:
    before = exported.read_bytes()
    for out in (exported, exported.parent / "pbr.toml", exported.parent / "sources" / "members.csv"):
        with pytest.raises(Faults, match="E339"):
            review.export(exported.parent, AS_OF, out)
    assert exported.read_bytes() == before


@pytest.mark.parametrize("content", ["", "record_id,verdict\nX1,accept\n", "a\x00b"])
def test_a_file_that_is_no_queue_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "queue.csv"
    path.write_text(content)
    with pytest.raises(Faults, match="E338"):
        review.read_answers(path)


@pytest.mark.parametrize("kept", [0, 100, 3000])
def test_a_workbook_that_is_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "queue.xlsx"
    pl.DataFrame({"verdict": ["accept"]}).write_excel(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(Faults, match=r"E338 queue.xlsx cannot be read as a table"):
        review.read_answers(path)


def test_a_workbook_without_a_row_is_refused(tmp_path: Path) -> None:
    pl.DataFrame().write_excel(tmp_path / "queue.xlsx")
    with pytest.raises(Faults, match="E338"):
        review.read_answers(tmp_path / "queue.xlsx")


def test_a_queue_that_nobody_filled_in_is_refused(exported: Path) -> None:
    with pytest.raises(Faults, match=r"E338 .* decides nothing"):
        review.read_answers(exported)


def test_what_a_spreadsheet_would_run_is_exported_as_text_and_comes_back_as_it_was(folder: Path) -> None:
    rows = [
        (table, row | {"record_id": "=1+1" if row["record_id"] == "X1" else row["record_id"]})
        for table, row in suspensions("C1")
    ]
    rows.append(("members", {"family_id": "F1", "postcode": "QX1 1AD"} | named("C1", person_id="-E1")))
    workspace = write(folder, 1, rows)
    review.export(workspace, AS_OF, folder / "queue.csv")
    first = rows_of(folder / "queue.csv")[0]
    assert (first["record_id"], first["person_id"]) == ("'=1+1", "'-E1")
    filled(folder / "queue.csv", ("accept", "same school"), ("", ""))
    (read,) = review.read_answers(folder / "queue.csv")
    assert (read.record_id, read.person_id) == ("=1+1", "-E1")
    decide(workspace, read)


def test_a_day_on_which_nothing_is_open_has_nothing_at_stake(folder: Path) -> None:
    workspace = write(folder, 1, suspensions("C1"))
    found = review.queue(workspace, date(2013, 12, 31)).links
    assert found.select("record_id", "at_stake_pence").rows() == [("X1", 0)]
