"""Figures that are proposed: set over a pack as a pack would write them, and checked as a pack is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.rulebook.load import load_pack
from pbr.rulebook.model import DatedValue
from pbr.rulebook.proposal import with_values
from pbr.values import Share
from tests.rulebook.packs import copy_of_phase_1

PHASE_1 = load_pack("phase-1")


def proposed(**values: str) -> dict[str, tuple[DatedValue, ...]]:
    pack = with_values(PHASE_1, values).pack
    return {name: pack.parameters[name].values for name in values}


def refused(**values: str) -> list[str]:
    with pytest.raises(Faults) as raised:
        with_values(PHASE_1, values)
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("result_absence", "10%", Share(10, 100)),
        ("result_absence", "57/380", Share(57, 380)),
        ("crime_asb_education_payment", "£750", 75_000),
        ("crime_asb_education_payment", "£0.50", 50),
        ("eligible_on_national_criteria", "2", 2),
        ("out_of_work_benefits", "[JSA, ESA]", ("JSA", "ESA")),
        ("discretion_need", "debt", "debt"),
    ],
)
def test_a_value_is_written_as_in_a_pack(name: str, text: str, value: object) -> None:
    (dated,) = proposed(**{name: text})[name]
    assert dated.value == value


def test_a_value_stands_for_all_of_a_parameters_dated_values_and_is_local() -> None:
    before = PHASE_1.pack.parameters["crime_asb_education_payment"].values
    assert len(before) > 1
    (dated,) = proposed(crime_asb_education_payment="£1")["crime_asb_education_payment"]
    assert (dated.start, dated.standing) == (before[0].start, "local")


def test_another_figure_makes_another_pack_of_the_same_name() -> None:
    changed = with_values(PHASE_1, {"result_absence": "10%"})
    assert changed.digest != PHASE_1.digest
    assert (changed.pack.id, changed.pack.title) == (PHASE_1.pack.id, PHASE_1.pack.title)
    assert with_values(PHASE_1, {}).digest == PHASE_1.digest


def test_the_pack_itself_stays_as_it_was() -> None:
    with_values(PHASE_1, {"result_absence": "10%"})
    assert load_pack("phase-1").pack == PHASE_1.pack


def test_a_proposal_has_no_files_to_be_claimed_with() -> None:
    assert with_values(PHASE_1, {"result_absence": "10%"}).files == {}


def test_a_parameter_that_there_is_not_is_told_with_one_that_is_near() -> None:
    (fault,) = refused(result_absense="10%")
    assert fault.startswith("E270 result_absense=10% there is no parameter 'result_absense' in phase-1 (did you mean ")
    assert "'result_absence'" in fault


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("result_absence", "£700", "E208 result_absence=£700 parameter 'result_absence' is in share, and '£700'"),
        ("result_absence", "10", "parameter 'result_absence' is in share, and 10 does not fit it"),
        ("result_absence", "120%", "120% is more than the whole"),
        ("result_terms", "0", "parameter 'result_terms' is in terms, and 0 does not fit it"),
        ("out_of_work_benefits", "JSA", "Write a list of words, each once"),
        ("out_of_work_benefits", "[JSA, JSA]", "the list has a word twice"),
        ("result_absence", "{a: 1}", "a set of keys (a) does not fit it"),
        ("result_absence", "1.5", "E204 result_absence=1.5"),
        ("result_absence", "", "E204 result_absence= a value is empty"),
        ("discretion_need", "no", "'no' might be a word or a truth"),
        ("result_absence", "3: 4", "E271 result_absence=3: 4 is not one value"),
        ("result_absence", "3\nresult_terms: 4", "E271 result_absence=3 result_terms: 4 is not one value"),
        ("out_of_work_benefits", "[JSA", "E271 out_of_work_benefits=[JSA is not one value"),
    ],
)
def test_a_value_that_does_not_fit_its_unit_is_told_in_words(name: str, text: str, said: str) -> None:
    (fault,) = refused(**{name: text})
    assert said in fault


def test_more_criteria_than_there_are_cannot_be_asked_for() -> None:
    (fault,) = refused(eligible_on_national_criteria="4")
    assert fault.startswith("E225 rules/phase-1/eligibility.yaml:")
    assert "'eligible_on_national_criteria' is 4" in fault


def test_a_word_that_no_record_has_is_told_where_it_was_proposed() -> None:
    (fault,) = refused(identification_enrolments="[nowhere]")
    assert fault.startswith("E231 identification_enrolments=[nowhere] no record can say 'nowhere'")


def test_all_faults_of_a_proposal_are_told_at_once() -> None:
    told = refused(nothing="1", result_absence="3: 4", result_suspensions="1.5")
    assert [fault[:4] for fault in told] == ["E270", "E271", "E204"]


def test_figures_are_set_over_what_a_council_made_of_the_pack(tmp_path: Path) -> None:
    overlay = tmp_path / "plan.yaml"
    overlay.write_text(
        "id: plan\ntitle: A plan\nover: phase-1\ncitation: A made-up plan.\n"
        "parameters:\n  result_absence:\n    values:\n"
        "      - {from: 2013-09-01, value: 12%, standing: local, citation: A plan of 2013.}\n"
    )
    pack = load_pack("phase-1", overlay)
    assert len(pack.pack.parameters["result_absence"].values) == 2
    changed = with_values(pack, {"result_absence": "10%"})
    assert [dated.value for dated in changed.pack.parameters["result_absence"].values] == [Share(10, 100)]
    assert changed.pack.id == "phase-1+plan"
    assert changed.pack.parameters["result_terms"] == pack.pack.parameters["result_terms"]


def test_a_pack_in_a_folder_of_ones_own_can_be_proposed_over(tmp_path: Path) -> None:
    folder = copy_of_phase_1(tmp_path)
    changed = with_values(load_pack(folder), {"result_suspensions": "5"})
    assert changed.pack.parameters["result_suspensions"].values[0].value == 5
