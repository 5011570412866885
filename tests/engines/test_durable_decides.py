"""The durable engine decides small families by hand-written expectation, and says so where it cannot."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing import assert_frame_equal

from pbr.engines import durable, reference
from pbr.engines.durable import ruleset
from pbr.errors import Faults
from pbr.measures.facts import Facts, fact_type
from pbr.rulebook.load import load_pack
from pbr.rulebook.model import Pack
from pbr.rulebook.rules import Rules
from pbr.values import Share
from tests.engines.random_rules import decisions

pytestmark = pytest.mark.skipif(not durable.available(), reason="durable-rules is not installed")

AS_OF = date(2014, 10, 31)
Given = Mapping[str, Any]

PARAMETERS: dict[str, tuple[str, Any, str]] = {
    "one": ("count", 1, "verified"),
    "two": ("count", 2, "verified"),
    "three": ("count", 3, "verified"),
    "half": ("months", 6, "verified"),
    "terms": ("terms", 3, "verified"),
    "absence": ("share", Share.parse("15%"), "verified"),
    "severe": ("share", Share.parse("50%"), "verified"),
    "third": ("share", Share.parse("33%"), "verified"),
    "guessed": ("count", 1, "unverified"),
    "weeks": ("weeks", 26, "verified"),
    "out_of": ("weeks", 30, "verified"),
    "week": ("days", 7, "verified"),
    "elsewhere": ("codes", ("alternative_provision", "not_on_roll"), "verified"),
    "concern": ("need", "local_discretion", "verified"),
    "starts": ("codes", ("esf",), "verified"),
    "fee": ("pence", 70_000, "verified"),
}

ABSENCE = {"name": "unauthorised_absence", "last_terms": "terms", "at": "as_of"}
SUSPENSIONS = {"name": "suspensions", "last_terms": "terms", "at": "as_of"}
ENROLMENT = {"name": "enrolment", "last_terms": "terms", "at": "as_of"}
ASB = {"name": "asb_incidents", "last_months": "half"}
OFFENCES = {"name": "minor_offences", "last_months": "half"}
NEED = {"name": "need_identified", "on": "engagement", "need": "concern"}
STARTS = {"name": "provision_starts", "last_months": "half", "codes": "starts"}
WEEKS = {"name": "weeks_in_work", "out_of_last": "out_of"}

SCHOOL = {"at": "as_of", "last_terms": "terms"}
ATTENDS = {"every": "school_age_child", **SCHOOL, "that": {"measure": ABSENCE, "less_than": "absence"}}
FEWER = {"measure": OFFENCES, "against": {"months_before_engagement": "half"}, "reduced_by": "third"}
NO_ASB = {"measure": ASB, "less_than": "one"}
NEEDED = {"measure": NEED, "is": True}

CHILD = "school_age_child(last_terms: 3, at: as_of)"
ADULT = "adult(at: as_of)"
ABSENCE_KEY = "unauthorised_absence(last_terms: 3, at: as_of)"
SUSPENSIONS_KEY = "suspensions(last_terms: 3, at: as_of)"
ENROLMENT_KEY = "enrolment(last_terms: 3, at: as_of)"
ASB_KEY = "asb_incidents(last_months: 6)"
OFFENCES_KEY = "minor_offences(last_months: 6)"
BASELINE_KEY = "minor_offences(months_before_engagement: 6)"
NEED_KEY = "need_identified(on: engagement, need: local_discretion)"
STARTS_KEY = "provision_starts(last_months: 6, codes: esf)"
WEEKS_KEY = "weeks_in_work(out_of_last: 30)"


def rules_of(
    results: Mapping[str, Given], route: Given | None = None, flags: Mapping[str, Given] | None = None
) -> Rules:
    """A pack with these results, one route (all of the results, unless another is given) and these flags."""
    words = {"title": "t", "citation": "c"}
    dated = {"from": date(2012, 4, 1), "citation": "c"}
    test = route or {"all_of": tuple({"criterion": name} for name in results)}
    pack = Pack.model_validate(
        {
            "id": "by-hand",
            **words,
            "in_force": (
                {
                    "engaged": {"from": date(2012, 4, 1), "until": date(2015, 3, 31)},
                    "decided": {"from": date(2012, 4, 1), "until": date(2015, 5, 31)},
                    "citation": "c",
                    "standing": "verified",
                },
            ),
            "parameters": {
                name: {"title": name, "unit": unit, "values": ({**dated, "value": value, "standing": standing},)}
                for name, (unit, value, standing) in PARAMETERS.items()
            },
            "eligibility": {"eligible": {**words, "standing": "verified", "test": NEEDED}},
            "results": {name: {**words, "standing": "verified", "test": test} for name, test in results.items()},
            "routes": {"turned": {**words, "standing": "verified", "test": test, "turned_around": True}},
            "flags": {name: {**words, **flag} for name, flag in (flags or {}).items()},
            "tariff": {
                "citation": "c",
                "claimed_until": date(2015, 5, 31),
                "attachment_fee": "fee",
                "family_cap": "fee",
                "routes": {"turned": "fee"},
                "instead_of": {},
            },
        }
    )
    return Rules(pack, AS_OF, "0" * 64)


def fact(given: Any) -> dict[str, Any] | None:
    """`3`, `True`, `(57, 380)`, or the reason why it is null."""
    cell = {"value": None, "of": None, "reason": None, "records": []}
    match given:
        case None:
            return None
        case str() if given in ("not_covered", "no_record", "quarantined"):
            return cell | {"reason": given}
        case (numerator, denominator):
            return cell | {"value": numerator, "of": denominator}
        case value:
            return cell | {"value": value}


def facts_of(rules: Rules, family: Given | None = None, **people: Given) -> Facts:
    """One family: its facts by key, and its people's, each with the roles they hold as `True`."""
    return many(rules, [(family or {}, people)])


def many(rules: Rules, families: list[tuple[Given, Mapping[str, Given]]]) -> Facts:
    of_family, of_member = rules.family_measures, rules.member_measures
    roles = [role.key for role in rules.roles]
    rows, members = [], []
    for number, (family, people) in enumerate(families):
        family_id = f"F{number:05}"
        known = {key: fact(family.get(key, "not_covered")) for key in of_family}
        rows.append({"family_id": family_id, "engaged_on": date(2013, 5, 1)} | known)
        for person, their in people.items():
            held = {role: bool(their.get(role)) for role in roles}
            known = {key: fact(their.get(key)) for key in of_member}
            members.append({"family_id": family_id, "subject_id": person} | held | known)
    family_schema: dict[str, Any] = {"family_id": pl.String, "engaged_on": pl.Date}
    family_schema |= {key: fact_type(measure.unit) for key, measure in of_family.items()}
    member_schema: dict[str, Any] = {"family_id": pl.String, "subject_id": pl.String} | dict.fromkeys(roles, pl.Boolean)
    member_schema |= {key: fact_type(measure.unit) for key, (measure, _) in of_member.items()}
    return Facts(AS_OF, pl.DataFrame(rows, schema=family_schema), pl.DataFrame(members, schema=member_schema))


def finding(findings: pl.DataFrame, item: str, subject: str = "") -> tuple[str, str, str, str]:
    """Verdict, value, baseline and reason of one finding."""
    row = findings.row(by_predicate=(pl.col("item") == item) & (pl.col("subject_id") == subject), named=True)
    return row["verdict"], row["value"], row["baseline"], row["reason"]


def verdict(results: Mapping[str, Given], item: str, family: Given | None = None, **people: Given) -> str:
    rules = rules_of(results)
    return finding(durable.decide(facts_of(rules, family, **people), rules), item)[0]


def flags(rules: Rules, family: Given | None = None, **people: Given) -> str:
    row = durable.decide(facts_of(rules, family, **people), rules).row(
        by_predicate=pl.col("part") == "route", named=True
    )
    return str(row["flags"])


# ------------------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize(
    ("share", "expected"), [((56, 380), "met"), ((57, 380), "not_met"), ((58, 380), "not_met"), ((0, 1), "met")]
)
def test_57_sessions_of_380_are_15_percent_and_not_below_it(share: tuple[int, int], expected: str) -> None:
    assert verdict({"attends": ATTENDS}, "attends", Ann={CHILD: True, ABSENCE_KEY: share}) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (100, 67, ("met", "67", "100", "")),
        (100, 68, ("not_met", "68", "100", "")),
        (3, 2, ("met", "2", "3", "")),
        (1, 1, ("not_met", "1", "1", "")),
        (4, 5, ("not_met", "5", "4", "")),
        (0, 0, ("not_applicable", "0", "0", "no_baseline")),
        (0, 1, ("not_met", "1", "0", "")),
        ("not_covered", 0, ("unknown", "0", "", "not_covered")),
        (2, "quarantined", ("unknown", "", "2", "quarantined")),
        ("quarantined", "not_covered", ("unknown", "", "", "not_covered;quarantined")),
    ],
)
def test_a_fall_is_measured_from_a_baseline_that_is_there(before: Any, after: Any, expected: tuple[str, ...]) -> None:
    rules = rules_of({"fewer": FEWER})
    findings = durable.decide(facts_of(rules, {OFFENCES_KEY: after, BASELINE_KEY: before}), rules)
    assert finding(findings, "fewer") == expected


@pytest.mark.parametrize(
    ("comparator", "met"),
    [("at_least", {3, 4}), ("more_than", {4}), ("at_most", {2, 3}), ("less_than", {2})],
)
def test_each_comparator_at_its_limit_below_and_above(comparator: str, met: set[int]) -> None:
    test = {"measure": ASB, comparator: "three"}
    assert {n for n in (2, 3, 4) if verdict({"asb": test}, "asb", {ASB_KEY: n}) == "met"} == met


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("not_on_roll", "met"),
        ("alternative_provision;not_on_roll", "met"),
        ("not_on_roll;registered", "met"),
        ("registered", "not_met"),
        ("no_record", "unknown"),
    ],
)
def test_an_enrolment_is_met_when_any_of_its_words_is(words: str, expected: str) -> None:
    some = {"some": "school_age_child", **SCHOOL, "that": {"measure": ENROLMENT, "is_one_of": "elsewhere"}}
    assert verdict({"out": some}, "out", Ann={CHILD: True, ENROLMENT_KEY: words}) == expected


@pytest.mark.parametrize(("is_", "met"), [(True, True), (False, False)])
def test_a_need_is_identified_or_it_is_not(is_: bool, met: bool) -> None:
    test = {"measure": NEED, "is": is_}
    assert verdict({"need": test}, "need", {NEED_KEY: met}) == "met"
    assert verdict({"need": test}, "need", {NEED_KEY: not met}) == "not_met"


def test_missing_evidence_is_unknown_and_says_why() -> None:
    rules = rules_of({"asb": NO_ASB})
    findings = durable.decide(facts_of(rules, {ASB_KEY: "quarantined"}), rules)
    assert finding(findings, "asb") == ("unknown", "", "", "quarantined")


# --------------------------------------------------------------------------------------------------------- composites

VALUE = {"met": 0, "not_met": 1, "unknown": "not_covered"}


def of_three(test: Given, *verdicts: str) -> tuple[str, str]:
    """Verdict and reason of a test of `asb`, `offences` and `fewer`, which have these verdicts."""
    asb, offences, fewer = verdicts
    before = {"not_applicable": 0}.get(fewer, 1)
    after = {"met": 0, "not_met": 1, "unknown": "not_covered", "not_applicable": 0}[fewer]
    rules = rules_of({"it": test})
    adult = {"adult_offences(last_months: 6)": VALUE[offences]}
    findings = durable.decide(
        facts_of(rules, {ASB_KEY: VALUE[asb], **adult, OFFENCES_KEY: after, BASELINE_KEY: before}), rules
    )
    said, _, _, reason = finding(findings, "it")
    return said, reason


PARTS = (NO_ASB, {"measure": {"name": "adult_offences", "last_months": "half"}, "less_than": "one"}, FEWER)


@pytest.mark.parametrize(
    ("verdicts", "all_of", "any_of", "at_least_two"),
    [
        (("met", "met", "met"), "met", "met", "met"),
        (("met", "met", "not_met"), "not_met", "met", "met"),
        (("met", "met", "unknown"), "unknown", "met", "met"),
        (("met", "met", "not_applicable"), "met", "met", "met"),
        (("met", "not_met", "unknown"), "not_met", "met", "unknown"),
        (("met", "unknown", "not_applicable"), "unknown", "met", "unknown"),
        (("met", "not_met", "not_applicable"), "not_met", "met", "not_met"),
        (("not_met", "unknown", "unknown"), "not_met", "unknown", "unknown"),
        (("not_met", "not_met", "unknown"), "not_met", "unknown", "not_met"),
        (("not_met", "not_met", "not_applicable"), "not_met", "not_met", "not_met"),
        (("unknown", "unknown", "unknown"), "unknown", "unknown", "unknown"),
    ],
)
def test_four_values_compose(verdicts: tuple[str, ...], all_of: str, any_of: str, at_least_two: str) -> None:
    assert of_three({"all_of": PARTS}, *verdicts)[0] == all_of
    assert of_three({"any_of": PARTS}, *verdicts)[0] == any_of
    assert of_three({"at_least": "two", "of": PARTS}, *verdicts)[0] == at_least_two


def test_nothing_left_to_judge_is_not_applicable_and_says_why() -> None:
    for test in ({"all_of": (FEWER,)}, {"any_of": (FEWER,)}, {"at_least": "one", "of": (FEWER,)}):
        assert of_three(test, "met", "met", "not_applicable") == ("not_applicable", "no_baseline")


def test_a_composite_gives_the_reasons_of_the_parts_that_share_its_verdict() -> None:
    rules = rules_of({"it": {"all_of": (NO_ASB, FEWER, NEEDED)}})
    family = {ASB_KEY: "quarantined", OFFENCES_KEY: "not_covered", BASELINE_KEY: 3, NEED_KEY: True}
    assert finding(durable.decide(facts_of(rules, family), rules), "it") == (
        "unknown",
        "",
        "",
        "not_covered;quarantined",
    )


@pytest.mark.parametrize(
    ("need", "asb", "expected"),
    [
        (True, 0, ("met", "")),
        (True, 1, ("not_met", "")),
        (True, "quarantined", ("unknown", "quarantined")),
        (False, 0, ("not_applicable", "condition_not_met")),
        ("not_covered", 0, ("unknown", "not_covered")),
    ],
)
def test_when_asks_only_where_its_condition_is_met(need: Any, asb: Any, expected: tuple[str, str]) -> None:
    rules = rules_of({"it": {"when": NEEDED, "then": NO_ASB}})
    said, _, _, reason = finding(durable.decide(facts_of(rules, {NEED_KEY: need, ASB_KEY: asb}), rules), "it")
    assert (said, reason) == expected


# ---------------------------------------------------------------------------------------------------------- subjects


def test_each_child_has_a_finding_and_one_who_misses_school_fails_the_family() -> None:
    rules = rules_of({"attends": ATTENDS})
    findings = durable.decide(
        facts_of(
            rules,
            Ann={CHILD: True, ABSENCE_KEY: (1, 380)},
            Bob={CHILD: True, ABSENCE_KEY: (57, 380)},
            Cat={CHILD: True, ABSENCE_KEY: "no_record"},
            Dan={CHILD: False},
        ),
        rules,
    )
    of = findings.filter(pl.col("item") == "attends")
    assert of.select("subject_id", "verdict", "value", "reason").rows() == [
        ("", "not_met", "", ""),
        ("Ann", "met", "1/380", ""),
        ("Bob", "not_met", "57/380", ""),
        ("Cat", "unknown", "", "no_record"),
    ]


def test_a_family_without_a_child_of_school_age_is_not_judged_by_school() -> None:
    rules = rules_of(
        {"attends": ATTENDS, "some": {**{k: v for k, v in ATTENDS.items() if k != "every"}, "some": "school_age_child"}}
    )
    findings = durable.decide(facts_of(rules, Dan={CHILD: False}), rules)
    for item in ("attends", "some", "turned"):
        assert finding(findings, item) == ("not_applicable", "", "", "no_subject")


def test_some_adult_is_enough_and_the_tests_of_one_adult_stay_together() -> None:
    both = {"all_of": ({"measure": STARTS, "at_least": "one"}, {"measure": WEEKS, "at_least": "weeks"})}
    worked = {"work": {"some": "adult", "at": "as_of", "that": both}}
    apart = {"Ann": {ADULT: True, STARTS_KEY: 1, WEEKS_KEY: 25}, "Bob": {ADULT: True, STARTS_KEY: 0, WEEKS_KEY: 30}}
    assert verdict(worked, "work", **apart) == "not_met"
    assert verdict(worked, "work", **apart, Cat={ADULT: True, STARTS_KEY: 1, WEEKS_KEY: 26}) == "met"
    assert verdict(worked, "work", **apart, Cat={ADULT: True, STARTS_KEY: 1, WEEKS_KEY: "not_covered"}) == "unknown"


def test_families_do_not_see_each_other() -> None:
    rules = rules_of({"attends": ATTENDS, "asb": NO_ASB})
    bad = ({ASB_KEY: 2}, {"Bob": {CHILD: True, ABSENCE_KEY: (1, 1)}})
    good: tuple[Given, Mapping[str, Given]] = ({ASB_KEY: 0}, {"Bob": {CHILD: True, ABSENCE_KEY: (0, 1)}})
    findings = durable.decide(many(rules, [bad, good, bad, good]), rules)
    of = findings.filter((pl.col("subject_id") == "") & (pl.col("part") == "result")).group_by(
        "family_id", maintain_order=True
    )
    assert [frame["verdict"].to_list() for _, frame in of] == [["not_met"] * 2, ["met"] * 2] * 2


# ------------------------------------------------------------------------------------------------- criteria and flags


def test_a_route_that_is_a_criterion_has_its_verdict_and_reasons() -> None:
    rules = rules_of({"asb": NO_ASB}, route={"criterion": "asb"})
    findings = durable.decide(facts_of(rules, {ASB_KEY: "quarantined"}), rules)
    assert finding(findings, "turned") == ("unknown", "", "", "quarantined")


@pytest.mark.parametrize(
    ("flag", "asb", "offences", "expected"),
    [
        ({"when": NO_ASB}, 0, 0, "look"),
        ({"when": NO_ASB}, 1, 0, ""),
        ({"when": NO_ASB}, "not_covered", 0, ""),
        ({"unless": NO_ASB}, 1, 0, "look"),
        ({"unless": NO_ASB}, "not_covered", 0, "look"),
        ({"unless": NO_ASB}, 0, 0, ""),
        ({"unless": NO_ASB, "met_routes": ("turned",)}, 1, 0, "look"),
        ({"unless": NO_ASB, "met_routes": ("turned",)}, 1, 2, ""),
        ({"unless": NO_ASB, "met_routes": ("turned",)}, 1, "not_covered", ""),
    ],
)
def test_a_condition_flag_is_raised_where_it_says(flag: Given, asb: Any, offences: Any, expected: str) -> None:
    few = {"measure": OFFENCES, "at_most": "one"}
    rules = rules_of({"few": few}, flags={"look": {"kind": "condition", **flag}})
    assert flags(rules, {ASB_KEY: asb, OFFENCES_KEY: offences}) == expected


NEAR = {
    "near": {"kind": "near_threshold", "session": "one", "incident": "one", "exclusion": "one", "days_in_work": "week"}
}


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ((55, 380), ""),
        ((56, 380), "near"),
        ((57, 380), "near"),
        ((58, 380), ""),
        ((0, 1), "near"),
        ((1, 1), "near"),
        ("no_record", ""),
    ],
)
def test_one_session_the_other_way_is_near(share: Any, expected: str) -> None:
    rules = rules_of({"attends": ATTENDS}, flags=NEAR)
    assert flags(rules, Ann={CHILD: True, ABSENCE_KEY: share}) == expected


@pytest.mark.parametrize(("share", "expected"), [((57, 380), "near"), ((100, 380), ""), ((190, 380), "near")])
def test_a_fact_with_two_limits_is_near_either(share: Any, expected: str) -> None:
    """A fact told for one of the tests lacks the other's fields, and durable-rules takes what is not there for true."""
    between = {"all_of": ({"measure": ABSENCE, "at_least": "absence"}, {"measure": ABSENCE, "less_than": "severe"})}
    rules = rules_of({"between": {"every": "school_age_child", **SCHOOL, "that": between}}, flags=NEAR)
    assert flags(rules, Ann={CHILD: True, ABSENCE_KEY: share}) == expected


def test_one_child_near_the_limit_is_not_near_where_another_is_far_over_it() -> None:
    rules = rules_of({"attends": ATTENDS}, flags=NEAR)
    near = {CHILD: True, ABSENCE_KEY: (57, 380)}
    assert flags(rules, Ann=near, Bob={CHILD: True, ABSENCE_KEY: (0, 380)}) == "near"
    assert flags(rules, Ann=near, Bob={CHILD: True, ABSENCE_KEY: (300, 380)}) == ""
    assert flags(rules, Ann=near, Bob=near) == "", "it would take both"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, 0, "near"),  # one incident more at either side and something is compared
        (3, 2, "near"),  # 2 to 2 is no fall
        (100, 60, ""),
        (100, 67, "near"),
        (100, 90, ""),
    ],
)
def test_either_side_of_a_comparison_can_be_near(before: int, after: int, expected: str) -> None:
    rules = rules_of({"fewer": FEWER}, flags=NEAR)
    assert flags(rules, {OFFENCES_KEY: after, BASELINE_KEY: before}) == expected


@pytest.mark.parametrize(("weeks", "expected"), [(24, ""), (25, "near"), (26, "near"), (27, ""), (0, "")])
def test_seven_days_in_work_are_one_week(weeks: int, expected: str) -> None:
    work = {"some": "adult", "at": "as_of", "that": {"measure": WEEKS, "at_least": "weeks"}}
    rules = rules_of({"work": work}, flags=NEAR)
    assert flags(rules, Ann={ADULT: True, WEEKS_KEY: weeks}) == expected


def test_a_fact_that_two_tests_read_moves_in_both() -> None:
    band = {"all_of": ({"measure": ASB, "at_least": "one"}, {"measure": ASB, "at_most": "one"})}
    either = {"any_of": ({"measure": ASB, "at_least": "two"}, {"measure": ASB, "at_most": "one"})}
    assert flags(rules_of({"band": band}, flags=NEAR), {ASB_KEY: 1}) == "near"
    assert flags(rules_of({"either": either}, flags=NEAR), {ASB_KEY: 1}) == "", "2 meets the one as 1 meets the other"


def test_facts_that_no_route_reads_are_near_to_nothing() -> None:
    rules = rules_of(
        {"asb": NO_ASB, "few": {"measure": OFFENCES, "less_than": "one"}}, route={"criterion": "few"}, flags=NEAR
    )
    assert flags(rules, {ASB_KEY: 1, OFFENCES_KEY: 5}) == ""


GUESSED = {"measure": ASB, "less_than": "guessed"}
SURE = {"measure": OFFENCES, "less_than": "one"}


@pytest.mark.parametrize(
    ("test", "asb", "offences", "expected"),
    [
        ({"all_of": (GUESSED, SURE)}, 0, 0, "shaky"),
        ({"all_of": (GUESSED, SURE)}, 0, 1, ""),
        ({"all_of": (GUESSED, SURE)}, 1, 1, "shaky"),
        ({"any_of": (GUESSED, SURE)}, 1, 0, ""),
        ({"any_of": (GUESSED, SURE)}, 0, 0, "shaky"),
        ({"any_of": (GUESSED, SURE)}, 1, 1, "shaky"),
        ({"at_least": "one", "of": (GUESSED, SURE)}, 1, 0, ""),
        ({"at_least": "one", "of": (GUESSED, SURE)}, 1, 1, "shaky"),
        ({"at_least": "guessed", "of": (SURE, SURE)}, 0, 0, "shaky"),
        ({"when": SURE, "then": GUESSED}, 0, 0, "shaky"),
        ({"when": SURE, "then": GUESSED}, 0, 1, ""),
    ],
)
def test_a_verdict_rests_on_what_decides_it(test: Given, asb: int, offences: int, expected: str) -> None:
    rules = rules_of({"it": test}, flags={"shaky": {"kind": "unverified_rule"}})
    assert flags(rules, {ASB_KEY: asb, OFFENCES_KEY: offences}) == expected


def test_flags_stand_in_the_order_of_the_pack() -> None:
    raised = {"kind": "condition", "when": NO_ASB}
    assert flags(rules_of({"asb": NO_ASB}, flags={"z": raised, **NEAR, "a": raised}), {ASB_KEY: 0}) == "z;near;a"


# --------------------------------------------------------------------------------------------------------- derivation


def test_a_derivation_shows_each_rule_that_fired_on_what_and_for_whom() -> None:
    rules = rules_of({"attends": ATTENDS, "asb": NO_ASB})
    facts = facts_of(rules, {ASB_KEY: 2, NEED_KEY: True}, Ann={CHILD: True, ABSENCE_KEY: (56, 380)})
    fired = [(f.rule, f.subject_id, dict(f.operands), str(f.verdict)) for f in durable.derive(facts, rules, "F00000")]
    ends = ("least", "most")
    products = {f"{ABSENCE_KEY}, {end} * 100": 5_600 for end in ends}
    products |= {f"{ABSENCE_KEY}, of {end} * 15": 5_700 for end in ends}
    assert fired == [
        ("eligibility/eligible", "", {NEED_KEY: True}, "met"),
        ("result/asb", "", {f"{ASB_KEY}, {end}": 2 for end in ends}, "not_met"),
        ("result/attends.that", "Ann", products, "met"),
        ("result/attends", "", {"met": 1, "not met": 0, "unknown": 0}, "met"),
        ("route/turned", "", {"met": 1, "not met": 1, "unknown": 0}, "not_met"),
    ]


def test_a_derivation_of_a_family_that_is_not_there_is_refused() -> None:
    rules = rules_of({"asb": NO_ASB})
    with pytest.raises(Faults, match="E405 family F99999"):
        durable.derive(facts_of(rules), rules, "F99999")


# ------------------------------------------------------------------------------------------------------------- bounds


def test_a_criterion_of_hundreds_of_tests_is_decided() -> None:
    tests = tuple({"measure": ASB, "at_most": "three"} if n else NO_ASB for n in range(300))
    nested = {"all_of": tuple({"any_of": tests[n : n + 3]} for n in range(0, 300, 3))}
    assert verdict({"many": nested}, "many", {ASB_KEY: 3}) == "met"
    assert verdict({"many": nested}, "many", {ASB_KEY: 4}) == "not_met"


def test_a_pack_of_more_rules_than_durable_rules_holds_is_refused_in_words() -> None:
    rules = rules_of({"many": {"all_of": (NO_ASB,) * 1_400}})
    with pytest.raises(Faults, match=r"E422 by-hand@.* rules are more than the 4000 that durable-rules holds"):
        durable.decide(facts_of(rules), rules)


def test_a_number_beyond_64_bits_is_refused_and_never_wrapped_round() -> None:
    rules = rules_of({"attends": ATTENDS})
    facts = facts_of(rules, Ann={CHILD: True, ABSENCE_KEY: (2**60, 2**62)})
    with pytest.raises(Faults, match="E424 unauthorised_absence"):
        durable.decide(facts, rules)


def test_without_durable_rules_the_engine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruleset, "network", None)
    rules = rules_of({"asb": NO_ASB})
    assert not durable.available()
    with pytest.raises(Faults, match="E421 durable-rules"):
        durable.decide(facts_of(rules), rules)


def test_the_engines_can_be_imported_where_durable_rules_is_not() -> None:
    absent = "import sys; sys.modules['durable_rules_engine'] = None"
    absent += "; from pbr.engines import durable; print(durable.available())"
    ran = subprocess.run([sys.executable, "-c", absent], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("False\n", "")


def test_a_failure_of_durable_rules_is_a_fault_and_the_next_family_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of({"asb": NO_ASB})
    facts = facts_of(rules, {ASB_KEY: 0})
    right = durable.decide(facts, rules)

    class Failing:
        error = ruleset.network.error
        failed = False

        def __getattr__(self, name: str) -> Any:
            return getattr(ruleset_network, name)

        def assert_fact(self, handle: int, fact: str) -> Any:
            if '"kind": "start"' in fact:
                return ruleset_network.assert_fact(handle, fact)
            raise self.error("Could not assert fact, error code: 303")

    ruleset_network = ruleset.network
    with monkeypatch.context() as failing, pytest.raises(Faults, match=r"E423 .* meets more than 64 conditions"):
        failing.setattr(ruleset, "network", Failing())
        durable.decide(facts, rules)
    assert_frame_equal(durable.decide(facts, rules), right)


def test_a_rule_that_does_not_fire_is_a_fault_and_never_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of({"asb": NO_ASB, "fewer": FEWER})
    facts = facts_of(rules, {ASB_KEY: 0, OFFENCES_KEY: 0, BASELINE_KEY: 1})
    told = ruleset.Memory.tell
    monkeypatch.setattr(ruleset.Memory, "tell", lambda memory, kind, fields: told(memory, kind, fields)[1:])
    with pytest.raises(Faults, match=r"E425 family F00000 durable-rules gives .* no verdict"):
        durable.decide(facts, rules)


# --------------------------------------------------------------------------------------------------- the long distance


def resident() -> int:
    """Megabytes of memory that this process holds."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc to read the memory from")
def test_thousands_of_families_leave_nothing_behind() -> None:
    rules = rules_of({"attends": ATTENDS, "asb": NO_ASB, "fewer": FEWER}, flags=NEAR)
    children = {f"P{n}": {CHILD: True, ABSENCE_KEY: (56, 380)} for n in range(4)}
    facts = many(rules, [({ASB_KEY: 0, OFFENCES_KEY: 1, BASELINE_KEY: 2}, children)] * 1_000)
    durable.decide(facts, rules)
    before = resident()
    for _ in range(4):
        durable.decide(facts, rules)
    assert resident() - before < 30


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc to read the memory from")
def test_packs_that_are_done_with_leave_nothing_behind() -> None:
    def decide_once() -> weakref.ref[Rules]:
        rules = rules_of({"attends": ATTENDS, "asb": NO_ASB})
        durable.decide(facts_of(rules, {ASB_KEY: 0}), rules)
        return weakref.ref(rules)

    for _ in range(20):
        decide_once()
    gc.collect()
    before = resident()
    used = [decide_once() for _ in range(100)]
    gc.collect()
    assert [rules for rules in used if rules() is not None] == []
    assert resident() - before < 10


def test_threads_take_turns() -> None:
    rules = rules_of({"attends": ATTENDS, "asb": NO_ASB})
    facts = many(rules, [({ASB_KEY: n % 3}, {"Ann": {CHILD: True, ABSENCE_KEY: (n, 40)}}) for n in range(40)])
    alone = durable.decide(facts, rules)
    together: list[pl.DataFrame] = []
    threads = [threading.Thread(target=lambda: together.append(durable.decide(facts, rules))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 4
    for frame in together:
        assert_frame_equal(frame, alone)


# -------------------------------------------------------------------------------------------------- the other engines


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(decisions())
def test_durable_rules_derives_what_the_language_means(drawn: tuple[Facts, Rules]) -> None:
    facts, rules = drawn
    assert_frame_equal(durable.decide(facts, rules), reference.decide(facts, rules))


def test_the_phase_1_pack_is_within_bounds_and_decided() -> None:
    rules = load_pack("phase-1").rules(AS_OF)
    facts = facts_of(
        rules,
        Ann=dict.fromkeys(["adult(at: as_of)", "adult(at: engagement)"], True)
        | dict.fromkeys(rules.member_measures, "not_covered"),
    )
    assert_frame_equal(durable.decide(facts, rules), reference.decide(facts, rules))
