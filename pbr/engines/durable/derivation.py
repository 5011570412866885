"""One family decided by forward chaining: readings are asserted, verdicts fire, tallies of them are asserted in turn.

In: a program, one family's readings, a working memory of durable-rules. Out: the verdict of every question of every
subject, and the firings that gave it. Every verdict is that of a rule which fired; this module only counts, and carries
values and reasons along.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pbr.engines.durable.clauses import NOT_READ, Reading, TestClause
from pbr.engines.durable.program import FAMILY, Movable, Program, Question
from pbr.engines.durable.ruleset import Fields, Memory
from pbr.errors import Fault, Faults
from pbr.rulebook.model import AllOf, AnyOf, AtLeast, CriterionRef, Every, ReducedBy, Some, Test, When
from pbr.values import Verdict

MOST_REMEMBERED = 100_000

MET, NOT_MET, UNKNOWN, NOT_APPLICABLE = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE


@dataclass(frozen=True)
class Subject:
    """The family itself (its id empty) or one member: the scopes it is in, and its readings by fact key."""

    subject_id: str
    scopes: frozenset[str]
    readings: Mapping[str, Reading]


@dataclass(frozen=True)
class Family:
    """One family: itself, then its members."""

    family_id: str
    subjects: tuple[Subject, ...]


@dataclass(frozen=True)
class Firing:
    """One rule that fired: where in the pack it stands, for whom, on what, and the verdict it gave.

    `operands` are the fields of the fact that it fired on, in words: numbers read off the evidence (those of a share
    multiplied as its limit asks), or how many parts or subjects have which verdict.
    """

    rule: str
    subject_id: str
    operands: tuple[tuple[str, int | bool | str], ...]
    verdict: Verdict


Verdicts = Mapping[tuple[Question, str], Verdict]


class Derivation:
    """A family's verdicts by question and subject, as durable-rules gives them."""

    def __init__(self, program: Program, family: Family, memory: Memory) -> None:
        self.program = program
        self.family = family
        self._memory = memory
        self._in_scope: dict[str, list[Subject]] = {}
        for subject in family.subjects:
            for scope in subject.scopes:
                self._in_scope.setdefault(scope, []).append(subject)
        self.verdicts: dict[tuple[Question, str], Verdict] = {}
        self._told: list[tuple[tuple[Question, ...], Subject, Fields]] = []
        for sheet in program.sheets:
            for subject in self.subjects(sheet.scope):
                fields: Fields = {}
                for question in sheet.questions:
                    fields |= self._fields(question, subject, subject.readings, self.verdicts)
                self._told.append((sheet.questions, subject, fields))
                for question, verdict in self._conclude(sheet.kind, fields, sheet.questions).items():
                    self.verdicts[question, subject.subject_id] = verdict

    def subjects(self, scope: str) -> Sequence[Subject]:
        """The family, or the members who hold a role."""
        return self._in_scope.get(scope, ())

    def verdict(self, question: Question, subject: Subject) -> Verdict:
        return self.verdicts[question, subject.subject_id if question.scope else FAMILY]

    def firings(self) -> Iterator[Firing]:
        """The rules that fired, in the order of the chain: evidence first, routes last; then by rule and subject."""
        told = [(question, subject, fields) for questions, subject, fields in self._told for question in questions]
        told.sort(key=lambda one: (one[0].level, one[0].path, one[1].subject_id))
        for question, subject, fields in told:
            asked = self._fields(question, subject, subject.readings, self.verdicts)
            operands = sorted((self.program.labels[field], fields[field]) for field in asked)
            yield Firing(question.path, subject.subject_id, tuple(operands), self.verdict(question, subject))

    # ---------------------------------------------------------------------------------------------------- chaining

    def _fields(
        self, question: Question, subject: Subject, readings: Mapping[str, Reading], verdicts: Verdicts
    ) -> Fields:
        """What is asserted for a question: what a test reads, or a tally of the verdicts of others."""
        if isinstance(question.clause, TestClause):
            return question.clause.fields(readings)
        return question.clause.fields([verdicts[at] for at in self._below(question, subject)])

    def _below(self, question: Question, subject: Subject) -> list[tuple[Question, str]]:
        """The questions and subjects whose verdicts a question reads."""
        if question.over is not None:
            (that,) = question.parts
            return [(that, one.subject_id if that.scope else FAMILY) for one in self.subjects(question.over)]
        return [(part, subject.subject_id if part.scope else FAMILY) for part in question.parts]

    def _conclude(self, kind: str, fields: Fields, asked: Iterable[Question]) -> dict[Question, Verdict]:
        """The verdicts that fire on one fact. Raises Faults (E425) unless each question asked has exactly one.

        A fact told for some questions alone says nothing of the others of its kind, whatever fires: durable-rules holds
        a comparison with a field that is not there to be true.
        """
        asked = frozenset(asked)
        concluded: dict[Question, Verdict] = {}
        for rule in self._memory.tell(kind, fields):
            question, verdict = self.program.answers[rule]
            if question in asked and concluded.setdefault(question, verdict) is not verdict:
                raise self._undecided(question, "two verdicts")
        for question in asked:
            if question not in concluded:
                raise self._undecided(question, "no verdict")
        return concluded

    def _conclude_alone(self, question: Question, fields: Fields) -> Verdict:
        """The verdict of one question on its fact alone. What was told once, of any family, is not told again."""
        told, remembered = (question, *fields.items()), self.program.remembered
        if told not in remembered:
            if len(remembered) == MOST_REMEMBERED:
                remembered.clear()
            remembered[told] = self._conclude(self.program.kinds[question], fields, (question,))[question]
        return remembered[told]

    def _undecided(self, question: Question, what: str) -> Faults:
        return Faults(
            Fault(
                "E425",
                f"family {self.family.family_id}",
                f"durable-rules gives {question.path} {what}",
                "Nothing was decided. Report this with the pack; the other engines can decide.",
            )
        )

    # ---------------------------------------------------------------------------------------------- near a threshold

    def near(self, movable: Iterable[Movable]) -> set[str]:
        """The routes whose verdict would change if one fact were one step higher or lower."""
        found: set[str] = set()
        for one in movable:
            for subject in self.family.subjects:
                readers = [(question, routes) for question, routes in one.readers if question.scope in subject.scopes]
                value, of, *_ = subject.readings.get(one.key, NOT_READ)
                if not isinstance(value, int) or found.issuperset(route for _, routes in readers for route in routes):
                    continue
                for moved in (value - one.step, value + one.step):
                    if moved >= 0 and (of is None or moved <= of):
                        readings = {**subject.readings, one.key: (moved, of, None, None)}
                        found.update(self._routes_changed([question for question, _ in readers], subject, readings))
        return found

    def _routes_changed(
        self, readers: Iterable[Question], moved: Subject, readings: Mapping[str, Reading]
    ) -> Iterator[str]:
        """The routes that change where one subject's readings are these: only what changes is derived again."""
        program = self.program
        changed: dict[tuple[Question, str], Verdict] = {}
        verdicts = ChainMap(changed, self.verdicts)
        open_ = {(question, moved.subject_id): (question, moved) for question in readers}
        while open_:
            at, (question, subject) = min(open_.items(), key=lambda item: item[1][0].level)
            del open_[at]
            fields = self._fields(question, subject, readings, verdicts)
            verdict = self._conclude_alone(question, fields)
            if verdict is self.verdicts[at]:
                continue
            changed[at] = verdict
            for parent in program.parents[question]:
                for above in [subject] if parent.scope == question.scope else self.subjects(parent.scope):
                    open_[parent, above.subject_id] = parent, above
        return (route for route, question in program.routes.items() if (question, FAMILY) in changed)

    # ----------------------------------------------------------------------------------------- carried along by Python

    def reasons(self, question: Question, subject: Subject) -> frozenset[str]:
        """Why a verdict is unknown or not applicable: the codes of the parts that share it. Empty for the others."""
        verdict = self.verdict(question, subject)
        if verdict is MET or verdict is NOT_MET:
            return frozenset()
        match question.node:
            case Test() | ReducedBy() if verdict is NOT_APPLICABLE:
                return frozenset({"no_baseline"})
            case Test() | ReducedBy():
                readings = self.read(question, subject)
                return frozenset(
                    code for value, _, reason, _ in readings if value is None and reason for code in reason.split(";")
                )
            case When() if (condition := self.verdict(question.parts[0], subject)) is not MET:
                return (
                    frozenset({"condition_not_met"})
                    if condition is NOT_MET
                    else self.reasons(question.parts[0], subject)
                )
            case When():
                return self.reasons(question.parts[1], subject)
            case AllOf() | AnyOf() | AtLeast() | Every() | Some() | CriterionRef():
                below = self._parts(question, subject)
                sharing = [self.reasons(part, one) for part, one in below if self.verdict(part, one) is verdict]
                return frozenset().union(*sharing) if below else frozenset({"no_subject"})

    def rests_on_unverified(self, question: Question, subject: Subject) -> bool:
        """Whether what decides a verdict is a parameter whose standing is unverified."""
        if not question.can_rest or question.unverified:
            return question.unverified
        below = self._parts(question, subject)
        verdict = self.verdict(question, subject)
        match question.node:
            case When() if self.verdict(question.parts[0], subject) is not MET:
                below = below[:1]
            case AllOf() | Every() if verdict is NOT_MET:
                below = [(part, one) for part, one in below if self.verdict(part, one) is verdict]
            case AnyOf() | Some() | AtLeast() if verdict is MET:
                below = [(part, one) for part, one in below if self.verdict(part, one) is verdict]
            case AtLeast() if verdict is NOT_MET:
                below = [(part, one) for part, one in below if self.verdict(part, one) in (NOT_MET, NOT_APPLICABLE)]
            case _:
                pass
        return any(self.rests_on_unverified(part, one) for part, one in below)

    def read(self, question: Question, subject: Subject) -> list[Reading]:
        """The readings of a test: a value, or a value and its baseline."""
        of = subject if question.scope else self.family.subjects[0]
        return [of.readings.get(key, NOT_READ) for key in question.reads]

    def _parts(self, question: Question, subject: Subject) -> list[tuple[Question, Subject]]:
        if question.over is not None:
            return [(question.parts[0], one) for one in self.subjects(question.over)]
        return [(part, subject) for part in question.parts]
