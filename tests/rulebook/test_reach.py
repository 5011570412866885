"""Tests that can never be met and tests that always are: found before a family is decided, the smallest one, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbr.rulebook.load import load_pack, pack_ids
from pbr.rulebook.reach import most_days
from tests.rulebook.packs import faults_of, line_of, put, with_result

EVERY_CHILD = """
    every: school_age_child
    at: as_of
    last_terms: result_terms
    that:
"""
SUSPENSIONS = "measure: {name: suspensions, last_terms: result_terms, at: as_of}"
ABSENCE = "measure: {name: absence, last_terms: result_terms, at: as_of}"
ENROLMENT = "measure: {name: enrolment, last_terms: result_terms, at: as_of}"
WEEKS = "measure: {name: weeks_in_work, out_of_last: jobseekers_weeks_counted}"
RUN = "measure: {name: longest_run_in_work, last_months: employment_months}"


def of_every_child(test: str) -> str:
    return EVERY_CHILD + "\n".join(f"      {line}" for line in test.splitlines())


def of_some_adult(test: str) -> str:
    return "some: adult\nat: as_of\nthat:\n" + "\n".join(f"  {line}" for line in test.splitlines())


def reported(folder: Path, test: str, **figures: str) -> list[tuple[str, str, str]]:
    """Each fault's code, the text of its line, and what it says."""
    lines = {}
    pack = with_result(folder, test, **figures)
    for file in pack.glob("*.yaml"):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            lines[f"{file}:{number}"] = line.strip()
    return [(fault.code, lines[fault.place], fault.what) for fault in faults_of(pack)]


# ---------------------------------------------------------------------------------------- one figure out of reach


@pytest.mark.parametrize(
    ("test", "figure", "code", "says"),
    [
        (of_every_child(f"{SUSPENSIONS}\nless_than: x"), "count 0", "E233", "suspensions is 0 or more, and so never "),
        (of_every_child(f"{SUSPENSIONS}\nat_least: x"), "count 0", "E234", "and so always at least 0 ('x')"),
        (of_every_child(f"{ABSENCE}\nat_least: x"), "share 0%", "E234", "absence is 0% to 100%, and so always at"),
        (of_every_child(f"{ABSENCE}\nmore_than: x"), "share 100%", "E233", "and so never more than 100% ('x')"),
        (of_every_child(f"{ABSENCE}\nat_most: x"), "share 12/12", "E234", "and so always at most 100% ('x')"),
        (
            of_every_child(f"{ENROLMENT}\nis_one_of: x"),
            "codes [not_on_roll, registered, alternative_provision]",
            "E234",
            "enrolment is one or more of registered, alternative_provision, not_on_roll, and so always one of",
        ),
        (of_some_adult(f"{WEEKS}\nat_least: x"), "weeks 31", "E233", "weeks_in_work is 0 to 30, and so never at least"),
        (of_some_adult(f"{WEEKS}\nat_most: x"), "weeks 30", "E234", "and so always at most 30"),
        (of_some_adult(f"{RUN}\nat_least: x"), "days 185", "E233", "longest_run_in_work is 0 to 184, and so never"),
        ("measure: {name: days_since, field: closed_on}\nat_least: x", "days 1", "E234", "days_since is 1 or more"),
        ("measure: {name: days_since, field: closed_on}\nless_than: x", "days 1", "E233", "so never less than 1"),
        ("measure: {name: months_since, field: closed_on}\nless_than: x", "months 1", "", ""),
        ("measure: {name: days_since, field: closed_on}\nless_than: x", "days 2", "", ""),
        (of_some_adult(f"{WEEKS}\nat_least: x"), "weeks 30", "", ""),
        (of_some_adult(f"{RUN}\nat_least: x"), "days 184", "", ""),
        (of_every_child(f"{ABSENCE}\nat_least: x"), "share 100%", "", ""),
        (of_every_child(f"{ABSENCE}\nat_most: x"), "share 0%", "", ""),
        (of_every_child(f"{SUSPENSIONS}\nat_most: x"), "count 0", "", ""),
        (of_every_child(f"{ENROLMENT}\nis_one_of: x"), "codes [not_on_roll, registered]", "", ""),
    ],
)
def test_a_limit_that_no_figure_or_every_figure_reaches_is_a_fault_at_its_line(
    test: str, figure: str, code: str, says: str, tmp_path: Path
) -> None:
    found = reported(tmp_path, test, x=figure)
    assert [(given, line) for given, line, _ in found] == ([(code, test.strip().splitlines()[-1].strip())] * bool(code))
    assert all(says in what for _, _, what in found)


def test_no_more_needs_can_be_identified_than_the_list_has(tmp_path: Path) -> None:
    count = "measure: {name: needs_identified, on: as_of, needs: troubles}\nat_least: x"
    left = "measure: {name: needs_outstanding, needs: troubles}\nmore_than: x"
    troubles = "codes [debt, neet]"
    (_, _, what), *more = reported(tmp_path / "a", count, x="count 3", troubles=troubles)
    assert (what, more) == ("needs_identified is 0 to 2, and so never at least 3 ('x')", [])
    assert reported(tmp_path / "b", left, x="count 2", troubles=troubles)[0][0] == "E233"
    assert reported(tmp_path / "c", count, x="count 2", troubles=troubles) == []


def test_a_limit_that_becomes_absurd_names_the_day_from_which_it_is(tmp_path: Path) -> None:
    test = of_every_child(f"{SUSPENSIONS}\nless_than: x")
    assert reported(tmp_path, test, x="count 3; 0 from 2014-04-01") == [
        (
            "E233",
            "less_than: x",
            "suspensions is 0 or more, and so never less than 0 ('x'), with the figures of 2014-04-01",
        )
    ]


def test_weeks_counted_that_become_fewer_than_those_needed_name_the_day(tmp_path: Path) -> None:
    test = of_some_adult("measure: {name: weeks_in_work, out_of_last: counted}\nat_least: x")
    found = reported(tmp_path, test, x="weeks 26; 13 from 2014-09-01", counted="weeks 30; 20 from 2014-04-01")
    assert [what.rpartition(", ")[2] for _, _, what in found] == ["with the figures of 2014-04-01"]


def test_a_figure_for_days_on_which_nobody_is_decided_is_no_fault(tmp_path: Path) -> None:
    assert reported(tmp_path, of_every_child(f"{SUSPENSIONS}\nless_than: x"), x="count 3; 0 from 2015-06-01") == []


def test_a_figure_of_the_engagement_date_can_be_absurd_until_the_last_family_engages(tmp_path: Path) -> None:
    test = "measure: {name: asb_incidents, months_before_engagement: baseline_months}\nless_than: x"
    assert reported(tmp_path / "a", test, x="count 3; 0 from 2015-03-31")[0][0] == "E233"
    assert reported(tmp_path / "b", test, x="count 3; 0 from 2015-04-01") == []


# --------------------------------------------------------------------------------------- tests that speak of one fact


@pytest.mark.parametrize(
    ("test", "code", "line"),
    [
        (f"all_of:\n  - {SUSPENSIONS}\n    at_least: x\n  - {SUSPENSIONS}\n    less_than: x", "E233", "that:"),
        (f"any_of:\n  - {SUSPENSIONS}\n    at_least: x\n  - {SUSPENSIONS}\n    less_than: x", "E234", "that:"),
        (f"any_of:\n  - {SUSPENSIONS}\n    more_than: x\n  - {SUSPENSIONS}\n    less_than: x", "", ""),
        (f"any_of:\n  - {ABSENCE}\n    at_least: y\n  - {ABSENCE}\n    less_than: y", "E234", "that:"),
        (f"all_of:\n  - {ABSENCE}\n    more_than: y\n  - {ABSENCE}\n    less_than: z", "", ""),
        (f"when:\n  {SUSPENSIONS}\n  at_least: x\nthen:\n  {SUSPENSIONS}\n  more_than: w", "E234", "that:"),
        (f"when:\n  {SUSPENSIONS}\n  at_least: x\nthen:\n  {SUSPENSIONS}\n  at_most: w", "E233", "that:"),
        (f"when:\n  {SUSPENSIONS}\n  at_least: w\nthen:\n  {SUSPENSIONS}\n  at_least: x", "", ""),
        (
            f"at_least: w\nof:\n  - {SUSPENSIONS}\n    less_than: w\n  - {SUSPENSIONS}\n    at_least: x\n"
            f"  - {ENROLMENT}\n    is_one_of: on_roll",
            "",
            "",
        ),
        (
            f"at_least: w\nof:\n  - {SUSPENSIONS}\n    less_than: w\n  - {SUSPENSIONS}\n    at_least: x",
            "E233",
            "that:",
        ),
    ],
)
def test_tests_of_one_fact_are_weighed_together(test: str, code: str, line: str, tmp_path: Path) -> None:
    figures = {"w": "count 2", "x": "count 3", "y": "share 15%", "z": "share 16%", "on_roll": "codes [registered]"}
    used = {name: figure for name, figure in figures.items() if f": {name}" in test}
    found = reported(tmp_path, of_every_child(test), **used)
    assert [(given, at) for given, at, _ in found] == ([(code, line)] if code else [])


def test_the_smallest_test_at_fault_is_reported_and_none_that_rests_on_it(tmp_path: Path) -> None:
    contradiction = f"all_of:\n  - {SUSPENSIONS}\n    at_least: x\n  - {SUSPENSIONS}\n    less_than: x"
    inner = "\n".join(f"    {line}" for line in contradiction.splitlines()).replace("    all_of", "all_of", 1)
    test = of_every_child(f"any_of:\n  - {inner}")
    pack = with_result(tmp_path, test, x="count 3")
    put(pack / "results.yaml", "      criterion: moved_into_work", "      criterion: tried")
    (fault,) = faults_of(pack)
    assert fault.place == f"{pack}/results.yaml:{line_of(pack / 'results.yaml', '- all_of:')}"
    assert fault.what == "this can never be met: what its parts ask of suspensions contradicts itself"
    assert fault.next_step == "Correct the figures or the comparison, or take it out: nobody can pass it."


def test_a_route_whose_results_contradict_each_other_is_at_fault_itself(tmp_path: Path) -> None:
    pack = with_result(tmp_path, of_every_child(f"{SUSPENSIONS}\nat_least: result_suspensions"))
    both = "all_of: [{criterion: tried}, {criterion: suspensions_below_three}]  # both"
    put(pack / "results.yaml", "      criterion: progress_to_work_made", f"      {both}")
    put(pack / "tariff.yaml", "  instead_of:\n", "  instead_of:\n    progress_to_work: [crime_asb_education]\n")
    (fault,) = faults_of(pack)
    assert (fault.code, fault.place) == (
        "E233",
        f"{pack}/results.yaml:{line_of(pack / 'results.yaml', '# both') - 1}",
    )
    put(pack / "results.yaml", both, "all_of: [{criterion: tried}, {criterion: asb_reduced}]")
    assert faults_of(pack) == ()


def test_a_contradiction_about_children_can_be_met_by_a_family_that_has_none(tmp_path: Path) -> None:
    below, over = f"{SUSPENSIONS}\nless_than: x", f"{SUSPENSIONS}\nat_least: x"
    incidents = "  - measure: {name: asb_incidents, last_months: asb_result_months}\n    at_least: x\n"
    test = "all_of:\n" + _of("every", below) + _of("every", over) + incidents
    assert reported(tmp_path, test, x="count 3") == []


def test_a_condition_of_a_flag_that_is_always_met_is_a_fault(tmp_path: Path) -> None:
    pack = with_result(
        tmp_path, "measure: {name: asb_incidents, last_months: asb_result_months}\nless_than: x", x="count 1"
    )
    put(
        pack / "flags.yaml",
        "    when:\n      any_of:\n",
        "    when:\n      any_of:\n        - criterion: tried\n"
        "        - measure: {name: asb_incidents, last_months: asb_result_months}\n          at_least: x\n",
    )
    (fault,) = faults_of(pack)
    assert (fault.code, fault.place) == ("E234", f"{pack}/flags.yaml:{line_of(pack / 'flags.yaml', 'departed') - 5}")
    assert fault.what == "this is met wherever it applies: what its parts ask of asb_incidents leaves nothing out"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ("baseline at_most none, fall", ""),  # where neither was anything, the fall does not apply
        ("current at_least one, baseline at_most none, fall", "E233"),
        ("current at_least one, fall", ""),
        ("current at_least one, baseline at_most one, fall", "E233"),
        ("baseline at_least one, fall", ""),
    ],
)
def test_a_fall_is_weighed_with_what_is_asked_of_its_count_and_baseline(limits: str, code: str, tmp_path: Path) -> None:
    current = "measure: {name: adult_offences, last_months: asb_result_months}"
    baseline = "measure: {name: adult_offences, months_before_engagement: baseline_months}"
    fall = f"  - {current}\n    against: {{months_before_engagement: baseline_months}}\n    reduced_by: asb_reduction\n"
    parts = {
        "baseline at_most none": f"  - {baseline}\n    at_most: none\n",
        "baseline at_most one": f"  - {baseline}\n    at_most: one\n",
        "baseline at_least one": f"  - {baseline}\n    at_least: one\n",
        "current at_least one": f"  - {current}\n    at_least: one\n",
        "fall": fall,
    }
    test = "all_of:\n" + "".join(parts[part] for part in limits.split(", "))
    figures = {"one": "count 1", "none": "count 0"}
    found = reported(tmp_path, test, **{name: figure for name, figure in figures.items() if f": {name}\n" in test})
    assert [given for given, _, _ in found] == [code] * bool(code)


# ----------------------------------------------------------------------------------------------------- every and some


def _of(quantity: str, test: str) -> str:
    body = "\n".join(f"      {line}" for line in test.splitlines())
    return f"  - {quantity}: school_age_child\n    at: as_of\n    last_terms: result_terms\n    that:\n{body}\n"


def test_what_is_asked_of_every_and_of_some_child_is_asked_of_the_same_children(tmp_path: Path) -> None:
    below, over = f"{SUSPENSIONS}\nless_than: x", f"{SUSPENSIONS}\nat_least: x"
    both = "all_of:\n" + _of("every", below) + _of("some", over)
    assert [code for code, _, _ in reported(tmp_path / "a", both, x="count 3")] == ["E233"]
    either = "any_of:\n" + _of("every", below) + _of("some", over)
    assert [code for code, _, _ in reported(tmp_path / "b", either, x="count 3")] == ["E234"]
    some = "all_of:\n" + _of("some", below) + _of("some", over)
    assert reported(tmp_path / "c", some, x="count 3") == []


def test_children_on_two_days_need_not_be_the_same(tmp_path: Path) -> None:
    below, over = f"{SUSPENSIONS}\nless_than: x", f"{SUSPENSIONS}\nat_least: x"
    then = _of("some", over).replace("at: as_of\n    last", "at: engagement\n    last")
    assert reported(tmp_path, "all_of:\n" + _of("every", below) + then, x="count 3") == []


def test_a_child_of_school_age_in_some_terms_is_so_in_the_same_terms(tmp_path: Path) -> None:
    asked = "measure: {{name: school_age, last_terms: {terms}, at: {at}}}\nis: {truth}"
    never = of_every_child(asked.format(terms="result_terms", at="as_of", truth="false"))
    always = of_every_child(asked.format(terms="result_terms", at="as_of", truth="true"))
    before = of_every_child(asked.format(terms="result_terms", at="engagement", truth="false"))
    assert reported(tmp_path / "a", never) == [
        ("E233", "is: false", "school_age is true of all these members, and so never false")
    ]
    assert [code for code, _, _ in reported(tmp_path / "b", always)] == ["E234"]
    assert reported(tmp_path / "c", before) == []


@pytest.mark.parametrize(
    ("who", "asked_at", "figure", "codes"),
    [
        ("adult\nat: as_of", "as_of", "years 18", ["E233"]),
        ("adult\nat: as_of", "engagement", "years 18", []),
        ("adult\nat: engagement", "as_of", "years 18", ["E233"]),
        ("adult\nat: as_of", "as_of", "years 19", []),
        ("child\nat: as_of", "as_of", "years 18", ["E234"]),
        ("child\nat: as_of", "engagement", "years 18", ["E234"]),
        ("child\nat: engagement", "as_of", "years 18", []),
        ("child\nat: as_of", "as_of", "years 17", []),
        ("member\nat: as_of", "as_of", "years 120", []),
        ("member\nat: as_of", "as_of", "years 121", ["E234"]),
    ],
)
def test_adults_are_18_and_children_are_not_on_the_day_and_after_or_before(
    who: str, asked_at: str, figure: str, codes: list[str], tmp_path: Path
) -> None:
    test = f"some: {who}\nthat:\n  measure: {{name: age, at: {asked_at}}}\n  less_than: x"
    assert [code for code, _, _ in reported(tmp_path, test, x=figure)] == codes


@pytest.mark.parametrize(("years", "codes"), [(120, []), (121, ["E234"]), (150, ["E234"]), (200, ["E208"])])
def test_an_age_that_nobody_reaches_is_no_limit(years: int, codes: list[str], tmp_path: Path) -> None:
    test = "some: member\nat: as_of\nthat:\n  measure: {name: age, at: as_of}\n  less_than: x"
    assert [code for code, _, _ in reported(tmp_path, test, x=f"years {years}")] == codes


def test_criteria_that_rest_on_others_many_times_over_are_weighed_once(tmp_path: Path) -> None:
    pack = with_result(tmp_path, "measure: {name: expecting}\nis: true")
    before = "tried"
    for n in range(40):
        test = f"any_of: [{{all_of: [{{criterion: {before}}}, {{criterion: asb_reduced}}]}}, {{criterion: {before}}}]"
        more = f"  tried_{n}: {{title: t, citation: nobody says so, standing: local, test: {{{test}}}}}"
        put(pack / "results.yaml", "\nroutes:\n", f"{more}\n\nroutes:\n")
        before = f"tried_{n}"
    put(pack / "flags.yaml", "when: {criterion: tried}", f"when: {{criterion: {before}}}")
    assert faults_of(pack) == ()


# --------------------------------------------------------------------------------------------------------- the packs


@pytest.mark.parametrize("pack", pack_ids())
def test_every_test_of_the_packs_that_come_with_pbr_can_be_met_and_failed(pack: str) -> None:
    assert load_pack(pack)


@pytest.mark.parametrize(("months", "days"), [(1, 31), (2, 62), (3, 92), (6, 184), (12, 366), (48, 1461)])
def test_the_most_days_that_so_many_months_can_have(months: int, days: int) -> None:
    assert most_days(months) == days
