"""Who is one fact short of being eligible, all families at once: which fact, of whom, and what it would have to be.

In: facts and rules. Out: a row for each family that is not eligible, and each fact that would by itself make it so.

A fact is one measure for one subject: the family, or one member. A family is one fact short where there is a value that
this one fact can have, everything else staying as it is, with which `eligible` is met. Every test that reads the fact
reads that one value, and so does the measure with members left out, for that is the same evidence seen twice. Two
measures of the same records, such as absence and unauthorised absence, are two facts. Nobody's age, and nobody's being
of school age, can be otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

import polars as pl

from pbr.engines import bulk
from pbr.engines.bulk import MET, NOT_APPLICABLE, UNKNOWN, Judged, Quantifier, Scope, Supposed
from pbr.measures.facts import Facts
from pbr.rulebook import words
from pbr.rulebook.measures import Age, Measure, SchoolAge
from pbr.rulebook.model import AtLeast, CriterionRef, Expression, Test
from pbr.rulebook.rules import Rules, parts, walk
from pbr.values import Share

SHORT = pl.Schema(
    {
        "family_id": pl.String(),
        "subject_id": pl.String(),
        "fact": pl.String(),
        "says": pl.String(),
        "criteria": pl.String(),
        "value": pl.String(),
        "needs": pl.String(),
        "evidence": pl.String(),
        "reason": pl.String(),
    }
)
"""`subject_id` is empty for the family. `fact` is its key in `Facts`, and `says` the same in words; `criteria` are
those of eligibility that read it and would change, joined with `;`. `value` is what the fact is now, as findings write
it, and `needs` what it would have to be, in words. `evidence` is `missing`, and `reason` says why, or `against`. None
is null."""

_ELIGIBLE = "eligible"
_GIVEN = (Age, SchoolAge)


def one_fact_short(facts: Facts, rules: Rules) -> pl.DataFrame:
    """The facts that would suffice (`SHORT`), sorted by family, subject and fact."""
    standing = _standing(facts, rules)
    found = [_sufficient(fact, standing) for fact in _facts(standing.tests.values(), rules)]
    rows = [pl.DataFrame(schema=SHORT), *pl.collect_all(found)]
    return pl.concat(rows).sort("family_id", "subject_id", "fact")


# -------------------------------------------------------------------------------------------------- where all stand


@dataclass(frozen=True)
class _Standing:
    """The families that are not eligible, and their members, with everything that is judged of them.

    `tests`: the criteria that `eligible` rests on, and itself, in the pack's order. `known`: the verdicts that are
    columns of the frames, by node and by criterion; `reads`: the keys of the facts that each of them rests on.
    """

    rules: Rules
    families: pl.DataFrame
    members: pl.DataFrame
    tests: Mapping[str, Expression]
    quantifiers: list[Quantifier]
    known: Mapping[Expression | str, Judged]
    reads: Mapping[Expression | str, frozenset[str]]


def _standing(facts: Facts, rules: Rules) -> _Standing:
    eligible = rules.pack.eligibility[_ELIGIBLE].test
    tests = bulk.criteria_behind(eligible, rules) | {_ELIGIBLE: eligible}
    quantifiers = bulk.quantifiers_in(tests.values())
    members, tallied = bulk.judge_members(facts, quantifiers, rules)
    families = facts.families.lazy().join(tallied, on="family_id", how="left")
    known: dict[Expression | str, Judged] = {q: bulk.quantified(q, n, rules) for n, q in enumerate(quantifiers)}
    reads: dict[Expression | str, frozenset[str]] = {}
    for name, test in tests.items():
        for nodes in _by_height(test):
            judged = {node: bulk.judge(node, Scope(rules, known)).verdict for node in nodes if node not in reads}
            named = {node: f"node {len(reads) + n}" for n, node in enumerate(judged)}
            families = families.with_columns(verdict.alias(named[node]) for node, verdict in judged.items())
            for node in judged:
                known[node] = _column(named[node])
                reads[node] = _reads(node, reads, rules)
                if isinstance(node, AtLeast):
                    families = families.with_columns(_tally(node, known))
        known[name], reads[name] = known[test], reads[test]
    waiting = families.filter(known[_ELIGIBLE].verdict != MET).collect()
    of_families = waiting.select(pl.exclude(*rules.family_measures, "engaged_on"))
    return _Standing(
        rules, waiting, members.collect().join(of_families, on="family_id"), tests, quantifiers, known, reads
    )


def _column(name: str) -> Judged:
    """A verdict that is a column; why, and on what it rests, is not asked here."""
    return Judged(pl.col(name), pl.lit(0), pl.lit(False))


def _tally(node: AtLeast, known: Mapping[Expression | str, Judged]) -> Iterator[pl.Expr]:
    """How many of the parts have which verdict, in columns beside that of the whole."""
    name = known[node].verdict.meta.output_name()
    for code in (NOT_APPLICABLE, UNKNOWN, MET):
        count = pl.sum_horizontal((known[part].verdict == code).cast(pl.Int32) for part in node.of)
        yield count.alias(f"{name} count {code}")


def _by_height(test: Expression) -> list[list[Expression]]:
    """The nodes of a test that are asked of the family, each after those inside it."""
    heights: dict[Expression, int] = {}

    def note(node: Expression) -> int:
        inside = () if isinstance(node, Quantifier) else parts(node)
        heights[node] = 1 + max((note(part) for part in inside), default=-1)
        return heights[node]

    highest = note(test)
    return [[node for node, height in heights.items() if height == level] for level in range(highest + 1)]


def _reads(node: Expression, known: Mapping[Expression | str, frozenset[str]], rules: Rules) -> frozenset[str]:
    through = (known[each.criterion] for each in walk(node) if isinstance(each, CriterionRef))
    return bulk.facts_read(node, rules).union(*through)


# ----------------------------------------------------------------------------------------------------------- facts


@dataclass(frozen=True)
class _Fact:
    """A measure by its key and, where the pack reads it so, by its key with members left out; and the tests of it."""

    measures: Mapping[str, Measure]
    tests: tuple[Test, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.measures)

    @property
    def measure(self) -> Measure:
        return next(iter(self.measures.values()))


def _facts(tests: Iterable[Expression], rules: Rules) -> list[_Fact]:
    """Every fact that the tests read and that could be otherwise."""
    found: dict[str, _Fact] = {}
    for node in dict.fromkeys(node for test in tests for node in walk(test)):
        for measure in bulk.measures_of(node):
            if isinstance(measure, _GIVEN):
                continue
            leaves_out = measure.arguments().get("leaving_out") is not None
            whole = measure.model_copy(update={"leaving_out": None}) if leaves_out else measure
            name = rules.fact_key(whole)
            fact = found.get(name) or _Fact({}, ())
            # The shorter key is that of the measure as it is.
            measures = dict(
                sorted({**fact.measures, rules.fact_key(measure): measure}.items(), key=lambda one: len(one[0]))
            )
            found[name] = _Fact(measures, (*fact.tests, *([node] if isinstance(node, Test) else [])))
    return list(found.values())


def _sufficient(fact: _Fact, standing: _Standing) -> pl.LazyFrame:
    """The rows of `SHORT` of one fact."""
    rules, keys = standing.rules, fact.keys
    read = {name: test for name, test in standing.tests.items() if standing.reads[name].intersection(keys)}
    kept = {node: judged for node, judged in standing.known.items() if standing.reads[node].isdisjoint(keys)}
    is_member = fact.measure.subject == "member"
    frame, subject_id = standing.families.lazy(), pl.lit("")
    if is_member:
        held = {rules.role(q).key for q in standing.quantifiers if bulk.facts_read(q, rules).intersection(keys)}
        frame, subject_id = standing.members.lazy().filter(pl.any_horizontal(*sorted(held))), pl.col("subject_id")
    values = _values(fact, rules)
    suffices: list[pl.Expr] = []
    for n, supposed in enumerate(values.supposed):
        instead = dict.fromkeys(keys, supposed)
        known = dict(kept)
        if is_member:
            for place, q in enumerate(standing.quantifiers):
                if q not in known:
                    known[q] = _column(f"if {n} q{place}")
                    verdict, _ = bulk.with_one_changed(q, place, instead, rules)
                    frame = frame.with_columns(verdict.alias(f"if {n} q{place}"))
        for name, test in read.items():
            counted = [node for nodes in _by_height(test) for node in nodes if isinstance(node, AtLeast)]
            for node in counted:
                if node not in known:
                    known[node] = _column(f"if {n} node {len(known)}")
                    verdict = _recounted(node, standing, Scope(rules, known, instead))
                    frame = frame.with_columns(verdict.alias(known[node].verdict.meta.output_name()))
            verdict = bulk.judge(test, Scope(rules, known, instead)).verdict
            frame = frame.with_columns(verdict.alias(f"if {n} {name}"))
            known[name] = _column(f"if {n} {name}")
        suffices.append(known[_ELIGIBLE].verdict == MET)
    suffices = values.carried(suffices)
    frame = frame.with_columns(expr.alias(f"suffices {n}") for n, expr in enumerate(suffices))
    suffices = [pl.col(f"suffices {n}") for n in range(len(suffices))]
    shown = _shown(fact, values, suffices)
    return frame.filter(pl.any_horizontal(suffices)).select(
        "family_id",
        subject_id=subject_id,
        fact=shown(pl.lit),
        says=shown(lambda key: pl.lit(words.measure(fact.measures[key], rules))),
        criteria=_criteria(fact, read, suffices, standing),
        value=shown(lambda key: _written(key, fact.measure)).fill_null(""),
        needs=values.says(suffices),
        evidence=pl.when(shown(_value).is_null()).then(pl.lit("missing")).otherwise(pl.lit("against")),
        reason=shown(lambda key: pl.col(key).struct.field("reason")).fill_null(""),
    )


def _recounted(node: AtLeast, standing: _Standing, scope: Scope) -> pl.Expr:
    """`at least n of`, where few of the parts are other than they were: a count of all of them would take long."""
    name = standing.known[node].verdict.meta.output_name()
    changed = [part for part in node.of if not standing.reads[part].isdisjoint(scope.supposed)]

    def count(code: int) -> pl.Expr:
        was = [(standing.known[part].verdict == code).cast(pl.Int32) for part in changed]
        now = [(bulk.judge(part, scope).verdict == code).cast(pl.Int32) for part in changed]
        return pl.col(f"{name} count {code}") + pl.sum_horizontal(now) - pl.sum_horizontal(was)

    return bulk.enough_of(scope.rules.number(node.at_least), len(node.of), count)


def _shown(fact: _Fact, values: _Values, suffices: list[pl.Expr]) -> Callable[[Callable[[str], pl.Expr]], pl.Expr]:
    """Of which of the fact's keys something is shown: the measure as it is, or where that is as it should be already,
    the measure with members left out.
    """
    first, *left_out = fact.keys
    if not left_out:
        return lambda of: of(first)
    as_needed = pl.any_horizontal(
        (enough & values.holds(n, _value(first))).fill_null(False) for n, enough in enumerate(suffices)
    )
    return lambda of: pl.when(as_needed).then(of(left_out[0])).otherwise(of(first))


def _criteria(fact: _Fact, read: Mapping[str, Expression], suffices: list[pl.Expr], standing: _Standing) -> pl.Expr:
    """The criteria that read the fact and would change; where none of them would, all that read it."""
    own = [
        name
        for name, test in read.items()
        if name != _ELIGIBLE and not bulk.facts_read(test, standing.rules).isdisjoint(fact.keys)
    ]
    changed = [
        pl.when(
            pl.any_horizontal(
                enough & (pl.col(f"if {n} {name}") != standing.known[name].verdict) for n, enough in enumerate(suffices)
            )
        ).then(pl.lit(name))
        for name in own
    ]
    if not own:
        return pl.lit(_ELIGIBLE)
    listed = pl.concat_list(changed).list.drop_nulls().list.join(";")
    return pl.when(listed == "").then(pl.lit(";".join(own))).otherwise(listed)


def _value(key: str) -> pl.Expr:
    return pl.col(key).struct.field("value")


def _of(key: str) -> pl.Expr:
    return pl.col(key).struct.field("of")


def _written(key: str, measure: Measure) -> pl.Expr:
    value = _value(key).cast(pl.String)
    return pl.concat_str(value, pl.lit("/"), _of(key).cast(pl.String)) if measure.unit == "share" else value


# ---------------------------------------------------------------------------------------------------------- values


class _Values(Protocol):
    """The values that a fact can have, parted where the verdict of a test of it changes: one of each part."""

    supposed: list[Supposed]

    def carried(self, suffices: list[pl.Expr]) -> list[pl.Expr]:
        """Whether each part suffices, given whether the value supposed of it does."""

    def holds(self, part: int, value: pl.Expr) -> pl.Expr:
        """Whether a value is in a part."""

    def says(self, suffices: list[pl.Expr]) -> pl.Expr:
        """The parts that suffice, in words."""


def _values(fact: _Fact, rules: Rules) -> _Values:
    match fact.measure.unit:
        case "boolean":
            return _Truth()
        case "words":
            return _Words(sorted({code for test in fact.tests for code in rules.codes(str(test.comparison[1]))}))
        case "share":
            return _Shares(sorted({cut for test in fact.tests if (cut := _cut(test, rules)) is not None}), fact.keys[0])
        case unit:
            return _Numbers(sorted({_turn(test, rules) for test in fact.tests} - {0}), "" if unit == "count" else unit)


class _Truth:
    def __init__(self) -> None:
        self.supposed = [Supposed(pl.lit(truth), pl.lit(None)) for truth in (False, True)]

    def carried(self, suffices: list[pl.Expr]) -> list[pl.Expr]:
        return suffices

    def holds(self, part: int, value: pl.Expr) -> pl.Expr:
        return value == pl.lit(bool(part))

    def says(self, suffices: list[pl.Expr]) -> pl.Expr:
        untrue, true = suffices
        return (
            pl.when(untrue & true)
            .then(pl.lit("evidence either way"))
            .when(true)
            .then(pl.lit("evidence that it was so"))
            .otherwise(pl.lit("evidence that it was not so"))
        )


class _Words:
    """One of the words that the tests look for, or another."""

    def __init__(self, words: list[str]) -> None:
        self.words = [*words, ""]
        self.supposed = [Supposed(pl.lit(word), pl.lit(None)) for word in self.words]

    def carried(self, suffices: list[pl.Expr]) -> list[pl.Expr]:
        return suffices

    def holds(self, part: int, value: pl.Expr) -> pl.Expr:
        return value == self.words[part]

    def says(self, suffices: list[pl.Expr]) -> pl.Expr:
        spoken = [word.replace("_", " ") or "something else" for word in self.words]
        found = [pl.when(enough).then(pl.lit(word)) for word, enough in zip(spoken, suffices, strict=True)]
        return pl.concat_str(pl.lit("a record that says "), pl.concat_list(found).list.drop_nulls().list.join(" or "))


class _Numbers:
    """Whole numbers from 0 on, parted at each number from which a test gives another verdict."""

    def __init__(self, turns: list[int], unit: str) -> None:
        self.lows = [0, *turns]
        self.unit = f" {unit}" if unit else ""
        self.supposed = [Supposed(pl.lit(low, pl.Int64), pl.lit(None)) for low in self.lows]

    def carried(self, suffices: list[pl.Expr]) -> list[pl.Expr]:
        return suffices

    def holds(self, part: int, value: pl.Expr) -> pl.Expr:
        beyond = self.lows[part + 1 : part + 2]
        return (value >= self.lows[part]) & (value < beyond[0] if beyond else pl.lit(True))

    def says(self, suffices: list[pl.Expr]) -> pl.Expr:
        def text(first: int, last: int) -> pl.Expr:
            low, beyond = self.lows[first], [*self.lows, None][last + 1]
            if beyond is None:
                return pl.lit(f"at least {low}{self.unit}" if low else "any number")
            if low == 0:
                return pl.lit(f"at most {beyond - 1}{self.unit}")
            span = f"exactly {low}" if beyond - 1 == low else f"from {low} to {beyond - 1}"
            return pl.lit(span + self.unit)

        return _runs(suffices, text)


@dataclass(frozen=True, order=True)
class _Cut:
    """Where shares part: before a share, or after it."""

    share: Fraction
    after: bool

    def low(self, of: pl.Expr) -> pl.Expr:
        """The least number of so many that is beyond the cut."""
        n, d = self.share.numerator, self.share.denominator
        return of * n // d + 1 if self.after else (of * n + (d - 1)) // d

    def __str__(self) -> str:
        return Share(self.share.numerator, self.share.denominator).percent


class _Shares:
    """Shares, parted before or after those in the tests: as whole numbers of what is known to be the whole."""

    def __init__(self, cuts: list[_Cut], key: str) -> None:
        self.cuts = cuts
        self.of = _of(key)
        self.lows = [pl.lit(0, pl.Int64), *(cut.low(self.of) for cut in cuts)]
        self.highs = [*(low - 1 for low in self.lows[1:]), self.of]
        inside = [Fraction(0), *(_inside(*pair) for pair in pairwise([*cuts, _Cut(Fraction(1), True)]))]
        self.supposed = [
            Supposed(
                pl.when(self.of.is_null()).then(pl.lit(one.numerator, pl.Int64)).otherwise(low),
                pl.when(self.of.is_null()).then(pl.lit(one.denominator, pl.Int64)).otherwise(self.of),
            )
            for one, low in zip(inside, self.lows, strict=True)
        ]

    def carried(self, suffices: list[pl.Expr]) -> list[pl.Expr]:
        """Of so few sessions some shares cannot be: such a part is one with the part before it."""
        carried = suffices[:1]
        for low, high, enough in zip(self.lows[1:], self.highs[1:], suffices[1:], strict=True):
            carried.append(pl.when((low <= high).fill_null(True)).then(enough).otherwise(carried[-1]))
        return carried

    def holds(self, part: int, value: pl.Expr) -> pl.Expr:
        return value.is_between(self.lows[part], self.highs[part])

    def says(self, suffices: list[pl.Expr]) -> pl.Expr:
        """As numbers of the sessions there were; as shares where nobody knows how many there were."""
        of_some = _runs(suffices, self._number)
        return pl.when(self.of.is_null()).then(_runs(suffices, self._share)).otherwise(of_some)

    def _number(self, first: int, last: int) -> pl.Expr:
        low, high = self.lows[first], self.highs[last]
        sessions = pl.concat_str(pl.lit(" of "), self.of, pl.lit(" sessions"))
        at_least = pl.concat_str(pl.lit("at least "), low, sessions)
        at_most = pl.concat_str(pl.lit("at most "), high, sessions)
        if first == 0:
            return pl.lit("any number of sessions") if last == len(self.cuts) else at_most
        between = (
            pl.when(low == high)
            .then(pl.concat_str(pl.lit("exactly "), low, sessions))
            .otherwise(pl.concat_str(pl.lit("from "), low, pl.lit(" to "), high, sessions))
        )
        return pl.when(high >= self.of).then(at_least).otherwise(between)

    def _share(self, first: int, last: int) -> pl.Expr:
        low = self.cuts[first - 1] if first else None
        high = self.cuts[last] if last < len(self.cuts) else None
        if low and high and low.share == high.share:
            return pl.lit(f"exactly {low}")
        said = [f"{'more than' if low.after else 'at least'} {low}"] if low else []
        said += [f"{'at most' if high.after else 'less than'} {high}"] if high else []
        return pl.lit(" and ".join(said) or "any share")


def _inside(cut: _Cut, beyond: _Cut) -> Fraction:
    """A share between two cuts."""
    return (cut.share + beyond.share) / 2 if cut.after else cut.share


def _turn(test: Test, rules: Rules) -> int:
    """The number from which a test of numbers gives another verdict."""
    comparator, limit = test.comparison
    number = rules.number(str(limit))
    return number + 1 if comparator in ("more_than", "at_most") else number


def _cut(test: Test, rules: Rules) -> _Cut | None:
    """Where a test of shares gives another verdict; None where every share gives the same."""
    comparator, limit = test.comparison
    share = rules.share(str(limit))
    cut = _Cut(Fraction(share.numerator, share.denominator), comparator in ("more_than", "at_most"))
    return None if cut in (_Cut(Fraction(0), False), _Cut(Fraction(1), True)) else cut


def _runs(suffices: list[pl.Expr], text: Callable[[int, int], pl.Expr]) -> pl.Expr:
    """The text of each unbroken run of parts that suffice, joined with `or`."""
    none = pl.lit(False)
    padded = [none, *suffices, none]
    found = [
        pl.when(pl.all_horizontal(~padded[first], *padded[first + 1 : last + 2], ~padded[last + 2])).then(
            text(first, last)
        )
        for first in range(len(suffices))
        for last in range(first, len(suffices))
    ]
    return pl.concat_list(found).list.drop_nulls().list.join(" or ")
