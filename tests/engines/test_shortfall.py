"""One fact short: whoever would be eligible if one fact were another, and only they, with the values that would do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, assume, given, settings

from pbr.engines import reference
from pbr.engines.bulk import measures_of
from pbr.engines.reference import Fact, Family
from pbr.engines.shortfall import one_fact_short
from pbr.measures.facts import Facts
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import ReducedBy
from pbr.rulebook.model import Test as OneTest
from pbr.rulebook.rules import Rules, walk
from pbr.values import Share
from tests.engines.random_rules import decisions

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
