"""`pbr rules`: what people and programs see of packs, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pbr.cli.rules import rules
from pbr.rulebook.load import load_pack, overlay_ids, pack_ids
from tests.rulebook.overlays import ABSENCE, laid
from tests.rulebook.packs import copy_of_phase_1, line_of, put


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(rules, [str(word) for word in words], prog_name="pbr rules")


def test_list_shows_the_packs_there_are() -> None:
    assert "phase-1" in run("list").stdout
    pack = next(pack for pack in json.loads(run("list", "--json").stdout) if pack["pack"] == "phase-1")
    assert pack["digest"] == load_pack("phase-1").digest
    assert pack["engaged_from"] == "2012-04-01"


def test_list_shows_each_overlay_over_its_pack_as_it_can_be_named() -> None:
    named = [pack["pack"] for pack in json.loads(run("list", "--json").stdout)]
    assert [pack.partition("+")[2] for pack in named if "+" in pack] == list(overlay_ids())
    assert all(name in run("list").stdout for name in named), "an id is broken off"
    assert all(load_pack(name).pack.id == name for name in named)


def test_show_says_rule_figure_source_and_standing() -> None:
    shown = run("show", "phase-1")
    assert shown.exit_code == 0
    assert "unauthorised absence over the last 3 completed terms is less than 15%" in shown.stdout
    assert "Unauthorised absence that each child must stay below: 15%, from 2012-04-01" in shown.stdout
    assert "(baseline_months, unverified)" in " ".join(shown.stdout.split())
    assert "£1,600, from 2014-04-01 (verified), in force on 2015-05-31" in shown.stdout
    assert "£2,400, from 2013-04-01 until 2014-03-31 (verified)\n" in shown.stdout
    assert all(line == line.rstrip() and len(line) <= 110 for line in shown.stdout.splitlines())


def test_show_opens_with_the_words_and_has_each_case_beneath_its_rule() -> None:
    shown = " ".join(run("show", "phase-1").stdout.split())
    assert shown.index("school-age child: A child who was of school age") < shown.index("(crime_asb, verified)")
    rule, case = (
        shown.index("(attendance_improved, verified)"),
        "57 of 380 sessions is 15% exactly, and fails → not met",
    )
    assert rule < shown.index(case) < shown.index("(asb_reduced, verified)")
    assert "One of three terms has no record → unknown: a term of school age has no attendance record" in shown


def test_show_without_cases_has_every_rule_and_no_case() -> None:
    whole, rules_alone = (json.loads(run("show", "phase-1", "--json", *more).stdout) for more in ((), ("--no-cases",)))
    assert any(entry["cases"] for entry in whole["entries"])
    assert rules_alone == {**whole, "entries": [{**entry, "cases": []} for entry in whole["entries"]]}
    assert "Cases:" not in run("show", "phase-1", "--no-cases").stdout


def test_book_without_cases_has_every_rule_and_no_case(tmp_path: Path) -> None:
    run("book", "phase-1", "--no-cases", "--out", tmp_path / "one.html")
    run("book", "--no-cases", "--out", tmp_path / "all")
    page = (tmp_path / "one.html").read_text()
    assert 'id="result-asb_reduced"' in page
    assert '<table class="cases">' not in page
    assert (tmp_path / "all" / "phase-1.html").read_text() == page


def test_show_marks_the_figure_that_is_in_force_on_the_day_that_is_asked_for() -> None:
    shown = " ".join(run("show", "phase-1", "--on", "2013-05-01").stdout.split())
    assert "£2,400, from 2013-04-01 until 2014-03-31 (verified), in force on 2013-05-01" in shown
    assert "£1,600, from 2014-04-01 (verified) " in shown


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
    read |= {payment["figure"]["parameter"] for payment in shown["tariff"]}
    assert pack.parameters.keys() == read


def test_show_of_a_day_before_the_programme_is_a_fault_and_no_guess() -> None:
    shown = run("show", "phase-1", "--on", "2012-03-31")
    assert shown.exit_code == 1
    assert "E214 rules/phase-1/parameters.yaml:" in shown.stderr
    assert shown.stdout == ""


def test_book_writes_one_pack_to_a_file_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    wrote = run("book", "phase-1", "--out", tmp_path / "one.html")
    assert (wrote.exit_code, wrote.stdout) == (0, "")
    assert str(tmp_path / "one.html") in wrote.stderr
    run("book", "phase-1", "--out", tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_book_without_a_pack_writes_a_page_for_each_to_a_folder(tmp_path: Path) -> None:
    assert run("book", "--out", tmp_path / "made" / "books").exit_code == 0
    written = {path.name for path in (tmp_path / "made" / "books").iterdir()}
    assert written == {f"{pack}.html" for pack in pack_ids()}


@pytest.mark.parametrize(
    ("words", "code"), [(("phase-3", "--out", "page.html"), "E2"), (("phase-1", "--out", "no/such/page.html"), "E100")]
)
def test_book_of_what_is_not_there_or_to_nowhere_is_a_fault(
    words: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrote = run("book", *words)
    assert (wrote.exit_code, wrote.stdout) == (1, "")
    assert f"Error: {code}" in wrote.stderr
    assert list(tmp_path.iterdir()) == []


def test_show_of_a_pack_whose_cases_cannot_be_read_names_the_line(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    put(folder / "tests" / "asb_reduced.yaml", "expected: met", "expected: perhaps")
    shown = run("show", folder)
    line = line_of(folder / "tests" / "asb_reduced.yaml", "expected: perhaps")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert f"E241 {folder}/tests/asb_reduced.yaml:{line}" in shown.stderr


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
    checked = run("check", "phase-10")
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


def test_test_of_an_overlay_looks_only_at_what_it_changes_and_what_its_cases_are_about(tmp_path: Path) -> None:
    laid(tmp_path, ABSENCE)
    case = "name: Not one, basis: b, facts: {children: []}, expected: not_applicable"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "suspensions.yaml").write_text(
        f"criterion: suspensions_below_three\ncases:\n  - {{{case}}}\n"
    )
    tested = run("test", f"phase-1+{tmp_path / 'plan.yaml'}", "--json")
    rows = {row["item"]: row["cases"] for row in json.loads(tested.stdout)}
    assert rows == {"suspensions_below_three": 1, "attendance_improved": 0}
    assert "No case of attendance_improved meets a limit exactly: result_absence" in tested.stderr
    assert "asb_reduced" not in tested.stderr


@pytest.mark.parametrize(("figure", "case"), [("60%", "From 5 to 2 is 60% exactly"), ("15%", "57 of 380")])
def test_test_names_each_case_that_a_changed_figure_breaks(figure: str, case: str, tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    raised = f"{int(figure[:-1]) + 1}%"
    put(folder / "parameters.yaml", f"value: {figure}", f"value: {raised}")
    tested = run("test", folder)
    assert tested.exit_code == 1
    assert case in tested.stderr
    assert "[bulk]" in tested.stderr and "[reference]" in tested.stderr
