"""What one node of the rule language asks of durable-rules: the fields of its fact, and the condition of each verdict.

In: a node, its limits as of the day, and names for fields. Out: a clause. A test's fact holds what was read off the
evidence; any other node's fact holds a tally: how many of its parts have which verdict. The conditions of one clause
exclude each other and leave nothing out, so that one rule fires for every fact, whatever the order of rules.

Conditions compare a field with a literal of its own type, or with another whole number of the same fact, and nothing
else. Shares are compared by cross-multiplying: both products are fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbr.engines.durable.ruleset import Condition, Fields, whole
from pbr.rulebook.model import AllOf, AnyOf, AtLeast, CriterionRef, Every, ReducedBy, Some, Test
from pbr.rulebook.rules import Rules
from pbr.values import Verdict

MET, NOT_MET, UNKNOWN, NOT_APPLICABLE = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE

Bounds = list[int] | None
Reading = tuple[int | bool | str | None, int | None, str | None, Bounds]
"""A fact's value, a share's denominator, why the value is null, and its bounds where links leave it open."""
Name = Callable[[str], str]
"""A field's name in durable-rules for what it holds, in words."""
Conditions = tuple[tuple[Verdict, tuple[Condition, ...]], ...]

NOT_READ: Reading = (None, None, None, None)

_OPERATORS = {
    "at_least": ("$gte", "$lt"),
    "more_than": ("$gt", "$lte"),
    "at_most": ("$lte", "$gt"),
    "less_than": ("$lt", "$gte"),
}
"""Each comparator's operator, and the one that is true where it is not."""
_MORE = ("at_least", "more_than")
"""The comparators that a larger number passes."""


@dataclass(frozen=True)
class TestClause:
    """A test of facts: `reads` are their keys; `fields` turns their readings into the fact that is asserted."""

    reads: tuple[str, ...]
    conditions: Conditions
    fields: Callable[[Mapping[str, Reading]], Fields]


@dataclass(frozen=True)
class TallyClause:
    """A node made of others: `fields` turns the verdicts of its parts, or of its subjects, into its tally."""

    conditions: Conditions
    fields: Callable[[Sequence[Verdict]], Fields]


Clause = TestClause | TallyClause


def test(node: Test, rules: Rules, name: Name) -> TestClause:
    """One fact against one limit. Of a number, both ends of what it can be: they are one where it is known."""
    key = rules.fact_key(node.measure)
    null = name(f"{key} is null")
    comparison = _words if node.comparison[0] in ("is", "is_one_of") else _numbers
    conditions, known = comparison(node, key, rules, name)

    def fields(readings: Mapping[str, Reading]) -> Fields:
        reading = readings.get(key, NOT_READ)
        return {null: True} if not _ends(reading) else known(reading)

    return TestClause((key,), (*conditions, (UNKNOWN, ({null: True},))), fields)


Known = Callable[[Reading], Fields]
"""The fields that the conditions ask for, from a reading that is not null."""


def _words(node: Test, key: str, rules: Rules, name: Name) -> tuple[Conditions, Known]:
    """True or false, or one of some words."""
    comparator, limit = node.comparison
    if comparator == "is":
        value = name(key)
        conditions: Conditions = ((MET, ({value: limit},)), (NOT_MET, ({value: not limit},)))
        return conditions, lambda reading: {value: bool(reading[0])}
    codes = {code: name(f"{key} has {code}") for code in rules.codes(str(limit))}
    any_of: Condition = {"$or": [{field: True} for field in codes.values()]}

    def held(reading: Reading) -> Fields:
        words = str(reading[0]).split(";")
        return {field: code in words for code, field in codes.items()}

    return ((MET, (any_of,)), (NOT_MET, tuple({field: False} for field in codes.values()))), held


def _numbers(node: Test, key: str, rules: Rules, name: Name) -> tuple[Conditions, Known]:
    """A number or a share. Met where both ends pass, and not met where neither does."""
    comparator, limit = node.comparison
    passes, fails = _OPERATORS[comparator]
    least, most = name(f"{key}, least"), name(f"{key}, most")
    bound: tuple[Any, Any]
    if node.measure.unit == "share":
        share = rules.share(str(limit))
        of_least, of_most = name(f"{key}, of least * {share.numerator}"), name(f"{key}, of most * {share.numerator}")
        least, most = name(f"{key}, least * {share.denominator}"), name(f"{key}, most * {share.denominator}")
        bound = ({"$m": of_least}, {"$m": of_most})

        def known(reading: Reading) -> Fields:
            (low, of_low), (high, of_high) = _ends(reading)
            assert of_low is not None and of_high is not None, key
            return {
                least: whole(low * share.denominator, key),
                most: whole(high * share.denominator, key),
                of_least: whole(of_low * share.numerator, key),
                of_most: whole(of_high * share.numerator, key),
            }

    else:
        number = whole(rules.number(str(limit)), str(limit))
        bound = (number, number)

        def known(reading: Reading) -> Fields:
            (low, _), (high, _) = _ends(reading)
            return {least: whole(low, key), most: whole(high, key)}

    # Which end must pass for both to: the least one where more is better, and the other where less is.
    hard, easy = ((least, bound[0]), (most, bound[1])) if comparator in _MORE else ((most, bound[1]), (least, bound[0]))
    conditions: Conditions = (
        (MET, ({passes: dict([hard])},)),
        (NOT_MET, ({fails: dict([easy])},)),
        (UNKNOWN, ({fails: dict([hard])}, {passes: dict([easy])})),
    )
    return conditions, known


def reduced_by(node: ReducedBy, rules: Rules, name: Name) -> TestClause:
    """A count against its baseline, b to c: (b - c) / b >= n/d is c * d <= b * (d - n), where b > 0.

    Where b = 0 that comparison says that c = 0, so it alone tells not met. Both counts have two ends, which are one
    where a count is known: met where even the fewest before and the most since are a fall by the share.
    """
    now, before = rules.fact_key(node.measure), rules.fact_key(node.baseline)
    share = rules.share(node.reduced_by)
    left, right = share.denominator, share.denominator - share.numerator
    null = name(f"{now} or {before} is null")
    count, most_count = name(f"{now}, least"), name(f"{now}, most")
    baseline, most_baseline = name(f"{before}, least"), name(f"{before}, most")
    product, most_product = name(f"{now}, least * {left}"), name(f"{now}, most * {left}")
    bound, most_bound = name(f"{before}, least * {right}"), name(f"{before}, most * {right}")

    def fields(readings: Mapping[str, Reading]) -> Fields:
        since, start = _ends(readings.get(now, NOT_READ)), _ends(readings.get(before, NOT_READ))
        if not since or not start:
            return {null: True}
        (c, _), (most_c, _) = since
        (b, _), (most_b, _) = start
        return {
            count: c,
            most_count: most_c,
            baseline: b,
            most_baseline: most_b,
            product: whole(c * left, now),
            most_product: whole(most_c * left, now),
            bound: whole(b * right, before),
            most_bound: whole(most_b * right, before),
        }

    at_best: Condition = {"$lte": {product: {"$m": most_bound}}}
    at_worst: Condition = {"$lte": {most_product: {"$m": bound}}}
    conditions: Conditions = (
        (MET, ({"$gt": {baseline: 0}}, at_worst)),
        (NOT_MET, ({"$gt": at_best["$lte"]},)),
        (NOT_APPLICABLE, ({most_baseline: 0}, {most_count: 0})),
        (UNKNOWN, ({"$gt": {baseline: 0}}, {"$gt": at_worst["$lte"]}, at_best)),
        (UNKNOWN, ({baseline: 0}, {"$gt": {most_baseline: 0}}, at_best)),
        (UNKNOWN, ({most_baseline: 0}, {count: 0}, {"$gt": {most_count: 0}})),
        (UNKNOWN, ({null: True},)),
    )
    return TestClause((now, before), conditions, fields)


def tally(node: AllOf | AnyOf | AtLeast | Every | Some, rules: Rules, name: Name) -> TallyClause:
    """Parts or subjects counted by verdict; those to which the node does not apply are not counted."""
    met, not_met, unknown = name("met"), name("not met"), name("unknown")
    none_left: tuple[Condition, ...] = ({not_met: 0}, {unknown: 0}, {met: 0})
    conditions: Conditions
    match node:
        case AllOf() | Every():
            conditions = (
                (NOT_MET, ({"$gt": {not_met: 0}},)),
                (UNKNOWN, ({not_met: 0}, {"$gt": {unknown: 0}})),
                (MET, ({not_met: 0}, {unknown: 0}, {"$gt": {met: 0}})),
                (NOT_APPLICABLE, none_left),
            )
        case AnyOf() | Some():
            conditions = (
                (MET, ({"$gt": {met: 0}},)),
                (UNKNOWN, ({met: 0}, {"$gt": {unknown: 0}})),
                (NOT_MET, ({met: 0}, {unknown: 0}, {"$gt": {not_met: 0}})),
                (NOT_APPLICABLE, tuple(reversed(none_left))),
            )
        case AtLeast():
            return _at_least(whole(rules.number(node.at_least), node.at_least), met, name)

    def fields(verdicts: Sequence[Verdict]) -> Fields:
        return {met: verdicts.count(MET), not_met: verdicts.count(NOT_MET), unknown: verdicts.count(UNKNOWN)}

    return TallyClause(conditions, fields)


def _at_least(needed: int, met: str, name: Name) -> TallyClause:
    possible, left = name("met or unknown"), name("met, not met or unknown")
    some_left: Condition = {"$gt": {left: 0}}
    conditions: Conditions = (
        (MET, (some_left, {"$gte": {met: needed}})),
        (NOT_MET, (some_left, {"$lt": {possible: needed}})),
        (UNKNOWN, (some_left, {"$lt": {met: needed}}, {"$gte": {possible: needed}})),
        (NOT_APPLICABLE, ({left: 0},)),
    )

    def fields(verdicts: Sequence[Verdict]) -> Fields:
        counted, could = verdicts.count(MET), verdicts.count(MET) + verdicts.count(UNKNOWN)
        return {met: counted, possible: could, left: could + verdicts.count(NOT_MET)}

    return TallyClause(conditions, fields)


def when(name: Name) -> TallyClause:
    """`then` where the condition is met; not applicable where it is not; else the condition's verdict."""
    condition, then = name("when"), name("then")
    conditions: Conditions = (
        *((verdict, ({condition: MET.value}, {then: verdict.value})) for verdict in Verdict),
        (NOT_APPLICABLE, ({condition: NOT_MET.value},)),
        (NOT_APPLICABLE, ({condition: NOT_APPLICABLE.value},)),
        (UNKNOWN, ({condition: UNKNOWN.value},)),
    )
    return TallyClause(conditions, lambda verdicts: {condition: verdicts[0].value, then: verdicts[1].value})


def follows(node: CriterionRef, name: Name) -> TallyClause:
    """A criterion or route that is another criterion: its verdict."""
    criterion = name(node.criterion)
    conditions = tuple((verdict, ({criterion: verdict.value},)) for verdict in Verdict)
    return TallyClause(conditions, lambda verdicts: {criterion: verdicts[0].value})


def _ends(reading: Reading) -> tuple[tuple[int, int | None], ...]:
    """The least and the most that a fact can be, each with its denominator; nothing where it is not known at all."""
    value, of, _, bounds = reading
    if value is not None:
        number = value if isinstance(value, int) else 0
        return (number, of), (number, of)
    match bounds:
        case [least, most]:
            return (least, None), (most, None)
        case [least, of_least, most, of_most]:
            return (least, of_least), (most, of_most)
        case _:
            return ()
