"""`pbr check`: what people and programs are told of a workspace."""

from __future__ import annotations

import csv
import json

from click.testing import CliRunner, Result

from pbr.cli.check import check, coverage_lines
from pbr.cli.console import Commands
from pbr.jobs.check import check as check_workspace
from tests.sources.made_sources import Authority

NEEDS = (
    "record_id,family_id,need,identified_on,Notes\n"
    "N1,F1,debt,2013-01-02,Marigold\nN1,F1,debt,2013-01-02,Marigold\n\n"
    "N2,F7,debt,2013-01-02,x\nN3,F1,debt,=SUM(A1),y\nN4,F1,debt,Ashdown,y\n"
)


def run(authority: Authority, *words: str) -> Result:
    authority.load()
    program = Commands(commands={"check": check})
    return CliRunner().invoke(program, ["check", str(authority.root), *words], catch_exceptions=False)


def exclusions_about_nobody_and_somebody(authority: Authority) -> None:
    authority.write(
        "exclusions",
        "record_id,person_id,kind,starts_on\n"
        "X1,P1,?,2013-01-01\nX2,P8,?,2013-01-01\nX3,P1,suspension,2000-01-01\nX4,P1,suspension,2013-01-01\n",
    )


def test_the_counts_of_each_source_tie_out(authority: Authority) -> None:
    authority.write("needs", NEEDS)
    exclusions_about_nobody_and_somebody(authority)
    report = check_workspace(authority.load())
    counts = {row["source"]: row for row in report.sources.to_dicts()}
    needs = counts["needs"]
    assert (needs["rows_read"], needs["accepted"], needs["quarantined"]) == (6, 1, 3)
    assert (needs["duplicates"], needs["blank"], needs["unlinked"]) == (1, 1, 1)
    for row in counts.values():
        assert row["rows_read"] == row["accepted"] + row["quarantined"] + row["duplicates"] + row["blank"]


def test_what_only_linking_can_find_is_counted_too(authority: Authority) -> None:
    exclusions_about_nobody_and_somebody(authority)
    report = check_workspace(authority.load())
    (exclusions,) = (row for row in report.sources.to_dicts() if row["source"] == "exclusions")
    # P8 is nobody's member: nobody's decision waits for that row. Before its child's birth nobody can be excluded.
    assert (exclusions["accepted"], exclusions["quarantined"], exclusions["unlinked"]) == (1, 3, 1)
    assert report.quarantine["code"].to_list() == ["E127", "E127", "E301"]


def test_people_see_counts_reasons_and_places_but_never_the_text(authority: Authority) -> None:
    authority.write("needs", NEEDS)
    result = run(authority)
    assert result.exit_code == 0
    assert "not a date written as 2013-09-01" in result.output
    assert "needs.csv:6" in result.output
    assert "Notes" in result.output
    assert "Ashdown" not in result.output
    assert "Marigold" not in result.output
    assert "SUM" not in result.output


def test_programs_get_the_same_as_json(authority: Authority) -> None:
    authority.write("needs", NEEDS, "covers = {from = 2013-01-01, until = 2013-12-31}\nextracted_on = 2014-01-02")
    report = json.loads(run(authority, "--json").stdout)
    (needs,) = (source for source in report["sources"] if source["source"] == "needs")
    assert (needs["covers_from"], needs["covers_until"], needs["quarantined"]) == ("2013-01-01", "2013-12-31", 3)
    assert report["unknown_columns"] == [{"source": "needs", "column": "Notes"}]
    assert [(fault["code"], fault["records"], fault["row"]) for fault in report["quarantine"]] == [
        ("E123", 2, 6),
        ("E140", 1, 5),
    ]
    assert {file["path"] for file in report["files"]} == {"families.csv", "members.csv", "needs.csv"}
    assert "Ashdown" not in json.dumps(report)


def test_the_text_goes_to_a_file_that_is_asked_for_and_no_formula_runs(authority: Authority) -> None:
    authority.write("needs", NEEDS)
    result = run(authority, "--quarantine", str(authority.root / "out.csv"))
    assert "3 quarantined values" in result.stderr
    with (authority.root / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["raw"]) for row in rows] == [("5", "F7"), ("6", "'=SUM(A1)"), ("7", "Ashdown")]


def test_the_calendar_shows_whole_months_parts_and_gaps(authority: Authority) -> None:
    authority.write("needs", "family_id,need,identified_on\n", "covers = {from = 2012-11-01, until = 2013-02-15}")
    authority.write("marks", "person_id,date,session,code\n")
    lines = list(coverage_lines(check_workspace(authority.load())))
    assert lines[0].split() == ["2012", "2013"]
    assert lines[1] == "needs       ..........## #+.........."
    assert lines[2] == "No days at all (no covers): marks"
    assert lines[3] == "Not declared: attendance, exclusions, offending, employment, social_care, outcomes"


def test_faults_end_with_exit_code_1_and_no_traceback(authority: Authority) -> None:
    authority.declare("needs", "nowhere.csv")
    authority.write("families", "family\n")
    result = run(authority)
    assert result.exit_code == 1
    assert "Error: E110 pbr.toml" in result.stderr
    assert "Error: E115 families.csv" in result.stderr
    assert "Traceback" not in result.output


def test_the_command_has_help_with_an_example() -> None:
    result = CliRunner().invoke(check, ["--help"])
    assert "pbr check thurrock" in result.output


def test_words_that_no_rule_of_the_pack_knows_are_told_of_and_not_shown(authority: Authority) -> None:
    days = "F1,Ashdown,2013-01-02\nF2,Ashdown,2013-01-02\nF2,ash,2013-01-02\nF1, LOCAL_discretion,2013-01-02\n"
    authority.write("needs", f"family_id,need,identified_on\n{days}")
    report = check_workspace(authority.load())
    (told,) = report.warnings.filter(report.warnings["warning"].str.contains("rules")).rows()
    assert told == ("needs", "3 records of 2 families name a need that the rules do not know")
    assert "Ashdown" not in run(authority).output


def test_words_are_not_asked_about_where_each_family_has_the_pack_that_was_in_force(authority: Authority) -> None:
    authority.write("needs", "family_id,need,identified_on\nF1,wellbeing,2013-01-02\n")
    folder = authority.load().root
    toml = folder / "pbr.toml"
    toml.write_text(toml.read_text("utf-8").replace('"phase-1"', '"in-force"'), "utf-8")
    assert not any("rules do not know" in warning for warning in check_workspace(folder).warnings["warning"])
