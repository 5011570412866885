"""A pack as read for one decision: every parameter resolved to its value, and what the engines need to know of it.

In: a checked `Pack`, the as-of date, and the engagement date it is read for. Out: `Rules`, which engines, measures and
claims read; a day before a parameter's first value is a fault (E214). What speaks of the engagement date is read with
the figures of that day, everything else with those of the as-of date. The tariff is read on each family's engagement
date instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from pbr.errors import Fault, Faults
from pbr.rulebook.measures import PLAIN_ARGUMENTS, LeftOut, Measure
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    Criterion,
    CriterionRef,
    DatedValue,
    Every,
    Expression,
    Flag,
    Pack,
    ReducedBy,
    Some,
    Tariff,
    Test,
    When,
)
from pbr.values import Share


@dataclass(frozen=True)
class Role:
    """Who is a subject: members on a day, whoever they are or children, adults, children of school age in n terms."""

    kind: str
    at: str
    last_terms: int | None = None
    leaving_out: LeftOut | None = None

    @property
    def key(self) -> str:
        """`school_age_child(last_terms: 3, at: engagement)`: the role's column among the facts."""
        terms = "" if self.last_terms is None else f"last_terms: {self.last_terms}, "
        left_out = "" if self.leaving_out is None else f", leaving_out: {self.leaving_out}"
        return f"{self.kind}({terms}at: {self.at}{left_out})"


class Rules:
    """A pack as read on one as-of date, for families engaged on one day or on any with the same figures.

    `pack` is the pack as engines read it: figures of the engagement date that differ from those of the as-of date are
    parameters of their own, and criteria that leave members out are written out. `written` is the pack as its authors
    wrote it. `digest` is the pack's; `values` has each parameter's value. `place` says where one is written, for
    faults. A family that engaged before a parameter's first day is read with its first value. Without `engaged`,
    everything is read on the as-of date.
    """

    def __init__(
        self,
        pack: Pack,
        on: date,
        digest: str,
        place: Callable[[str], str] | None = None,
        engaged: date | None = None,
    ) -> None:
        self.written = pack
        self.on = on
        self.digest = digest
        missing = []
        self.values: dict[str, DatedValue] = {}
        for name, parameter in pack.parameters.items():
            if name in _tariff_parameters(pack.tariff):
                continue
            if dated := value_on(pack, name, on):
                self.values[name] = dated
            else:
                missing.append((name, parameter.values[0].start))
        if missing:
            raise Faults(_without_value(missing, on, place or (lambda name: f"pack {pack.id}")))
        self.pack = self._as_read(engaged)

    def _as_read(self, engaged: date | None) -> Pack:
        """The pack with a name for each figure of the engagement date, and with what it leaves out written out."""
        pack = self.written
        of_then = {} if engaged is None else {name: self._as_of_engagement(name, engaged) for name in self.values}
        names = {name: f"{name}@engagement" for name in of_then if of_then[name] != self.values[name]}
        if names:
            self.values |= {alias: of_then[name] for name, alias in names.items()}

            def name_of(name: str) -> str:
                return names.get(name, name)

            pack = _rewritten(pack, lambda test, section: _at_engagement(test, section == "eligibility", name_of))
            aliases = {alias: pack.parameters[name] for name, alias in names.items()}
            pack = pack.model_copy(update={"parameters": {**pack.parameters, **aliases}})
        # After the figures: a criterion that is written out elsewhere keeps those of its own place.
        return _rewritten(pack, lambda test, _: _written_out(test, None, pack))

    def _as_of_engagement(self, name: str, engaged: date) -> DatedValue:
        return value_on(self.written, name, engaged) or self.written.parameters[name].values[0]

    def number(self, name: str) -> int:
        """A parameter that is a whole number."""
        value = self.values[name].value
        assert isinstance(value, int), name
        return value

    def share(self, name: str) -> Share:
        """A parameter that is a share."""
        value = self.values[name].value
        assert isinstance(value, Share), name
        return value

    def codes(self, name: str) -> tuple[str, ...]:
        """A parameter that is a list of codes, or a need (a list of one)."""
        value = self.values[name].value
        return value if isinstance(value, tuple) else (str(value),)

    def is_unverified(self, node: Expression) -> bool:
        """Whether any parameter that the node itself reads is `unverified`."""
        return any(self.values[name].standing == "unverified" for name in own_parameters(node))

    def fact_key(self, measure: Measure) -> str:
        """`unauthorised_absence(last_terms: 3, at: engagement)`: the measure with its values, the fact's name."""
        arguments = ", ".join(f"{k}: {self._written(k, v)}" for k, v in measure.arguments().items())
        return f"{measure.name}({arguments})"

    def _written(self, argument: str, given: object) -> str:
        if argument in PLAIN_ARGUMENTS:
            return "true" if given is True else str(given)
        value = self.values[str(given)].value
        return " ".join(sorted(value)) if isinstance(value, tuple) else str(value)

    @cached_property
    def family_measures(self) -> dict[str, Measure]:
        """The facts of the family that the pack reads, by key, sorted."""
        found = {self.fact_key(m): m for _, m in self._reads() if m.subject == "family"}
        return dict(sorted(found.items()))

    @cached_property
    def member_measures(self) -> dict[str, tuple[Measure, tuple[Role, ...]]]:
        """The facts of members that the pack reads, by key, sorted: the measure, and the roles it is asked of."""
        roles: dict[str, set[Role]] = {}
        measures: dict[str, Measure] = {}
        for role, measure in self._reads():
            if role is not None and measure.subject == "member":
                key = self.fact_key(measure)
                measures[key] = measure
                roles.setdefault(key, set()).add(role)
        return {key: (measures[key], tuple(sorted(roles[key], key=lambda r: r.key))) for key in sorted(measures)}

    @cached_property
    def roles(self) -> tuple[Role, ...]:
        """Every role that a criterion or flag quantifies over, sorted by key."""
        nodes = (node for top in self.expressions() for node in walk(top))
        found = {self.role(node) for node in nodes if isinstance(node, Every | Some)}
        return tuple(sorted(found, key=lambda role: role.key))

    def role(self, node: Every | Some) -> Role:
        kind = node.every if isinstance(node, Every) else node.some
        terms = None if node.last_terms is None else self.number(node.last_terms)
        return Role(kind, node.at, terms, node.leaving_out)

    def expressions(self) -> Iterator[Expression]:
        """The whole expression of every criterion, route and condition of a flag, in the pack's order."""
        for group in (self.pack.eligibility, self.pack.results, self.pack.routes):
            yield from (criterion.test for criterion in group.values())
        for flag in self.pack.flags.values():
            if isinstance(flag, ConditionFlag):
                yield from (test for test in (flag.when, flag.unless) if test is not None)

    def _reads(self) -> Iterator[tuple[Role | None, Measure]]:
        for expression in self.expressions():
            yield from self._reads_of(expression, None)

    def _reads_of(self, node: Expression, role: Role | None) -> Iterator[tuple[Role | None, Measure]]:
        if isinstance(node, Every | Some):
            role = self.role(node)
        if isinstance(node, Test | ReducedBy):
            yield role, node.measure
        if isinstance(node, ReducedBy):
            yield role, node.baseline
        for part in parts(node):
            yield from self._reads_of(part, role)


def _without_value(missing: list[tuple[str, date]], on: date, place: Callable[[str], str]) -> Iterator[Fault]:
    """Parameters without a value on a day: each by itself, or many at once, where the day is before the pack's time."""
    step = "Choose a later as-of date, or add a dated value with its citation."
    if len(missing) > FEW:
        first = min(start for _, start in missing)
        what = f"the pack's first figures start on {first}; {len(missing)} parameters have no value on {on}"
        yield Fault("E214", place(missing[0][0]), what, step)
        return
    for name, start in missing:
        what = f"parameter '{name}' has no value on {on} (its first starts {start})"
        yield Fault("E214", place(name), what, step)


FEW = 3
"""As many faults of one kind as are worth telling apart."""


def value_on(pack: Pack, name: str, day: date) -> DatedValue | None:
    """A parameter's dated value on a day; None before its first."""
    return next((dated for dated in reversed(pack.parameters[name].values) if dated.start <= day), None)


def parts(node: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside a node."""
    match node:
        case AllOf():
            return node.all_of
        case AnyOf():
            return node.any_of
        case AtLeast():
            return node.of
        case When():
            return (node.when, node.then)
        case Every() | Some():
            return (node.that,)
        case Test() | ReducedBy() | CriterionRef():
            return ()


def criterion_of(node: CriterionRef, rules: Rules) -> Criterion:
    """The criterion that a node refers to: a result or, failing that, one of eligibility."""
    return _criterion(node.criterion, rules.pack)


def _criterion(name: str, pack: Pack) -> Criterion:
    return pack.results.get(name) or pack.eligibility[name]


def walk(node: Expression) -> Iterator[Expression]:
    """A node and everything inside it, outermost first."""
    yield node
    for part in parts(node):
        yield from walk(part)


def own_parameters(node: Expression) -> tuple[str, ...]:
    """The names of the parameters that a node itself reads, its parts' left out."""
    match node:
        case Test():
            _, limit = node.comparison
            return (*node.measure.parameters().values(), *([limit] if isinstance(limit, str) else []))
        case ReducedBy():
            return (*node.measure.parameters().values(), node.against.months_before_engagement, node.reduced_by)
        case AtLeast():
            return (node.at_least,)
        case Every() | Some():
            return () if node.last_terms is None else (node.last_terms,)
        case AllOf() | AnyOf() | When() | CriterionRef():
            return ()


def needs(pack: Pack) -> frozenset[str]:
    """The needs that a pack knows, of all its dated values."""
    values = [dated.value for name in lists_of_needs(pack) for dated in pack.parameters[name].values]
    return frozenset(need for value in values for need in (value if isinstance(value, tuple) else (str(value),)))


def lists_of_needs(pack: Pack) -> frozenset[str]:
    """The parameters that say which needs a rule asks about."""
    return frozenset(
        name
        for test, _ in _tests(pack)
        for node in walk(test)
        if isinstance(node, Test | ReducedBy)
        for argument, name in node.measure.parameters().items()
        if argument in ("need", "needs")
    )


def turning_days(pack: Pack) -> tuple[date, ...]:
    """The days, in order, on which a figure changes that families are read with as of their engagement."""
    read: set[str] = set()

    def note(name: str) -> str:
        read.add(name)
        return name

    for test, section in _tests(pack):
        _at_engagement(test, section == "eligibility", note)
    return tuple(sorted({dated.start for name in read for dated in pack.parameters[name].values[1:]}))


def _tariff_parameters(tariff: Tariff) -> frozenset[str]:
    named = (tariff.attachment_fee, tariff.family_cap, tariff.earned_autonomy, *tariff.routes.values())
    return frozenset(name for name in named if name is not None)


# ------------------------------------------------------------------------------------------------------- rewriting

Rewrite = Callable[[Expression, str], Expression]
"""What becomes of a whole test, and of the section that it stands in."""


def _tests(pack: Pack) -> Iterator[tuple[Expression, str]]:
    for section in ("eligibility", "results", "routes"):
        criteria: Mapping[str, Criterion] = getattr(pack, section)
        yield from ((criterion.test, section) for criterion in criteria.values())
    for flag in pack.flags.values():
        if isinstance(flag, ConditionFlag):
            yield from ((test, "flags") for test in (flag.when, flag.unless) if test is not None)


def _rewritten(pack: Pack, rewrite: Rewrite) -> Pack:
    """The pack with every test rewritten."""

    def criteria(section: str) -> dict[str, Criterion]:
        given: Mapping[str, Criterion] = getattr(pack, section)
        return {name: one.model_copy(update={"test": rewrite(one.test, section)}) for name, one in given.items()}

    def flag(one: Flag) -> Flag:
        if not isinstance(one, ConditionFlag):
            return one
        tests = {key: test for key, test in (("when", one.when), ("unless", one.unless)) if test is not None}
        return one.model_copy(update={key: rewrite(test, "flags") for key, test in tests.items()})

    sections = {section: criteria(section) for section in ("eligibility", "results", "routes")}
    flags = {name: flag(one) for name, one in pack.flags.items()}
    return pack.model_copy(update={**sections, "flags": flags})


def _with_parts(node: Expression, change: Callable[[Expression], Expression], **own: Any) -> Expression:
    """A node with its parts changed, and with keys of its own."""
    match node:
        case AllOf():
            own["all_of"] = tuple(map(change, node.all_of))
        case AnyOf():
            own["any_of"] = tuple(map(change, node.any_of))
        case AtLeast():
            own["of"] = tuple(map(change, node.of))
        case When():
            own |= {"when": change(node.when), "then": change(node.then)}
        case Every() | Some():
            own["that"] = change(node.that)
        case Test() | ReducedBy() | CriterionRef():
            pass
    return node.model_copy(update=own) if own else node


def _written_out(node: Expression, left_out: LeftOut | None, pack: Pack) -> Expression:
    """A test with every criterion that leaves members out written out, as it is read without them."""

    def inner(part: Expression) -> Expression:
        return _written_out(part, left_out, pack)

    match node:
        case CriterionRef() if (who := node.leaving_out or left_out) is not None:
            return _written_out(_criterion(node.criterion, pack).test, who, pack)
        case Test() | ReducedBy() if left_out is not None and "leaving_out" in type(node.measure).model_fields:
            return node.model_copy(update={"measure": node.measure.model_copy(update={"leaving_out": left_out})})
        case Every() | Some() if left_out is not None:
            return _with_parts(node, inner, leaving_out=left_out)
        case _:
            return _with_parts(node, inner)


def _at_engagement(node: Expression, is_early: bool, name_of: Callable[[str], str]) -> Expression:
    """A test whose figures of the engagement date have the names for them. `is_early`: what counts its parts is, too.

    A measure of the engagement date or of what came before it, its limit, and the terms that make its subjects
    school-age children are read with the figures of that day; a fall from a baseline is a result, and is not.
    """

    def own(*keys: str) -> dict[str, Any]:
        given = {key: getattr(node, key) for key in keys}
        return {key: name_of(name) for key, name in given.items() if isinstance(name, str)}

    def inner(part: Expression) -> Expression:
        return _at_engagement(part, is_early, name_of)

    match node:
        case Test() if node.measure.is_read_at_engagement:
            arguments = {key: name_of(name) for key, name in node.measure.parameters().items()}
            limit = own("at_least", "more_than", "at_most", "less_than", "is_one_of")
            return node.model_copy(update={"measure": node.measure.model_copy(update=arguments), **limit})
        case AtLeast() if is_early:
            return _with_parts(node, inner, **own("at_least"))
        case Every() | Some() if node.at == "engagement":
            return _with_parts(node, inner, **own("last_terms"))
        case _:
            return _with_parts(node, inner)
