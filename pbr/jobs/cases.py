"""A pack's worked cases, run through the engines or priced, and what they cover.

In: a pack, and the engines as functions. Out: what each engine made of each case, what was paid in each case of
payments, and what kinds of case the pack lacks, which the command line prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import polars as pl

from pbr.claims.contract import HISTORY
from pbr.claims.select import Circumstances, select
from pbr.claims.tariff import fee
from pbr.engines.findings import SCHEMA as FINDINGS
from pbr.errors import Disagreement
from pbr.jobs.decide import Engine
from pbr.measures.facts import ENGAGED, LONG, Facts
from pbr.rulebook import words
from pbr.rulebook.cases import (
    Case,
    CaseFact,
    PaymentCase,
    can_be_not_applicable,
    limits,
    limits_hit,
    load_examples,
)
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.model import Criterion, ReducedBy, Test
from pbr.rulebook.overlay import Merge
from pbr.rulebook.rules import Rules, own_parameters, walk
from pbr.values import Verdict, pounds


@dataclass(frozen=True)
class Outcome:
    """What one engine made of one case."""

    case: Case
    engine: str
    verdict: str
    reason: str
    flags: frozenset[str]

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as the case expects, in sentences; none where it passes."""
        case, found = self.case, []
        if self.verdict != case.expected:
            found.append(f"expected {words.verdict(case.expected)}, found {words.verdict(self.verdict, self.reason)}")
        if case.reason is not None and self.reason != case.reason:
            found.append(f"expected reason '{case.reason}', found '{self.reason}'")
        if case.flags is not None and self.flags != case.flags:
            found.append(f"expected flags {_listed(case.flags)}, found {_listed(self.flags)}")
        return tuple(found)


@dataclass(frozen=True)
class PaymentOutcome:
    """What was paid in a case of payments, in pence by route; `reason`: why something was not, as attrition has it."""

    case: PaymentCase
    pays: Mapping[str, int]
    total: int
    reason: str
    engine: str = "claims"

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as the case expects, in sentences; none where it passes."""
        case, found = self.case, []
        if self.pays != case.pays:
            found.append(f"expected {_amounts(case.pays)}, found {_amounts(self.pays)}")
        if case.total is not None and self.total != case.total:
            found.append(f"expected {pounds(case.total)} in all, found {pounds(self.total)}")
        if case.reason is not None and self.reason != case.reason:
            found.append(f"expected reason '{case.reason}', found '{self.reason}'")
        return tuple(found)


@dataclass(frozen=True)
class CaseReport:
    """A pack's cases as run; those of payments count towards no coverage.

    `coverage` has a row for each criterion and route, in the pack's order (with an overlay, only for those that it
    changes, by themselves or by a figure, and those that its cases are about): `part`, `item`, `cases`, how many of
    them expect each verdict (`met`, `not_met`, `unknown`, `not_applicable`, which is null where it cannot be), how many
    of its numeric limits some case meets exactly (`limits_hit` of `limits`), and what it `lacks`: verdicts that no case
    expects and `threshold`, joined with `;`. `lacking` says the same in sentences.
    """

    outcomes: tuple[Outcome, ...]
    payments: tuple[PaymentOutcome, ...]
    coverage: pl.DataFrame
    lacking: tuple[str, ...]

    @property
    def failures(self) -> tuple[Outcome | PaymentOutcome, ...]:
        run: tuple[Outcome | PaymentOutcome, ...] = (*self.outcomes, *self.payments)
        return tuple(outcome for outcome in run if outcome.differences)


def run_cases(loaded: LoadedPack, engines: Mapping[str, Engine]) -> CaseReport:
    """Every case of a pack through every engine, and every case of payments priced.

    Raises Faults where a case cannot be read or there is none (E240), and Disagreement where two engines differ.
    """
    examples = load_examples(loaded)
    cases = examples.cases
    outcomes: list[Outcome] = []
    for as_of, engaged_on in sorted({(case.as_of, case.engaged_on) for case in cases}):
        of_days = [case for case in cases if (case.as_of, case.engaged_on) == (as_of, engaged_on)]
        rules = loaded.rules(as_of, engaged_on)
        facts = case_facts(of_days, rules)
        for name, decide in engines.items():
            outcomes += _outcomes(of_days, name, decide(facts, rules))
    _must_agree(outcomes)
    rules_on = cache(loaded.rules)
    payments = tuple(payment_outcome(case, rules_on(case.as_of)) for case in examples.payments)
    return CaseReport(tuple(outcomes), payments, *_coverage(cases, loaded))


def payment_outcome(case: PaymentCase, rules: Rules) -> PaymentOutcome:
    """What the family of a case is paid by rules of its as-of date: the lines of its claim, priced like any other."""
    family = pl.DataFrame({"family_id": [_family_id(0)], "engaged_on": [case.engaged_on]})
    met = [("eligibility", "eligible"), *(("route", route) for route in case.met)]
    findings = pl.DataFrame(
        [{"family_id": _family_id(0), "part": part, "item": item, "verdict": "met"} for part, item in met],
        schema=FINDINGS,
    ).with_columns(pl.all().fill_null(""))
    earlier = [(_family_id(0), route, "family", route, pence) for route, pence in case.already_paid.items()]
    history = pl.DataFrame(earlier, schema=HISTORY, orient="row")
    circumstances = Circumstances(
        authority_code="",
        window="",
        claim_date=case.claim_date,
        window_open=None,
        families_agreed=None,
        families_live=len({family for family, *_ in earlier}),
        earned_autonomy=case.earned_autonomy,
    )
    selection = select(family, findings, history, rules, circumstances)
    pays = dict(selection.lines.select("route", "amount_pence").iter_rows())
    fallen = selection.attrition.filter(pl.col("outcome") == "dropped")["reason"]
    joined = rules.pack.tariff.attachment_fee
    at_start = 0 if joined is None else family.select(fee(rules.pack, joined)).item() or 0
    total = at_start + sum(case.already_paid.values()) + sum(pays.values())
    return PaymentOutcome(case, pays, total, ";".join(sorted(set(fallen))))


def case_facts(cases: list[Case], rules: Rules) -> Facts:
    """The facts of cases of one as-of date and one engagement date: one family a case, in their order."""
    rows = [row for position, case in enumerate(cases) for row in _fact_rows(_family_id(position), case, rules)]
    return Facts.from_long(rules.on, pl.DataFrame(rows, schema=LONG, orient="row"), rules)


Row = tuple[str, str, str, str | None, str | None, None, None, list[str]]


def _fact_rows(family_id: str, case: Case, rules: Rules) -> Iterator[Row]:
    yield family_id, "", ENGAGED, case.engaged_on.isoformat(), None, None, None, []
    for key, measure in rules.family_measures.items():
        yield _fact_row(family_id, "", key, case.fact(key, measure))
    for position, member in enumerate(case.members):
        subject_id = f"{member.kind}-{position:03d}"
        held = {role for role in rules.roles if member.holds(role)}
        for role in held:
            yield family_id, subject_id, role.key, "true", None, None, None, []
        for key, (measure, roles) in rules.member_measures.items():
            if held & set(roles):
                yield _fact_row(family_id, subject_id, key, member.fact(key, measure))


def _fact_row(family_id: str, subject_id: str, key: str, fact: CaseFact) -> Row:
    value = str(fact.value).lower() if isinstance(fact.value, bool) else str(fact.value)
    return family_id, subject_id, key, None if fact.reason else value, fact.reason, None, None, []


def _outcomes(cases: list[Case], engine: str, findings: pl.DataFrame) -> Iterator[Outcome]:
    of_family = findings.filter(pl.col("subject_id") == "")
    found = {(row["family_id"], row["part"], row["item"]): row for row in of_family.iter_rows(named=True)}
    for position, case in enumerate(cases):
        row = found[_family_id(position), case.part, case.item]
        flags = frozenset(flag for flag in row["flags"].split(";") if flag)
        yield Outcome(case, engine, row["verdict"], row["reason"], flags)


def _must_agree(outcomes: list[Outcome]) -> None:
    by_case: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_case.setdefault(outcome.case.place, []).append(outcome)
    differences = [
        f"{place}: "
        + "; ".join(f"{one.engine} says {one.verdict} {one.reason} {_listed(one.flags)}" for one in several)
        for place, several in sorted(by_case.items())
        if len({(one.verdict, one.reason, one.flags) for one in several}) > 1
    ]
    if differences:
        raise Disagreement("The engines disagree on the pack's own cases.", differences)


def _coverage(cases: tuple[Case, ...], loaded: LoadedPack) -> tuple[pl.DataFrame, tuple[str, ...]]:
    pack, rules, read = loaded.pack, loaded.rules(loaded.last_day), cache(loaded.rules)
    rows: list[dict[str, str | int | None]] = []
    lacking: list[str] = []
    for part, section in (("eligibility", "eligibility"), ("result", "results"), ("route", "routes")):
        criteria: Mapping[str, Criterion] = getattr(pack, section)
        for item, criterion in criteria.items():
            own = [case for case in cases if (case.part, case.item) == (part, item)]
            if not own and loaded.merge is not None and not _is_changed(section, item, criterion, loaded.merge):
                continue
            counts: dict[str, int | None] = dict.fromkeys(Verdict, 0)
            counts |= Counter(case.expected for case in own)
            if not can_be_not_applicable(criterion.test, rules):
                counts[Verdict.NOT_APPLICABLE] = None
            never = [verdict for verdict in Verdict if counts[verdict] == 0]
            lacking += [f"No case of {item} is {words.verdict(verdict)}." for verdict in never]
            tested = limits(criterion.test)
            hit = {at for case in own for at in limits_hit(case, read(case.as_of, case.engaged_on))}
            missed = [node for position, node in enumerate(tested) if position not in hit]
            lacking += [f"No case of {item} meets a limit exactly: {_limit(node, rules)}." for node in missed]
            rows.append(
                {
                    "part": part,
                    "item": item,
                    "cases": len(own),
                    **counts,
                    "limits": len(tested),
                    "limits_hit": len(hit),
                    "lacks": ";".join([*never, *(["threshold"] if missed else [])]),
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None), tuple(lacking)


def _is_changed(section: str, item: str, criterion: Criterion, merge: Merge) -> bool:
    """Whether a criterion, or a figure that it reads itself, is an overlay's."""
    read = (name for node in walk(criterion.test) for name in own_parameters(node))
    figures = (("parameters", name, "values") for name in read)
    return any(merge.own(path) is not None for path in ((section, item), *figures))


def _limit(node: Test | ReducedBy, rules: Rules) -> str:
    """`result_absence, less than 15%`: a limit by its parameter and in words."""
    comparator, name = ("reduced_by", node.reduced_by) if isinstance(node, ReducedBy) else node.comparison
    return f"{name}, {comparator.replace('_', ' ')} {words.limit(str(name), rules)}"


def _family_id(position: int) -> str:
    return f"case-{position:06d}"


def _amounts(pays: Mapping[str, int]) -> str:
    return ", ".join(f"{route} {pounds(pence)}" for route, pence in sorted(pays.items())) or "nothing"


def _listed(flags: frozenset[str]) -> str:
    return ", ".join(sorted(flags)) or "none"
