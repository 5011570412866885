"""Rules in plain English: one renderer for rulebook pages, explanations and bundles.

In: nodes of a pack and the rules of the day, so that figures are said and not their names. Out: text without a full
stop at its end. `expression` says a node in one sentence; `heading` says the node itself where its parts are shown
below it; `outline` is the lines of both together, and `flag` those of a flag. What the words mean is in `glossary`.
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
    Comparator,
    ConditionFlag,
    CriterionRef,
    DatedValue,
    Every,
    Expression,
    Flag,
    NearThresholdFlag,
    Pack,
    Parameter,
    ReducedBy,
    Route,
    Some,
    Test,
    UnverifiedRuleFlag,
    When,
)
from pbr.rulebook.rules import Rules, criterion_of, parts, walk
from pbr.values import Share, Verdict, pounds

_DAYS = {
    "engagement": "the engagement date",
    "as_of": "the as-of date",
    "day_before_as_of": "the day before the as-of date",
}
_BY = {
    "engagement": "on or before the engagement date",
    "as_of": "before the as-of date",
    "day_before_as_of": "before the as-of date",
}
_FIELDS = {
    "closed_on": "the closing of the case",
    "assessed_on": "the whole-family assessment",
    "planned_on": "the action plan",
    "outcome_observed_on": "the latest outcome observed",
    "lead_worker": "a lead worker",
}
_EVENTS = {
    "closed_on": "the case was closed",
    "assessed_on": "the whole-family assessment was made",
    "planned_on": "the action plan was made",
    "outcome_observed_on": "the latest outcome was observed",
}
_STEPS = {
    "session": ("session of attendance", "sessions of attendance"),
    "incident": ("incident or offence", "incidents or offences"),
    "exclusion": ("suspension or exclusion", "suspensions or exclusions"),
    "days_in_work": ("day in work", "days in work"),
}
_LEFT_OUT = {"non_resident_adults": "leaving out adults who do not live with the family"}
_REASONS = {
    "not_covered": "the evidence does not cover all of the time it is about",
    "no_record": "a term of school age has no attendance record",
    "no_sessions": "no session was possible",
    "unresolved_link": "a record may be about somebody else",
    "quarantined": "a record could not be read or placed",
    "missing_field": "the family's record lacks what it is about",
    "no_subject": "there is nobody it could be about",
    "no_baseline": "nothing happened before or since",
    "condition_not_met": "what it depends on is not so",
}
_INITIALS = frozenset({"esf", "neet", "eet", "asb", "send"})
"""Words of codes that are said letter by letter."""
_MOST_CODES = 6
"""A longer list is called by its title: its codes would bury the sentence, and stand beside it as a figure."""


def expression(node: Expression, rules: Rules) -> str:
    """A node in one sentence: `every school-age child: unauthorised absence over the last 3 completed terms is less
    than 15%`.
    """
    match node:
        case AllOf() | AnyOf() | AtLeast():
            inner, again = _said_once(node)
            return f"{_counted(node, rules)}{again}: {'; '.join(_nested(part, rules) for part in inner)}"
        case When():
            return f"if {_so(node.when, rules)}, then {_so(node.then, rules)}"
        case Every() | Some():
            return f"{_subjects(node, rules)}: {expression(node.that, rules)}"
        case Test() | ReducedBy() | CriterionRef():
            return heading(node, rules)
        case _:
            assert_never(node)


def heading(node: Expression, rules: Rules) -> str:
    """What a node itself says, its parts left out: `at least 2 of these`, `at least one adult`, or all of a test."""
    match node:
        case AllOf() | AnyOf() | AtLeast():
            return f"{_counted(node, rules)} these{_said_once(node)[1]}"
        case When():
            return f"if {_so(node.when, rules)}"
        case Every() | Some():
            return _subjects(node, rules)
        case Test():
            return _test(node, rules)
        case ReducedBy():
            share, months = limit(node.reduced_by, rules), rules.number(node.against.months_before_engagement)
            one, rest = _counting(node.measure, rules)
            return f"{one}s{rest} are down by {share} or more from {_before_engagement(months)}"
        case CriterionRef():
            again = f",{_judged_again(node.leaving_out)}" if node.leaving_out else ""
            return f"“{criterion_of(node, rules).title}” is met{again}"
        case _:
            assert_never(node)


def outline(node: Expression, rules: Rules, depth: int = 0) -> Iterator[tuple[int, str]]:
    """A node and all its parts as lines, each with how deep it stands."""
    inner = (node.then,) if isinstance(node, When) else _said_once(node)[0]
    yield depth, heading(node, rules) + (":" if inner else "")
    for part in inner:
        yield from outline(part, rules, depth + 1)


def flag(flag: Flag, rules: Rules) -> Iterator[tuple[int, str]]:
    """When a flag is raised, on which routes, and what it does, as lines."""
    match flag:
        case ConditionFlag():
            titles = [f"“{rules.pack.routes[route].title}”" for route in flag.met_routes or ()]
            yield 0, f"on {_or(titles)}, where it is met" if titles else "on every route, whatever its verdict"
            for word, test in (("where", flag.when), ("unless", flag.unless)):
                if test is not None:
                    yield 0, f"{word}:"
                    yield from outline(test, rules, 1)
            if flag.holds:
                yield 0, "it holds the claim line for a person, and is released so:"
                yield 1, " ".join(flag.release.split())
        case NearThresholdFlag():
            yield 0, "on every route whose verdict would be another if one fact were one step higher or lower:"
            for key, (one, several) in _STEPS.items():
                if step := rules.number(getattr(flag, key)):
                    yield 1, f"{step} {one if step == 1 else several}"
        case UnverifiedRuleFlag():
            yield 0, "on every route whose verdict rests on a figure that is unverified"
        case _:
            assert_never(flag)


def turned_around(route: Route) -> str:
    """Whether a route counts towards the families turned around."""
    return f"it {'counts' if route.turned_around else 'does not count'} towards the families turned around"


def tariff(pack: Pack) -> Iterator[str]:
    """What a claim must keep to beside the amounts, a sentence each."""
    routes, terms = pack.routes, pack.tariff
    yield f"Nothing is paid unless “{pack.eligibility['eligible'].title}” is met, and a route pays a family once."
    yield "The amounts are those of the day on which the family engaged."
    yield "No family earns more than the most for one family; a later route pays what is left of it."
    for alone, others in terms.instead_of.items():
        among = _or([f"“{routes[other].title}”" for other in others])
        yield f"“{routes[alone].title}” is paid alone where it is claimed together with {among}."


def measure(measure: Measure, rules: Rules) -> str:
    """What is measured, as a noun: `the number of suspensions over the last 3 completed terms`."""
    match measure:
        case UnauthorisedAbsence():
            return f"unauthorised absence over {_terms(measure, rules)}"
        case Absence():
            return f"absence over {_terms(measure, rules)}"
        case Enrolment():
            return f"enrolment in the latest of {_terms(measure, rules)}"
        case SchoolAge():
            return f"school age in any of {_terms(measure, rules)}"
        case OutOfWorkBenefit():
            return f"an out-of-work benefit{_of(measure.codes, rules)} on {_DAYS[measure.on]}"
        case OnProvision():
            return f"provision{_of(measure.codes, rules)} on {_DAYS[measure.on]}"
        case WeeksInWork():
            return f"time in work out of the last {_number(rules.number(measure.out_of_last), 'week')}"
        case LongestRunInWork():
            return f"the longest time in work without a break {_window(measure, rules)}"
        case OpenSocialCare():
            return f"a social care case{_of(measure.kinds, rules)} on {_DAYS[measure.on]}"
        case InWork():
            return f"work on {_DAYS[measure.on]}"
        case Age():
            return f"age on {_DAYS[measure.at]}"
        case Resident():
            return f"living with the family on {_DAYS[measure.at]}"
        case NeedIdentified():
            need = _codes(measure.need, rules)
            return f"the need “{need}”, identified {_BY[measure.on]}{_left_out(measure.leaving_out)}"
        case Recorded():
            return f"{_FIELDS[measure.field]} recorded {_BY[measure.on]}"
        case Expecting():
            return "a child expected"
        case MonthsSince():
            return f"whole months since {_FIELDS[measure.field]}"
        case DaysSince():
            return f"the time since {_FIELDS[measure.field]}{_for_need(measure, rules)}"
        case (
            Suspensions()
            | PermanentExclusions()
            | AsbIncidents()
            | MinorOffences()
            | AdultOffences()
            | ProvisionStarts()
            | NeedsIdentified()
            | NeedsOutstanding()
        ):
            one, rest = _counting(measure, rules)
            return f"the number of {one}s{rest}"
        case _:
            assert_never(measure)


def limit(name: str, rules: Rules) -> str:
    """A parameter's value on the day, as it is said: `15%`, `3 terms`, `£700`, `CA, ESA or NEET`."""
    codes = rules.pack.parameters[name].unit in ("codes", "need")
    return _codes(name, rules) if codes else figure(rules.pack.parameters[name], rules.values[name])


def figure(parameter: Parameter, dated: DatedValue) -> str:
    """A parameter's value from one day on, codes as the extracts have them: `15%`, `3 terms`, `£700`, `ESA, neet`."""
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
            return ", ".join(dated.value)
        case _:
            return dated.value


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
            return ", ".join(spoken(word) for word in written.split(";"))
        case "count":
            return written


def verdict(verdict: Verdict | str, reason: str = "") -> str:
    """A finding's verdict with its reason codes: `unknown: a term of school age has no attendance record`."""
    because = " and ".join(_REASONS[code] for code in reason.split(";") if code)
    return spoken(verdict) + (f": {because}" if because else "")


def spoken(code: object) -> str:
    """A code of the rules or of a record as it is said: `not_on_roll` is `not on roll`, and `esf` is `ESF`."""
    return " ".join(word.upper() if word in _INITIALS else word for word in str(code).split("_"))


# ------------------------------------------------------------------------------------------------------------ pieces


def _test(node: Test, rules: Rules) -> str:
    """A test as a sentence, or as what is said of its subject: `fewer than 3 suspensions over the last term`."""
    comparator, name = node.comparison
    asked = node.measure
    if comparator == "is":
        return _truth(asked, bool(name), rules)
    said = limit(str(name), rules)
    match asked:
        case Enrolment():
            return f"recorded as {said} in the latest of {_terms(asked, rules)}"
        case WeeksInWork():
            weeks = _number(rules.number(asked.out_of_last), "week")
            return f"in work for {_bound(comparator, said)} out of the last {weeks}"
        case LongestRunInWork():
            return f"in work without a break for {_bound(comparator, said)} {_window(asked, rules)}"
        case Age():
            return f"aged {_aged(comparator, rules.number(str(name)))} on {_DAYS[asked.at]}"
        case DaysSince():
            event = _EVENTS[asked.field] + _for_need(asked, rules)
            return f"{event} {_bound(comparator, said)} before the as-of date"
        case MonthsSince():
            return f"{_EVENTS[asked.field]} {_bound(comparator, said)} before the as-of date"
        case _ if asked.unit == "count":
            one, rest = _counting(asked, rules)
            quantity = _how_many(comparator, rules.number(str(name)))
            return f"{quantity} {one}{'' if quantity.endswith(' 1') else 's'}{rest}"
        case _:
            return f"{measure(asked, rules)} is {_bound(comparator, said)}"


def _counting(counted: Measure, rules: Rules) -> tuple[str, str]:
    """What a measure counts: the noun for one of them, and what follows it, whether one or several."""
    match counted:
        case Suspensions():
            return "suspension", f" over {_terms(counted, rules)}"
        case PermanentExclusions():
            return "permanent exclusion", f" over {_terms(counted, rules)}"
        case AsbIncidents():
            return "incident", f" of anti-social behaviour{_offended(counted, '', rules)}"
        case MinorOffences():
            return "proven offence", _offended(counted, " under 18", rules)
        case AdultOffences():
            return "proven offence", _offended(counted, " of 18 or over", rules)
        case ProvisionStarts():
            return "start", f" on provision{_of(counted.codes, rules)} {_window(counted, rules)}"
        case NeedsIdentified():
            identified = f"identified {_BY[counted.on]}{_left_out(counted.leaving_out)}"
            return "need", f"{_of(counted.needs, rules)} {identified}"
        case NeedsOutstanding():
            return "need", f"{_of(counted.needs, rules)} without an achieved outcome"
        case _:
            raise AssertionError(f"{counted.name} is no count")


def _truth(asked: Measure, wanted: bool, rules: Rules) -> str:
    """A measure that is true or false, said of its subject."""
    match asked:
        case SchoolAge():
            return f"of school age in {'one or more' if wanted else 'none'} of {_terms(asked, rules)}"
        case OutOfWorkBenefit():
            article = "an" if wanted else "no"
            return f"receiving {article} out-of-work benefit{_of(asked.codes, rules)} on {_DAYS[asked.on]}"
        case OnProvision():
            return f"{'' if wanted else 'not '}on provision{_of(asked.codes, rules)} on {_DAYS[asked.on]}"
        case OpenSocialCare():
            article = "a" if wanted else "no"
            return f"{article} social care case{_of(asked.kinds, rules)} is open on {_DAYS[asked.on]}"
        case InWork():
            return f"{'' if wanted else 'not '}in work on {_DAYS[asked.on]}"
        case Resident():
            return f"{'' if wanted else 'not '}living with the family on {_DAYS[asked.at]}"
        case NeedIdentified():
            need, truth = _codes(asked.need, rules), "was" if wanted else "was not"
            return f"the need “{need}” {truth} identified {_BY[asked.on]}{_left_out(asked.leaving_out)}"
        case Recorded():
            return f"{_FIELDS[asked.field]} is {'' if wanted else 'not '}recorded {_BY[asked.on]}"
        case Expecting():
            return f"{'a' if wanted else 'no'} child is expected"
        case _:
            raise AssertionError(f"{asked.name} is not true or false")


def _how_many(comparator: Comparator, bound: int) -> str:
    match comparator, bound:
        case ("at_least", 1) | ("more_than", 0):
            return "one or more"
        case ("at_most", 0) | ("less_than", 1):
            return "no"
        case "less_than", _:
            return f"fewer than {bound}"
        case "at_most", _:
            return f"at most {bound}"
        case _:
            return _bound(comparator, str(bound))


def _bound(comparator: Comparator, said: str) -> str:
    """`15% or more`, `less than 15%`."""
    match comparator:
        case "at_least":
            return f"{said} or more"
        case "more_than":
            return f"more than {said}"
        case "at_most":
            return f"{said} or less"
        case "less_than":
            return f"less than {said}"
        case _:
            raise AssertionError(f"{comparator} does not bound a number")


def _aged(comparator: Comparator, years: int) -> str:
    match comparator:
        case "at_least":
            return f"{years} or over"
        case "at_most":
            return f"{years} or under"
        case "more_than":
            return f"{years + 1} or over"
        case _:
            return f"under {years}"


def _counted(node: AllOf | AnyOf | AtLeast, rules: Rules) -> str:
    match node:
        case AllOf():
            return "all of"
        case AnyOf():
            return "any of"
        case AtLeast():
            count = rules.number(node.at_least)
            return f"{'all' if count == len(node.of) else 'at least'} {count} of"


def _said_once(node: Expression) -> tuple[tuple[Expression, ...], str]:
    """A node's parts, and what is said of all of them at once: that each leaves the same members out."""
    inner = parts(node)
    left_out = {part.leaving_out if isinstance(part, CriterionRef) else None for part in inner}
    who = left_out.pop() if len(left_out) == 1 else None
    if who is None or len(inner) == 1:
        return inner, ""
    return tuple(part.model_copy(update={"leaving_out": None}) for part in inner), f", each{_judged_again(who)}"


def _nested(node: Expression, rules: Rules) -> str:
    said = expression(node, rules)
    return f"({said})" if parts(node) else said


def _so(node: Expression, rules: Rules) -> str:
    """A node as a clause of its own, after `if` or `then`."""
    is_count = isinstance(node, Test) and node.measure.unit == "count"
    return f"there are {_nested(node, rules)}" if is_count else _nested(node, rules)


def _subjects(node: Every | Some, rules: Rules) -> str:
    quantity, kind = ("every", node.every) if isinstance(node, Every) else ("at least one", node.some)
    when = " at engagement" if node.at == "engagement" else ""
    who: str = kind
    if kind == "school_age_child":
        assert node.last_terms is not None
        tests = (part.measure for part in walk(node.that) if isinstance(part, Test))
        is_said_below = any(isinstance(asked, TermMeasure) and asked.at == node.at for asked in tests)
        who = "school-age child" if is_said_below else f"child of school age in {_last_terms(node.last_terms, rules)}"
    return f"{quantity} {who}{when}{_left_out(node.leaving_out)}"


def _left_out(who: LeftOut | None) -> str:
    return f", {_LEFT_OUT[who]}" if who else ""


def _judged_again(who: LeftOut) -> str:
    return f" judged again, {_LEFT_OUT[who]}"


def _terms(measure: TermMeasure, rules: Rules) -> str:
    if measure.at == "as_of":
        return _last_terms(measure.last_terms, rules)
    count = rules.number(measure.last_terms)
    return f"the last {'term' if count == 1 else f'{count} terms'} completed before engagement"


def _last_terms(name: str, rules: Rules) -> str:
    count = rules.number(name)
    return "the last completed term" if count == 1 else f"the last {count} completed terms"


def _window(measure: WindowMeasure, rules: Rules) -> str:
    if measure.last_months is not None:
        months = rules.number(measure.last_months)
        return "in the last month" if months == 1 else f"in the last {months} months"
    return f"in {_before_engagement(rules.number(str(measure.months_before_engagement)))}"


def _before_engagement(months: int) -> str:
    return "the month before engagement" if months == 1 else f"the {months} months before engagement"


def _offended(measure: AsbIncidents | MinorOffences | AdultOffences, aged: str, rules: Rules) -> str:
    """By whom, and when."""
    window, left_out = _window(measure, rules), _left_out(measure.leaving_out)
    if measure.by_departed:
        return f" {window} by members{aged} who have since left{left_out}"
    return f"{f' by members{aged}' if aged else ''} {window}{left_out}"


def _for_need(measure: DaysSince, rules: Rules) -> str:
    return f" for “{_codes(measure.need, rules)}”" if measure.need else ""


def _of(name: str, rules: Rules) -> str:
    """Which codes are meant, after a noun: the list itself, or the title of one that is long."""
    codes = rules.codes(name)
    return (
        f" ({_either(codes)})" if len(codes) <= _MOST_CODES else f" of the list “{rules.pack.parameters[name].title}”"
    )


def _codes(name: str, rules: Rules) -> str:
    return _either(rules.codes(name))


def _either(words: tuple[str, ...]) -> str:
    return _or([spoken(word) for word in words])


def _or(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _share(share: Share) -> str:
    said = f"{share.numerator} of {share.denominator}"
    tenths, rest = divmod(share.numerator * 1000, share.denominator)
    percent = f"{tenths // 10}.{tenths % 10}".removesuffix(".0")
    return f"{said} ({percent}%)" if rest == 0 else f"{said} (just over {percent}%)"
