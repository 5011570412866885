"""A rule pack as typed data: parameters, criteria, eligibility, results, routes, tariff and flags.

A pack is data and never code. Expressions are a small closed set of nodes; each engine handles them with one
exhaustive `match`. Limits are names of parameters, so that nothing undated or uncited decides a family.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from pbr.rulebook.measures import Anchor, LeftOut, Measure, Node, OffendingMeasure, ParameterName
from pbr.values import Share

Standing = Literal["verified", "derived", "local", "unverified"]
ParameterUnit = Literal["count", "share", "months", "terms", "weeks", "days", "years", "pence", "codes", "need"]
Comparator = Literal["at_least", "more_than", "at_most", "less_than", "is_one_of", "is"]
ParameterValue = int | Share | tuple[str, ...] | str


class DatedValue(Node):
    """A parameter's value from one day on, until the next dated value (or for good), with where it comes from."""

    model_config = Node.model_config | {"arbitrary_types_allowed": True}

    start: date = Field(alias="from")
    value: ParameterValue
    citation: Annotated[str, Field(min_length=1)]
    standing: Standing


class Parameter(Node):
    """One number or list of the framework. `values` are in date order; a day before the first has no value."""

    title: Annotated[str, Field(min_length=1)]
    fixed: bool = False
    """Whether the framework leaves it to no council."""
    unit: ParameterUnit
    values: Annotated[tuple[DatedValue, ...], Field(min_length=1)]


# ---------------------------------------------------------------------------------------------------- expressions


class Test(Node):
    """One measure against one limit. `is_one_of` is met when any of a measure's words is in the list."""

    measure: Measure
    at_least: ParameterName | None = None
    more_than: ParameterName | None = None
    at_most: ParameterName | None = None
    less_than: ParameterName | None = None
    is_one_of: ParameterName | None = None
    is_: bool | None = Field(default=None, alias="is")

    @model_validator(mode="after")
    def _one_comparison(self) -> Test:
        if len(self._comparisons()) != 1:
            raise ValueError("a test has one of at_least, more_than, at_most, less_than, is_one_of, is")
        return self

    def _comparisons(self) -> list[tuple[Comparator, str | bool]]:
        named: dict[Comparator, str | bool | None] = {
            "at_least": self.at_least,
            "more_than": self.more_than,
            "at_most": self.at_most,
            "less_than": self.less_than,
            "is_one_of": self.is_one_of,
            "is": self.is_,
        }
        return [(comparator, limit) for comparator, limit in named.items() if limit is not None]

    @property
    def comparison(self) -> tuple[Comparator, str | bool]:
        """The comparator, and the name of the limit's parameter (for `is`, the boolean itself)."""
        return self._comparisons()[0]


class Against(Node):
    """The window that a measure's baseline is counted in."""

    months_before_engagement: ParameterName


class ReducedBy(Node):
    """A count against its baseline (b to c): met when b > 0 and (b - c) / b is at least the share.

    b = 0 and c = 0: not applicable (`no_baseline`); b = 0 and c > 0: not met.
    """

    measure: Measure
    against: Against
    reduced_by: ParameterName

    @model_validator(mode="after")
    def _a_count_over_a_window(self) -> ReducedBy:
        if not isinstance(self.measure, OffendingMeasure) or self.measure.last_months is None:
            raise ValueError("reduced_by compares a count of events over last_months with its baseline")
        return self

    @property
    def baseline(self) -> Measure:
        """The same measure over the baseline's window."""
        return self.measure.model_copy(
            update={"last_months": None, "months_before_engagement": self.against.months_before_engagement}
        )


class AllOf(Node):
    """All of the parts are met; parts that do not apply are not counted."""

    all_of: Annotated[tuple[Expression, ...], Field(min_length=1)]


class AnyOf(Node):
    """Any of the parts is met; parts that do not apply are not counted."""

    any_of: Annotated[tuple[Expression, ...], Field(min_length=1)]


class AtLeast(Node):
    """At least n of the parts are met; parts that do not apply are not counted."""

    at_least: ParameterName
    of: Annotated[tuple[Expression, ...], Field(min_length=1)]


class When(Node):
    """`then`, where `when` is met; unknown, for its reasons, where that is unknown.

    Where it is not met, not applicable (`condition_not_met`). Where `when` is not applicable, so is the whole.
    """

    when: Expression
    then: Expression


class Quantified(Node):
    """What `every` and `some` share: the subjects are members on the day `at` names."""

    at: Anchor
    last_terms: ParameterName | None = None
    """For school-age children: of school age in one of the last n terms completed before that day."""
    leaving_out: LeftOut | None = None
    that: Expression


SubjectKind = Literal["child", "adult", "school_age_child", "member"]


class Every(Quantified):
    """All of the subjects; not applicable (`no_subject`) where there is none."""

    every: SubjectKind


class Some(Quantified):
    """Any of the subjects; not applicable (`no_subject`) where there is none."""

    some: SubjectKind


class CriterionRef(Node):
    """The verdict of another criterion of the pack, for the family.

    `leaving_out`: judged again as if those members and what is known of them were not there.
    """

    criterion: str
    leaving_out: LeftOut | None = None


_TAGS = ("all_of", "any_of", "when", "every", "some", "criterion", "of", "reduced_by", "measure")


def tag_of(value: Any) -> str | None:
    """Which node a mapping is, by the key that only that node has."""
    given = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    keys = {key for key, set_ in given.items() if set_ is not None}
    return next((tag for tag in _TAGS if tag in keys), None)


Expression = Annotated[
    Annotated[AllOf, Tag("all_of")]
    | Annotated[AnyOf, Tag("any_of")]
    | Annotated[AtLeast, Tag("of")]
    | Annotated[When, Tag("when")]
    | Annotated[Every, Tag("every")]
    | Annotated[Some, Tag("some")]
    | Annotated[CriterionRef, Tag("criterion")]
    | Annotated[ReducedBy, Tag("reduced_by")]
    | Annotated[Test, Tag("measure")],
    Discriminator(tag_of),
]


# ------------------------------------------------------------------------------------------------------ the pack


class Criterion(Node):
    """One question about a family, with its place in the framework."""

    title: Annotated[str, Field(min_length=1)]
    citation: Annotated[str, Field(min_length=1)]
    fixed: bool = False
    """Whether the framework leaves it to no council."""
    standing: Standing
    test: Expression


class Route(Criterion):
    """One way to a result. `turned_around`: whether it counts towards the families turned around."""

    turned_around: bool


class ConditionFlag(Node):
    """A flag raised where `when` is met and `unless` is not met; on every route, or on `routes` that are met."""

    title: Annotated[str, Field(min_length=1)]
    citation: Annotated[str, Field(min_length=1)]
    fixed: bool = False
    kind: Literal["condition"]
    met_routes: tuple[str, ...] | None = None
    """Only on these routes, and only where the route is met; without it, on every route row whatever its verdict."""
    when: Expression | None = None
    unless: Expression | None = None
    holds: bool = False
    """Whether the flag sends the line to a person instead of the claim."""
    release: str = ""
    """For a flag that holds: what a person must establish before the line can be claimed."""

    @model_validator(mode="after")
    def _has_a_condition(self) -> ConditionFlag:
        if self.when is None and self.unless is None:
            raise ValueError("a condition flag has `when`, `unless` or both")
        if self.holds and not self.release:
            raise ValueError("a flag that holds says what releases the line")
        return self


class NearThresholdFlag(Node):
    """Raised where one fact moved one step the other way would change the route's verdict."""

    title: Annotated[str, Field(min_length=1)]
    citation: Annotated[str, Field(min_length=1)]
    fixed: bool = False
    kind: Literal["near_threshold"]
    session: ParameterName
    incident: ParameterName
    exclusion: ParameterName
    days_in_work: ParameterName


class UnverifiedRuleFlag(Node):
    """Raised where the route's verdict rests on a parameter whose standing is `unverified`."""

    title: Annotated[str, Field(min_length=1)]
    citation: Annotated[str, Field(min_length=1)]
    fixed: bool = False
    kind: Literal["unverified_rule"]


Flag = Annotated[ConditionFlag | NearThresholdFlag | UnverifiedRuleFlag, Field(discriminator="kind")]


class Period(Node):
    """Days, both inside."""

    start: date = Field(alias="from")
    until: date

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.until

    def meets(self, other: Period) -> bool:
        """Whether some day is in both."""
        return self.start <= other.until and other.start <= self.until


class InForce(Node):
    """Whom a pack decides, and when: families engaged in one period, on as-of dates in another.

    Where a family engaged under one framework and is decided under the next, this is what says by which.
    """

    engaged: Period
    decided: Period
    citation: Annotated[str, Field(min_length=1)]
    standing: Standing


class Tariff(Node):
    """What a route pays, in whole pence, by the day the family engaged (parameters are read on that day)."""

    citation: Annotated[str, Field(min_length=1)]
    claimed_until: date
    attachment_fee: ParameterName | None = None
    """Paid when a family joins; a framework that paid authorities a fixed sum instead has none."""
    family_cap: ParameterName
    """The most a family earns in all, attachment fee included; a later route pays the difference."""
    routes: dict[str, ParameterName]
    instead_of: dict[str, tuple[str, ...]]
    """A route that is paid alone where it is claimed together with any of those it lists."""
    funded_share: ParameterName | None = None
    """The share of the families agreed with the authority that is paid for."""
    earned_autonomy: ParameterName | None = None
    """What any route pays where the authority has Earned Autonomy: it was paid in advance."""


class Pack(Node):
    """One framework as data. Mappings keep the order they are written in; ids are their keys."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Annotated[str, Field(min_length=1)]
    citation: Annotated[str, Field(min_length=1)]
    in_force: Annotated[tuple[InForce, ...], Field(min_length=1)]
    parameters: dict[ParameterName, Parameter]
    eligibility: dict[str, Criterion]
    """The criteria that let a family onto the programme; the last, `eligible`, is the overall one."""
    results: dict[str, Criterion]
    routes: dict[str, Route]
    flags: dict[str, Flag]
    tariff: Tariff

    def decides(self, day: date) -> tuple[Period, ...]:
        """The days of engagement whose families the pack decides as of a day; none where it decides nobody then."""
        return tuple(one.engaged for one in self.in_force if day in one.decided)

    @field_validator("eligibility")
    @classmethod
    def _has_eligible(cls, value: dict[str, Criterion]) -> dict[str, Criterion]:
        if "eligible" not in value:
            raise ValueError("eligibility needs a criterion `eligible`: the overall one")
        return value


for node in (AllOf, AnyOf, AtLeast, When, Every, Some, Criterion, Route, ConditionFlag, Pack):
    node.model_rebuild()
