"""The durable engine: durable-rules derives each family by forward chaining, from its facts up to its routes.

In: facts and rules. Out: findings (`decide`), or one family's derivation (`derive`), which an auditor can follow firing
by firing. It takes one family after the other and has nothing in common with the other engines but the rule language,
so their agreement says something. `docs/decisions/0001-durable-rules.md` tells what durable-rules needs, and which of
its limits shaped this.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import polars as pl

from pbr.engines.durable.clauses import Reading
from pbr.engines.durable.derivation import Derivation, Family, Firing, Subject
from pbr.engines.durable.program import FAMILY, Program, Question, compiled
from pbr.engines.durable.ruleset import available, why_not_available
from pbr.engines.findings import ORDER, SCHEMA
from pbr.errors import Fault, Faults
from pbr.measures.facts import Facts
from pbr.rulebook.model import ConditionFlag, Every, NearThresholdFlag, Some
from pbr.rulebook.rules import Rules
from pbr.values import REASONS, Verdict

__all__ = ["Firing", "available", "decide", "derive", "why_not_available"]

Row = tuple[str, ...]

_programs: weakref.WeakKeyDictionary[Rules, Program] = weakref.WeakKeyDictionary()


def decide(facts: Facts, rules: Rules) -> pl.DataFrame:
    """Findings of every family in the facts: the columns of `FINDINGS` but `decision_id`, in their order.

    Raises Faults: E421 where durable-rules is not installed, E422 where the pack is larger than it can hold, E423 where
    it fails, E424 where a number is larger than it can hold, E425 where it does not decide.
    """
    program = _program(rules)
    rows = [row for family in _families(facts, rules) for row in _decide(program, family)]
    schema = {name: kind for name, kind in SCHEMA.items() if name != "decision_id"}
    return pl.DataFrame(rows, schema=schema, orient="row").sort(ORDER)


def derive(facts: Facts, rules: Rules, family_id: str) -> list[Firing]:
    """The rules that fired for one family, evidence first and routes last. Raises Faults as `decide` does.

    A family that has no decision is E405.
    """
    chosen = facts.only(pl.Series([family_id], dtype=pl.String))
    for family in _families(chosen, rules):
        program = _program(rules)
        with program.ruleset.memory() as memory:
            return list(Derivation(program, family, memory).firings())
    step = "Check the id; a family engaged on or after the as-of date gets no decision."
    raise Faults(Fault("E405", f"family {family_id}", f"has no decision as of {facts.as_of}", step))


def _program(rules: Rules) -> Program:
    if rules not in _programs:
        _programs[rules] = compiled(rules)
    return _programs[rules]


def _decide(program: Program, family: Family) -> Iterator[Row]:
    with program.ruleset.memory() as memory:
        derivation = Derivation(program, family, memory)
        flags = _flags(program, derivation)
    (itself, *_) = family.subjects
    for item in program.items:
        question = item.question
        raised = ";".join(flags[item.name]) if item.part == "route" else ""
        found = [(question, itself)]
        if isinstance(question.node, Every | Some) and question.over is not None:
            found += [(question.parts[0], subject) for subject in derivation.subjects(question.over)]
        for asked, subject in found:
            verdict, finding = derivation.verdict(asked, subject), _finding(derivation, asked, subject)
            yield family.family_id, item.part, item.name, subject.subject_id, verdict.value, *finding, raised


def _finding(derivation: Derivation, question: Question, subject: Subject) -> Row:
    """`value`, `baseline`, `reason`."""
    value, baseline, *_ = (*map(_text, derivation.read(question, subject)), "", "")
    reasons = derivation.reasons(question, subject)
    return value, baseline, ";".join(code for code in REASONS if code in reasons)


def _text(reading: Reading) -> str:
    value, of, *_ = reading
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if of is None else f"{value}/{of}"


def _flags(program: Program, derivation: Derivation) -> dict[str, list[str]]:
    """The flags raised on each route."""
    (itself, *_) = derivation.family.subjects
    raised: dict[str, list[str]] = {route: [] for route in program.routes}
    for name, flag in program.flags.items():
        if isinstance(flag, ConditionFlag):
            when, unless = program.conditions[name]
            holds = when is None or derivation.verdict(when, itself) is Verdict.MET
            holds = holds and (unless is None or derivation.verdict(unless, itself) is not Verdict.MET)
            met = {route for route, asked in program.routes.items() if derivation.verdict(asked, itself) is Verdict.MET}
            of = set(program.routes) if flag.met_routes is None else met.intersection(flag.met_routes)
            routes = of if holds else set()
        elif isinstance(flag, NearThresholdFlag):
            routes = derivation.near(program.movable[name])
        else:
            routes = {route for route, asked in program.routes.items() if derivation.rests_on_unverified(asked, itself)}
        for route in routes:
            raised[route].append(name)
    return raised


def _families(facts: Facts, rules: Rules) -> Iterator[Family]:
    """The facts' frames as one object a family, in the order of `facts.families`."""
    roles = [role.key for role in rules.roles]
    members: dict[str, list[Subject]] = {}
    people = _read(facts.members, ["family_id", "subject_id", *roles], list(rules.member_measures))
    for (family_id, subject_id, *held), readings in people:
        scopes = frozenset(role for role, holds in zip(roles, held, strict=True) if holds)
        members.setdefault(family_id, []).append(Subject(subject_id, scopes, readings))
    for (family_id,), readings in _read(facts.families, ["family_id"], list(rules.family_measures)):
        yield Family(family_id, (Subject("", frozenset({FAMILY}), readings), *members.get(family_id, ())))


def _read(frame: pl.DataFrame, plain: list[str], keys: list[str]) -> Iterator[tuple[list[Any], dict[str, Reading]]]:
    """Each row's plain columns and the readings of its facts; the records behind them stay where they are."""
    inside = [
        pl.col(key).struct.field(field).alias(f"{field} {place}")
        for place, key in enumerate(keys)
        for field in ("value", "of", "reason", "bounds")
    ]
    for row in frame.select(*plain, *inside).iter_rows():
        cells = row[len(plain) :]
        readings = {key: cells[4 * place : 4 * place + 4] for place, key in enumerate(keys)}
        yield list(row[: len(plain)]), readings
