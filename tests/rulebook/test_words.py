"""Rules said in English: what a council officer, an auditor or a member of the public reads."""

from __future__ import annotations

from datetime import date

import pytest

from pbr.rulebook import model, words
from pbr.rulebook.load import load_pack
from pbr.rulebook.measures import (
    MEASURES,
    Absence,
    DaysSince,
    Enrolment,
    MeasureNode,
    MinorOffences,
    OpenSocialCare,
    SchoolAge,
    UnauthorisedAbsence,
    WeeksInWork,
)
from pbr.rulebook.model import AtLeast, CriterionRef, DatedValue, Parameter, When
from pbr.rulebook.rules import Rules
from pbr.values import REASONS, Share, Verdict


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
        ("suspensions_below_three", "every school-age child: fewer than 3 suspensions over the last 3 completed terms"),
        (
            "asb_reduced",
            "incidents of anti-social behaviour in the last 6 months are down by 60% or more "
            "from the 6 months before engagement",
        ),
        (
            "progress_to_work_made",
            "at least one adult: one or more starts on provision (work programme or ESF) in the last 6 months",
        ),
    ],
)
def test_a_result_is_one_sentence(criterion: str, said: str, rules: Rules) -> None:
    assert words.expression(rules.pack.results[criterion].test, rules) == said


def test_eligibility_is_said_of_the_time_before_engagement(rules: Rules) -> None:
    assert words.expression(rules.pack.eligibility["crime_asb"].test, rules) == (
        "any of: one or more proven offences by members under 18 in the 12 months before engagement; "
        "one or more incidents of anti-social behaviour in the 12 months before engagement"
    )
    assert words.expression(rules.pack.eligibility["worklessness"].test, rules) == (
        "at least one adult at engagement: "
        "receiving an out-of-work benefit (ESA, IB, CA, IS, JSA or SDA) on the engagement date"
    )
    assert words.expression(rules.pack.eligibility["local_discretion"].test, rules) == (
        "the need “local discretion” was identified on or before the engagement date"
    )


def test_tests_inside_tests_are_kept_apart(rules: Rules) -> None:
    said = words.expression(rules.pack.eligibility["eligible"].test, rules)
    assert said.startswith("any of: (all 3 of: “Crime and anti-social behaviour” is met; ")
    assert "(all of: (at least 2 of: " in said
    assert said.count("(") == said.count(")")


def test_an_outline_has_a_line_for_each_test_as_deep_as_it_stands(rules: Rules) -> None:
    lines = list(words.outline(rules.pack.results["moved_into_work"].test, rules))
    assert lines[0] == (0, "at least one adult:")
    assert lines[1] == (1, "all of these:")
    assert (3, "if receiving an out-of-work benefit (JSA) on the engagement date:") in lines
    assert (4, "in work for 26 weeks or more out of the last 30 weeks") in lines
    assert (4, "in work without a break for 91 days or more in the last 6 months") in lines
    assert lines[-1] == (2, "not on provision (work programme or ESF) on the day before the as-of date")


def test_a_condition_is_said_before_what_follows_from_it(rules: Rules) -> None:
    away = model.Test.model_validate(
        {"measure": {"name": "school_age", "last_terms": "result_terms", "at": "as_of"}, "is": False}
    )
    fewer = model.Test.model_validate(
        {
            "measure": {"name": "suspensions", "last_terms": "result_terms", "at": "as_of"},
            "less_than": "result_suspensions",
        }
    )
    assert words.expression(When(when=away, then=fewer), rules) == (
        "if of school age in none of the last 3 completed terms, "
        "then there are fewer than 3 suspensions over the last 3 completed terms"
    )


def test_a_child_whose_terms_no_test_below_reads_is_a_child_of_those_terms(rules: Rules) -> None:
    lines = [line for _, line in words.flag(rules.pack.flags["neutral_only"], rules)]
    assert "at least one child of school age in the last 3 completed terms:" in lines


def test_a_criterion_judged_again_is_said_and_not_written_out(rules: Rules) -> None:
    again = CriterionRef(criterion="crime_asb", leaving_out="non_resident_adults")
    assert words.expression(again, rules) == (
        "“Crime and anti-social behaviour” is met, judged again, leaving out adults who do not live with the family"
    )


def test_that_all_parts_leave_the_same_members_out_is_said_once(rules: Rules) -> None:
    again = [{"criterion": name, "leaving_out": "non_resident_adults"} for name in ("crime_asb", "education")]
    node = AtLeast.model_validate({"at_least": "eligible_with_discretion", "of": tuple(again)})
    assert list(words.outline(node, rules)) == [
        (0, "all 2 of these, each judged again, leaving out adults who do not live with the family:"),
        (1, "“Crime and anti-social behaviour” is met"),
        (1, "“A child not in school” is met"),
    ]
    mixed = AtLeast.model_validate({"at_least": "eligible_with_discretion", "of": ({"criterion": "education"}, *again)})
    lines = [line for _, line in words.outline(mixed, rules)]
    assert lines[:2] == ["at least 2 of these:", "“A child not in school” is met"]
    assert words.expression(mixed, rules).count("leaving out adults") == 2


# ------------------------------------------------------------------------------------------------------ every measure

NUMBERS: dict[str, tuple[str, object]] = {
    "nil": ("count", 0),
    "one": ("count", 1),
    "two": ("count", 2),
    "tenth": ("share", Share(10, 100)),
    "months": ("months", 6),
    "month": ("months", 1),
    "terms": ("terms", 3),
    "term": ("terms", 1),
    "weeks": ("weeks", 26),
    "of_weeks": ("weeks", 30),
    "days": ("days", 91),
    "years": ("years", 16),
    "few": ("codes", ("debt", "neet")),
    "many": ("codes", ("a", "b", "c", "d", "e", "f", "g")),
    "alone": ("codes", ("neet",)),
    "single": ("need", "domestic_abuse"),
}


@pytest.fixture(scope="module")
def figures() -> Rules:
    """Rules that have the parameters of `NUMBERS` beside those of a pack."""
    loaded = load_pack("phase-1")
    given = {"from": date(2012, 4, 1), "citation": "c", "standing": "local"}
    added = {
        name: Parameter.model_validate(
            {"title": f"The {name}", "unit": unit, "values": (DatedValue.model_validate({**given, "value": value}),)}
        )
        for name, (unit, value) in NUMBERS.items()
    }
    pack = loaded.pack.model_copy(update={"parameters": loaded.pack.parameters | added})
    return Rules(pack, loaded.last_day, loaded.digest)


WINDOW = {"last_months": "months"}
SENTENCES: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"name": "absence", "last_terms": "terms", "at": "as_of"}, {"at_most": "tenth"},
     "absence over the last 3 completed terms is 10% or less"),
    ({"name": "absence", "last_terms": "term", "at": "engagement"}, {"more_than": "tenth"},
     "absence over the last term completed before engagement is more than 10%"),
    ({"name": "unauthorised_absence", "last_terms": "term", "at": "as_of"}, {"at_least": "tenth"},
     "unauthorised absence over the last completed term is 10% or more"),
    ({"name": "suspensions", "last_terms": "terms", "at": "as_of"}, {"at_most": "one"},
     "at most 1 suspension over the last 3 completed terms"),
    ({"name": "permanent_exclusions", "last_terms": "terms", "at": "as_of"}, {"less_than": "one"},
     "no permanent exclusions over the last 3 completed terms"),
    ({"name": "enrolment", "last_terms": "terms", "at": "as_of"}, {"is_one_of": "few"},
     "recorded as debt or NEET in the latest of the last 3 completed terms"),
    ({"name": "school_age", "last_terms": "terms", "at": "engagement"}, {"is": True},
     "of school age in one or more of the last 3 terms completed before engagement"),
    ({"name": "asb_incidents", **WINDOW}, {"more_than": "nil"},
     "one or more incidents of anti-social behaviour in the last 6 months"),
    ({"name": "asb_incidents", "last_months": "month", "leaving_out": "non_resident_adults"}, {"at_most": "nil"},
     "no incidents of anti-social behaviour in the last month, leaving out adults who do not live with the family"),
    ({"name": "minor_offences", "months_before_engagement": "month", "by_departed": True}, {"more_than": "two"},
     "more than 2 proven offences in the month before engagement by members under 18 who have since left"),
    ({"name": "adult_offences", **WINDOW}, {"less_than": "two"},
     "fewer than 2 proven offences by members of 18 or over in the last 6 months"),
    ({"name": "out_of_work_benefit", "on": "engagement", "codes": "many"}, {"is": True},
     "receiving an out-of-work benefit of the list “The many” on the engagement date"),
    ({"name": "on_provision", "on": "as_of", "codes": "few"}, {"is": True},
     "on provision (debt or NEET) on the as-of date"),
    ({"name": "provision_starts", "codes": "few", **WINDOW}, {"at_least": "two"},
     "2 or more starts on provision (debt or NEET) in the last 6 months"),
    ({"name": "weeks_in_work", "out_of_last": "of_weeks"}, {"less_than": "weeks"},
     "in work for less than 26 weeks out of the last 30 weeks"),
    ({"name": "longest_run_in_work", **WINDOW}, {"more_than": "days"},
     "in work without a break for more than 91 days in the last 6 months"),
    ({"name": "in_work", "on": "day_before_as_of"}, {"is": False}, "not in work on the day before the as-of date"),
    ({"name": "age", "at": "engagement"}, {"less_than": "years"}, "aged under 16 on the engagement date"),
    ({"name": "age", "at": "as_of"}, {"at_least": "years"}, "aged 16 or over on the as-of date"),
    ({"name": "age", "at": "as_of"}, {"at_most": "years"}, "aged 16 or under on the as-of date"),
    ({"name": "age", "at": "as_of"}, {"more_than": "years"}, "aged 17 or over on the as-of date"),
    ({"name": "resident", "at": "engagement"}, {"is": False},
     "not living with the family on the engagement date"),
    ({"name": "open_social_care", "on": "as_of", "kinds": "few"}, {"is": False},
     "no social care case (debt or NEET) is open on the as-of date"),
    ({"name": "need_identified", "on": "day_before_as_of", "need": "single"}, {"is": False},
     "the need “domestic abuse” was not identified before the as-of date"),
    ({"name": "needs_identified", "on": "engagement", "needs": "few"}, {"at_least": "one"},
     "one or more needs (debt or NEET) identified on or before the engagement date"),
    ({"name": "needs_identified", "on": "as_of", "needs": "alone"}, {"at_least": "one"},
     "one or more needs (NEET) identified before the as-of date"),
    ({"name": "needs_identified", "on": "as_of", "needs": "alone"}, {"less_than": "one"},
     "no needs (NEET) identified before the as-of date"),
    ({"name": "needs_outstanding", "needs": "many"}, {"less_than": "one"},
     "no needs of the list “The many” without an achieved outcome"),
    ({"name": "recorded", "field": "assessed_on", "on": "day_before_as_of"}, {"is": True},
     "the whole-family assessment is recorded before the as-of date"),
    ({"name": "expecting"}, {"is": True}, "a child is expected"),
    ({"name": "months_since", "field": "closed_on"}, {"at_least": "months"},
     "the case was closed 6 months or more before the as-of date"),
    ({"name": "days_since", "field": "outcome_observed_on", "need": "single"}, {"at_most": "days"},
     "the latest outcome was observed for “domestic abuse” 91 days or less before the as-of date"),
]  # fmt: skip


@pytest.mark.parametrize(("measure", "comparison", "said"), SENTENCES, ids=[said for _, _, said in SENTENCES])
def test_a_test_is_said_as_people_say_it(
    measure: dict[str, object], comparison: dict[str, object], said: str, figures: Rules
) -> None:
    assert words.expression(model.Test.model_validate({"measure": measure, **comparison}), figures) == said


def test_every_measure_has_a_sentence_and_a_noun(figures: Rules) -> None:
    asked = [model.Test.model_validate({"measure": measure, **limit}).measure for measure, limit, _ in SENTENCES]
    assert {measure.name for measure in asked} == MEASURES.keys()
    assert all(words.measure(measure, figures) for measure in asked)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        (
            MinorOffences(name="minor_offences", months_before_engagement="baseline_months", by_departed=True),
            "the number of proven offences in the 6 months before engagement by members under 18 who have since left",
        ),
        (
            Absence(name="absence", last_terms="result_terms", at="engagement"),
            "absence over the last 3 terms completed before engagement",
        ),
        (
            OpenSocialCare(name="open_social_care", on="as_of", kinds="progress_provisions"),
            "a social care case (work programme or ESF) on the as-of date",
        ),
        (
            DaysSince(name="days_since", field="outcome_observed_on", need="discretion_need"),
            "the time since the latest outcome observed for “local discretion”",
        ),
        (DaysSince(name="days_since", field="closed_on"), "the time since the closing of the case"),
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
        ("codes", ("not_on_roll", "neet"), "not_on_roll, neet"),
        ("need", "local_discretion", "local_discretion"),
    ],
)
def test_a_figure_has_its_unit_and_a_code_is_as_the_extracts_write_it(unit: str, value: object, said: str) -> None:
    dated = DatedValue.model_validate({"from": date(2012, 4, 1), "value": value, "citation": "c", "standing": "local"})
    parameter = Parameter.model_validate({"title": "t", "unit": unit, "values": (dated,)})
    assert words.figure(parameter, dated) == said


def test_a_limit_that_is_a_list_of_codes_is_said_in_words(figures: Rules) -> None:
    assert words.limit("few", figures) == "debt or NEET"
    assert words.limit("single", figures) == "domestic abuse"


def test_a_need_that_is_counted_is_not_said_as_one_that_is_true_or_false(figures: Rules) -> None:
    counted, asked = (
        words.expression(model.Test.model_validate({"measure": {**measure, "on": "engagement"}, **comparison}), figures)
        for measure, comparison in (
            ({"name": "needs_identified", "needs": "alone"}, {"at_least": "one"}),
            ({"name": "need_identified", "need": "single"}, {"is": True}),
        )
    )
    assert counted == "one or more needs (NEET) identified on or before the engagement date"
    assert asked == "the need “domestic abuse” was identified on or before the engagement date"


def test_a_verdict_says_why_nobody_knows() -> None:
    assert words.verdict(Verdict.NOT_MET) == "not met"
    assert words.verdict("unknown", "not_covered;no_record") == (
        "unknown: the evidence does not cover all of the time it is about "
        "and a term of school age has no attendance record"
    )
    assert words.verdict("not_applicable", "no_subject") == "not applicable: there is nobody it could be about"
    assert words.verdict("not_applicable", "condition_not_met") == "not applicable: what it depends on is not so"


def test_every_reason_can_be_said() -> None:
    assert all(words.verdict("unknown", code) != "unknown" for code in REASONS)
