"""Grounds: which facts, and which figures of the rules, a verdict rests on.

In: facts, rules and the tests that were decided. Out: one row for each fact that carries a test's verdict, all families
at once. `docs/questions.md` says what carries what; the engines' `unverified_rule` means the same by "rests on".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from pbr.engines.bulk import (
    MET,
    NOT_APPLICABLE,
    NOT_MET,
    Judged,
    Scope,
    judge,
    judge_members,
    quantified,
    quantifiers_in,
)
from pbr.measures.cohorts import Cohort
from pbr.measures.facts import Facts
from pbr.rulebook.measures import DaysSince, Measure
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    CriterionRef,
    Every,
    Expression,
    ReducedBy,
    Some,
    Test,
    When,
)
from pbr.rulebook.rules import Rules, criterion_of, own_parameters, parts

GROUNDS = pl.Schema(
    {
        "family_id": pl.String(),
        "item": pl.String(),
        "criterion": pl.String(),
        "subject_id": pl.String(),
        "fact": pl.String(),
        "value": pl.String(),
        "reason": pl.String(),
        "records": pl.List(pl.String()),
        "sources": pl.List(pl.String()),
        "parameters": pl.List(pl.String()),
        "unverified": pl.List(pl.String()),
    }
)
"""`item`: the test that was asked of. `criterion`: the one of the pack inside which the fact is tested, or the item
itself. `fact` is null for a node that only counts others. `sources`: the tables that the fact's measure reads.
`parameters`: the figures that the node reads, and `unverified` those of them that were not seen in any text."""


def grounds(cohorts: list[Cohort], tests: Mapping[str, Expression] | None = None) -> pl.DataFrame:
    """What the verdicts of tests rest on (`GROUNDS`), sorted; unless given, of eligibility and of every route.

    `tests`, by item, are nodes of the cohorts' pack, which all of them share.
    """
    found = [pl.DataFrame(schema=GROUNDS)]
    for cohort in cohorts:
        pack = cohort.rules.pack
        asked = tests or {"eligible": pack.eligibility["eligible"].test} | {
            name: route.test for name, route in pack.routes.items()
        }
        found.append(_of_cohort(cohort.facts, cohort.rules, asked))
    return pl.concat(found).sort("family_id", "item", "criterion", "subject_id", "fact", nulls_last=False)


@dataclass(frozen=True)
class _Leaf:
    """A fact, or a count of parts, that carries a verdict wherever `carries` says so."""

    item: str
    criterion: str
    measure: Measure | None
    node: Expression
    carries: pl.Expr
    of_member: bool


@dataclass
class _Walk:
    """One walk from a test to its leaves. `asked`: where a quantifier carries, a column of its own for each."""

    item: str
    rules: Rules
    scope: Scope
    asked: dict[str, pl.Expr] = field(default_factory=dict)

    def leaves(
        self, node: Expression, carries: pl.Expr, criterion: str, scope: Scope, of_member: bool = False
    ) -> Iterator[_Leaf]:
        rules = self.rules

        def leaf(measure: Measure | None) -> _Leaf:
            return _Leaf(self.item, criterion, measure, node, carries, of_member)

        match node:
            case Test():
                yield leaf(node.measure)
            case ReducedBy():
                yield leaf(node.measure)
                yield leaf(node.baseline)
            case AllOf() | AnyOf() | AtLeast():
                if isinstance(node, AtLeast):
                    yield leaf(None)
                whole = judge(node, scope).verdict
                for part in parts(node):
                    decides = _decides(node, whole, judge(part, scope).verdict)
                    yield from self.leaves(part, carries & decides, criterion, scope, of_member)
            case When():
                yield from self.leaves(node.when, carries, criterion, scope, of_member)
                holds = judge(node.when, scope).verdict == MET
                yield from self.leaves(node.then, carries & holds, criterion, scope, of_member)
            case Every() | Some():
                yield leaf(None)
                column = f"{self.item} asks {len(self.asked)}"
                whole = judge(node, scope).verdict
                self.asked |= {column: carries, f"{column} verdict": whole}
                inside = Scope(rules)
                decides = _decides(node, pl.col(f"{column} verdict"), judge(node.that, inside).verdict)
                subject = pl.col(rules.role(node).key) & pl.col(column) & decides
                yield from self.leaves(node.that, subject, criterion, inside, of_member=True)
            case CriterionRef():
                test = criterion_of(node, rules).test
                yield from self.leaves(test, carries, node.criterion, scope, of_member)


def _decides(node: Expression, whole: pl.Expr, part: pl.Expr) -> pl.Expr:
    """Whether the verdict of a whole rests on a part: on those that decide it where such there are, else on all."""
    match node:
        case AllOf() | Every():
            return (whole != NOT_MET) | (part == NOT_MET)
        case AnyOf() | Some():
            return (whole != MET) | (part == MET)
        case _:
            against = part.is_in([NOT_MET, NOT_APPLICABLE])
            return pl.when(whole == MET).then(part == MET).when(whole == NOT_MET).then(against).otherwise(True)


def _of_cohort(facts: Facts, rules: Rules, tests: Mapping[str, Expression]) -> pl.DataFrame:
    quantifiers = quantifiers_in([*rules.expressions(), *tests.values()])
    members, tallied = judge_members(facts, quantifiers, rules)
    known: dict[Expression | str, Judged] = {q: quantified(q, n, rules) for n, q in enumerate(quantifiers)}
    families = facts.families.lazy().join(tallied, on="family_id", how="left", maintain_order="left")
    # Each criterion once, as a column: what refers to it would otherwise have all of it inside.
    for group in (rules.pack.eligibility, rules.pack.results):
        for name, criterion in group.items():
            judged = judge(criterion.test, Scope(rules, known))
            columns = {f"{name} {what}": getattr(judged, what) for what in ("verdict", "reasons", "unverified")}
            families = families.with_columns(**columns)
            known[name] = Judged(*map(pl.col, columns))
    scope = Scope(rules, known)
    walks = {item: _Walk(item, rules, scope) for item in tests}
    leaves = [leaf for item, walk in walks.items() for leaf in walk.leaves(tests[item], pl.lit(True), item, scope)]
    asked = {name: expression for walk in walks.values() for name, expression in walk.asked.items()}
    families = families.with_columns(**asked)
    asking = families.select("family_id", *asked)
    frames = {False: families, True: members.join(asking, on="family_id")}
    # All leaves of a frame at once, for most of what they are made of is shared.
    numbered = list(enumerate(leaves))
    carried = {
        of_member: frame.select(
            "family_id",
            "subject_id" if of_member else pl.lit("").alias("subject_id"),
            *[leaf.carries.alias(str(n)) for n, leaf in numbered if leaf.of_member == of_member],
        ).collect()
        for of_member, frame in frames.items()
    }
    rows = [
        carried[leaf.of_member]
        .lazy()
        .filter(str(n))
        .select(
            "family_id",
            "subject_id",
            item=pl.lit(leaf.item),
            criterion=pl.lit(leaf.criterion),
            fact=pl.lit(None if leaf.measure is None else rules.fact_key(leaf.measure), pl.String),
            sources=_texts(() if leaf.measure is None else tables_of(leaf.measure)),
            parameters=_texts(sorted(_written(name) for name in own_parameters(leaf.node))),
            unverified=_texts(
                sorted(_written(n) for n in own_parameters(leaf.node) if rules.values[n].standing == "unverified")
            ),
        )
        for n, leaf in numbered
    ]
    key = ["family_id", "subject_id", "fact"]
    said = facts.to_long().lazy().select(*key, "value", "reason", "records")
    # One fact may be tested twice in one criterion: what it rests on is told once, with all the figures.
    told = pl.concat(rows).group_by("family_id", "item", "criterion", "subject_id", "fact").agg(
        pl.col("sources").first(),
        *[pl.col(name).explode().drop_nulls().unique().sort() for name in ("parameters", "unverified")],
    )  # fmt: skip
    joined = told.join(said, on=key, how="left").with_columns(pl.col("records").fill_null([]))
    return joined.select(pl.col(name).cast(kind) for name, kind in GROUNDS.items()).collect()


def tables_of(measure: Measure) -> tuple[str, ...]:
    """The tables that a measure reads: its sources, or for what asks no source, the rows about its subject."""
    if isinstance(measure, DaysSince) and measure.need is not None:
        return ("outcomes",)
    return measure.sources or (("families",) if measure.subject == "family" else ("members",))


def _written(parameter: str) -> str:
    """A parameter by the name that the pack gives it, at whichever day it is read."""
    return parameter.split("@")[0]


def _texts(values: tuple[str, ...] | list[str]) -> pl.Expr:
    return pl.lit(pl.Series([list(values)], dtype=pl.List(pl.String))).first()
