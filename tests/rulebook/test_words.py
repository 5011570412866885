"""Rules said in English: what a council officer, an auditor or a member of the public reads."""

from __future__ import annotations

from datetime import date

import pytest

from pbr.rulebook import model, words
from pbr.rulebook.load import load_pack
from pbr.rulebook.measures import (
    Absence,
    AdultOffences,
    DaysSince,
    Enrolment,
    MeasureNode,
    MinorOffences,
    OpenSocialCare,
    SchoolAge,
    UnauthorisedAbsence,
    WeeksInWork,
)
from pbr.rulebook.model import DatedValue, Parameter, When
from pbr.rulebook.rules import Rules
from pbr.values import Share, Verdict


@pytest.fixture(scope="module")
def rules() -> Rules:
    loaded = load_pack("phase-1")
    return loaded.rules(loaded.last_day)


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        (
            "attendance_improved",
            "every school-age child: unauthorised absence over the last 3 completed terms is less than 15%",
        ),
        (
            "asb_reduced",
            "the number of incidents of anti-social behaviour in the last 6 months is down by at least 60% "
            "from the 6 months before engagement",
        ),
        (
            "progress_to_work_made",
            "some adult: the number of starts on provision (work programme or esf) in the last 6 months is at least 1",
        ),
    ],
)
def test_a_result_is_one_sentence(criterion: str, said: str, rules: Rules) -> None:
    assert words.expression(rules.pack.results[criterion].test, rules) == said


def test_eligibility_is_said_of_the_time_before_engagement(rules: Rules) -> None:
    assert words.expression(rules.pack.eligibility["crime_asb"].test, rules) == (
        "any of: the number of proven offences by members under 18 in the 12 months before engagement is at least 1; "
        "the number of incidents of anti-social behaviour in the 12 months before engagement is at least 1"
    )
    assert words.expression(rules.pack.eligibility["worklessness"].test, rules) == (
        "some adult at engagement: an out-of-work benefit (ESA, IB, CA, IS, JSA or SDA) is open on the engagement date"
    )
    assert words.expression(rules.pack.eligibility["local_discretion"].test, rules) == (
        "the need “local discretion” was identified on or before the engagement date"
    )


def test_tests_inside_tests_are_kept_apart(rules: Rules) -> None:
    said = words.expression(rules.pack.eligibility["eligible"].test, rules)
    assert said.startswith("any of: (at least 3 of: “Crime and anti-social behaviour” is met; ")
    assert "(all of: (at least 2 of: " in said
    assert said.count("(") == said.count(")")


def test_an_outline_has_a_line_for_each_test_as_deep_as_it_stands(rules: Rules) -> None:
    lines = list(words.outline(rules.pack.results["moved_into_work"].test, rules))
    assert lines[0] == (0, "some adult:")
    assert lines[1] == (1, "all of these:")
    assert (3, "if an out-of-work benefit (JSA) is open on the engagement date:") in lines
    assert (4, "time in work out of the last 30 weeks is at least 26 weeks") in lines
    assert lines[-1] == (2, "no place on provision (work programme or esf) is open on the day before the as-of date")


def test_a_condition_is_said_before_what_follows_from_it(rules: Rules) -> None:
    away = model.Test.model_validate(
        {"measure": {"name": "school_age", "last_terms": "result_terms", "at": "as_of"}, "is": False}
    )
    assert words.expression(When(when=away, then=away), rules) == (
        "if of school age in none of the last 3 completed terms, "
        "then of school age in none of the last 3 completed terms"
    )


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        (
            MinorOffences(name="minor_offences", months_before_engagement="baseline_months", by_departed=True),
            "the number of proven offences by members under 18 who have since left in the 6 months before engagement",
        ),
        (
            AdultOffences(name="adult_offences", last_months="asb_result_months"),
            "the number of proven offences by members of 18 or over in the last 6 months",
        ),
        (
            Absence(name="absence", last_terms="result_terms", at="engagement"),
            "absence over the last 3 terms completed before engagement",
        ),
        (
            OpenSocialCare(name="open_social_care", on="as_of", kinds="progress_provisions"),
            "a social care case (work programme or esf) open on the as-of date",
        ),
        (
            DaysSince(name="days_since", field="outcome_observed_on", need="discretion_need"),
            "the time since the latest outcome observed for “local discretion”",
        ),
        (DaysSince(name="days_since", field="closed_on"), "the time since the case was closed"),
    ],
)
def test_a_measure_is_a_noun(measure: MeasureNode, said: str, rules: Rules) -> None:
    assert words.measure(measure, rules) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measure", "written", "said"),
    [
        (UnauthorisedAbsence(name="unauthorised_absence", last_terms="t", at="as_of"), "57/380", "57 of 380 (15%)"),
        (
            UnauthorisedAbsence(name="unauthorised_absence", last_terms="t", at="as_of"),
            "56/380",
            "56 of 380 (just over 14.7%)",
        ),
        (UnauthorisedAbsence(name="unauthorised_absence", last_terms="t", at="as_of"), "1/8", "1 of 8 (12.5%)"),
        (WeeksInWork(name="weeks_in_work", out_of_last="w"), "1", "1 week"),
        (WeeksInWork(name="weeks_in_work", out_of_last="w"), "26", "26 weeks"),
        (SchoolAge(name="school_age", last_terms="t", at="as_of"), "false", "no"),
        (Enrolment(name="enrolment", last_terms="t", at="as_of"), "not_on_roll;registered", "not on roll, registered"),
        (Enrolment(name="enrolment", last_terms="t", at="as_of"), "", ""),
        (MinorOffences(name="minor_offences", last_months="m"), "0", "0"),
    ],
)
def test_a_value_is_said_as_people_count_it(measure: MeasureNode, written: str, said: str) -> None:
    assert words.value(measure, written) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [
        ("share", Share(15, 100), "15%"),
        ("share", Share(5, 6), "5/6"),
        ("pence", 320000, "£3,200"),
        ("pence", 50, "£0.50"),
        ("terms", 1, "1 term"),
        ("months", 6, "6 months"),
        ("count", 3, "3"),
        ("codes", ("JSA",), "JSA"),
        ("codes", ("not_on_roll", "registered"), "not on roll or registered"),
        ("need", "local_discretion", "local discretion"),
    ],
)
def test_a_figure_is_said_with_its_unit(unit: str, value: object, said: str) -> None:
    dated = DatedValue.model_validate({"from": date(2012, 4, 1), "value": value, "citation": "c", "standing": "local"})
    parameter = Parameter.model_validate({"title": "t", "unit": unit, "values": (dated,)})
    assert words.figure(parameter, dated) == said


def test_a_verdict_says_why_nobody_knows() -> None:
    assert words.verdict(Verdict.NOT_MET) == "not met"
    assert words.verdict("unknown", "not_covered;no_record") == (
        "unknown: the evidence does not cover all of the time it is about "
        "and a term of school age has no attendance record"
    )
    assert words.verdict("not_applicable", "no_subject") == "not applicable: there is nobody it could be about"
