"""Rules in plain English: one renderer for rulebook pages, explanations and bundles.

In: nodes of a pack and the rules of the day, so that figures are said and not their names. Out: text without a full
stop at its end. `expression` says a node in one sentence; `heading` says the node itself where its parts are shown
below it; `outline` is the lines of both together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from pbr.rulebook.measures import (
    Absence,
    AdultOffences,
    Age,
    AsbIncidents,
    DaysSince,
    Enrolment,
    Expecting,
    InWork,
    LeftOut,
    LongestRunInWork,
    Measure,
    MinorOffences,
    MonthsSince,
    NeedIdentified,
    NeedsIdentified,
    NeedsOutstanding,
    OnProvision,
    OpenSocialCare,
    OutOfWorkBenefit,
    PermanentExclusions,
    ProvisionStarts,
    Recorded,
    Resident,
    SchoolAge,
    Suspensions,
    TermMeasure,
    UnauthorisedAbsence,
    WeeksInWork,
    WindowMeasure,
)
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    CriterionRef,
    DatedValue,
    Every,
    Expression,
    Parameter,
    ReducedBy,
    Some,
    Test,
    When,
)
from pbr.rulebook.rules import Rules, criterion_of, parts
from pbr.values import Share, Verdict, pounds

_DAYS = {
    "engagement": "the engagement date",
    "as_of": "the as-of date",
    "day_before_as_of": "the day before the as-of date",
}
_COMPARATORS = {"at_least": "at least", "more_than": "more than", "at_most": "at most", "less_than": "less than"}
_FIELDS = {
    "closed_on": "the case was closed",
    "assessed_on": "the whole-family assessment",
    "planned_on": "the action plan",
    "outcome_observed_on": "the latest outcome observed",
    "lead_worker": "a lead worker",
}
_LEFT_OUT = {"non_resident_adults": "leaving out adults who do not live with the family"}
_REASONS = {
    "not_covered": "the evidence does not cover all of the time it is about",
    "no_record": "a term of school age has no attendance record",
    "no_sessions": "no session was possible",
    "unresolved_link": "a record may be about somebody else",
    "quarantined": "a record could not be read",
    "missing_field": "the family's record lacks a date",
    "no_subject": "there is nobody it could be about",
    "no_baseline": "nothing happened before or since",
}


def expression(node: Expression, rules: Rules) -> str:
    """A node in one sentence: `every school-age child: unauthorised absence over the last 3 completed terms is less
    than 15%`.
    """
    match node:
        case AllOf() | AnyOf() | AtLeast():
            return f"{_counted(node, rules)}: {'; '.join(_nested(part, rules) for part in parts(node))}"
        case When():
            return f"if {_nested(node.when, rules)}, then {_nested(node.then, rules)}"
        case Every() | Some():
            return f"{_subjects(node)}: {expression(node.that, rules)}"
        case Test() | ReducedBy() | CriterionRef():
            return heading(node, rules)
        case _:
            assert_never(node)


def heading(node: Expression, rules: Rules) -> str:
    """What a node itself says, its parts left out: `at least 2 of these`, `some adult`, or the whole of a test."""
    match node:
        case AllOf() | AnyOf() | AtLeast():
            return f"{_counted(node, rules)} these"
        case When():
            return f"if {_nested(node.when, rules)}"
        case Every() | Some():
            return _subjects(node)
        case Test():
            return _test(node, rules)
        case ReducedBy():
            share, months = limit(node.reduced_by, rules), rules.number(node.against.months_before_engagement)
            return f"{measure(node.measure, rules)} is down by at least {share} from {_before_engagement(months)}"
        case CriterionRef():
            return f"“{criterion_of(node, rules).title}” is met{_left_out(node.leaving_out)}"
        case _:
            assert_never(node)


def outline(node: Expression, rules: Rules, depth: int = 0) -> Iterator[tuple[int, str]]:
    """A node and all its parts as lines, each with how deep it stands."""
    inner = (node.then,) if isinstance(node, When) else parts(node)
    yield depth, heading(node, rules) + (":" if inner else "")
    for part in inner:
        yield from outline(part, rules, depth + 1)


def measure(measure: Measure, rules: Rules) -> str:
    """What is measured, as a noun: `the number of suspensions over the last 3 completed terms`."""
    match measure:
        case UnauthorisedAbsence():
            return f"unauthorised absence over {_terms(measure, rules)}"
        case Absence():
            return f"absence over {_terms(measure, rules)}"
        case Suspensions():
            return f"the number of suspensions over {_terms(measure, rules)}"
        case PermanentExclusions():
            return f"the number of permanent exclusions over {_terms(measure, rules)}"
        case Enrolment():
            return f"enrolment in the latest of {_terms(measure, rules)}"
        case SchoolAge():
            return f"school age in any of {_terms(measure, rules)}"
        case AsbIncidents():
            return f"the number of incidents of anti-social behaviour{_leavers(measure)} {_window(measure, rules)}"
        case MinorOffences():
            return f"the number of proven offences by members under 18{_leavers(measure)} {_window(measure, rules)}"
        case AdultOffences():
            return (
                f"the number of proven offences by members of 18 or over{_leavers(measure)} {_window(measure, rules)}"
            )
        case OutOfWorkBenefit():
            return f"an out-of-work benefit ({_codes(measure.codes, rules)}) open on {_DAYS[measure.on]}"
        case OnProvision():
            return f"a place on provision ({_codes(measure.codes, rules)}) open on {_DAYS[measure.on]}"
        case ProvisionStarts():
            codes = _codes(measure.codes, rules)
            return f"the number of starts on provision ({codes}) {_window(measure, rules)}"
        case WeeksInWork():
            return f"time in work out of the last {_number(rules.number(measure.out_of_last), 'week')}"
        case LongestRunInWork():
            return f"the longest unbroken run in work {_window(measure, rules)}"
        case OpenSocialCare():
            return f"a social care case ({_codes(measure.kinds, rules)}) open on {_DAYS[measure.on]}"
        case InWork():
            return f"a spell of work open on {_DAYS[measure.on]}"
        case Age():
            return f"age on {_DAYS[measure.at]}"
        case Resident():
            return f"living with the family on {_DAYS[measure.at]}"
        case NeedIdentified():
            need, day = _codes(measure.need, rules), _DAYS[measure.on]
            return f"the need “{need}”, identified on or before {day}{_left_out(measure.leaving_out)}"
        case NeedsIdentified():
            needs, day = _codes(measure.needs, rules), _DAYS[measure.on]
            return f"the number of needs ({needs}) identified on or before {day}{_left_out(measure.leaving_out)}"
        case NeedsOutstanding():
            return f"the number of needs ({_codes(measure.needs, rules)}) without an achieved outcome"
        case Recorded():
            return f"{_FIELDS[measure.field]} recorded by {_DAYS[measure.on]}"
        case Expecting():
            return "a child expected"
        case MonthsSince():
            return f"whole months since {_FIELDS[measure.field]}"
        case DaysSince():
            need = f" for “{_codes(measure.need, rules)}”" if measure.need else ""
            return f"the time since {_FIELDS[measure.field]}{need}"
        case _:
            assert_never(measure)


def limit(name: str, rules: Rules) -> str:
    """A parameter's value on the day: `15%`, `3 terms`, `£700`, `CA, ESA or JSA`."""
    return figure(rules.pack.parameters[name], rules.values[name])


def figure(parameter: Parameter, dated: DatedValue) -> str:
    """A parameter's value from one day on, in words."""
    match dated.value:
        case Share():
            return dated.value.percent
        case int() if parameter.unit == "pence":
            return pounds(dated.value)
        case int() if parameter.unit == "count":
            return str(dated.value)
        case int():
            return _number(dated.value, parameter.unit.removesuffix("s"))
        case tuple():
            return _either(dated.value)
        case _:
            return _spoken(dated.value)


def value(measure: Measure, written: str) -> str:
    """A finding's value (`57/380`, `26`, `true`) in words: `57 of 380 (15%)`, `26 weeks`, `yes`; empty stays empty."""
    match measure.unit:
        case _ if not written:
            return ""
        case "share":
            return _share(Share.parse(written))
        case "weeks" | "days" | "months" | "years":
            return _number(int(written), measure.unit.removesuffix("s"))
        case "boolean":
            return "yes" if written == "true" else "no"
        case "words":
            return ", ".join(_spoken(word) for word in written.split(";"))
        case "count":
            return written


def verdict(verdict: Verdict | str, reason: str = "") -> str:
    """A finding's verdict with its reason codes: `unknown: a term of school age has no attendance record`."""
    because = " and ".join(_REASONS[code] for code in reason.split(";") if code)
    return str(verdict).replace("_", " ") + (f": {because}" if because else "")


# ------------------------------------------------------------------------------------------------------------ pieces


def _test(node: Test, rules: Rules) -> str:
    comparator, name = node.comparison
    if comparator == "is":
        return _truth(node.measure, bool(name), rules)
    said = limit(str(name), rules)
    bound = said if comparator == "is_one_of" else f"{_COMPARATORS[comparator]} {said}"
    return f"{measure(node.measure, rules)} is {bound}"


def _truth(asked: Measure, wanted: bool, rules: Rules) -> str:
    """A measure that is true or false, said of its subject."""
    match asked:
        case SchoolAge():
            return f"of school age in {'one' if wanted else 'none'} of {_terms(asked, rules)}"
        case OutOfWorkBenefit() | OnProvision() | OpenSocialCare():
            article, noun = measure(asked, rules).replace(" open on ", " is open on ").split(" ", 1)
            return f"{article if wanted else 'no'} {noun}"
        case InWork():
            return f"{'a' if wanted else 'no'} spell of work is open on {_DAYS[asked.on]}"
        case Resident():
            return f"{'living' if wanted else 'not living'} with the family on {_DAYS[asked.at]}"
        case NeedIdentified():
            need, day = _codes(asked.need, rules), _DAYS[asked.on]
            said = f"the need “{need}” was {'' if wanted else 'not '}identified on or before {day}"
            return said + _left_out(asked.leaving_out)
        case Recorded():
            return f"{_FIELDS[asked.field]} is {'' if wanted else 'not '}recorded by {_DAYS[asked.on]}"
        case Expecting():
            return f"{'a' if wanted else 'no'} child is expected"
        case _:
            raise AssertionError(f"{asked.name} is not true or false")


def _counted(node: AllOf | AnyOf | AtLeast, rules: Rules) -> str:
    match node:
        case AllOf():
            return "all of"
        case AnyOf():
            return "any of"
        case AtLeast():
            return f"at least {limit(node.at_least, rules)} of"


def _nested(node: Expression, rules: Rules) -> str:
    said = expression(node, rules)
    return f"({said})" if parts(node) else said


def _subjects(node: Every | Some) -> str:
    quantity, kind = ("every", node.every) if isinstance(node, Every) else ("some", node.some)
    who = "school-age child" if kind == "school_age_child" else kind
    when = " at engagement" if node.at == "engagement" else ""
    return f"{quantity} {who}{when}{_left_out(node.leaving_out)}"


def _left_out(who: LeftOut | None) -> str:
    return f", {_LEFT_OUT[who]}" if who else ""


def _terms(measure: TermMeasure, rules: Rules) -> str:
    count = rules.number(measure.last_terms)
    if measure.at == "engagement":
        return f"the last {_number(count, 'term')} completed before engagement"
    return "the last completed term" if count == 1 else f"the last {count} completed terms"


def _window(measure: WindowMeasure, rules: Rules) -> str:
    if measure.last_months is not None:
        months = rules.number(measure.last_months)
        return "in the last month" if months == 1 else f"in the last {months} months"
    return f"in {_before_engagement(rules.number(str(measure.months_before_engagement)))}"


def _before_engagement(months: int) -> str:
    return "the month before engagement" if months == 1 else f"the {months} months before engagement"


def _leavers(measure: AsbIncidents | MinorOffences | AdultOffences) -> str:
    departed = " by members who have since left" if isinstance(measure, AsbIncidents) else " who have since left"
    return (departed if measure.by_departed else "") + _left_out(measure.leaving_out)


def _codes(name: str, rules: Rules) -> str:
    return _either(rules.codes(name))


def _either(words: tuple[str, ...]) -> str:
    *first, last = (_spoken(word) for word in words)
    return f"{', '.join(first)} or {last}" if first else last


def _spoken(word: object) -> str:
    return str(word).replace("_", " ")


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _share(share: Share) -> str:
    said = f"{share.numerator} of {share.denominator}"
    tenths, rest = divmod(share.numerator * 1000, share.denominator)
    percent = f"{tenths // 10}.{tenths % 10}".removesuffix(".0")
    return f"{said} ({percent}%)" if rest == 0 else f"{said} (just over {percent}%)"
