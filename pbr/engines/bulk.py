"""All families at once: the rule language compiled to Polars expressions, for analysts and as the cross-check.

In: facts and rules. Out: findings. A verdict is a small whole number, so chosen that `any of` is the greatest of its
parts and `all of` the same seen through negation (De Morgan's law holds of the four values); reasons are bits; and a
third column says whether the verdict rests on an unverified parameter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import polars as pl

from pbr.engines.findings import ORDER, SCHEMA
from pbr.measures.facts import Facts
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    Criterion,
    CriterionRef,
    Every,
    Expression,
    NearThresholdFlag,
    ReducedBy,
    Some,
    Test,
    UnverifiedRuleFlag,
    When,
)
from pbr.rulebook.rules import Rules, parts, walk
from pbr.values import REASONS, Share, Verdict

NOT_APPLICABLE, NOT_MET, UNKNOWN, MET = range(4)
VERDICTS = {
    NOT_APPLICABLE: Verdict.NOT_APPLICABLE.value,
    NOT_MET: Verdict.NOT_MET.value,
    UNKNOWN: Verdict.UNKNOWN.value,
    MET: Verdict.MET.value,
}
REASON_BITS = pl.UInt16
BIT = {code: 1 << place for place, code in enumerate(REASONS)}
REASON_TEXT = {bits: ";".join(code for code, bit in BIT.items() if bits & bit) for bits in range(1 << len(REASONS))}
BITS = {text: bits for bits, text in REASON_TEXT.items() if text}

Quantifier = Every | Some
Reading = tuple[pl.Expr, pl.Expr]
"""A fact's value, and a share's denominator."""


@dataclass(frozen=True)
class Judged:
    """Three expressions of one node: its verdict, its reasons' bits, and whether it rests on something unverified."""

    verdict: pl.Expr
    reasons: pl.Expr
    unverified: pl.Expr


@dataclass(frozen=True)
class Supposed:
    """What a fact is taken to be in place of what it is: its value, and a share's denominator."""

    value: pl.Expr
    of: pl.Expr


@dataclass(frozen=True)
class Scope:
    """What expressions are compiled against: the facts of a frame's rows and what is already judged of them.

    `supposed` puts other facts in the place of some, by key. `known` gives nodes, and criteria by id, that are already
    columns of the frame.
    """

    rules: Rules
    known: Mapping[Expression | str, Judged] = field(default_factory=dict)
    supposed: Mapping[str, Supposed] = field(default_factory=dict)

    def value(self, measure: Measure) -> pl.Expr:
        key = self.rules.fact_key(measure)
        return self.supposed[key].value if key in self.supposed else pl.col(key).struct.field("value")

    def of(self, measure: Measure) -> pl.Expr:
        key = self.rules.fact_key(measure)
        return self.supposed[key].of if key in self.supposed else pl.col(key).struct.field("of")

    def least(self, measure: Measure) -> Reading:
        """Value and denominator, or the least there can be where links leave that open; null where nothing is known."""
        return self._end(measure, 0)

    def most(self, measure: Measure) -> Reading:
        return self._end(measure, 1)

    def _end(self, measure: Measure, end: int) -> Reading:
        key = self.rules.fact_key(measure)
        if key in self.supposed or measure.unit in ("boolean", "words"):
            return self.value(measure), self.of(measure)
        bounds = pl.col(key).struct.field("bounds").list
        if measure.unit != "share":
            return pl.coalesce(self.value(measure), bounds.get(end, null_on_oob=True)), self.of(measure)
        return (
            pl.coalesce(self.value(measure), bounds.get(2 * end, null_on_oob=True)),
            pl.coalesce(self.of(measure), bounds.get(2 * end + 1, null_on_oob=True)),
        )

    def reason(self, measure: Measure) -> pl.Expr:
        code = pl.col(self.rules.fact_key(measure)).struct.field("reason")
        return code.replace_strict(BITS, default=0, return_dtype=REASON_BITS)


def decide(facts: Facts, rules: Rules) -> pl.DataFrame:
    """Findings of every family in the facts: the columns of `FINDINGS` but `decision_id`, in their order."""
    pack = rules.pack
    quantifiers = quantifiers_in(rules.expressions())
    members, tallied = judge_members(facts, quantifiers, rules)
    known: dict[Expression | str, Judged] = {q: quantified(q, n, rules) for n, q in enumerate(quantifiers)}
    judged = facts.families.join(tallied.collect(), on="family_id", how="left", maintain_order="left")
    for group in (pack.eligibility, pack.results):
        for name, criterion in group.items():
            judged = _with_judged(judged, name, criterion.test, Scope(rules, known))
            known[name] = _columns(name)
    scope = Scope(rules, known)
    for name, route in pack.routes.items():
        judged = _with_judged(judged, f"route {name}", route.test, scope)
    flags = {name: _flags(name, judged, members, quantifiers, scope) for name in pack.routes}
    judged = judged.with_columns(
        **{
            f"flags {name}": pl.concat_list(
                pl.when(pl.Series(raised)).then(pl.lit(flag)) for flag, raised in of_route.items()
            )
            .list.drop_nulls()
            .list.join(";")
            for name, of_route in flags.items()
            if of_route
        }
    )
    rows = pl.concat([*_family_rows(judged, rules), *_member_rows(members, quantifiers, rules)]).with_columns(
        verdict=pl.col("verdict").replace_strict(VERDICTS, return_dtype=pl.String),
        reason=pl.col("reason").replace_strict(REASON_TEXT, return_dtype=pl.String),
    )
    columns = [name for name in SCHEMA if name != "decision_id"]
    return rows.select(columns).sort(ORDER).collect()


def _columns(name: str) -> Judged:
    return Judged(*[pl.col(column) for column in _names(name)])


def _with_judged(frame: pl.DataFrame, name: str, test: Expression, scope: Scope) -> pl.DataFrame:
    """The frame with a test judged, in the three columns of `name`."""
    inner, known = _with_parts(frame, test, scope)
    return _with_columns(inner, name, judge(test, known)).select(*frame.columns, *_names(name))


def _with_parts(frame: pl.DataFrame, test: Expression, scope: Scope) -> tuple[pl.DataFrame, Scope]:
    """The frame with everything inside a test judged, innermost first, and the scope that knows it.

    An expression of verdicts holds those of its parts several times, so that a whole test as one expression grows with
    every level, and Polars takes seconds over it however few the families are.
    """
    known = dict(scope.known)
    for node in reversed(list(_walk_unknown(test, known))[1:]):
        if node not in known:
            name = f"part {len(known)}"
            frame = _with_columns(frame, name, judge(node, replace(scope, known=known)))
            known[node] = _columns(name)
    return frame, replace(scope, known=known)


def _walk_unknown(node: Expression, known: Mapping[Expression | str, Judged]) -> Iterator[Expression]:
    """A node and everything inside it, outermost first, but what is known."""
    if node in known or isinstance(node, CriterionRef):
        return
    yield node
    for part in parts(node):
        yield from _walk_unknown(part, known)


def _names(name: str) -> list[str]:
    return [f"{name} {what}" for what in ("verdict", "reasons", "unverified")]


def _with_columns(frame: pl.DataFrame, name: str, judged: Judged) -> pl.DataFrame:
    return frame.with_columns(
        judged.verdict.cast(pl.UInt8).alias(f"{name} verdict"),
        judged.reasons.cast(REASON_BITS).alias(f"{name} reasons"),
        judged.unverified.alias(f"{name} unverified"),
    )


# ----------------------------------------------------------------------------------------------------- expressions


def judge(node: Expression, scope: Scope) -> Judged:
    """A node for the rows of the scope's frame. Quantifiers, and the criteria that it refers to, are known there."""
    if (known := scope.known.get(node)) is not None:
        return known
    rules = scope.rules
    match node:
        case Test():
            least, most = (_passes(node, end, rules) for end in (scope.least(node.measure), scope.most(node.measure)))
            verdict = pl.when(least & most).then(MET).when(~least & ~most).then(NOT_MET).otherwise(UNKNOWN)
            reasons = pl.when(verdict == UNKNOWN).then(scope.reason(node.measure)).otherwise(0)
            return Judged(verdict, reasons, pl.lit(rules.is_unverified(node)))
        case ReducedBy():
            return _reduced_by(node, scope)
        case AllOf():
            return _all_of([judge(part, scope) for part in node.all_of])
        case AnyOf():
            return _any_of([judge(part, scope) for part in node.any_of])
        case AtLeast():
            return _at_least(node, [judge(part, scope) for part in node.of], rules)
        case When():
            condition, then = judge(node.when, scope), judge(node.then, scope)
            is_met = condition.verdict == MET
            lapsed = pl.when(condition.verdict == NOT_MET).then(BIT["condition_not_met"]).otherwise(condition.reasons)
            return Judged(
                pl.when(is_met)
                .then(then.verdict)
                .when(condition.verdict == UNKNOWN)
                .then(UNKNOWN)
                .otherwise(NOT_APPLICABLE),
                pl.when(is_met).then(then.reasons).otherwise(lapsed),
                condition.unverified | (is_met & then.unverified),
            )
        case Every() | Some():
            raise AssertionError("members are judged before their families")
        case CriterionRef():
            return scope.known[node.criterion]


def _passes(node: Test, reading: Reading, rules: Rules) -> pl.Expr:
    """Whether a value passes a test; null where there is none. The tests of numbers are monotone: two ends tell all."""
    comparator, limit = node.comparison
    (value, of), name = reading, str(limit)
    if comparator == "is":
        return value == pl.lit(limit)
    if comparator == "is_one_of":
        fenced = pl.concat_str(pl.lit(";"), value, pl.lit(";"))
        found = pl.any_horizontal(fenced.str.contains(f";{code};", literal=True) for code in rules.codes(name))
        return pl.when(value.is_not_null()).then(found)
    if node.measure.unit == "share":
        share = rules.share(name)
        left, right = value * share.denominator, of * share.numerator
    else:
        left, right = value, pl.lit(rules.number(name))
    compare: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
        "at_least": operator.ge,
        "more_than": operator.gt,
        "at_most": operator.le,
        "less_than": operator.lt,
    }
    return compare[comparator](left, right)


def _reduced_by(node: ReducedBy, scope: Scope) -> Judged:
    """From b to c, each between its ends: met where even the fewest before and the most since are a fall by the share.

    (b - c) / b >= n/d is c * d <= b * (d - n) where b > 0; and where b = 0 that says that c = 0.
    """
    (before, _), (most_before, _) = scope.least(node.baseline), scope.most(node.baseline)
    (after, _), (most_after, _) = scope.least(node.measure), scope.most(node.measure)
    share: Share = scope.rules.share(node.reduced_by)
    kept = share.denominator - share.numerator
    unread = before.is_null() | after.is_null()
    enough = (before > 0) & (most_after * share.denominator <= before * kept)
    too_little = after * share.denominator > most_before * kept
    nothing = (most_before == 0) & (most_after == 0)
    verdict = (
        pl.when(unread)
        .then(UNKNOWN)
        .when(enough)
        .then(MET)
        .when(too_little)
        .then(NOT_MET)
        .when(nothing)
        .then(NOT_APPLICABLE)
        .otherwise(UNKNOWN)
    )
    reasons = scope.reason(node.measure) | scope.reason(node.baseline)
    return Judged(
        verdict,
        pl.when(verdict == UNKNOWN).then(reasons).when(verdict == NOT_APPLICABLE).then(BIT["no_baseline"]).otherwise(0),
        pl.lit(scope.rules.is_unverified(node)),
    )


def _negated(verdict: pl.Expr) -> pl.Expr:
    return (4 - verdict.cast(pl.Int8)) % 4


def _all_of(judged: list[Judged]) -> Judged:
    verdict = _negated(pl.max_horizontal(_negated(part.verdict) for part in judged))
    return _together(verdict, judged, deciding=NOT_MET)


def _any_of(judged: list[Judged]) -> Judged:
    verdict = pl.max_horizontal(part.verdict.cast(pl.Int8) for part in judged)
    return _together(verdict, judged, deciding=MET)


def _at_least(node: AtLeast, judged: list[Judged], rules: Rules) -> Judged:
    needed = rules.number(node.at_least)

    def count(verdict: int) -> pl.Expr:
        return pl.sum_horizontal((part.verdict == verdict).cast(pl.Int32) for part in judged)

    verdict = enough_of(needed, len(judged), count)
    found = _together(verdict, judged, deciding=MET)
    # Too few can be met because of those that are not, or do not apply; what the others are is no matter.
    fail = pl.any_horizontal(part.verdict.is_in([NOT_MET, NOT_APPLICABLE]) & part.unverified for part in judged)
    unverified = pl.when(verdict == NOT_MET).then(fail).otherwise(found.unverified)
    return replace(found, unverified=unverified | rules.is_unverified(node))


def enough_of(needed: int, parts: int, count: Callable[[int], pl.Expr]) -> pl.Expr:
    """The verdict of `at least n of`, from how many of the parts have which verdict."""
    return (
        pl.when(count(NOT_APPLICABLE) == parts)
        .then(NOT_APPLICABLE)
        .when(count(MET) >= needed)
        .then(MET)
        .when(count(MET) + count(UNKNOWN) < needed)
        .then(NOT_MET)
        .otherwise(UNKNOWN)
    )


def _together(verdict: pl.Expr, judged: list[Judged], deciding: int) -> Judged:
    """The reasons of the parts that share the verdict; a `deciding` verdict rests on those parts, any other on all."""
    shared = [pl.when(part.verdict == verdict).then(part.reasons).otherwise(0).cast(REASON_BITS) for part in judged]
    decisive = pl.any_horizontal((part.verdict == deciding) & part.unverified for part in judged)
    anyway = pl.any_horizontal(part.unverified for part in judged)
    return Judged(verdict, reduce(operator.or_, shared), pl.when(verdict == deciding).then(decisive).otherwise(anyway))


# ------------------------------------------------------------------------------------------------------ quantifiers


def quantifiers_in(tests: Iterable[Expression]) -> list[Quantifier]:
    """Every `every` and `some` of the tests, once; their places number the columns of what is judged of members."""
    return list(dict.fromkeys(node for test in tests for node in walk(test) if isinstance(node, Quantifier)))


def judge_members(facts: Facts, quantifiers: list[Quantifier], rules: Rules) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Every quantifier's body for every member, null for those who hold not its role; and its tallies by family."""
    members, columns, scope = facts.members, facts.members.columns, Scope(rules)
    for n, q in enumerate(quantifiers):
        members, scope = _with_parts(members, q.that, scope)
        judged, held = judge(q.that, scope), pl.col(rules.role(q).key)
        members = members.with_columns(
            pl.when(held).then(judged.verdict).cast(pl.UInt8).alias(f"q{n} verdict"),
            pl.when(held).then(judged.reasons).cast(REASON_BITS).alias(f"q{n} reasons"),
            pl.when(held).then(judged.unverified).alias(f"q{n} unverified"),
        )
        columns = [*columns, *_names(f"q{n}")]
    judged_members = members.select(columns).lazy()
    tallies = [expr for n in range(len(quantifiers)) for expr in _tally(n)]
    return judged_members, judged_members.group_by("family_id").agg(tallies)


def _tally(n: int) -> Iterator[pl.Expr]:
    verdict, reasons, unverified = (pl.col(f"q{n} {what}") for what in ("verdict", "reasons", "unverified"))
    for code in range(4):
        yield (verdict == code).sum().cast(pl.Int32).alias(f"q{n} count {code}")
        yield ((verdict == code) & unverified).any().alias(f"q{n} unverified {code}")
    for code in (UNKNOWN, NOT_APPLICABLE):
        yield reasons.filter(verdict == code).bitwise_or().fill_null(0).alias(f"q{n} reasons {code}")


def quantified(q: Quantifier, n: int, rules: Rules) -> Judged:
    """A quantifier for the family, from its tallies."""
    count = [pl.col(f"q{n} count {code}").fill_null(0) for code in range(4)]
    unverified = [pl.col(f"q{n} unverified {code}").fill_null(False) for code in range(4)]
    verdict = _of_counts(q, count)
    deciding = NOT_MET if isinstance(q, Every) else MET
    nobody = pl.sum_horizontal(count) == 0
    reasons = (
        pl.when(nobody)
        .then(BIT["no_subject"])
        .when(verdict == UNKNOWN)
        .then(pl.col(f"q{n} reasons {UNKNOWN}"))
        .when(verdict == NOT_APPLICABLE)
        .then(pl.col(f"q{n} reasons {NOT_APPLICABLE}"))
        .otherwise(0)
    )
    rests = pl.when(verdict == deciding).then(unverified[deciding]).otherwise(pl.any_horizontal(unverified))
    return Judged(verdict, reasons, rests | rules.is_unverified(q))


def with_one_changed(q: Quantifier, n: int, supposed: Mapping[str, Supposed], rules: Rules) -> tuple[pl.Expr, pl.Expr]:
    """A quantifier's verdict if one member's facts were others, and whether the member's own verdict would change.

    For a frame of members, with what is judged of each and with the tallies of their families.
    """
    own = pl.col(f"q{n} verdict")
    then = pl.when(pl.col(rules.role(q).key)).then(judge(q.that, Scope(rules, supposed=supposed)).verdict)
    # Both are null for a member who is none of the subjects.
    count = [
        pl.col(f"q{n} count {code}") + _is(then, code).cast(pl.Int32) - _is(own, code).cast(pl.Int32)
        for code in range(4)
    ]
    return _of_counts(q, count), (then != own).fill_null(False)


def _is(verdict: pl.Expr, code: int) -> pl.Expr:
    return (verdict == code).fill_null(False)


def _of_counts(q: Quantifier, count: list[pl.Expr]) -> pl.Expr:
    """The verdict of `every` or `some`, from how many subjects have which."""
    order = (NOT_MET, UNKNOWN, MET) if isinstance(q, Every) else (MET, UNKNOWN, NOT_MET)
    return pl.coalesce([pl.when(count[code] > 0).then(pl.lit(code)) for code in order] + [pl.lit(NOT_APPLICABLE)])


# ----------------------------------------------------------------------------------------------------------- flags


def _flags(
    route: str, judged: pl.DataFrame, members: pl.LazyFrame, quantifiers: list[Quantifier], scope: Scope
) -> dict[str, pl.Series]:
    """Which families have which flag on a route, in the order of `judged`."""
    raised = {}
    for name, flag in scope.rules.pack.flags.items():
        match flag:
            case ConditionFlag():
                raised[name] = judged.select(_condition(flag, route, scope).alias(name)).to_series()
            case NearThresholdFlag():
                raised[name] = _near(flag, route, judged, members, quantifiers, scope)
            case UnverifiedRuleFlag():
                raised[name] = judged[f"route {route} unverified"]
    return raised


def _condition(flag: ConditionFlag, route: str, scope: Scope) -> pl.Expr:
    raised = pl.lit(True)
    if flag.met_routes is not None:
        raised = pl.lit(route in flag.met_routes) & (pl.col(f"route {route} verdict") == MET)
    if flag.when is not None:
        raised = raised & (judge(flag.when, scope).verdict == MET)
    if flag.unless is not None:
        raised = raised & (judge(flag.unless, scope).verdict != MET)
    # A literal alone would be one row; the frame's length comes from a column.
    return raised & pl.col("family_id").is_not_null()


def _near(
    flag: NearThresholdFlag,
    route: str,
    judged: pl.DataFrame,
    members: pl.LazyFrame,
    quantifiers: list[Quantifier],
    scope: Scope,
) -> pl.Series:
    rules = scope.rules
    now = pl.col(f"route {route} verdict")
    test = rules.pack.routes[route].test
    tests = criteria_behind(test, rules) | {f"route {route}": test}
    of_family, of_member = _steps(flag, tests.values(), rules)
    near = [pl.lit(False) & now.is_not_null()]
    for key, step in of_family.items():
        for move in (-step, step):
            moved = replace(scope, supposed={key: _moved(key, move)})
            then = _route_again(route, _reading(key, tests, rules), moved).verdict
            near.append(_can_move(key, move) & (then != now))
    found = judged.select("family_id", near=pl.any_horizontal(near))
    if of_member:
        kept = [name for name in judged.columns if name.startswith(("q", "route ")) or name.endswith(" verdict")]
        of_families = judged.lazy().select("family_id", *kept, *rules.family_measures)
        frame = members.join(of_families, on="family_id")
        moves = []
        for key, step in of_member.items():
            for move in (-step, step):
                moves.append(_member_near(key, move, route, frame, tests, quantifiers, scope))
        hits = pl.concat(moves).unique().collect()
        found = found.with_columns(near=pl.col("near") | pl.col("family_id").is_in(hits["family_id"].implode()))
    return found["near"]


def _member_near(
    key: str,
    move: int,
    route: str,
    frame: pl.LazyFrame,
    tests: Mapping[str, Expression],
    quantifiers: list[Quantifier],
    scope: Scope,
) -> pl.LazyFrame:
    """Families (`family_id`) where one member's fact, moved, changes the route's verdict."""
    rules, supposed = scope.rules, {key: _moved(key, move)}
    known = dict(scope.known)
    changed = []
    for n, q in enumerate(quantifiers):
        if key in facts_read(q, rules):
            verdict, is_changed = with_one_changed(q, n, supposed, rules)
            known[q] = replace(known[q], verdict=verdict)
            changed.append(is_changed)
    moved = replace(scope, known=known)
    again = _route_again(route, _reading(key, tests, rules), moved).verdict
    return (
        frame.filter(_can_move(key, move) & pl.any_horizontal(changed))
        .filter(again != pl.col(f"route {route} verdict"))
        .select("family_id")
    )


def _moved(key: str, move: int) -> Supposed:
    fact = pl.col(key).struct
    return Supposed(fact.field("value") + move, fact.field("of"))


def _can_move(key: str, move: int) -> pl.Expr:
    value, of = pl.col(key).struct.field("value"), pl.col(key).struct.field("of")
    moved = value + move
    return ((moved >= 0) & (of.is_null() | (moved <= of))).fill_null(False)


def criteria_behind(test: Expression, rules: Rules) -> dict[str, Expression]:
    """The tests of the criteria that a test refers to, directly or through others, by id, in the pack's order."""
    pack = rules.pack
    criteria: dict[str, Criterion] = {**pack.eligibility, **pack.results}
    wanted, seen = [test], set()
    while wanted:
        for node in walk(wanted.pop()):
            if isinstance(node, CriterionRef) and node.criterion not in seen:
                seen.add(node.criterion)
                wanted.append(criteria[node.criterion].test)
    return {name: criterion.test for name, criterion in criteria.items() if name in seen}


def _reading(key: str, tests: Mapping[str, Expression], rules: Rules) -> dict[str, Expression]:
    """Those of the criteria that read a fact, or refer to one that does, in order."""
    reading: dict[str, Expression] = {}
    for name, test in tests.items():
        refers = any(isinstance(node, CriterionRef) and node.criterion in reading for node in walk(test))
        if refers or key in facts_read(test, rules):
            reading[name] = test
    return reading


def _route_again(route: str, again: Mapping[str, Expression], scope: Scope) -> Judged:
    """The route judged anew, with the criteria in `again` judged anew before it."""
    known = dict(scope.known)
    for name, test in again.items():
        known[name] = judge(test, replace(scope, known=known))
    return known[f"route {route}"] if f"route {route}" in again else _columns(f"route {route}")


def _steps(flag: NearThresholdFlag, tests: Iterable[Expression], rules: Rules) -> tuple[dict[str, int], dict[str, int]]:
    """The steps by which the facts that the tests read can move: of the family, and of members."""
    family: dict[str, int] = {}
    member: dict[str, int] = {}
    for test in tests:
        for node in walk(test):
            for measure in measures_of(node):
                if measure.near is not None:
                    step = rules.number(getattr(flag, measure.near))
                    step = step // 7 if measure.unit == "weeks" else step
                    (family if measure.subject == "family" else member)[rules.fact_key(measure)] = step
    return family, member


def facts_read(test: Expression, rules: Rules) -> frozenset[str]:
    """The keys of the facts that a test reads itself, not through criteria that it refers to."""
    return frozenset(rules.fact_key(measure) for node in walk(test) for measure in measures_of(node))


def measures_of(node: Expression) -> tuple[Measure, ...]:
    """The measures that a node itself reads, its parts' left out."""
    match node:
        case Test():
            return (node.measure,)
        case ReducedBy():
            return (node.measure, node.baseline)
        case _:
            return ()


# ------------------------------------------------------------------------------------------------------------ rows


def _family_rows(judged: pl.DataFrame, rules: Rules) -> Iterator[pl.LazyFrame]:
    groups: tuple[tuple[str, str, Mapping[str, Criterion]], ...] = (
        ("eligibility", "", rules.pack.eligibility),
        ("result", "", rules.pack.results),
        ("route", "route ", rules.pack.routes),
    )
    for part, prefix, criteria in groups:
        for name, criterion in criteria.items():
            flags = pl.col(f"flags {name}") if part == "route" and f"flags {name}" in judged.columns else pl.lit("")
            values = _values(criterion.test, rules)
            yield _rows(judged.lazy(), part, name, pl.lit(""), f"{prefix}{name}", values, flags)


def _member_rows(members: pl.LazyFrame, quantifiers: list[Quantifier], rules: Rules) -> Iterator[pl.LazyFrame]:
    groups: tuple[tuple[str, Mapping[str, Criterion]], ...] = (
        ("eligibility", rules.pack.eligibility),
        ("result", rules.pack.results),
        ("route", rules.pack.routes),
    )
    for part, criteria in groups:
        for name, criterion in criteria.items():
            test = criterion.test
            if isinstance(test, Quantifier):
                holders = members.filter(pl.col(rules.role(test).key))
                prefix = f"q{quantifiers.index(test)}"
                flags = pl.lit("")
                yield _rows(holders, part, name, pl.col("subject_id"), prefix, _values(test.that, rules), flags)


def _values(node: Expression, rules: Rules) -> tuple[pl.Expr, pl.Expr]:
    """The value and baseline to write beside a verdict: empty where the criterion is made of several tests."""
    match node:
        case Test():
            return _written(node.measure, rules), pl.lit("")
        case ReducedBy():
            return _written(node.measure, rules), _written(node.baseline, rules)
        case _:
            return pl.lit(""), pl.lit("")


def _written(measure: Measure, rules: Rules) -> pl.Expr:
    fact = pl.col(rules.fact_key(measure)).struct
    value = fact.field("value").cast(pl.String)
    if measure.unit == "share":
        value = pl.concat_str(value, pl.lit("/"), fact.field("of").cast(pl.String))
    return value.fill_null("")


def _rows(
    frame: pl.LazyFrame,
    part: str,
    item: str,
    subject_id: pl.Expr,
    prefix: str,
    values: tuple[pl.Expr, pl.Expr],
    flags: pl.Expr,
) -> pl.LazyFrame:
    """One criterion's rows, the verdict and the reasons still numbers."""
    return frame.select(
        "family_id",
        part=pl.lit(part),
        item=pl.lit(item),
        subject_id=subject_id,
        verdict=pl.col(f"{prefix} verdict"),
        value=values[0],
        baseline=values[1],
        reason=pl.col(f"{prefix} reasons"),
        flags=flags,
    )
