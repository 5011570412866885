"""`pbr rules`: what people and programs see of packs, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.rules import rules
from pbr.rulebook.load import load_pack
from tests.rulebook.packs import copy_of_phase_1, line_of, put


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(rules, [str(word) for word in words], prog_name="pbr rules")


def test_list_shows_the_packs_there_are() -> None:
    assert "phase-1" in run("list").stdout
    (pack,) = json.loads(run("list", "--json").stdout)
    assert pack["digest"] == load_pack("phase-1").digest
    assert pack["engaged_from"] == "2012-04-01"


def test_show_says_rule_figure_source_and_standing() -> None:
    shown = run("show", "phase-1")
    assert shown.exit_code == 0
    assert "unauthorised absence over the last 3 completed terms is less than 15%" in shown.stdout
    assert "Unauthorised absence that each child must stay below: 15%, from 2012-04-01" in shown.stdout
    assert "(baseline_months, unverified)" in " ".join(shown.stdout.split())
    assert "Paid when a family joins: £1,600, from 2014-04-01" in shown.stdout
    assert all(line == line.rstrip() and len(line) <= 110 for line in shown.stdout.splitlines())


def test_show_has_every_rule_for_programs() -> None:
    shown = json.loads(run("show", "phase-1", "--json", "--on", "2013-05-01").stdout)
    assert shown["on"] == "2013-05-01"
    pack = load_pack("phase-1").pack
    assert [entry["id"] for entry in shown["entries"]] == [
        *pack.eligibility,
        *pack.results,
        *pack.routes,
        *pack.flags,
    ]
    read = {figure["parameter"] for entry in shown["entries"] for figure in entry["figures"]}
    read |= {figure["parameter"] for figure in shown["tariff"]}
    assert pack.parameters.keys() == read


def test_show_of_a_day_before_the_programme_is_a_fault_and_no_guess() -> None:
    shown = run("show", "phase-1", "--on", "2012-03-31")
    assert shown.exit_code == 1
    assert "E214 rules/phase-1/parameters.yaml:" in shown.stderr
    assert shown.stdout == ""


def test_check_says_fine_or_every_fault_with_its_place(tmp_path: Path) -> None:
    assert run("check", "phase-1").stdout.startswith("phase-1: fine.")
    folder = copy_of_phase_1(tmp_path)
    put(folder / "results.yaml", "less_than: result_absence", "less_than: 15%")
    put(folder / "tariff.yaml", "family_cap: family_cap", "family_cap: family_cup")
    checked = run("check", folder)
    assert checked.exit_code == 1
    line = line_of(folder / "results.yaml", "less_than: 15%")
    assert f"Error: E207 {folder}/results.yaml:{line} 'less_than' is '15%'" in checked.stderr
    assert "did you mean 'family_cap'?" in checked.stderr
    assert "2 faults." in checked.stderr
    assert "Traceback" not in checked.stderr


def test_a_pack_that_is_not_there_is_exit_1_and_names_those_that_are() -> None:
    checked = run("check", "phase-3")
    assert (checked.exit_code, checked.stdout) == (1, "")
    assert "did you mean 'phase-1'?" in checked.stderr


def test_test_passes_with_a_table_of_what_is_covered() -> None:
    tested = run("test", "phase-1")
    assert tested.exit_code == 0
    assert "moved_into_work" in tested.stdout
    assert ", 0 failed, in " in tested.stderr
    rows = json.loads(run("test", "phase-1", "--json").stdout)
    assert {"item": "asb_reduced", "limits": 1, "limits_hit": 1}.items() <= next(
        row for row in rows if row["item"] == "asb_reduced"
    ).items()


@pytest.mark.parametrize(("figure", "case"), [("60%", "From 5 to 2 is 60% exactly"), ("15%", "57 of 380")])
def test_test_names_each_case_that_a_changed_figure_breaks(figure: str, case: str, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    raised = f"{int(figure[:-1]) + 1}%"
    put(folder / "parameters.yaml", f"value: {figure}", f"value: {raised}")
    tested = run("test", folder)
    assert tested.exit_code == 1
    assert case in tested.stderr
    assert "[bulk]" in tested.stderr and "[reference]" in tested.stderr
