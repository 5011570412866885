"""Phase 1 as it stands in the pack: its figures, its money, where they come from and what its cases cover."""

from __future__ import annotations

from datetime import date

import pytest

from pbr.jobs.cases import run_cases
from pbr.jobs.decide import installed_engines
from pbr.rulebook.load import LoadedPack, load_pack
from pbr.rulebook.model import Parameter
from pbr.rulebook.rules import value_on
from pbr.values import Share


@pytest.fixture(scope="module")
def phase_1() -> LoadedPack:
    return load_pack("phase-1")


YEARS = [(date(2012, 4, 1), 3200, 700, 800), (date(2013, 4, 1), 2400, 1500, 1600), (date(2014, 4, 1), 1600, 2300, 2400)]


@pytest.mark.parametrize(("first", "fee", "education", "employment"), YEARS)
def test_the_tariff_of_each_year_of_engagement(
    first: date, fee: int, education: int, employment: int, phase_1: LoadedPack
) -> None:
    for day in (first, date(first.year + 1, 3, 31)):
        pounds = {name: _pounds(phase_1, name, day) for name in phase_1.pack.tariff.routes.values()}
        assert _pounds(phase_1, "attachment_fee", day) == fee
        assert pounds == {
            "crime_asb_education_payment": education,
            "continuous_employment_payment": employment,
            "progress_to_work_payment": 100,
        }
        assert fee + education + 100 == 4000 == fee + employment == _pounds(phase_1, "family_cap", day)


def test_families_engage_in_three_years_and_the_last_claims_are_of_may_2015(phase_1: LoadedPack) -> None:
    tariff = phase_1.pack.tariff
    (whom,) = phase_1.pack.in_force
    assert (whom.engaged.start, whom.engaged.until) == (date(2012, 4, 1), date(2015, 3, 31))
    assert (whom.decided.start, whom.decided.until) == (date(2012, 4, 1), date(2015, 5, 31))
    assert tariff.claimed_until == date(2015, 5, 31)
    assert tariff.instead_of == {"continuous_employment": ("crime_asb_education", "progress_to_work")}
    assert value_on(phase_1.pack, "attachment_fee", date(2012, 3, 31)) is None
    assert phase_1.rules(phase_1.last_day).share("funded_share") == Share(5, 6)


def test_only_two_of_the_routes_count_as_turned_around(phase_1: LoadedPack) -> None:
    counted = {name for name, route in phase_1.pack.routes.items() if route.turned_around}
    assert counted == {"crime_asb_education", "continuous_employment"}


def test_what_was_not_seen_in_an_official_text_is_unverified_and_says_so(phase_1: LoadedPack) -> None:
    unverified = {name for name, parameter in phase_1.pack.parameters.items() if "unverified" in _standings(parameter)}
    assert unverified == {
        "baseline_months",
        "out_of_work_benefits",
        "eligible_on_national_criteria",
        "eligible_with_discretion",
        "jobseekers_benefits",
        "jobseekers_weeks_in_work",
        "jobseekers_weeks_counted",
        "other_benefits",
        "provisions_not_work",
    }
    for name in unverified:
        citation = " ".join(phase_1.pack.parameters[name].values[0].citation.lower().split())
        assert "not seen in an official text" in citation, name


def test_a_derived_figure_follows_from_others_and_a_local_one_is_nobody_elses(phase_1: LoadedPack) -> None:
    by_standing = {
        standing: {name for name, parameter in phase_1.pack.parameters.items() if standing in _standings(parameter)}
        for standing in ("derived", "local")
    }
    assert by_standing == {
        "derived": {
            "comparable_events",
            "other_days_in_work",
            "crime_asb_education_payment",
            "continuous_employment_payment",
        },
        "local": {"discretion_need", "near_sessions", "near_incidents", "near_exclusions", "near_days_in_work"},
    }


def test_every_figure_starts_with_the_programme_and_none_ends(phase_1: LoadedPack) -> None:
    assert {parameter.values[0].start for parameter in phase_1.pack.parameters.values()} == {date(2012, 4, 1)}


def test_a_passed_family_that_never_changed_is_held_and_says_what_releases_it(phase_1: LoadedPack) -> None:
    held = {name for name, flag in phase_1.pack.flags.items() if getattr(flag, "holds", False)}
    assert held == {"neutral_only"}


def test_all_engines_decide_every_worked_case_as_its_basis_says(phase_1: LoadedPack) -> None:
    report = run_cases(phase_1, installed_engines())
    assert [(outcome.case.name, outcome.engine, outcome.differences) for outcome in report.failures] == []
    assert len(report.outcomes) >= 100 * len(installed_engines())


def test_every_criterion_has_cases_of_each_verdict_it_can_have_and_of_each_limit_exactly(phase_1: LoadedPack) -> None:
    coverage = run_cases(phase_1, installed_engines()).coverage
    always_applicable = {"crime_asb", "local_discretion", "eligible"}  # counts and facts of the family are always there
    for row in coverage.iter_rows(named=True):
        wanted = ["met", "not_met", "unknown"] + ([] if row["item"] in always_applicable else ["not_applicable"])
        assert [verdict for verdict in wanted if row[verdict] == 0] == [], row["item"]
        assert row["limits_hit"] == row["limits"], row["item"]


def _pounds(loaded: LoadedPack, name: str, day: date) -> int:
    dated = value_on(loaded.pack, name, day)
    assert dated is not None and isinstance(dated.value, int) and dated.value % 100 == 0
    return dated.value // 100


def _standings(parameter: Parameter) -> set[str]:
    return {dated.standing for dated in parameter.values}
