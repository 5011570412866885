"""The overlays that come with pbr: what each changes, and their cases through every engine."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs.cases import run_cases
from pbr.jobs.decide import installed_engines
from pbr.rulebook.diff import PARTS, differences
from pbr.rulebook.load import LoadedPack, load_pack, overlay_ids

ROOT = Path(__file__).parents[2]

PLANS = {
    "devon": ("phase-2", {"adults_not_offending", "attendance_reached", "suspensions_below_limit"}),
    "herefordshire-2020": ("phase-2", {"attendance_reached"}),
    "hertfordshire-2023": ("supporting-families-2022", {"eligible"}),
    "surrey-2015": ("phase-2", {"attendance_reached"}),
}
"""Each overlay's pack, and what it judges otherwise than that."""


def plan(name: str) -> LoadedPack:
    return load_pack(f"{PLANS[name][0]}+{name}")


def test_these_are_all_there_are() -> None:
    assert overlay_ids() == tuple(PLANS)


@pytest.mark.parametrize("name", PLANS)
def test_all_engines_decide_its_cases_as_their_basis_says(name: str) -> None:
    report = run_cases(plan(name), installed_engines())
    assert [(one.case.place, one.engine, one.differences) for one in report.failures] == []
    assert len({one.engine for one in report.outcomes}) >= 2


@pytest.mark.parametrize("name", PLANS)
def test_its_cases_are_about_what_it_changes_each_met_and_not_met(name: str) -> None:
    report = run_cases(plan(name), {"bulk": installed_engines()["bulk"]})
    about = report.coverage.filter(pl.col("cases") > 0)
    assert set(about["item"]) == PLANS[name][1]
    assert about.filter((pl.col("met") == 0) | (pl.col("not_met") == 0)).is_empty()
    results = about.filter(pl.col("part") == "result")
    assert results.filter(pl.col("limits_hit") < pl.col("limits")).is_empty()


@pytest.mark.parametrize("name", PLANS)
def test_it_changes_nothing_but_local_figures_and_criteria(name: str) -> None:
    loaded = plan(name)
    assert loaded.beneath is not None
    head, *found = differences(loaded.beneath, loaded)
    assert (head.part, head.what) == ("pack", "name")
    found = [one for one in found if one.part != "in_force"]
    assert {one.standing for one in found} == {"local"}
    assert {one.part for one in found} <= {"parameter", *PARTS.values()}
    assert {one.id for one in found if one.part in PARTS.values()} <= PLANS[name][1]


def test_herefordshire_decides_from_march_2020_and_phase_2_before() -> None:
    loaded = plan("herefordshire-2020")
    (period,) = {(one.decided.start, one.decided.until) for one in loaded.pack.in_force}
    assert period == (date(2020, 3, 1), date(2021, 3, 31))
    assert loaded.rules(date(2020, 3, 1)).on == date(2020, 3, 1)
    with pytest.raises(Faults, match=r"E247 rules/overlays/herefordshire-2020/overlay\.yaml:\d+ .*") as raised:
        loaded.rules(date(2020, 2, 29))
    (fault,) = raised.value.faults
    assert fault.what == "herefordshire-2020 over phase-2 decides from 2020-03-01, and the as-of date is 2020-02-29"
    assert loaded.beneath is not None and loaded.beneath.rules(date(2020, 2, 29))


def test_devon_allows_three_exclusions_and_hertfordshire_wants_three_headlines() -> None:
    def value(name: str, parameter: str, day: date) -> object:
        return plan(name).rules(day).values[parameter].value

    assert value("devon", "result_suspensions", date(2018, 1, 1)) == 4
    assert value("hertfordshire-2023", "distinct_headlines", date(2023, 5, 31)) == 1
    assert value("hertfordshire-2023", "distinct_headlines", date(2023, 6, 1)) == 3


def test_the_example_of_the_docs_is_an_overlay(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "workspace.md").read_text(encoding="utf-8")
    (example,) = (block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "\nover: " in block)
    (tmp_path / "plan.yaml").write_text(example, encoding="utf-8")
    loaded = load_pack("phase-2", tmp_path / "plan.yaml")
    assert loaded.pack.id == "phase-2+mid-county-2016"
    assert loaded.pack.results["suspensions_below_limit"].title == "No child suspended at all"
