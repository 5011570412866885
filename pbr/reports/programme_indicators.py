"""Outcome indicators of a programme: what a framework's results measure, at engagement and now, of all its families.

In: cohorts (facts and rules) of one as-of date, and the authority's aims. Out: a row an indicator. There are two kinds.
A result that compares a count with its baseline gives a sum of both over the families of which both are known. A limit
that a result holds a child or an adult to gives how many stood beyond it at engagement, and how many do now, of those
who are asked about on both days and of whom both are known; the limit is the result's on both days. Whoever is not
counted is told: not known on either day, asked about at engagement only (a child who left school, somebody who moved
out), or now only. Whole numbers throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from pbr.measures.cohorts import Cohort
from pbr.rulebook import words
from pbr.rulebook.measures import (
    Absence,
    Measure,
    OutOfWorkBenefit,
    PermanentExclusions,
    Suspensions,
    UnauthorisedAbsence,
)
from pbr.rulebook.model import Every, Expression, ReducedBy, Some, Test
from pbr.rulebook.rules import Role, Rules, parts
from pbr.values import Share

INDICATORS = pl.Schema(
    {
        "framework": pl.String(),
        "indicator": pl.String(),
        "title": pl.String(),
        "counts": pl.String(),
        "subjects": pl.String(),
        "counted": pl.Int64(),
        "not_known": pl.Int64(),
        "then_only": pl.Int64(),
        "now_only": pl.Int64(),
        "baseline": pl.Int64(),
        "latest": pl.Int64(),
        "change": pl.String(),
        "aim": pl.String(),
        "aim_met": pl.String(),
    }
)
"""`counts`: what baseline and latest count, `events` of families, or `subjects` beyond the limit. `counted` and
`not_known`, `then_only`, `now_only` are numbers of subjects, none in two of them. `change`: `-33.3%`, or `no baseline`.
`aim_met`: `met` or `not met`, with ` of those known` where some are not; `no aim`; `not known`."""

_LIMITED = (UnauthorisedAbsence, Absence, Suspensions, PermanentExclusions, OutOfWorkBenefit)
_SUBJECTS = {"child": "children", "school_age_child": "school-age children", "adult": "adults", "member": "members"}


@dataclass(frozen=True)
class Tally:
    """An indicator's counts so far."""

    title: str
    counts: str
    subjects: str
    counted: int
    not_known: int
    then_only: int
    now_only: int
    baseline: int
    latest: int

    def __add__(self, other: Tally) -> Tally:
        numbers = ("counted", "not_known", "then_only", "now_only", "baseline", "latest")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in numbers})


def indicators(cohorts: Sequence[Cohort], aims: Mapping[str, Share]) -> pl.DataFrame:
    """The indicators (`INDICATORS`) of each framework, in the order of its results.

    An indicator's id is its measure's name; a second one of a framework by the same measure adds what sets it apart.
    """
    tallies: dict[tuple[str, str], Tally] = {}
    for cohort in cohorts:
        for name, tally in _tallies(cohort).items():
            key = (cohort.rules.pack.id, name)
            tallies[key] = tallies[key] + tally if key in tallies else tally
    rows = [_row(framework, name, tally, aims.get(name)) for (framework, name), tally in tallies.items()]
    return pl.DataFrame(rows, INDICATORS)


def change(baseline: int, latest: int) -> str:
    """By how much the latest figure differs, to one decimal, and never nicer than it is.

    >>> change(3, 2), change(1000, 401), change(3, 4), change(5, 5), change(0, 2)
    ('-33.3%', '-59.9%', '+33.4%', '0.0%', 'no baseline')
    """
    if baseline == 0:
        return "no baseline"
    # Floor division of the fall: a fall is cut short, and a rise rounded up.
    fallen = (baseline - latest) * 1000 // baseline
    sign = "-" if fallen > 0 else "+" if fallen < 0 else ""
    return f"{sign}{abs(fallen) // 10}.{abs(fallen) % 10}%"


def aim_met(tally: Tally, aim: Share | None) -> str:
    """Whether the figures fell by the aim's share at least."""
    if aim is None:
        return "no aim"
    if tally.counted == 0 or (tally.baseline == 0 and tally.latest == 0):
        return "not known"
    fallen = tally.baseline - tally.latest
    is_met = tally.baseline > 0 and fallen * aim.denominator >= aim.numerator * tally.baseline
    return ("met" if is_met else "not met") + (" of those known" if tally.not_known else "")


def _row(framework: str, name: str, tally: Tally, aim: Share | None) -> dict[str, object]:
    return {
        "framework": framework,
        "indicator": name,
        **vars(tally),
        "change": change(tally.baseline, tally.latest),
        "aim": None if aim is None else f"-{aim.percent}",
        "aim_met": aim_met(tally, aim),
    }


# ------------------------------------------------------------------------------------------------------- what is read


def _tallies(cohort: Cohort) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    seen: set[tuple[str, ...]] = set()
    rules = cohort.rules
    for test, asked in _asked(rules):
        key: tuple[str, ...]
        if isinstance(test, ReducedBy):
            apart = test.against.months_before_engagement
            key = (rules.fact_key(test.measure), rules.fact_key(test.baseline))
        else:
            limit = str(test.comparison[1])
            apart = str(test.measure.parameters().get("codes", limit))
            key = (rules.fact_key(test.measure), rules.role(asked).key if asked else "", limit)
        if key in seen:
            continue
        seen.add(key)
        name = test.measure.name
        if isinstance(test, ReducedBy):
            tally = _fall(test, cohort)
        else:
            assert asked is not None
            tally = _limit(test, rules.role(asked), cohort)
        found[name if name not in found else f"{name} {apart}"] = tally
    return found


def _asked(rules: Rules) -> Iterator[tuple[Test | ReducedBy, Every | Some | None]]:
    """The tests of results and routes that an indicator can be made of, with whom a member's test is asked of."""
    for group in (rules.pack.results, rules.pack.routes):
        for criterion in group.values():
            yield from _inside(criterion.test, None)


def _inside(node: Expression, asked: Every | Some | None) -> Iterator[tuple[Test | ReducedBy, Every | Some | None]]:
    if isinstance(node, Every | Some):
        asked = node
    everybody = getattr(getattr(node, "measure", None), "leaving_out", None) is None
    match node:
        case ReducedBy() if everybody:
            yield node, None
        case Test() if asked is not None and asked.leaving_out is None and _is_limit(node):
            yield node, asked
    for part in parts(node):
        yield from _inside(part, asked)


def _is_limit(test: Test) -> bool:
    """Whether a test holds somebody now below a limit, or off a benefit."""
    comparator, limit = test.comparison
    is_below = comparator in ("less_than", "at_most") or (comparator == "is" and limit is False)
    return isinstance(test.measure, _LIMITED) and is_below and not test.measure.is_read_at_engagement


def _fall(node: ReducedBy, cohort: Cohort) -> Tally:
    rules = cohort.rules
    then, now = (pl.col(rules.fact_key(one)).struct.field("value") for one in (node.baseline, node.measure))
    is_known = then.is_not_null() & now.is_not_null()
    counted, not_known, baseline, latest = cohort.facts.families.select(
        counted=is_known.sum(),
        not_known=(~is_known).sum(),
        baseline=then.filter(is_known).sum(),
        latest=now.filter(is_known).sum(),
    ).row(0)
    against = rules.number(node.against.months_before_engagement)
    title = f"{_capital(words.measure(node.measure, rules))}, against the {against} months before engagement"
    return Tally(title, "events", "families", counted, not_known, 0, 0, baseline, latest)


def _limit(node: Test, role: Role, cohort: Cohort) -> Tally:
    rules, members = cohort.rules, cohort.facts.members
    now, is_asked_now = rules.fact_key(node.measure), pl.col(role.key)
    at_engagement = _at_engagement(node.measure, role, rules)
    title = f"{_SUBJECTS[role.kind].capitalize()} beyond the limit: {_limit_in_words(node, rules)}"
    if at_engagement is None:
        # The framework does not ask at engagement: nobody can be compared.
        asked = int(members.select(is_asked_now.sum()).item())
        return Tally(title, "subjects", _SUBJECTS[role.kind], 0, asked, 0, 0, 0, 0)
    then, role_then = at_engagement
    is_asked_then = pl.col(role_then)
    both = is_asked_now & is_asked_then
    values = [pl.col(key).struct.field("value") for key in (then, now)]
    is_known = both & pl.all_horizontal(value.is_not_null() for value in values)
    counts = members.select(
        counted=is_known.sum(),
        not_known=(both & ~is_known).sum(),
        then_only=(is_asked_then & ~is_asked_now).sum(),
        now_only=(is_asked_now & ~is_asked_then).sum(),
        baseline=(is_known & _beyond(node, then, rules)).sum(),
        latest=(is_known & _beyond(node, now, rules)).sum(),
    )
    return Tally(title, "subjects", _SUBJECTS[role.kind], **counts.row(0, named=True))


def _at_engagement(asked: Measure, role: Role, rules: Rules) -> tuple[str, str] | None:
    """The fact that is the same measure read at engagement, and the role of whom it is asked then; None without one.

    Of several, the one that reads as many terms; codes must be the same.
    """

    def told(measure: Measure, argument: str) -> object:
        name = measure.parameters().get(argument)
        return None if name is None else rules.values[name].value

    found = [
        (told(one, "last_terms") != told(asked, "last_terms"), key, other.key)
        for key, (one, roles) in rules.member_measures.items()
        if one.name == asked.name and one.is_read_at_engagement and told(one, "codes") == told(asked, "codes")
        for other in roles
        if other.kind == role.kind and other.at == "engagement" and other.leaving_out is None
    ]
    return min(found)[1:] if found else None


def _beyond(node: Test, key: str, rules: Rules) -> pl.Expr:
    """Whether a known fact is what the test does not let pass."""
    fact, (comparator, limit) = pl.col(key).struct, node.comparison
    value = fact.field("value")
    if isinstance(limit, bool):
        return (value != limit).fill_null(False)
    if node.measure.unit == "share":
        share = rules.share(limit)
        ours, theirs = value * share.denominator, share.numerator * fact.field("of")
    else:
        ours, theirs = value, pl.lit(rules.number(limit))
    return (ours >= theirs if comparator == "less_than" else ours > theirs).fill_null(False)


def _limit_in_words(node: Test, rules: Rules) -> str:
    comparator, limit = node.comparison
    measured = words.measure(node.measure, rules)
    if isinstance(limit, bool):
        return measured
    bound = words.limit(limit, rules)
    return f"{measured}, {bound} or more" if comparator == "less_than" else f"{measured}, more than {bound}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
