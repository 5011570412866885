"""`pbr review` as people use it: the queue, one record, answers, and the spreadsheet there and back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.main import main
from tests.jobs.open_links import AS_OF, suspensions, write

WHY = ("--why", "the school says so", "--by", "r.patel")


def pbr(*words: object) -> Result:
    ran = CliRunner().invoke(main, ["review", *map(str, words)])
    assert isinstance(ran.exception, SystemExit | None), ran.exception
    return ran


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return write(tmp_path / "authority", 2, [*suspensions("C1"), *suspensions("D2", 2, "Y")])


def test_the_queue_says_in_pounds_what_hangs_on_each_link(workspace: Path) -> None:
    ran = pbr("list", workspace, "--as-of", AS_OF)
    assert ran.exit_code == 0
    first, second = ran.stdout.splitlines()[1:]
    assert first.split() == ["exclusions", "X1", "3", "C1", "F1", "moved_house", "1", "£1,500", "crime_asb_education"]
    assert second.split() == ["exclusions", "Y1", "2", "D2", "F2", "moved_house", "1", "£0"]
    assert ran.stderr == "2 links wait for a person; money hangs on 1.\n"


def test_the_queue_is_the_same_in_json_and_csv(workspace: Path) -> None:
    in_json = json.loads(pbr("list", workspace, "--as-of", AS_OF, "--json").stdout)
    in_csv = list(csv.DictReader(io.StringIO(pbr("list", workspace, "--as-of", AS_OF, "--csv").stdout)))
    assert [row["at_stake_pence"] for row in in_json] == [150000, 0]
    assert [{name: str(cell) for name, cell in row.items()} for row in in_json] == in_csv


def test_the_queue_is_not_made_without_a_day(workspace: Path) -> None:
    assert pbr("list", workspace).exit_code == 2


def test_the_queue_names_nobody_and_showing_a_record_does(workspace: Path) -> None:
    listed, shown = pbr("list", workspace, "--as-of", AS_OF).output, pbr("show", workspace, "X1").output
    assert [secret for secret in ("Cora", "Ashbeck", "2003-05-04") if secret in listed] == []
    assert [secret for secret in ("Cora", "Ashbeck", "2003-05-04") if secret not in shown] == []


def test_a_record_is_shown_with_what_was_decided_of_it(workspace: Path) -> None:
    assert "What was decided" not in pbr("show", workspace, "X1").stdout
    pbr("accept", workspace, "X1", "C1", *WHY)
    shown = pbr("show", workspace, "X2", "--source", "exclusions")
    assert "gives the same details as 2 others" in shown.stdout
    assert "the school says so" in shown.stdout
    told = json.loads(pbr("show", workspace, "X2", "--json").stdout)
    assert [(row["verdict"], row["by"]) for row in told["past"]] == [("accepted", "r.patel")]
    assert told["candidates"][0]["status"] == "confirmed"


def test_what_an_extract_holds_does_not_steer_the_terminal(tmp_path: Path) -> None:
    rows = suspensions("C1", 2, forename="\x1b]0;owned\x07Cora", postcode="QX1\x9b31m\u202e1AD")
    folder = write(
        tmp_path / "authority", 1, [(table, row | {"record_id": f"\x1b[2J{row['record_id']}"}) for table, row in rows]
    )
    pbr("accept", folder, "\x1b[2JX1", "C1", "--why", "\x1b[31mred", "--by", "r.patel")
    shown = pbr("show", folder, "\x1b[2JX1").output + pbr("list", folder, "--as-of", AS_OF).output
    assert "]0;owned\ufffdCora" in shown
    assert "which gives the same details as 1 other\n" in shown
    assert [mark for mark in ("\x1b", "\x07", "\x9b", "\u202e") if mark in shown] == []


def test_an_answer_says_how_many_records_it_covers_and_which_entry_it_is(workspace: Path) -> None:
    assert pbr("accept", workspace, "X1", "C1", *WHY).stderr == "The decision covers 3 records (ledger entry 1).\n"
    assert pbr("reject", workspace, "Y1", "D2", *WHY).stderr == "The decision covers 2 records (ledger entry 2).\n"
    assert pbr("list", workspace, "--as-of", AS_OF).stderr == "No link waits for a person.\n"
    assert pbr("reopen", workspace, "X1", "C1", *WHY).stderr == "The decision covers 3 records (ledger entry 3).\n"
    assert "1 link waits" in pbr("list", workspace, "--as-of", AS_OF).stderr


def test_every_decision_is_listed_with_who_when_and_why_and_whether_it_stands(workspace: Path) -> None:
    assert pbr("decisions", workspace).stderr == "No decision was made yet.\n"
    assert pbr("decisions", workspace, "--json").stdout == "[]\n"
    pbr("reject", workspace, "X1", "C1", *WHY)
    assert pbr("decisions", workspace).stderr == "1 decision; standing: 1.\n"
    pbr("reopen", workspace, "X2", "C1", "--why", "it was another school", "--by", "a.jones")
    pbr("accept", workspace, "X3", "C1", *WHY)
    pbr("reject", workspace, "Y1", "D2", *WHY)
    told = json.loads(pbr("decisions", workspace, "--json").stdout)
    assert list(told[0]) == ["seq", "at", "by", "source", "record_id", "person_id", "verdict", "why", "stands"]
    assert told[0].pop("at").endswith("Z")
    assert list(told[0].values()) == [1, "r.patel", "exclusions", "X1", "C1", "rejected", "the school says so", False]
    assert [(row["seq"], row["by"], row["record_id"], row["verdict"], row["stands"]) for row in told[1:]] == [
        (2, "a.jones", "X2", "reopened", False),
        (3, "r.patel", "X3", "accepted", True),
        (4, "r.patel", "Y1", "rejected", True),
    ]
    in_csv = list(csv.DictReader(io.StringIO(pbr("decisions", workspace, "--csv").stdout)))
    assert [row["stands"] for row in in_csv] == ["false", "false", "true", "true"]
    ran = pbr("decisions", workspace)
    assert [line.split()[-1] for line in ran.stdout.splitlines()] == ["stands", "no", "no", "yes", "yes"]
    assert ran.stderr == "4 decisions; standing: 2.\n"


def test_the_decisions_are_listed_though_the_key_is_lost(workspace: Path) -> None:
    pbr("accept", workspace, "X1", "C1", *WHY)
    (workspace / "pbr.key").unlink()
    assert "E503" in pbr("show", workspace, "X1").stderr
    assert "the school says so" in pbr("decisions", workspace).stdout


def test_an_answer_that_does_not_fit_is_told_with_its_code(workspace: Path) -> None:
    ran = pbr("accept", workspace, "X9", "P9", *WHY)
    assert ran.exit_code == 1
    assert ran.stderr.splitlines() == [
        "Error: E332 person_id names no member. Write the person's id as the members' table has it.",
        "Error: E330 record_id names no record that is in any source of records about people."
        " See `pbr review list` for those that wait for a decision.",
        "2 faults.",
    ]
    again = [pbr("accept", workspace, "X1", "C1", *WHY) for _ in range(2)]
    assert [ran.exit_code for ran in again] == [0, 1]
    assert "E632" in again[1].stderr


@pytest.mark.parametrize("missing", [("accept", "X1", "C1"), ("reject", "X1", "C1", "--by", "r.patel")])
def test_an_answer_without_a_reason_is_a_wrong_call(workspace: Path, missing: tuple[str, ...]) -> None:
    assert pbr(missing[0], workspace, *missing[1:]).exit_code == 2


def test_a_queue_goes_to_a_spreadsheet_and_comes_back(workspace: Path) -> None:
    out = workspace / "queue.csv"
    assert "It holds names" in pbr("export", workspace, "--as-of", AS_OF, "--out", out).stderr
    assert "E339" in pbr("export", workspace, "--as-of", AS_OF, "--out", out).stderr
    header, first, second = out.read_text("utf-8-sig").splitlines()
    answered = [first.removesuffix(",,") + ",reject,a cousin", second.removesuffix(",,") + ",accept,the same school"]
    out.write_text("\n".join([header, *answered]) + "\n")
    ran = pbr("import", workspace, out, "--by", "r.patel")
    assert ran.stderr == "The 2 decisions cover 5 records (ledger entry 1).\n"
    assert pbr("list", workspace, "--as-of", AS_OF).stderr == "No link waits for a person.\n"


def test_one_of_a_kind_is_said_as_one(workspace: Path) -> None:
    pbr("reject", workspace, "X1", "C1", *WHY)
    members = workspace / "sources" / "members.csv"
    members.write_text("".join(row for row in members.read_text().splitlines(True) if ",C1," not in row))
    words = ["claim", "prepare", str(workspace), "--as-of", str(AS_OF), "--window", "2014-10", "--by", "j.smith"]
    ran = CliRunner().invoke(main, words)
    assert (
        "Warning: review: 1 decision has lapsed: the record's details, or the member, are not there now." in ran.stderr
    )
    assert " is prepared: 1 line, £1,500." in ran.stderr
    (bundle,) = (workspace / "batches").glob("E06000034-*")
    assert ", 1 line, £1,500." in CliRunner().invoke(main, ["verify", str(bundle)]).stderr


def test_the_ledger_lists_a_review_without_a_batch_and_verifies(workspace: Path) -> None:
    pbr("accept", workspace, "X1", "C1", *WHY)
    listed = CliRunner().invoke(main, ["ledger", "list", str(workspace), "--entries", "--json"])
    (entry,) = json.loads(listed.stdout)
    assert (entry["kind"], entry["batch_id"], entry["by"]) == ("reviewed", "", "r.patel")
    assert CliRunner().invoke(main, ["ledger", "verify", str(workspace)]).exit_code == 0
    assert CliRunner().invoke(main, ["ledger", "list", str(workspace), "--json"]).stdout == "[]\n"
