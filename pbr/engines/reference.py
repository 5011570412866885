"""The meaning of the rule language: a plain interpreter that walks the nodes, one family at a time.

In: facts and rules. Out: findings (`decide`), or one family's judgements as a tree (`judge`), which is what
explanations are made of. It is short rather than fast: the tests' oracle, and the second engine where durable-rules
cannot be installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from pbr.engines.findings import ORDER, SCHEMA
from pbr.measures.facts import Facts
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
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
from pbr.rulebook.rules import Rules, criterion_of, parts
from pbr.values import REASONS, Share, Verdict

MET, NOT_MET, UNKNOWN, NOT_APPLICABLE = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE


@dataclass(frozen=True)
class Fact:
    """A measure's value for one subject: `of` is a share's denominator; a null value has a reason.

    `bounds`: the least and the most that it can be, where only possible links keep it from being known.
    """

    value: int | bool | str | None
    of: int | None
    reason: str | None
    records: tuple[str, ...]
    bounds: tuple[Fact, ...] = ()

    @property
    def ends(self) -> tuple[Fact, ...]:
        """What it is, or the two ends of what it can be; nothing where it is not known at all."""
        return self.bounds if self.value is None else (self,)

    def __str__(self) -> str:
        if self.value is None:
            return ""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value) if self.of is None else f"{self.value}/{self.of}"


@dataclass(frozen=True)
class Judgement:
    """A node's verdict for one subject, what it rests on, and the judgements of its parts."""

    node: Expression
    verdict: Verdict
    reasons: frozenset[str] = frozenset()
    unverified: bool = False
    subject_id: str = ""
    fact: Fact | None = None
    baseline: Fact | None = None
    parts: tuple[Judgement, ...] = ()

    @property
    def reason(self) -> str:
        """The codes of the parts that share the verdict, in their order, joined with `;`."""
        return ";".join(code for code in REASONS if code in self.reasons)


@dataclass(frozen=True)
class Member:
    """One member's facts by key, and the keys of the roles they hold."""

    subject_id: str
    roles: frozenset[str]
    facts: dict[str, Fact]


@dataclass(frozen=True)
class Family:
    """One family's facts. `moved` holds facts put in place of others, by subject and key, for `near_threshold`."""

    family_id: str
    facts: dict[str, Fact]
    members: tuple[Member, ...]
    moved: dict[tuple[str, str], Fact] = field(default_factory=dict)

    def fact(self, key: str, member: Member | None) -> Fact:
        subject_id, facts = ("", self.facts) if member is None else (member.subject_id, member.facts)
        return self.moved.get((subject_id, key)) or facts[key]


@dataclass(frozen=True)
class FamilyJudgement:
    """Everything judged of one family: criteria and routes by id, and each route's flags."""

    family: Family
    eligibility: dict[str, Judgement]
    results: dict[str, Judgement]
    routes: dict[str, Judgement]
    flags: dict[str, tuple[str, ...]]


def decide(facts: Facts, rules: Rules) -> pl.DataFrame:
    """Findings of every family in the facts: the columns of `FINDINGS` but `decision_id`, in their order."""
    rows = [row for family in read_families(facts, rules) for row in _rows(judge(family, rules))]
    schema = {name: kind for name, kind in SCHEMA.items() if name != "decision_id"}
    return pl.DataFrame(rows, schema=schema, orient="row").sort(ORDER)


def judge(family: Family, rules: Rules) -> FamilyJudgement:
    """All criteria, routes and flags of one family."""
    pack = rules.pack
    routes = {name: _judge(route.test, family, rules) for name, route in pack.routes.items()}
    return FamilyJudgement(
        family,
        {name: _judge(criterion.test, family, rules) for name, criterion in pack.eligibility.items()},
        {name: _judge(criterion.test, family, rules) for name, criterion in pack.results.items()},
        routes,
        {name: _flags(name, route, family, rules) for name, route in routes.items()},
    )


def judge_node(node: Expression, family: Family, rules: Rules, member: Member | None = None) -> Judgement:
    """One node for a family, or for one of its members."""
    return _judge(node, family, rules, member)


def read_families(facts: Facts, rules: Rules) -> Iterator[Family]:
    """The facts' frames as one object a family, in the order of `facts.families`."""
    roles = [role.key for role in rules.roles]
    members: dict[str, list[Member]] = {}
    for row in facts.members.iter_rows(named=True):
        held = frozenset(role for role in roles if row[role])
        known = {key: _fact(row[key]) for key in rules.member_measures if row[key] is not None}
        members.setdefault(row["family_id"], []).append(Member(row["subject_id"], held, known))
    for row in facts.families.iter_rows(named=True):
        known = {key: _fact(row[key]) for key in rules.family_measures}
        yield Family(row["family_id"], known, tuple(members.get(row["family_id"], ())))


def _fact(cell: dict[str, Any]) -> Fact:
    match cell["bounds"]:
        case [least, most]:
            ends: tuple[Fact, ...] = (Fact(least, None, None, ()), Fact(most, None, None, ()))
        case [least, of_least, most, of_most]:
            ends = (Fact(least, of_least, None, ()), Fact(most, of_most, None, ()))
        case _:
            ends = ()
    return Fact(cell["value"], cell["of"], cell["reason"], tuple(cell["records"] or ()), ends)


# ----------------------------------------------------------------------------------------------------- expressions


def _judge(node: Expression, family: Family, rules: Rules, member: Member | None = None) -> Judgement:
    judged = _meaning(node, family, rules, member)
    return replace(judged, subject_id=member.subject_id if member else "")


def _meaning(node: Expression, family: Family, rules: Rules, member: Member | None) -> Judgement:
    match node:
        case Test():
            return _test(node, family.fact(rules.fact_key(node.measure), member), rules)
        case ReducedBy():
            current = family.fact(rules.fact_key(node.measure), member)
            baseline = family.fact(rules.fact_key(node.baseline), member)
            return _reduced_by(node, current, baseline, rules)
        case AllOf() | AnyOf() | AtLeast():
            return _combine(node, [_judge(part, family, rules, member) for part in parts(node)], rules)
        case Every() | Some():
            subjects = [m for m in family.members if rules.role(node).key in m.roles]
            return _combine(node, [_judge(node.that, family, rules, subject) for subject in subjects], rules)
        case When():
            condition = _judge(node.when, family, rules, member)
            if condition.verdict is not MET:
                verdict = UNKNOWN if condition.verdict is UNKNOWN else NOT_APPLICABLE
                reasons = frozenset({"condition_not_met"}) if condition.verdict is NOT_MET else condition.reasons
                return Judgement(node, verdict, reasons, condition.unverified, parts=(condition,))
            then = _judge(node.then, family, rules, member)
            unverified = condition.unverified or then.unverified
            return Judgement(node, then.verdict, then.reasons, unverified, parts=(condition, then))
        case CriterionRef():
            referred = _judge(criterion_of(node, rules).test, family, rules)
            return Judgement(node, referred.verdict, referred.reasons, referred.unverified, parts=(referred,))


def _test(node: Test, fact: Fact, rules: Rules) -> Judgement:
    unverified = rules.is_unverified(node)
    passes = {_passes(node, end, rules) for end in fact.ends}
    if len(passes) != 1:
        return Judgement(node, UNKNOWN, _because(fact), unverified, fact=fact)
    return Judgement(node, MET if passes.pop() else NOT_MET, unverified=unverified, fact=fact)


def _passes(node: Test, fact: Fact, rules: Rules) -> bool:
    comparator, limit = node.comparison
    if comparator == "is":
        return fact.value is limit
    if comparator == "is_one_of":
        return any(word in rules.codes(str(limit)) for word in str(fact.value).split(";"))
    assert isinstance(fact.value, int)
    left, right = fact.value, 0
    if fact.of is None:
        right = rules.number(str(limit))
    else:
        share = rules.share(str(limit))
        left, right = fact.value * share.denominator, share.numerator * fact.of
    return {
        "at_least": left >= right,
        "more_than": left > right,
        "at_most": left <= right,
        "less_than": left < right,
    }[comparator]


def _reduced_by(node: ReducedBy, current: Fact, baseline: Fact, rules: Rules) -> Judgement:
    unverified = rules.is_unverified(node)

    def verdict(of: Verdict, *reasons: str) -> Judgement:
        return Judgement(node, of, frozenset(reasons), unverified, fact=current, baseline=baseline)

    found = {
        _fallen(before, after, rules.share(node.reduced_by))
        for before in _counts(baseline)
        for after in _counts(current)
    }
    if len(found) != 1:
        return verdict(UNKNOWN, *_because(current), *_because(baseline))
    only = found.pop()
    return verdict(only, "no_baseline") if only is NOT_APPLICABLE else verdict(only)


def _counts(fact: Fact) -> set[int]:
    """The counts that tell of all that it can be: its ends and, where it can be none, the first that is some."""
    ends = {int(end.value) for end in fact.ends if end.value is not None}
    return ends | {1} if 0 in ends and len(ends) > 1 else ends


def _fallen(before: int, after: int, share: Share) -> Verdict:
    if before == 0:
        return NOT_APPLICABLE if after == 0 else NOT_MET
    return MET if (before - after) * share.denominator >= share.numerator * before else NOT_MET


def _because(fact: Fact) -> frozenset[str]:
    return frozenset(fact.reason.split(";")) if fact.reason else frozenset()


def _combine(node: Expression, judged: list[Judgement], rules: Rules) -> Judgement:
    """Four-valued logic: parts that do not apply are dropped; nothing left does not apply."""
    of = {verdict: [j for j in judged if j.verdict is verdict] for verdict in Verdict}
    own = isinstance(node, AtLeast | Every | Some) and rules.is_unverified(node)
    deciding: list[Judgement] = judged
    if len(of[NOT_APPLICABLE]) == len(judged):
        verdict = NOT_APPLICABLE
    elif isinstance(node, AllOf | Every):
        verdict = NOT_MET if of[NOT_MET] else UNKNOWN if of[UNKNOWN] else MET
        deciding = of[NOT_MET] or judged
    elif isinstance(node, AnyOf | Some):
        verdict = MET if of[MET] else UNKNOWN if of[UNKNOWN] else NOT_MET
        deciding = of[MET] or judged
    else:
        assert isinstance(node, AtLeast)
        needed = rules.number(node.at_least)
        if len(of[MET]) >= needed:
            verdict, deciding = MET, of[MET]
        elif len(of[MET]) + len(of[UNKNOWN]) < needed:
            # Because of those that are not met, or do not apply; what the others are is no matter.
            verdict, deciding = NOT_MET, of[NOT_MET] + of[NOT_APPLICABLE]
        else:
            verdict = UNKNOWN
    sharing = of[verdict] if verdict in (UNKNOWN, NOT_APPLICABLE) else []
    reasons = frozenset(code for j in sharing for code in j.reasons) or frozenset(() if judged else ("no_subject",))
    unverified = own or any(j.unverified for j in deciding)
    return Judgement(node, verdict, reasons, unverified, parts=tuple(judged))


# ----------------------------------------------------------------------------------------------------------- flags


def _flags(name: str, route: Judgement, family: Family, rules: Rules) -> tuple[str, ...]:
    raised = []
    for flag_id, flag in rules.pack.flags.items():
        match flag:
            case ConditionFlag():
                on_route = flag.met_routes is None or (name in flag.met_routes and route.verdict is MET)
                when = flag.when is None or _judge(flag.when, family, rules).verdict is MET
                unless = flag.unless is not None and _judge(flag.unless, family, rules).verdict is MET
                is_raised = on_route and when and not unless
            case NearThresholdFlag():
                is_raised = any(
                    _judge(route.node, moved, rules).verdict is not route.verdict
                    for moved in moves(flag, route.node, family, rules)
                )
            case UnverifiedRuleFlag():
                is_raised = route.unverified
        if is_raised:
            raised.append(flag_id)
    return tuple(raised)


def moves(flag: NearThresholdFlag, node: Expression, family: Family, rules: Rules) -> Iterator[Family]:
    """The family with one of the facts that the node reads moved one step, down and up."""
    for member, measure in _read_facts(node, family, rules, None):
        key = rules.fact_key(measure)
        fact = family.fact(key, member)
        step = _step(flag, measure, rules)
        if step is None or fact.value is None:
            continue
        assert isinstance(fact.value, int)
        for value in (fact.value - step, fact.value + step):
            if value >= 0 and (fact.of is None or value <= fact.of):
                subject_id = member.subject_id if member else ""
                yield replace(family, moved={(subject_id, key): replace(fact, value=value)})


def _step(flag: NearThresholdFlag, measure: Measure, rules: Rules) -> int | None:
    match measure.near:
        case None:
            return None
        case "days_in_work":
            days = rules.number(flag.days_in_work)
            return days // 7 if measure.unit == "weeks" else days
        case near:
            return rules.number(getattr(flag, near))


def _read_facts(
    node: Expression, family: Family, rules: Rules, member: Member | None
) -> Iterable[tuple[Member | None, Measure]]:
    match node:
        case Test():
            yield member, node.measure
        case ReducedBy():
            yield member, node.measure
            yield member, node.baseline
        case Every() | Some():
            for subject in family.members:
                if rules.role(node).key in subject.roles:
                    yield from _read_facts(node.that, family, rules, subject)
        case CriterionRef():
            yield from _read_facts(criterion_of(node, rules).test, family, rules, None)
        case AllOf() | AnyOf() | AtLeast() | When():
            for part in parts(node):
                yield from _read_facts(part, family, rules, member)


# ------------------------------------------------------------------------------------------------------------ rows


def _rows(judged: FamilyJudgement) -> Iterator[tuple[str, ...]]:
    groups = (("eligibility", judged.eligibility), ("result", judged.results), ("route", judged.routes))
    for part, items in groups:
        for item, judgement in items.items():
            own = (judgement, *(judgement.parts if isinstance(judgement.node, Every | Some) else ()))
            for finding in own:
                flags = ";".join(judged.flags[item]) if part == "route" else ""
                value, baseline = str(finding.fact or ""), str(finding.baseline or "")
                verdict, reason = str(finding.verdict), finding.reason
                yield judged.family.family_id, part, item, finding.subject_id, verdict, value, baseline, reason, flags
