"""One explanation object: a family's decision as a tree of steps, from route to record.

In: facts, rules and a family's id. Out: `Trace`, whose steps say the criterion in words, its verdict, the value against
the limit, the records behind it and, for what is not met or unknown, what evidence would change it. Commands print it,
pages render it, programs read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.engines.findings import decision_ids
from pbr.engines.reference import Fact, Judgement, judge, read_families
from pbr.errors import Fault, Faults
from pbr.measures.facts import Facts
from pbr.measures.reading import cites
from pbr.rulebook import words
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import Criterion, CriterionRef, ReducedBy, Test
from pbr.rulebook.rules import Rules, criterion_of
from pbr.values import Verdict


@dataclass(frozen=True)
class Step:
    """One node of the tree. `subject_id` is empty for the family; `value` and `baseline` are exact, and `found` says
    them in words.

    A test has its `limit` in words, with the source of the figure, and the `tables` that were read; a reference has the
    `criterion` that it refers to. They are empty elsewhere.
    """

    says: str
    verdict: str
    subject_id: str = ""
    value: str = ""
    baseline: str = ""
    found: str = ""
    reason: str = ""
    records: tuple[str, ...] = ()
    would_change: str = ""
    limit: str = ""
    limit_source: str = ""
    tables: tuple[str, ...] = ()
    criterion: str = ""
    parts: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Ruling:
    """One criterion or route of the pack, judged: with its place in the framework and how well that is known."""

    part: str
    item: str
    title: str
    citation: str
    standing: str
    flags: tuple[str, ...]
    step: Step


@dataclass(frozen=True)
class Trace:
    """Everything that was decided of one family."""

    family_id: str
    as_of: date
    engaged_on: date
    pack: str
    pack_digest: str
    decision_id: str
    rulings: tuple[Ruling, ...]


def trace(facts: Facts, rules: Rules, family_id: str) -> Trace:
    """Explain one family's decision. Raises Faults (E405) where the family has none."""
    chosen = facts.only(pl.Series([family_id]))
    if chosen.families.is_empty():
        step = "Check the id; a family engaged on or after the as-of date, or in quarantine itself, gets none."
        raise Faults(Fault("E405", f"family {family_id}", f"has no decision as of {facts.as_of}", step))
    judged = judge(next(iter(read_families(chosen, rules))), rules)
    pack = rules.pack
    groups = (
        ("route", pack.routes, judged.routes),
        ("eligibility", pack.eligibility, judged.eligibility),
        ("result", pack.results, judged.results),
    )
    return Trace(
        family_id=family_id,
        as_of=facts.as_of,
        engaged_on=chosen.families["engaged_on"].item(),
        pack=pack.title,
        pack_digest=rules.digest,
        decision_id=decision_ids(chosen, rules)["decision_id"].item(),
        rulings=tuple(
            _ruling(part, item, criteria[item], judgement, judged.flags.get(item, ()) if part == "route" else (), rules)
            for part, criteria, judgements in groups
            for item, judgement in judgements.items()
        ),
    )


def _ruling(
    part: str, item: str, criterion: Criterion, judged: Judgement, flags: tuple[str, ...], rules: Rules
) -> Ruling:
    step = _step(judged, rules)
    return Ruling(part, item, criterion.title, " ".join(criterion.citation.split()), criterion.standing, flags, step)


def _step(judged: Judgement, rules: Rules) -> Step:
    facts = [fact for fact in (judged.fact, judged.baseline) if fact is not None]
    records = sorted({record for fact in facts for record in fact.records})
    says, parts = words.heading(judged.node, rules), tuple(_step(part, rules) for part in judged.parts)
    limit, limit_source, criterion = "", "", ""
    tables: tuple[str, ...] = ()
    match judged.node:
        case CriterionRef() as node:
            # A criterion that another refers to is explained in its own place.
            says, parts, criterion = f"“{criterion_of(node, rules).title}”", (), node.criterion
        case Test() | ReducedBy() as node:
            limit, limit_source = _limit(node, rules)
            tables = cites(node.measure)
    return Step(
        says=says,
        verdict=str(judged.verdict),
        subject_id=judged.subject_id,
        value=str(judged.fact or ""),
        baseline=str(judged.baseline or ""),
        found=_found(judged),
        reason=judged.reason,
        records=tuple(records),
        would_change=_would_change(judged, rules),
        limit=limit,
        limit_source=limit_source,
        tables=tables,
        criterion=criterion,
        parts=parts,
    )


_COMPARED = {
    "at_least": "at least",
    "more_than": "more than",
    "at_most": "at most",
    "less_than": "less than",
    "is_one_of": "one of",
}


def _limit(node: Test | ReducedBy, rules: Rules) -> tuple[str, str]:
    """What a test asks for, in words, and the source of the figure."""
    if isinstance(node, ReducedBy):
        name, said = node.reduced_by, "less than before by at least"
    else:
        comparator, limit = node.comparison
        if comparator == "is":
            return ("yes" if limit else "no"), ""
        name, said = str(limit), _COMPARED[comparator]
    return f"{said} {words.limit(name, rules)}", " ".join(rules.values[name].citation.split())


def _found(judged: Judgement) -> str:
    """What was measured, and before where there is a baseline; empty where nothing is known."""
    if not isinstance(judged.node, Test | ReducedBy):
        return ""
    asked = judged.node.measure
    value, before = (_said(asked, fact) for fact in (judged.fact, judged.baseline))
    said = value or "not known"
    return f"{said}, before: {before}" if before else value


def _said(asked: Measure, fact: Fact | None) -> str:
    """A fact in words; where links leave it open, what it lies between."""
    least, most = [words.value(asked, str(end)) for end in fact.bounds] if fact and fact.bounds else ("", "")
    return f"{least} to {most}" if least else words.value(asked, str(fact or ""))


_EVIDENCE = {
    "not_covered": "an extract that covers every day of the window",
    "no_record": "an attendance record for every term of school age",
    "no_sessions": "an attendance record with possible sessions",
    "unresolved_link": "a decision on whom the possible links belong to",
    "quarantined": "a corrected extract: a row about this subject is quarantined, or names a need that nobody knows",
    "missing_field": "what is missing from the family's record",
}


def _would_change(judged: Judgement, rules: Rules) -> str:
    """What evidence would turn a test that is not met, or unknown; empty for everything else."""
    if not isinstance(judged.node, Test | ReducedBy):
        return ""
    if judged.verdict is Verdict.UNKNOWN:
        return " and ".join(_EVIDENCE[code] for code in judged.reason.split(";"))
    if judged.verdict is not Verdict.NOT_MET or judged.fact is None:
        return ""
    if isinstance(judged.node, ReducedBy):
        return _enough_fewer(judged.node, judged.baseline, rules)
    return _enough(judged.node, judged.fact, rules)


def _enough(node: Test, fact: Fact, rules: Rules) -> str:
    comparator, limit = node.comparison
    if comparator == "is":
        return "evidence that it was so" if limit else "evidence that it was not so"
    if comparator == "is_one_of":
        return f"a record that says {words.limit(str(limit), rules)}"
    if node.measure.unit != "share":
        bound, unit = rules.number(str(limit)), "" if node.measure.unit == "count" else f" {node.measure.unit}"
    elif fact.of is None:
        # Links leave open how many sessions there are.
        return f"{_COMPARED[comparator]} {words.limit(str(limit), rules)}"
    else:
        share, unit = rules.share(str(limit)), f" of {fact.of} sessions"
        # The least whole number of sessions that reaches the share, and whether it is the share exactly.
        bound = -(-share.numerator * fact.of // share.denominator)
        if bound * share.denominator != share.numerator * fact.of:
            comparator = {"more_than": "at_least", "at_most": "less_than"}.get(comparator, comparator)  # type: ignore[assignment]
    match comparator:
        case "at_least":
            return f"at least {bound}{unit}"
        case "more_than":
            return f"at least {bound + 1}{unit}"
        case "less_than":
            return f"at most {bound - 1}{unit}"
        case _:
            return f"at most {bound}{unit}"


def _enough_fewer(node: ReducedBy, baseline: Fact | None, rules: Rules) -> str:
    if baseline is not None and baseline.bounds:
        return f"fewer since, or another answer about the links: there were {_said(node.baseline, baseline)} before"
    if baseline is None or not isinstance(baseline.value, int) or not baseline.value:
        return "no event since: there were none before"
    share = rules.share(node.reduced_by)
    most = baseline.value * (share.denominator - share.numerator) // share.denominator
    return f"at most {most} in the window, against {baseline.value} before"
