"""A pack as a durable-rules program: which questions are asked of whom, in which order, on which kinds of fact.

In: rules. Out: a program with its ruleset registered. A question is one node of the pack for one kind of subject: the
family, or those who hold a role. Questions climb in levels: tests read facts of the evidence, at level 0; every other
node reads the verdicts of its parts, from levels below. The questions of one level and one kind of subject share a
sheet, one kind of fact that answers them together, since a fact asserted costs more than a rule fired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, groupby

from pbr.engines.durable import clauses
from pbr.engines.durable.clauses import Clause, Name, TestClause
from pbr.engines.durable.ruleset import MOST_CONDITIONS_OF_A_KIND, Condition, Ruleset, too_large
from pbr.errors import Faults
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    CriterionRef,
    Every,
    Expression,
    Flag,
    NearThresholdFlag,
    ReducedBy,
    Some,
    Test,
    When,
)
from pbr.rulebook.rules import Rules, parts
from pbr.values import Verdict

FAMILY = ""
"""The scope of questions about the family; any other is the key of a role."""


@dataclass(frozen=True, eq=False)
class Question:
    """One node asked of one kind of subject.

    `path` says where in the pack it stands, `parts` whose verdicts it reads, `over` which role a quantifier ranges
    over, and `unverified` whether a parameter that it reads itself is.
    """

    path: str
    node: Expression
    scope: str
    clause: Clause
    parts: tuple[Question, ...] = ()
    over: str | None = None
    unverified: bool = False

    @cached_property
    def level(self) -> int:
        return 0 if isinstance(self.clause, TestClause) else 1 + max(part.level for part in self.parts)

    @cached_property
    def can_rest(self) -> bool:
        """Whether its verdict can rest on an unverified parameter at all."""
        return self.unverified or any(part.can_rest for part in self.parts)

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys of the facts that a test reads."""
        return self.clause.reads if isinstance(self.clause, TestClause) else ()

    @property
    def cost(self) -> int:
        """How many conditions it hangs on its kind of fact: those that its rules begin with."""
        first = [conditions[0] for _, conditions in self.clause.conditions]
        return sum(len(condition.get("$or", "1")) for condition in first)


@dataclass(frozen=True)
class Sheet:
    """One kind of fact, and the questions that it answers of every subject in its scope."""

    kind: str
    scope: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Item:
    """A criterion or route, and the part of the findings in which it stands."""

    part: str
    name: str
    question: Question


@dataclass(frozen=True)
class Movable:
    """A fact that `near_threshold` moves by a step: the tests that read it, and the routes that each leads to."""

    key: str
    step: int
    readers: tuple[tuple[Question, frozenset[str]], ...]


@dataclass(frozen=True)
class Program:
    """What a pack becomes.

    `labels` says in words what each field of a fact holds; `answers`, what it means that a rule fires. `conditions` are
    each condition flag's `when` and `unless`; `movable`, the facts that each `near_threshold` flag moves; `remembered`,
    what rules said of a moved fact.
    """

    items: tuple[Item, ...]
    routes: Mapping[str, Question]
    flags: Mapping[str, Flag]
    conditions: Mapping[str, tuple[Question | None, Question | None]]
    movable: Mapping[str, tuple[Movable, ...]]
    sheets: tuple[Sheet, ...]
    kinds: Mapping[Question, str]
    parents: Mapping[Question, list[Question]]
    labels: Mapping[str, str]
    answers: Mapping[str, tuple[Question, Verdict]]
    ruleset: Ruleset
    remembered: dict[tuple[object, ...], Verdict] = field(default_factory=dict)


def compiled(rules: Rules) -> Program:
    """A pack's program on its day. Raises Faults (E421 to E424) where durable-rules is not there or cannot hold it."""
    pack = rules.pack
    compilation = _Compilation(rules)
    items = compilation.criteria()
    routes = compilation.routes()
    conditions = compilation.conditions()
    sheets = tuple(_sheets(compilation.parents))
    answers: dict[str, tuple[Question, Verdict]] = {}
    conditions_of: dict[str, tuple[str, tuple[Condition, ...]]] = {}
    for sheet in sheets:
        for question in sheet.questions:
            for verdict, met in question.clause.conditions:
                name = f"r{len(answers)}"
                answers[name] = question, verdict
                conditions_of[name] = sheet.kind, met
    return Program(
        items=(*items, *(Item("route", name, question) for name, question in routes.items())),
        routes=routes,
        flags=pack.flags,
        conditions=conditions,
        movable={
            name: tuple(_movable(flag, routes, rules))
            for name, flag in pack.flags.items()
            if isinstance(flag, NearThresholdFlag)
        },
        sheets=sheets,
        kinds={question: sheet.kind for sheet in sheets for question in sheet.questions},
        parents=compilation.parents,
        labels=compilation.labels,
        answers=answers,
        ruleset=Ruleset(f"{pack.id}@{rules.digest[:12]}@{rules.on}", conditions_of),
    )


class _Compilation:
    """Questions in the making: `parents` gives each question those that read its verdict."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.parents: dict[Question, list[Question]] = {}
        self.labels: dict[str, str] = {}
        self._criteria: dict[str, Question] = {}
        self._names: dict[str, str] = {}

    def criteria(self) -> list[Item]:
        groups = (("eligibility", self.rules.pack.eligibility), ("result", self.rules.pack.results))
        return [Item(part, name, self._criterion(name)) for part, group in groups for name in group]

    def routes(self) -> dict[str, Question]:
        return {name: self._top(route.test, f"route/{name}") for name, route in self.rules.pack.routes.items()}

    def conditions(self) -> dict[str, tuple[Question | None, Question | None]]:
        return {
            name: (
                None if flag.when is None else self._top(flag.when, f"flag/{name}.when"),
                None if flag.unless is None else self._top(flag.unless, f"flag/{name}.unless"),
            )
            for name, flag in self.rules.pack.flags.items()
            if isinstance(flag, ConditionFlag)
        }

    def _criterion(self, name: str) -> Question:
        if name not in self._criteria:
            pack = self.rules.pack
            part, group = ("result", pack.results) if name in pack.results else ("eligibility", pack.eligibility)
            self._criteria[name] = self._top(group[name].test, f"{part}/{name}")
        return self._criteria[name]

    def _top(self, node: Expression, path: str) -> Question:
        """A criterion's, route's or flag's own question, also where it is only another criterion by name."""
        question = self._ask(node, FAMILY, path)
        if not isinstance(node, CriterionRef):
            return question
        return self._asked(Question(path, node, FAMILY, clauses.follows(node, self._own_names(path)), (question,)))

    def _ask(self, node: Expression, scope: str, path: str) -> Question:
        rules = self.rules
        match node:
            case CriterionRef():
                return self._criterion(node.criterion)
            case Test():
                return self._ask_test(node, scope, path, clauses.test(node, rules, self._shared_name))
            case ReducedBy():
                return self._ask_test(node, scope, path, clauses.reduced_by(node, rules, self._shared_name))
            case Every() | Some():
                role = rules.role(node).key
                that = self._ask(node.that, role, f"{path}.that")
                clause = clauses.tally(node, rules, self._own_names(path))
                return self._asked(Question(path, node, FAMILY, clause, (that,), role, rules.is_unverified(node)))
            case When():
                clause = clauses.when(self._own_names(path))
                return self._ask_parts(node, scope, path, ("when", "then"), clause)
            case AllOf() | AnyOf() | AtLeast():
                key = {AllOf: "all_of", AnyOf: "any_of", AtLeast: "of"}[type(node)]
                steps = tuple(f"{key}[{place}]" for place, _ in enumerate(parts(node)))
                clause = clauses.tally(node, rules, self._own_names(path))
                return self._ask_parts(node, scope, path, steps, clause)

    def _ask_test(self, node: Test | ReducedBy, scope: str, path: str, clause: TestClause) -> Question:
        scope = FAMILY if node.measure.subject == "family" else scope
        return self._asked(Question(path, node, scope, clause, unverified=self.rules.is_unverified(node)))

    def _ask_parts(
        self, node: AllOf | AnyOf | AtLeast | When, scope: str, path: str, steps: tuple[str, ...], clause: Clause
    ) -> Question:
        """A node is about a member where a part of it is; else it is asked once, of the family."""
        asked = tuple(self._ask(part, scope, f"{path}.{step}") for part, step in zip(parts(node), steps, strict=True))
        scope = scope if any(part.scope for part in asked) else FAMILY
        unverified = isinstance(node, AtLeast) and self.rules.is_unverified(node)
        return self._asked(Question(path, node, scope, clause, asked, unverified=unverified))

    def _asked(self, question: Question) -> Question:
        self.parents[question] = []
        for part in dict.fromkeys(question.parts):
            self.parents[part].append(question)
        return question

    def _shared_name(self, label: str) -> str:
        """A field that any test may ask for."""
        return self._own_names("")(label)

    def _own_names(self, path: str) -> Name:
        """Names for the fields of one question."""

        def name(label: str) -> str:
            full = f"{path}: {label}" if path else label
            if full not in self._names:
                self._names[full] = f"f{len(self._names)}"
                self.labels[self._names[full]] = label
            return self._names[full]

        return name


def _sheets(questions: Iterable[Question]) -> Iterator[Sheet]:
    """The questions by level and by whom they are about, in as many sheets as durable-rules needs."""

    def place(question: Question) -> tuple[int, str]:
        return question.level, question.scope

    kinds = count()
    for (_, scope), group in groupby(sorted(questions, key=place), key=place):
        for together in _within_bounds(group):
            yield Sheet(f"k{next(kinds)}", scope, together)


def _within_bounds(questions: Iterable[Question]) -> Iterator[tuple[Question, ...]]:
    held: list[Question] = []
    for question in questions:
        if question.cost > MOST_CONDITIONS_OF_A_KIND:
            raise Faults(too_large(question.path, f"{question.cost} conditions", MOST_CONDITIONS_OF_A_KIND))
        if sum(other.cost for other in held) + question.cost > MOST_CONDITIONS_OF_A_KIND:
            yield tuple(held)
            held = []
        held.append(question)
    yield tuple(held)


def _movable(flag: NearThresholdFlag, routes: Mapping[str, Question], rules: Rules) -> Iterator[Movable]:
    readers: dict[str, list[tuple[Question, frozenset[str]]]] = {}
    measures: dict[str, Measure] = {}
    for question, leads in _leads_to(routes).items():
        node = question.node
        if isinstance(node, Test | ReducedBy):
            for measure in (node.measure, *([node.baseline] if isinstance(node, ReducedBy) else [])):
                key = rules.fact_key(measure)
                measures[key] = measure
                readers.setdefault(key, []).append((question, leads))
    for key, measure in sorted(measures.items()):
        if step := _step(flag, measure, rules):
            yield Movable(key, step, tuple(readers[key]))


def _leads_to(routes: Mapping[str, Question]) -> dict[Question, frozenset[str]]:
    """Every question on which a route rests, with the routes that do."""
    leads: dict[Question, set[str]] = {}

    def mark(question: Question, route: str) -> None:
        leads.setdefault(question, set()).add(route)
        for part in question.parts:
            mark(part, route)

    for route, question in routes.items():
        mark(question, route)
    return {question: frozenset(found) for question, found in leads.items()}


def _step(flag: NearThresholdFlag, measure: Measure, rules: Rules) -> int:
    """How far one step moves a measure, in its own unit; 0 where it is not moved."""
    match measure.near:
        case None:
            return 0
        case "days_in_work":
            days = rules.number(flag.days_in_work)
            return days // 7 if measure.unit == "weeks" else days
        case near:
            return rules.number(getattr(flag, near))
