"""Families in cohorts: who is read with which figures, and that nobody is lost between two of them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.jobs.decide import decide_by
from pbr.measures.calendar import Calendar
from pbr.measures.cohorts import measure_cohorts, read_cohorts, to_table
from pbr.rulebook.load import LoadedPack, load_pack
from tests.measures.made_evidence import AS_OF, evidence, family, person
from tests.rulebook.test_rules import CHANGE, dated, pack

DAY = timedelta(days=1)
BEFORE, ON, AFTER = CHANGE - DAY, CHANGE, CHANGE + DAY


@pytest.fixture
def shorter(tmp_path: Path) -> LoadedPack:
    """A pack in which anti-social behaviour identifies for 12 months, and for 6 from one day of engagement on."""
    months = dated("months", (date(2012, 4, 1), 12), (CHANGE, 6))
    return pack(tmp_path, parameters={"identification_asb_months": months})


def three_families() -> tuple[dict[str, object], ...]:
    return tuple(family(f"F{number}", engaged_on=day) for number, day in enumerate((BEFORE, ON, AFTER), 1))


def test_families_are_parted_on_the_day_a_figure_turns(shorter: LoadedPack) -> None:
    cohorts, _ = measure_cohorts(evidence(person(), families=three_families()), shorter, AS_OF, Calendar())
    assert [one.facts.families["family_id"].to_list() for one in cohorts] == [["F1"], ["F2", "F3"]]


def test_each_cohort_has_the_facts_that_its_own_figures_ask_for(shorter: LoadedPack) -> None:
    cohorts, _ = measure_cohorts(evidence(person(), families=three_families()), shorter, AS_OF, Calendar())
    longer = "asb_incidents(months_before_engagement: 12)"
    assert [longer in one.facts.families.columns for one in cohorts] == [True, False]


def test_a_pack_whose_figures_do_not_turn_has_one_cohort() -> None:
    made = evidence(person(), families=three_families())
    cohorts, _ = measure_cohorts(made, load_pack("phase-1"), AS_OF, Calendar())
    assert [one.facts.families.height for one in cohorts] == [3]


def test_without_any_family_there_is_one_cohort_of_nobody(shorter: LoadedPack) -> None:
    cohorts, _ = measure_cohorts(evidence(person(), families=()), shorter, AS_OF, Calendar())
    assert [one.facts.families.height for one in cohorts] == [0]
    assert decide_by("bulk", cohorts).is_empty()


@pytest.mark.parametrize("engine", ["bulk", "reference"])
def test_an_incident_ten_months_before_counts_for_those_who_engaged_before_the_figure_turned(
    shorter: LoadedPack, engine: str
) -> None:
    events = [{"occurred_on": date(2012, 11, 15)}]
    made = evidence(person(family_id="F1"), families=three_families()[:1], offending=events)
    later = evidence(person(family_id="F2"), families=three_families()[1:2], offending=events)
    verdicts = []
    for one in (made, later):
        cohorts, _ = measure_cohorts(one, shorter, AS_OF, Calendar())
        findings = decide_by(engine, cohorts).filter((pl.col("item") == "crime_asb") & (pl.col("subject_id") == ""))
        verdicts.append(findings["verdict"].item())
    assert verdicts == ["met", "not_met"]


def test_the_table_of_a_bundle_gives_the_same_cohorts_again(shorter: LoadedPack) -> None:
    cohorts, _ = measure_cohorts(evidence(person(), families=three_families()), shorter, AS_OF, Calendar())
    again = read_cohorts(to_table(cohorts), shorter, AS_OF)
    assert to_table(again).equals(to_table(cohorts))
    assert decide_by("bulk", again).equals(decide_by("bulk", cohorts))


def test_a_family_moved_to_the_other_side_of_the_day_lacks_the_facts_of_its_new_cohort(shorter: LoadedPack) -> None:
    cohorts, _ = measure_cohorts(evidence(person(), families=three_families()), shorter, AS_OF, Calendar())
    moved = pl.when((pl.col("family_id") == "F1") & (pl.col("fact") == "engaged_on")).then(pl.lit(str(ON)))
    with pytest.raises(Faults, match=r"E40[12]"):
        read_cohorts(to_table(cohorts).with_columns(value=moved.otherwise("value")), shorter, AS_OF)


def test_facts_of_a_family_that_did_not_engage_are_a_fault(shorter: LoadedPack) -> None:
    cohorts, _ = measure_cohorts(evidence(person(), families=three_families()), shorter, AS_OF, Calendar())
    table = to_table(cohorts).filter(~((pl.col("family_id") == "F2") & (pl.col("fact") == "engaged_on")))
    with pytest.raises(Faults, match=r"E40[12]"):
        read_cohorts(table, shorter, AS_OF)
