"""One fact short: whoever would be eligible if one fact were another, and only they, with the values that would do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl
from hypothesis import HealthCheck, assume, given, settings

from pbr.engines import reference
from pbr.engines.bulk import measures_of
from pbr.engines.reference import Fact, Family
from pbr.engines.shortfall import SHORT, one_fact_short
from pbr.measures.facts import Facts, fact_type
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import Pack, ReducedBy
from pbr.rulebook.model import Test as OneTest
from pbr.rulebook.rules import Rules, walk
from pbr.values import Share
from tests.engines.random_rules import AS_OF, PARAMETERS, decisions

SLOW = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


# ------------------------------------------------------------------------------ the same, one family after the other


def whole(measure: Measure, rules: Rules) -> str:
    """The measure's key with nobody left out."""
    given_ = measure.arguments()
    return rules.fact_key(measure.model_copy(update={"leaving_out": None}) if "leaving_out" in given_ else measure)


def what_is_read(rules: Rules) -> dict[str, tuple[Measure, set[str], list[OneTest]]]:
    """What eligibility reads, by the whole measure's key: with the keys of its facts, and the tests of it."""
    found: dict[str, tuple[Measure, set[str], list[OneTest]]] = {}
    for criterion in rules.pack.eligibility.values():
        for node in walk(criterion.test):
            for measure in measures_of(node):
                if measure.name in ("age", "school_age"):
                    continue
                _, keys, tests = found.setdefault(whole(measure, rules), (measure, set(), []))
                keys.add(rules.fact_key(measure))
                tests += [node] if isinstance(node, OneTest) else []
    return found


def candidates(tests: list[OneTest], measure: Measure, now: Fact, rules: Rules) -> Iterator[Fact]:
    """Values of a fact at, just under and just over every limit it is held against, and far away."""

    def fact(value: Any, of: int | None = None) -> Fact:
        return Fact(value, of, None, ())

    limits = [test.comparison[1] for test in tests]
    match measure.unit:
        case "boolean":
            yield from (fact(False), fact(True))
        case "words":
            yield fact("something_else")
            yield from (fact(code) for limit in limits for code in rules.codes(str(limit)))
        case "share" if now.of is not None:
            near = {n for limit in limits for n in around(rules.share(str(limit)), now.of)}
            yield from (fact(n, now.of) for n in sorted({0, now.of, *near}) if 0 <= n <= now.of)
        case "share":
            shares = [rules.share(str(limit)) for limit in limits]
            exact = {Fraction(share.numerator, share.denominator) for share in shares}
            near_by = {share + step for share in exact for step in (Fraction(-1, 10**6), 0, Fraction(1, 10**6))}
            yield from (
                fact(x.numerator, x.denominator) for x in sorted({*near_by, Fraction(0), Fraction(1)}) if 0 <= x <= 1
            )
        case _:
            numbers = {rules.number(str(limit)) + step for limit in limits for step in (-1, 0, 1)}
            yield from (fact(n) for n in sorted({0, 1000, *numbers}) if n >= 0)


def around(share: Share, of: int) -> set[int]:
    least = share.numerator * of // share.denominator
    return {least - 1, least, least + 1, least + 2}


def is_eligible(family: Family, rules: Rules) -> bool:
    return reference.judge(family, rules).eligibility["eligible"].verdict == "met"


def within(value: Fact, needs: str) -> bool:
    """Whether a value is among those that `needs` says."""
    return any(_within(value, one) for one in needs.removeprefix("a record that says ").split(" or "))


def _within(value: Fact, one: str) -> bool:
    if one.startswith("any ") or one == "evidence either way":
        return True
    if one.startswith("evidence"):
        return value.value is (one == "evidence that it was so")
    if isinstance(value.value, str):
        return one == value.value.replace("_", " ")
    assert isinstance(value.value, int)
    number = Fraction(value.value)
    if value.of is not None and "sessions" not in one:
        number = Fraction(value.value, value.of)
    said = [Fraction(Share.parse(n).numerator, Share.parse(n).denominator) for n in re.findall(r"\d+%", one)]
    said = said or [Fraction(n) for n in re.findall(r"\d+", one.split(" of ")[0])]
    words = re.findall("at least|more than|at most|less than|exactly|from", one)
    if words == ["from"]:
        return said[0] <= number <= said[1]
    compare = {
        "at least": number >= said[0],
        "more than": number > said[0],
        "at most": number <= said[-1],
        "less than": number < said[-1],
        "exactly": number == said[0],
    }
    assert words, one
    return all(compare[word] for word in words)


@SLOW
@given(decisions())
def test_a_family_is_one_fact_short_where_another_value_of_the_fact_makes_it_eligible(
    drawn: tuple[Facts, Rules],
) -> None:
    facts, rules = drawn
    # Eligibility is judged at engagement, and a fall is not: the checks of a pack see to that, and no random pack does.
    tests = (node for criterion in rules.pack.eligibility.values() for node in walk(criterion.test))
    assume(not any(isinstance(node, ReducedBy) for node in tests))
    short = {
        (row["family_id"], row["subject_id"], row["fact"].replace(", leaving_out: non_resident_adults", "")): row
        for row in one_fact_short(facts, rules).iter_rows(named=True)
    }
    expected = set()
    for family in reference.read_families(facts, rules):
        if is_eligible(family, rules):
            continue
        for key, (measure, keys, tests) in what_is_read(rules).items():
            for subject in (None,) if measure.subject == "family" else family.members:
                of_subject = family.facts if subject is None else subject.facts
                if not keys <= of_subject.keys():
                    continue
                subject_id = "" if subject is None else subject.subject_id
                enough, not_enough = [], []
                for value in candidates(tests, measure, of_subject[min(keys, key=len)], rules):
                    moved = replace(family, moved={(subject_id, each): value for each in keys})
                    (enough if is_eligible(moved, rules) else not_enough).append(value)
                if enough:
                    expected.add((family.family_id, subject_id, key))
                    needs = short[family.family_id, subject_id, key]["needs"]
                    assert [value for value in enough if not within(value, needs)] == [], needs
                    assert [value for value in not_enough if within(value, needs)] == [], needs
    assert set(short) == expected


# ---------------------------------------------------------------------------------------------------- by hand, in words

DAY = date(2012, 4, 1)
ASB = {"name": "asb_incidents", "months_before_engagement": "year"}
OFFENCES = {"name": "minor_offences", "months_before_engagement": "year"}
NEED = {"name": "need_identified", "on": "engagement", "need": "concern"}
BENEFIT = {"name": "out_of_work_benefit", "on": "engagement", "codes": "benefits"}
TERMS = {"last_terms": "terms", "at": "engagement"}
ABSENCE = {"name": "absence", **TERMS}
ENROLMENT = {"name": "enrolment", **TERMS}
SOME_CHILD = {"some": "school_age_child", **TERMS}
SOME_ADULT = {"some": "adult", "at": "engagement"}


def rules_of(**eligibility: Any) -> Rules:
    """Rules of which only eligibility matters, as YAML would give it."""

    def criterion(test: Any) -> dict[str, Any]:
        return {"title": "t", "citation": "c", "standing": "verified", "test": test}

    figures = {**PARAMETERS, "fee": ("pence", 1)}
    dated = {"from": DAY, "citation": "c", "standing": "verified"}
    period = {"from": DAY, "until": date(2015, 3, 31)}
    pack = {
        "id": "by-hand",
        "title": "t",
        "citation": "c",
        "in_force": ({"engaged": period, "decided": period, "citation": "c", "standing": "verified"},),
        "parameters": {
            name: {"title": name, "unit": unit, "values": ({**dated, "value": value},)}
            for name, (unit, value) in figures.items()
        },
        "eligibility": {name: criterion(test) for name, test in eligibility.items()},
        "results": {},
        "routes": {},
        "flags": {},
        "tariff": {"citation": "c", "claimed_until": DAY, "family_cap": "fee", "routes": {}, "instead_of": {}},
    }
    return Rules(Pack.model_validate(pack), AS_OF, "0" * 64)


def short(rules: Rules, family: dict[str, Any] | None = None, *members: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """What one fact would do for one family: by subject and measure, the rows.

    Facts are given by the measure's name (with `at home` where members are left out), a share as `(57, 380)` and what
    nobody knows as None. A member holds every role, or the kinds in `roles`.
    """

    def cell(key: str, given_: dict[str, Any]) -> dict[str, Any]:
        name = key.split("(")[0] + (" at home" if "leaving_out" in key else "")
        value = given_[name]
        of = value[1] if isinstance(value, tuple) else None
        value = value[0] if isinstance(value, tuple) else value
        return {"value": value, "of": of, "reason": "not_covered" if value is None else None, "records": []}

    of_family = {key: fact_type(measure.unit) for key, measure in rules.family_measures.items()}
    of_members = {key: fact_type(measure.unit) for key, (measure, _) in rules.member_measures.items()}
    families = [{"family_id": "F", "engaged_on": DAY, **{key: cell(key, family or {}) for key in of_family}}]
    people = []
    for number, member in enumerate(members):
        held = {role.key: role.kind in member.get("roles", (role.kind,)) for role in rules.roles}
        asked = {key for key, (_, roles) in rules.member_measures.items() if any(held[role.key] for role in roles)}
        of_member = {key: cell(key, member) if key in asked else None for key in of_members}
        people.append({"family_id": "F", "subject_id": f"P{number}", **held, **of_member})
    ids = {"family_id": pl.String, "subject_id": pl.String, **{role.key: pl.Boolean for role in rules.roles}}
    facts = Facts(
        AS_OF,
        pl.DataFrame(families, schema={"family_id": pl.String, "engaged_on": pl.Date, **of_family}),
        pl.DataFrame(people, schema=ids | of_members),
    )
    rows = one_fact_short(facts, rules)
    assert dict(rows.schema) == dict(SHORT)
    assert rows.null_count().sum_horizontal().item() == 0
    return {(row["subject_id"], row["fact"].split("(")[0]): row for row in rows.iter_rows(named=True)}


def needs(found: dict[tuple[str, str], Any]) -> dict[tuple[str, str], str]:
    return {subject: row["needs"] for subject, row in found.items()}


TWO_OFFENCES = rules_of(offending={"measure": OFFENCES, "at_least": "two"}, eligible={"criterion": "offending"})


def test_a_family_an_offence_away_is_told_how_many_it_would_take() -> None:
    (row,) = short(TWO_OFFENCES, {"minor_offences": 1}).values()
    assert row == {
        "family_id": "F",
        "subject_id": "",
        "fact": "minor_offences(months_before_engagement: 12)",
        "says": "the number of proven offences by members under 18 in the 12 months before engagement",
        "criteria": "offending",
        "value": "1",
        "needs": "at least 2",
        "evidence": "against",
        "reason": "",
    }


def test_a_fact_that_nobody_knows_is_missing_and_says_why() -> None:
    (row,) = short(TWO_OFFENCES, {"minor_offences": None}).values()
    assert (row["value"], row["needs"], row["evidence"], row["reason"]) == ("", "at least 2", "missing", "not_covered")


def test_who_is_eligible_is_short_of_nothing() -> None:
    assert short(TWO_OFFENCES, {"minor_offences": 2}) == {}


def test_who_lacks_two_facts_is_not_one_fact_short() -> None:
    both = rules_of(eligible={"all_of": ({"measure": ASB, "at_least": "one"}, {"measure": NEED, "is": True})})
    assert short(both, {"asb_incidents": 0, "need_identified": False}) == {}
    assert needs(short(both, {"asb_incidents": 0, "need_identified": True})) == {("", "asb_incidents"): "at least 1"}


def test_all_tests_of_a_fact_read_the_one_value() -> None:
    between = rules_of(
        eligible={"all_of": ({"measure": ASB, "at_least": "two"}, {"measure": ASB, "less_than": "three"})}
    )
    assert needs(short(between, {"asb_incidents": 5})) == {("", "asb_incidents"): "exactly 2"}
    never = rules_of(eligible={"all_of": ({"measure": ASB, "at_least": "three"}, {"measure": ASB, "less_than": "two"})})
    assert short(never, {"asb_incidents": 5}) == {}


def test_values_that_lie_apart_are_both_told() -> None:
    apart = rules_of(eligible={"any_of": ({"measure": ASB, "at_least": "three"}, {"measure": ASB, "less_than": "one"})})
    assert needs(short(apart, {"asb_incidents": 1})) == {("", "asb_incidents"): "at most 0 or at least 3"}


def test_a_fact_that_nobody_knows_and_that_would_do_either_way_is_told_so() -> None:
    either = rules_of(eligible={"any_of": ({"measure": NEED, "is": True}, {"measure": NEED, "is": False})})
    assert needs(short(either, {"need_identified": None})) == {("", "need_identified"): "evidence either way"}


def test_a_need_that_should_not_be_there_is_told_so() -> None:
    without = rules_of(eligible={"measure": NEED, "is": False})
    assert needs(short(without, {"need_identified": True})) == {("", "need_identified"): "evidence that it was not so"}


ABSENT = rules_of(
    absent={**SOME_CHILD, "that": {"measure": ABSENCE, "at_least": "limit"}}, eligible={"criterion": "absent"}
)


def test_an_absence_is_told_in_the_sessions_there_were() -> None:
    found = short(ABSENT, {}, {"absence": (56, 380)}, {"absence": (0, 379)})
    assert needs(found) == {
        ("P0", "absence"): "at least 57 of 380 sessions",
        ("P1", "absence"): "at least 57 of 379 sessions",
    }
    assert found["P0", "absence"]["value"] == "56/380"


def test_an_absence_of_nobody_knows_how_many_sessions_is_told_as_a_share() -> None:
    assert needs(short(ABSENT, {}, {"absence": None})) == {("P0", "absence"): "at least 15%"}


def test_a_share_that_so_few_sessions_cannot_be_is_not_asked_for() -> None:
    exactly = rules_of(
        eligible={
            **SOME_CHILD,
            "that": {"all_of": ({"measure": ABSENCE, "at_least": "limit"}, {"measure": ABSENCE, "at_most": "limit"})},
        }
    )
    assert short(exactly, {}, {"absence": (0, 379)}) == {}
    assert needs(short(exactly, {}, {"absence": (0, 380)})) == {("P0", "absence"): "exactly 57 of 380 sessions"}
    assert needs(short(exactly, {}, {"absence": None})) == {("P0", "absence"): "exactly 15%"}


def test_an_enrolment_is_told_in_the_words_that_a_record_would_have() -> None:
    out_of_school = rules_of(eligible={**SOME_CHILD, "that": {"measure": ENROLMENT, "is_one_of": "out_of_school"}})
    found = short(out_of_school, {}, {"enrolment": "registered"})
    assert needs(found) == {("P0", "enrolment"): "a record that says alternative provision or not on roll"}


def test_one_member_at_a_time() -> None:
    every = rules_of(eligible={"every": "adult", "at": "engagement", "that": {"measure": BENEFIT, "is": True}})
    assert set(short(every, {}, {"out_of_work_benefit": False}, {"out_of_work_benefit": True})) == {
        ("P0", "out_of_work_benefit")
    }
    assert short(every, {}, {"out_of_work_benefit": False}, {"out_of_work_benefit": False}) == {}


def test_who_is_no_subject_is_not_asked_about() -> None:
    worklessness = rules_of(eligible={**SOME_ADULT, "that": {"measure": BENEFIT, "is": True}})
    assert short(worklessness, {}, {"roles": ()}) == {}
    assert set(short(worklessness, {}, {"roles": ()}, {"out_of_work_benefit": False})) == {
        ("P1", "out_of_work_benefit")
    }


def test_nobody_grows_older_to_be_eligible() -> None:
    of_age = {
        "some": "member",
        "at": "engagement",
        "that": {"measure": {"name": "age", "at": "engagement"}, "at_least": "of_age"},
    }
    assert short(rules_of(eligible=of_age), {}, {"age": 15}) == {}


AT_HOME = rules_of(
    worried={"measure": NEED, "is": True},
    eligible={
        "all_of": (
            {"criterion": "worried"},
            {"at_least": "one", "of": ({"criterion": "worried", "leaving_out": "non_resident_adults"},)},
        )
    },
)


def test_a_need_counts_in_the_family_and_at_home_at_once() -> None:
    found = short(AT_HOME, {"need_identified": False, "need_identified at home": False})
    assert needs(found) == {("", "need_identified"): "evidence that it was so"}
    assert found["", "need_identified"]["criteria"] == "worried"


def test_a_need_of_somebody_elsewhere_only_is_told_as_lacking_at_home() -> None:
    (row,) = short(AT_HOME, {"need_identified": True, "need_identified at home": False}).values()
    assert row["fact"].endswith("leaving_out: non_resident_adults)")
    assert (row["criteria"], row["value"], row["evidence"]) == ("worried", "false", "against")


def test_a_criterion_that_would_not_change_is_not_told() -> None:
    two_ways = rules_of(
        some_trouble={"measure": ASB, "at_least": "one"},
        much_trouble={"measure": ASB, "at_least": "three"},
        eligible={"all_of": ({"criterion": "some_trouble"}, {"criterion": "much_trouble"})},
    )
    (row,) = short(two_ways, {"asb_incidents": 2}).values()
    assert (row["criteria"], row["needs"]) == ("much_trouble", "at least 3")
    (row,) = short(two_ways, {"asb_incidents": 0}).values()
    assert row["criteria"] == "some_trouble;much_trouble"


def test_without_families_there_is_nobody() -> None:
    rules = rules_of(eligible={**SOME_ADULT, "that": {"measure": BENEFIT, "is": True}})
    member = {key: fact_type(measure.unit) for key, (measure, _) in rules.member_measures.items()}
    ids = {"family_id": pl.String, "subject_id": pl.String, **{role.key: pl.Boolean for role in rules.roles}}
    nobody = Facts(
        AS_OF, pl.DataFrame(schema={"family_id": pl.String, "engaged_on": pl.Date}), pl.DataFrame(schema=ids | member)
    )
    assert one_fact_short(nobody, rules).is_empty()
