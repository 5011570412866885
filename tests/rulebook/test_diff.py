"""What differs between packs: each kind of difference in words, and none where nothing does."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pbr.cli.main import main
from pbr.rulebook.diff import Difference, differences
from pbr.rulebook.load import load_pack
from tests.rulebook.overlays import ABSENCE, CALL_OUTS, RESTLESS, laid, overlay_in
from tests.rulebook.packs import copy_of_phase_1, put

NATIONAL = load_pack("phase-1")


def between(folder: Path, file: str, old: str, new: str) -> tuple[Difference, ...]:
    """What differs between Phase 1 and a copy with one piece of text put in place of another."""
    copy = copy_of_phase_1(folder)
    national = load_pack(copy)
    put(copy / file, old, new)
    return differences(national, load_pack(copy))


def of_overlay(folder: Path, text: str) -> tuple[Difference, ...]:
    """What an overlay changes, beside the pack's name."""
    name, *found = differences(NATIONAL, laid(folder, text))
    assert (name.part, name.what) == ("pack", "name")
    assert name.after == f"{NATIONAL.pack.title}, with Mid-County's outcome plan (phase-1+mid-county)"
    return tuple(found)


def test_a_pack_does_not_differ_from_itself_written_elsewhere(tmp_path: Path) -> None:
    assert differences(NATIONAL, NATIONAL) == ()
    assert between(tmp_path, "parameters.yaml", "    unit: share\n", "    unit: share  # a remark\n") == ()


# ------------------------------------------------------------------------------------------------------- parameters


def test_a_figure_differs_from_the_day_on_which_it_does(tmp_path: Path) -> None:
    (found,) = of_overlay(tmp_path, ABSENCE)
    assert found == Difference(
        part="parameter",
        id="result_absence",
        title="Unauthorised absence that each child must stay below",
        what="value",
        since=date(2013, 9, 1),
        before="15%",
        after="10%",
        standing="local",
        citation="Mid-County Council, Outcome Plan, page 4.",
    )


def test_a_figure_that_goes_back_differs_only_until_then(tmp_path: Path) -> None:
    national = NATIONAL.pack.parameters["result_absence"].values[0]
    back = (
        f"      - from: 2014-09-01\n        value: 15%\n        standing: local\n        citation: {national.citation}"
    )
    found = of_overlay(tmp_path, ABSENCE + back)
    assert [(one.since, one.what, one.before[:8], one.after[:6]) for one in found] == [
        (date(2013, 9, 1), "value", "15%", "10%"),
        (date(2014, 9, 1), "source", "verified", "local:"),
    ]


def test_a_figure_restated_for_another_reason_differs_in_its_source(tmp_path: Path) -> None:
    (found,) = of_overlay(tmp_path, ABSENCE.replace("10%", "15%"))
    assert (found.what, found.since) == ("source", date(2013, 9, 1))
    assert found.before.startswith("verified: Barking and Dagenham council")
    assert found.after == "local: Mid-County Council, Outcome Plan, page 4."


def test_a_figure_that_changes_in_both_packs_on_different_days_differs_in_between(tmp_path: Path) -> None:
    one = laid(tmp_path / "one", ABSENCE)
    other = laid(tmp_path / "other", ABSENCE.replace("2013-09-01", "2014-01-01"))
    (found,) = differences(one, other)
    assert (found.since, found.before, found.after) == (date(2013, 9, 1), "10%", "15%")


def test_a_new_figure_and_a_new_criterion_are_added(tmp_path: Path) -> None:
    found = of_overlay(tmp_path, CALL_OUTS + RESTLESS)
    assert [(one.part, one.id, one.what, one.before, one.after) for one in found[:2]] == [
        ("parameter", "calm_months", "added", "", "6 months"),
        ("parameter", "calm_incidents", "added", "", "1"),
    ]
    rule, flag = found[2:]
    assert (flag.part, flag.id, flag.what) == ("flag", "restless", "added")
    assert (rule.part, rule.id, rule.title, rule.what) == ("result", "calm", "No incident in six months", "added")
    assert "6 months" in rule.after
    assert "anti-social behaviour" in rule.after


def test_seen_from_the_other_side_they_are_removed(tmp_path: Path) -> None:
    found = differences(laid(tmp_path, CALL_OUTS + RESTLESS), NATIONAL)
    removed = {one.id: (one.before, one.after, one.standing) for one in found if one.what == "removed"}
    assert removed["calm_months"] == ("6 months", "", "local")
    assert removed["calm"][1:] == ("", "local")


def test_what_a_figure_is_called_differs(tmp_path: Path) -> None:
    old = "Unauthorised absence that each child must stay below"
    (found,) = between(tmp_path, "parameters.yaml", old, "Absence that is too much")
    assert (found.what, found.before, found.after) == ("name", old, "Absence that is too much")


# --------------------------------------------------------------------------------------- criteria, routes and flags


def test_a_changed_rule_is_said_as_it_was_and_as_it_is(tmp_path: Path) -> None:
    (found,) = between(tmp_path, "results.yaml", "less_than: result_absence", "at_most: result_absence")
    assert (found.part, found.id, found.what, found.since) == ("result", "attendance_improved", "test", None)
    assert found.before.splitlines()[0] == found.after.splitlines()[0] == "every school-age child:"
    assert found.before.endswith("less than 15%")
    assert found.after.endswith("15% or less")
    assert found.after.splitlines()[1].startswith("  ")


def test_a_rule_that_reads_another_figure_of_the_same_value_says_which(tmp_path: Path) -> None:
    text = """\
results:
  asb_reduced:
    title: Less anti-social behaviour across the family
    standing: local
    citation: Mid-County Council, Outcome Plan, page 6.
    test:
      measure: {name: asb_incidents, last_months: youth_result_months}
      against: {months_before_engagement: baseline_months}
      reduced_by: asb_reduction
"""
    (found,) = of_overlay(tmp_path, text)
    assert found.before.splitlines()[-1] == "reads asb_result_months, baseline_months, asb_reduction"
    assert found.after.splitlines()[-1] == "reads youth_result_months, baseline_months, asb_reduction"
    assert found.before.splitlines()[:-1] == found.after.splitlines()[:-1]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("results.yaml", "turned_around: false", "turned_around: true", ("route", "progress_to_work", "turned_around")),
        ("results.yaml", "title: Progress to work\n", "title: Work\n", ("route", "progress_to_work", "name")),
        ("eligibility.yaml", "standing: unverified", "standing: derived", ("eligibility", "eligible", "source")),
        ("flags.yaml", "    holds: true\n    release: >-", "    release: >-", ("flag", "neutral_only", "test")),
        ("flags.yaml", "for a fall in a", "for the fall in a", ("flag", "composition_changed", "source")),
        ("tariff.yaml", "2015-05-31", "2015-06-30", ("tariff", "", "claimed_until")),
        ("pack.yaml", "until: 2015-03-31", "until: 2015-03-30", ("in_force", None, "added")),
        ("pack.yaml", "standing: derived", "standing: verified", ("in_force", None, "source")),
        ("pack.yaml", "Only its opening", "Just its opening", ("pack", "spoilt", "source")),
    ],
)
def test_whatever_differs_is_told(
    file: str, old: str, new: str, expected: tuple[str, str | None, str], tmp_path: Path
) -> None:
    found = between(tmp_path, file, old, new)
    part, name, what = expected
    assert [(one.part, one.what) for one in found if one.what != "removed"] == [(part, what)]
    assert name is None or found[0].id == name
    assert all(one.before != one.after for one in found)


def test_a_route_paid_by_another_figure_is_told_by_both_names(tmp_path: Path) -> None:
    text = (copy_of_phase_1(tmp_path) / "tariff.yaml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.strip().startswith("progress_to_work:"))
    copy = tmp_path / "spoilt"
    put(copy / "tariff.yaml", line, "    progress_to_work: crime_asb_education_payment")
    parameters = (copy / "parameters.yaml").read_text(encoding="utf-8")
    name = line.split(":")[1].strip()
    start = parameters.index(f"  {name}:\n")
    (copy / "parameters.yaml").write_text(
        parameters[:start] + parameters[parameters.index("\n\n", start) + 2 :], encoding="utf-8"
    )
    found = [one for one in differences(NATIONAL, load_pack(copy)) if one.part == "tariff"]
    assert [(one.what, one.before[-len(name) - 2 :], one.after.rpartition(" ")[2]) for one in found] == [
        ("pays progress_to_work", f"({name})", "(crime_asb_education_payment)")
    ]


def test_another_order_of_routes_is_told_for_they_are_paid_in_it(tmp_path: Path) -> None:
    copy = copy_of_phase_1(tmp_path)
    national = load_pack(copy)
    text = (copy / "results.yaml").read_text(encoding="utf-8")
    head, routes = text.split("\nroutes:\n")
    first, rest = routes.index("  crime_asb_education:"), routes.index("  continuous_employment:")
    moved = routes[rest:].rstrip("\n") + "\n\n" + routes[first:rest]
    (copy / "results.yaml").write_text(f"{head}\nroutes:\n{moved}", encoding="utf-8")
    (found,) = differences(national, load_pack(copy))
    assert (found.part, found.what) == ("route", "order")
    assert found.before == "crime_asb_education, continuous_employment, progress_to_work"
    assert found.after == "continuous_employment, progress_to_work, crime_asb_education"


# ------------------------------------------------------------------------------------------------------ the command


def diff(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["rules", "diff", *arguments])


def test_one_pack_with_an_overlay_is_compared_with_the_pack_beneath(tmp_path: Path) -> None:
    named = f"phase-1+{overlay_in(tmp_path, ABSENCE)}"
    alone, both = diff(named, "--json"), diff("phase-1", named, "--json")
    assert alone.exit_code == 0
    assert alone.stdout == both.stdout
    assert [row["id"] for row in json.loads(alone.stdout)] == ["phase-1+mid-county", "result_absence"]
    assert alone.stderr == "2 differences between phase-1 and phase-1+mid-county.\n"


def test_the_table_and_the_csv_say_the_same(tmp_path: Path) -> None:
    named = f"phase-1+{overlay_in(tmp_path, ABSENCE)}"
    (*_, row) = csv.DictReader(io.StringIO(diff(named, "--csv").stdout))
    assert (row["since"], row["before"], row["after"], row["standing"]) == ("2013-09-01", "15%", "10%", "local")
    shown = diff(named).stdout
    assert all(line in shown.replace("  ", "\n").splitlines() for line in ("parameter: value", "result_absence"))
    assert all(text in shown for text in ("2013-09-01", "15%", "10%", "local: Mid-County Council"))


def test_a_pack_alone_without_an_overlay_is_nothing_to_compare() -> None:
    found = diff("phase-1")
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: E257 phase-1 there is nothing to compare the pack with")
