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

from pbr.engines.durable.ruleset import Condition, Fields, whole
from pbr.rulebook.model import AllOf, AnyOf, AtLeast, CriterionRef, Every, ReducedBy, Some, Test
from pbr.rulebook.rules import Rules
from pbr.values import Verdict

MET, NOT_MET, UNKNOWN, NOT_APPLICABLE = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE

Reading = tuple[int | bool | str | None, int | None, str | None]
"""A fact's value, a share's denominator, and why the value is null."""
Name = Callable[[str], str]
"""A field's name in durable-rules for what it holds, in words."""
Conditions = tuple[tuple[Verdict, tuple[Condition, ...]], ...]

NOT_READ: Reading = (None, None, None)

_OPERATORS = {
    "at_least": ("$gte", "$lt"),
    "more_than": ("$gt", "$lte"),
    "at_most": ("$lte", "$gt"),
    "less_than": ("$lt", "$gte"),
}
"""Each comparator's operator, and the one that is true where it is not."""


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
    """One fact against one limit."""
    key = rules.fact_key(node.measure)
    null = name(f"{key} is null")
    met, not_met, known = _comparison(node, key, rules, name)

    def fields(readings: Mapping[str, Reading]) -> Fields:
        reading = readings.get(key, NOT_READ)
        return {null: True} if reading[0] is None else known(reading)

    return TestClause((key,), ((MET, met), (NOT_MET, not_met), (UNKNOWN, ({null: True},))), fields)


def _comparison(
    node: Test, key: str, rules: Rules, name: Name
) -> tuple[tuple[Condition, ...], tuple[Condition, ...], Callable[[Reading], Fields]]:
    """When the test of a known value is met, when not, and the fields that both ask for."""
    comparator, limit = node.comparison
    if comparator == "is":
        value = name(key)
        return ({value: limit},), ({value: not limit},), lambda reading: {value: bool(reading[0])}
    if comparator == "is_one_of":
        codes = {code: name(f"{key} has {code}") for code in rules.codes(str(limit))}
        any_of: Condition = {"$or": [{field: True} for field in codes.values()]}

        def words(reading: Reading) -> Fields:
            held = str(reading[0]).split(";")
            return {field: code in held for code, field in codes.items()}

        return (any_of,), tuple({field: False} for field in codes.values()), words
    met, not_met = _OPERATORS[comparator]
    if node.measure.unit == "share":
        share = rules.share(str(limit))
        left, right = name(f"{key} * {share.denominator}"), name(f"{key}, of * {share.numerator}")

        def products(reading: Reading) -> Fields:
            value, of = _number(reading, key), reading[1]
            assert of is not None, key
            return {left: whole(value * share.denominator, key), right: whole(of * share.numerator, key)}

        return ({met: {left: {"$m": right}}},), ({not_met: {left: {"$m": right}}},), products
    number, value = whole(rules.number(str(limit)), str(limit)), name(key)
    return ({met: {value: number}},), ({not_met: {value: number}},), lambda reading: {value: _number(reading, key)}


def reduced_by(node: ReducedBy, rules: Rules, name: Name) -> TestClause:
    """A count against its baseline, b to c: (b - c) / b >= n/d is c * d <= b * (d - n), where b > 0.

    Where b = 0 that comparison says that c = 0, so it alone tells not met.
    """
    now, before = rules.fact_key(node.measure), rules.fact_key(node.baseline)
    share = rules.share(node.reduced_by)
    left, right = share.denominator, share.denominator - share.numerator
    count, baseline, null = name(now), name(before), name(f"{now} or {before} is null")
    product, bound = name(f"{now} * {left}"), name(f"{before} * {right}")
    bounded: Condition = {product: {"$m": bound}}

    def fields(readings: Mapping[str, Reading]) -> Fields:
        c, b = readings.get(now, NOT_READ), readings.get(before, NOT_READ)
        if c[0] is None or b[0] is None:
            return {null: True}
        after, start = _number(c, now), _number(b, before)
        return {
            count: after,
            baseline: start,
            product: whole(after * left, now),
            bound: whole(start * right, before),
        }

    conditions: Conditions = (
        (MET, ({"$gt": {baseline: 0}}, {"$lte": bounded})),
        (NOT_MET, ({"$gt": bounded},)),
        (NOT_APPLICABLE, ({baseline: 0}, {count: 0})),
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


def _number(reading: Reading, key: str) -> int:
    value = reading[0]
    assert isinstance(value, int), key
    return whole(value, key)
