"""What is called certain is so of every family: by random packs, and by trying each family of a small world.

The reference engine is what the language means; it knows nothing of what is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import combinations_with_replacement, product
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbr.engines.reference import Fact, Family, FamilyJudgement, Judgement, Member, judge, read_families
from pbr.measures.facts import Facts
from pbr.rulebook.load import load_pack
from pbr.rulebook.measures import NeedsIdentified, NeedsOutstanding
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    Criterion,
    CriterionRef,
    Every,
    InForce,
    Pack,
    Parameter,
    Some,
    When,
)
from pbr.rulebook.model import (
    Test as OneTest,
)
from pbr.rulebook.reach import certain
from pbr.rulebook.rules import Rules
from pbr.values import Share, Verdict
from tests.engines.random_rules import AS_OF, ENGAGED, decisions

Path = tuple[str | int, ...]


def certainties(pack: Pack, engaged: date, as_of: date) -> dict[Path, bool]:
    """The tests that are certain for families engaged on one day as of another, and whether they are always met."""
    day = {"citation": "c", "standing": "local"}
    whom = InForce.model_validate(
        {"engaged": {"from": engaged, "until": engaged}, "decided": {"from": as_of, "until": as_of}, **day}
    )
    sections = {"eligibility": pack.eligibility, "results": pack.results, "routes": pack.routes}
    return {one.path: one.met for one in certain(sections, pack.flags, pack.parameters, [whom])}


def verdicts(judged: FamilyJudgement) -> Iterator[tuple[Path, Verdict]]:
    """Every verdict of a family, by the place of its test."""
    for section in ("eligibility", "results", "routes"):
        for name, judgement in getattr(judged, section).items():
            yield from _verdicts((section, name, "test"), judgement)


def _verdicts(path: Path, judged: Judgement) -> Iterator[tuple[Path, Verdict]]:
    steps: Iterable[Path]
    match judged.node:
        case CriterionRef():
            return
        case OneTest():
            yield (*path, judged.node.comparison[0]), judged.verdict
            return
        case AllOf():
            steps = (("all_of", position) for position in range(len(judged.parts)))
        case AnyOf():
            steps = (("any_of", position) for position in range(len(judged.parts)))
        case AtLeast():
            steps = (("of", position) for position in range(len(judged.parts)))
        case When():
            steps = (("when",), ("then",))
        case Every() | Some():
            steps = (("that",) for _ in judged.parts)
        case _:
            steps = ()
    yield path, judged.verdict
    for step, part in zip(steps, judged.parts, strict=False):
        yield from _verdicts((*path, *step), part)


def with_needs_of_their_lists(family: Family, rules: Rules) -> Family:
    """The family without more needs than a list has."""
    facts = dict(family.facts)
    for key, measure in rules.family_measures.items():
        value = facts[key].value
        if isinstance(measure, NeedsIdentified | NeedsOutstanding) and value is not None:
            facts[key] = replace(facts[key], value=min(int(value), len(rules.codes(measure.needs))))
    return replace(family, facts=facts)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(decisions())
def test_no_family_meets_what_is_never_met_or_fails_what_always_is(drawn: tuple[Facts, Rules]) -> None:
    facts, rules = drawn
    found = certainties(rules.written, ENGAGED, AS_OF)
    for family in read_families(facts, rules):
        for path, verdict in verdicts(judge(with_needs_of_their_lists(family, rules), rules)):
            if path in found:
                assert verdict is not (Verdict.NOT_MET if found[path] else Verdict.MET), path


# ------------------------------------------------------------------------------------ every family of a small world


FIGURES: dict[str, tuple[str, Any]] = {
    "one": ("count", 1),
    "two": ("count", 2),
    "three": ("count", 3),
    "fall": ("share", Share(1, 3)),
    "months": ("months", 6),
    "terms": ("terms", 3),
    "concern": ("need", "debt"),
}
LIMITS = st.tuples(st.sampled_from(["at_least", "more_than", "at_most", "less_than"]), st.sampled_from(["one", "two"]))
INCIDENTS = {"name": "asb_incidents", "last_months": "months"}
BEFORE = {"name": "asb_incidents", "months_before_engagement": "months"}
NEED = {"name": "need_identified", "need": "concern", "on": "engagement"}
SUSPENSIONS = {"name": "suspensions", "last_terms": "terms", "at": "as_of"}
FALL = {"measure": INCIDENTS, "against": {"months_before_engagement": "months"}, "reduced_by": "fall"}


def limited(measure: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return LIMITS.map(lambda limit: {"measure": measure, limit[0]: limit[1]})


def composed(tests: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        tests,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: {"all_of": tuple(parts)}),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: {"any_of": tuple(parts)}),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: {"at_least": "two", "of": tuple(parts)}),
            st.builds(lambda when, then: {"when": when, "then": then}, inner, inner),
        ),
        max_leaves=5,
    )


ABOUT_CHILDREN = st.builds(
    lambda quantity, test: {quantity: "school_age_child", "at": "as_of", "last_terms": "terms", "that": test},
    st.sampled_from(["every", "some"]),
    st.one_of(limited(SUSPENSIONS), composed(limited(SUSPENSIONS))),
)
ABOUT_FAMILY = st.one_of(limited(INCIDENTS), limited(BEFORE), st.just(FALL), st.just({"measure": NEED, "is": True}))


PHASE_1 = load_pack("phase-1").pack


def small_world(results: dict[str, Any]) -> Pack:
    """Phase 1 with other results and figures, and nothing else."""

    def parameter(unit: str, value: Any) -> Parameter:
        dated = {"from": date(2012, 4, 1), "value": value, "citation": "c", "standing": "local"}
        return Parameter.model_validate({"title": "t", "unit": unit, "values": (dated,)})

    whole = {"title": "t", "citation": "c", "standing": "local"}
    return PHASE_1.model_copy(
        update={
            "parameters": {name: parameter(*figure) for name, figure in FIGURES.items()},
            "eligibility": {},
            "results": {name: Criterion.model_validate({**whole, "test": test}) for name, test in results.items()},
            "routes": {},
            "flags": {},
        }
    )


def families(rules: Rules) -> Iterator[Family]:
    """Every family whose facts differ as far as limits of 1 and 2 can tell: of none to three children."""
    values: dict[str, Iterable[int | bool]] = {
        "asb_incidents(last_months: 6)": range(4),
        "asb_incidents(months_before_engagement: 6)": range(6),
        "need_identified(on: engagement, need: debt)": (True, False),
    }
    read = {key: values[key] for key in rules.family_measures}
    role = next((role.key for role in rules.roles), "")
    for facts in product(*read.values()):
        known = {key: Fact(value, None, None, ()) for key, value in zip(read, facts, strict=True)}
        for count in range(4 if role else 1):
            for suspended in combinations_with_replacement(range(4), count):
                members = (
                    Member(
                        str(n), frozenset({role}), {key: Fact(value, None, None, ()) for key in rules.member_measures}
                    )
                    for n, value in enumerate(suspended)
                )
                yield Family("F", known, tuple(members))


def alone(test: Any, path: Path = (), of_children: bool = False) -> Iterator[tuple[Path, dict[str, Any], bool]]:
    """A test and those inside it, each as a criterion of its own, and whether it is asked of some child."""
    if not isinstance(test, dict) or "measure" in test:
        limit = next((key for key in test if key in ("at_least", "more_than", "at_most", "less_than", "is")), None)
        path = (*path, limit) if limit else path
    else:
        for key, inner in test.items():
            parts = enumerate(inner) if isinstance(inner, tuple) else [(None, inner)] if isinstance(inner, dict) else []
            for position, part in parts:
                steps = (key,) if position is None else (key, position)
                yield from alone(part, (*path, *steps), of_children or key == "that")
    asked = {"some": "school_age_child", "at": "as_of", "last_terms": "terms", "that": test} if of_children else test
    yield path, asked, of_children


def smallest_certain(test: dict[str, Any]) -> dict[Path, bool]:
    """By trying all families: the tests that none meets or none fails, without those with such a test inside."""
    tests = {f"r{n}": one for n, one in enumerate(alone(test))}
    rules = Rules(small_world({name: asked for name, (_, asked, _) in tests.items()}), AS_OF, "0" * 64, engaged=ENGAGED)
    seen: dict[str, set[Verdict]] = {name: set() for name in tests}
    for family in families(rules):
        for name, judged in judge(family, rules).results.items():
            of_children = tests[name][2]
            seen[name] |= {one.verdict for one in (judged.parts if of_children else (judged,))}
    certain_ones = {
        tests[name][0]: Verdict.MET in found
        for name, found in seen.items()
        if not {Verdict.MET, Verdict.NOT_MET} <= found
    }
    return {
        path: met
        for path, met in certain_ones.items()
        if not any(other != path and other[: len(path)] == path for other in certain_ones)
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(composed(ABOUT_FAMILY), composed(ABOUT_CHILDREN)))
def test_in_a_small_world_just_those_tests_are_certain_that_no_family_meets_or_fails(test: dict[str, Any]) -> None:
    found = certainties(small_world({"r": test}), ENGAGED, AS_OF)
    assert {path[3:]: met for path, met in found.items()} == smallest_certain(test)
