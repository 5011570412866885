"""What can be asked of the evidence: the measures' names, arguments, subjects and units, as closed typed data.

A rule names a measure here; the `measures` room reads it off the evidence. A measure never says how it is computed.
Arguments that are numbers or lists are names of the pack's parameters, so that every value is dated and cited.

`at` and `on` fix the day a measure is read for: the family's engagement date or the decision's as-of date.
`leaving_out` takes the events, needs or places of some members out of it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Anchor = Literal["engagement", "as_of"]
Day = Literal["engagement", "as_of", "day_before_as_of"]
LeftOut = Literal["non_resident_adults"]
"""Members of 18 or over at engagement who do not live with the family."""
Unit = Literal["count", "share", "boolean", "weeks", "days", "months", "years", "words"]
Subject = Literal["family", "member"]


class Node(BaseModel):
    """A closed, frozen piece of a pack: no unknown keys, no coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class MeasureNode(Node):
    """What all measures share."""

    subject: ClassVar[Subject]
    unit: ClassVar[Unit]
    sources: ClassVar[tuple[str, ...]]
    """The tables of evidence it reads: what must be covered, and whose quarantined rows make it unknown."""
    near: ClassVar[str | None] = None
    """What one step the other way is, for `near_threshold`: `session`, `incident`, `exclusion` or `days_in_work`."""

    def arguments(self) -> dict[str, object]:
        """The arguments that are set, in the order they are declared."""
        return {k: v for k, v in self if k != "name" and v is not None}

    def parameters(self) -> dict[str, str]:
        """The arguments that name parameters, with the names."""
        return {k: str(v) for k, v in self.arguments().items() if k not in PLAIN_ARGUMENTS}

    @property
    def is_read_at_engagement(self) -> bool:
        """Whether it speaks of the engagement date or of what came before; its figures are then those of that day."""
        given = self.arguments()
        return "engagement" in (given.get("at"), given.get("on")) or "months_before_engagement" in given


PLAIN_ARGUMENTS = ("at", "on", "field", "by_departed", "leaving_out")
"""The arguments that are what they say; every other names a parameter."""


class TermMeasure(MeasureNode):
    """A child's record over those of the last n terms completed before `at` in which the child was of school age."""

    subject: ClassVar[Subject] = "member"
    last_terms: ParameterName
    at: Anchor


class UnauthorisedAbsence(TermMeasure):
    """Unauthorised sessions of all possible sessions."""

    unit: ClassVar[Unit] = "share"
    sources: ClassVar[tuple[str, ...]] = ("attendance", "marks")
    near: ClassVar[str | None] = "session"
    name: Literal["unauthorised_absence"]


class Absence(TermMeasure):
    """Authorised and unauthorised sessions of all possible sessions."""

    unit: ClassVar[Unit] = "share"
    sources: ClassVar[tuple[str, ...]] = ("attendance", "marks")
    near: ClassVar[str | None] = "session"
    name: Literal["absence"]


class Suspensions(TermMeasure):
    """Suspensions (fixed-period exclusions) that start in the span of the terms; lunchtimes do not count."""

    unit: ClassVar[Unit] = "count"
    sources: ClassVar[tuple[str, ...]] = ("exclusions",)
    near: ClassVar[str | None] = "exclusion"
    name: Literal["suspensions"]


class PermanentExclusions(TermMeasure):
    """Permanent exclusions that start in the span of the terms."""

    unit: ClassVar[Unit] = "count"
    sources: ClassVar[tuple[str, ...]] = ("exclusions",)
    near: ClassVar[str | None] = "exclusion"
    name: Literal["permanent_exclusions"]


class Enrolment(TermMeasure):
    """The enrolments recorded in the latest of the terms."""

    unit: ClassVar[Unit] = "words"
    sources: ClassVar[tuple[str, ...]] = ("attendance", "marks")
    name: Literal["enrolment"]


class SchoolAge(TermMeasure):
    """Whether the person was of school age in any of the last n terms completed before `at`."""

    unit: ClassVar[Unit] = "boolean"
    sources: ClassVar[tuple[str, ...]] = ()
    name: Literal["school_age"]


class WindowMeasure(MeasureNode):
    """Events in one window: the months up to the as-of date (`last_months`) or up to engagement."""

    last_months: ParameterName | None = None
    months_before_engagement: ParameterName | None = None

    @model_validator(mode="after")
    def _one_window(self) -> WindowMeasure:
        if (self.last_months is None) == (self.months_before_engagement is None):
            raise ValueError("name one window: last_months or months_before_engagement")
        return self


class OffendingMeasure(WindowMeasure):
    """Events by anyone who was a member on the day.

    `by_departed`: only by those not members at the as-of date. `leaving_out`: not by those.
    """

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "count"
    sources: ClassVar[tuple[str, ...]] = ("offending",)
    near: ClassVar[str | None] = "incident"
    by_departed: Literal[True] | None = None
    leaving_out: LeftOut | None = None


class AsbIncidents(OffendingMeasure):
    """Anti-social behaviour by any member."""

    name: Literal["asb_incidents"]


class MinorOffences(OffendingMeasure):
    """Proven offences by members under 18 on the day of the offence."""

    name: Literal["minor_offences"]


class AdultOffences(OffendingMeasure):
    """Proven offences by members of 18 or over on the day of the offence."""

    name: Literal["adult_offences"]


class EmploymentMeasure(MeasureNode):
    subject: ClassVar[Subject] = "member"
    sources: ClassVar[tuple[str, ...]] = ("employment",)


class OutOfWorkBenefit(EmploymentMeasure):
    """Whether a benefit spell with one of the codes is open on the day."""

    unit: ClassVar[Unit] = "boolean"
    name: Literal["out_of_work_benefit"]
    on: Day
    codes: ParameterName


class OnProvision(EmploymentMeasure):
    """Whether a provision spell with one of the codes is open on the day."""

    unit: ClassVar[Unit] = "boolean"
    name: Literal["on_provision"]
    on: Day
    codes: ParameterName


class ProvisionStarts(EmploymentMeasure, WindowMeasure):
    """Provision spells with one of the codes that start in the window."""

    unit: ClassVar[Unit] = "count"
    name: Literal["provision_starts"]
    codes: ParameterName


class WeeksInWork(EmploymentMeasure):
    """Whole weeks' worth of distinct days in work in the last n weeks before the as-of date."""

    unit: ClassVar[Unit] = "weeks"
    near: ClassVar[str | None] = "days_in_work"
    name: Literal["weeks_in_work"]
    out_of_last: ParameterName


class LongestRunInWork(EmploymentMeasure, WindowMeasure):
    """Days of the longest unbroken run of days in work inside the window."""

    unit: ClassVar[Unit] = "days"
    near: ClassVar[str | None] = "days_in_work"
    name: Literal["longest_run_in_work"]


class InWork(EmploymentMeasure):
    """Whether a spell of work is open on the day."""

    unit: ClassVar[Unit] = "boolean"
    name: Literal["in_work"]
    on: Day


class Age(MeasureNode):
    """The member's age in whole years."""

    subject: ClassVar[Subject] = "member"
    unit: ClassVar[Unit] = "years"
    sources: ClassVar[tuple[str, ...]] = ("members",)
    name: Literal["age"]
    at: Anchor


class Resident(MeasureNode):
    """Whether the member lives with the family."""

    subject: ClassVar[Subject] = "member"
    unit: ClassVar[Unit] = "boolean"
    sources: ClassVar[tuple[str, ...]] = ("members",)
    name: Literal["resident"]
    at: Anchor


class OpenSocialCare(MeasureNode):
    """Whether a social care spell of one of the kinds is open on the day."""

    subject: ClassVar[Subject] = "member"
    unit: ClassVar[Unit] = "boolean"
    sources: ClassVar[tuple[str, ...]] = ("social_care",)
    name: Literal["open_social_care"]
    on: Day
    kinds: ParameterName


class NeedIdentified(MeasureNode):
    """Whether a practitioner identified the need on or before the day, and before the as-of date.

    `leaving_out`: where it is said whose need it is, not theirs.
    """

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "boolean"
    sources: ClassVar[tuple[str, ...]] = ("needs",)
    name: Literal["need_identified"]
    on: Day
    need: ParameterName
    leaving_out: LeftOut | None = None


class NeedsIdentified(MeasureNode):
    """How many different needs of a list practitioners identified on or before the day, and before the as-of date.

    For a day later than engagement, null where a need or an outcome of the family is none that the pack knows.
    """

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "count"
    sources: ClassVar[tuple[str, ...]] = ("needs",)
    name: Literal["needs_identified"]
    on: Day
    needs: ParameterName
    leaving_out: LeftOut | None = None


class NeedsOutstanding(MeasureNode):
    """How many different needs of a list, identified before the as-of date, have no achieved outcome as of that day.

    The latest outcome observed on or after the need was last identified, and on or after the engagement date, decides:
    `achieved`, and not relapsed on that day or since. What was observed before the family engaged is no progress of the
    programme, and answers nothing. A need of one person is answered by outcomes of that person or of nobody in
    particular; a need of nobody in particular by all of its outcomes, and whoever has relapsed leaves it outstanding.
    Null where a need or an outcome of the family, dated before the as-of date, is none that the pack knows.
    """

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "count"
    sources: ClassVar[tuple[str, ...]] = ("needs", "outcomes")
    name: Literal["needs_outstanding"]
    needs: ParameterName


class Recorded(MeasureNode):
    """Whether the family's record has the date, or the lead worker's name, by the day; null where it is empty."""

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "boolean"
    sources: ClassVar[tuple[str, ...]] = ()
    name: Literal["recorded"]
    field: Literal["closed_on", "assessed_on", "planned_on", "lead_worker"]
    on: Day


class Expecting(MeasureNode):
    """Whether the family's record says that a child is expected; null where it does not say."""

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "boolean"
    sources: ClassVar[tuple[str, ...]] = ()
    name: Literal["expecting"]


class MonthsSince(MeasureNode):
    """Whole calendar months from a date of the family's record to the as-of date; null where it has none before."""

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "months"
    sources: ClassVar[tuple[str, ...]] = ()
    name: Literal["months_since"]
    field: Literal["closed_on", "assessed_on", "planned_on"]


class DaysSince(MeasureNode):
    """Days from a date of the family's record to the as-of date; of an outcome, from the latest one observed."""

    subject: ClassVar[Subject] = "family"
    unit: ClassVar[Unit] = "days"
    sources: ClassVar[tuple[str, ...]] = ()
    name: Literal["days_since"]
    field: Literal["closed_on", "assessed_on", "planned_on", "outcome_observed_on"]
    need: ParameterName | None = None

    @model_validator(mode="after")
    def _need_for_outcomes(self) -> DaysSince:
        if (self.field == "outcome_observed_on") != (self.need is not None):
            raise ValueError("days_since outcome_observed_on names a need; the other fields do not")
        return self


Measure = Annotated[
    UnauthorisedAbsence
    | Absence
    | Suspensions
    | PermanentExclusions
    | Enrolment
    | SchoolAge
    | AsbIncidents
    | MinorOffences
    | AdultOffences
    | OutOfWorkBenefit
    | OnProvision
    | ProvisionStarts
    | WeeksInWork
    | LongestRunInWork
    | InWork
    | Age
    | Resident
    | OpenSocialCare
    | NeedIdentified
    | NeedsIdentified
    | NeedsOutstanding
    | Recorded
    | Expecting
    | MonthsSince
    | DaysSince,
    Field(discriminator="name"),
]

MEASURES: dict[str, type[MeasureNode]] = {
    get_args(cls.model_fields["name"].annotation)[0]: cls for cls in get_args(get_args(Measure)[0])
}
"""Every measure by its name."""
