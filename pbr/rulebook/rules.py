"""A pack as read on one day: every parameter resolved to its value then, and what the engines need to know of it.

In: a checked `Pack` and the as-of date. Out: `Rules`, which engines, measures and claims read; a day before a
parameter's first value is a fault (E214). The tariff is read on each family's engagement date instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pbr.errors import Fault, Faults
from pbr.rulebook.measures import Measure, MeasureNode
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
    Pack,
    ReducedBy,
    Some,
    Test,
    When,
)
from pbr.values import Share


@dataclass(frozen=True)
class Role:
    """Who is a subject: members on a day who are children, adults, or children of school age in the last n terms."""

    kind: str
    at: str
    last_terms: int | None = None

    @property
    def key(self) -> str:
        """`school_age_child(last_terms: 3, at: engagement)`: the role's column among the facts."""
        terms = "" if self.last_terms is None else f"last_terms: {self.last_terms}, "
        return f"{self.kind}({terms}at: {self.at})"


class Rules:
    """A pack on one day. `digest` is the pack's; `values` has each parameter's value on the day.

    `place` says where a parameter is written, for faults.
    """

    def __init__(self, pack: Pack, on: date, digest: str, place: Callable[[str], str] | None = None) -> None:
        self.pack = pack
        self.on = on
        self.digest = digest
        faults = []
        self.values: dict[str, DatedValue] = {}
        for name, parameter in pack.parameters.items():
            if name in self._tariff_parameters:
                continue
            if dated := value_on(pack, name, on):
                self.values[name] = dated
            else:
                first = parameter.values[0].start
                faults.append(
                    Fault(
                        "E214",
                        place(name) if place else f"pack {pack.id}",
                        f"parameter '{name}' has no value on {on} (its first starts {first})",
                        "Choose a later as-of date, or add a dated value with its citation.",
                    )
                )
        if faults:
            raise Faults(faults)

    @cached_property
    def _tariff_parameters(self) -> frozenset[str]:
        tariff = self.pack.tariff
        return frozenset({tariff.attachment_fee, tariff.family_cap, *tariff.routes.values()})

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

    def is_unverified(self, node: Test | ReducedBy | Every | Some | AtLeast) -> bool:
        """Whether any parameter that the node itself reads is `unverified`."""
        return any(self.values[name].standing == "unverified" for name in own_parameters(node))

    def fact_key(self, measure: Measure) -> str:
        """`unauthorised_absence(last_terms: 3, at: engagement)`: the measure with its values, the fact's name."""
        arguments = ", ".join(f"{k}: {self._written(k, v)}" for k, v in measure.arguments().items())
        return f"{measure.name}({arguments})"

    def _written(self, argument: str, given: object) -> str:
        if argument in ("at", "on", "field"):
            return str(given)
        if given is True:
            return "true"
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
        return Role(kind, node.at, None if node.last_terms is None else self.number(node.last_terms))

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
    return rules.pack.results.get(node.criterion) or rules.pack.eligibility[node.criterion]


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
            return (*_parameters_of(node.measure), *([limit] if isinstance(limit, str) else []))
        case ReducedBy():
            return (*_parameters_of(node.measure), node.against.months_before_engagement, node.reduced_by)
        case AtLeast():
            return (node.at_least,)
        case Every() | Some():
            return () if node.last_terms is None else (node.last_terms,)
        case AllOf() | AnyOf() | When() | CriterionRef():
            return ()


def _parameters_of(measure: MeasureNode) -> tuple[str, ...]:
    fixed = ("at", "on", "field")
    return tuple(str(v) for k, v in measure.arguments().items() if k not in fixed and v is not True)
