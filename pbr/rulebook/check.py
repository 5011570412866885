"""The static checks of a pack: what its types alone cannot say, found before any family is decided.

In: a draft of a pack, as much of it as could be read. Out: faults, each at the line of the node it is about (E211 to
E239). A pack without faults means one thing to every engine, no figure in it goes unread, and no test in it is idle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import combinations

from pbr.errors import Fault
from pbr.rulebook.measures import (
    DaysSince,
    Enrolment,
    Measure,
    MonthsSince,
    NeedsOutstanding,
    OffendingMeasure,
    OnProvision,
    OpenSocialCare,
    OutOfWorkBenefit,
    ProvisionStarts,
    SchoolAge,
    TermMeasure,
    WeeksInWork,
    WindowMeasure,
)
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
    InForce,
    NearThresholdFlag,
    Pack,
    Parameter,
    ParameterValue,
    Period,
    ReducedBy,
    Route,
    Some,
    Tariff,
    Test,
    UnverifiedRuleFlag,
    When,
)
from pbr.rulebook.reach import ENROLMENTS as ENROLMENTS
from pbr.rulebook.reach import certain, inside
from pbr.rulebook.rules import walk
from pbr.values import Share, pounds

Path = tuple[str | int, ...]

EXPECTED_UNITS: dict[str, str] = {
    "last_terms": "terms",
    "last_months": "months",
    "months_before_engagement": "months",
    "out_of_last": "weeks",
    "codes": "codes",
    "kinds": "codes",
    "need": "need",
    "needs": "codes",
    "at_least": "the measure's",
    "more_than": "the measure's",
    "at_most": "the measure's",
    "less_than": "the measure's",
    "is_one_of": "codes",
    "reduced_by": "share",
    "session": "count",
    "incident": "count",
    "exclusion": "count",
    "days_in_work": "days",
    "attachment_fee": "pence",
    "family_cap": "pence",
    "routes": "pence",
    "funded_share": "share",
    "earned_autonomy": "pence",
}
"""The keys whose value names a parameter, and the unit that it must have there."""

COMPARATORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("count", "share", "weeks", "days", "months", "years"), ("at_least", "more_than", "at_most", "less_than")
    ),
    "boolean": ("is",),
    "words": ("is_one_of",),
}
"""How a measure of each unit can be tested."""

BENEFITS = (
    *("AA", "BB", "BSP", "CA", "DLA", "ESA", "HB", "IB", "IIDB"),
    *("IS", "JSA", "PC", "PIP", "SDA", "SP", "UC", "WB"),
)
PROVISION = ("work_programme", "esf")
SOCIAL_CARE_KINDS = ("early_help", "child_in_need", "child_protection", "looked_after")


FEWEST_WORDS = 3
"""A citation of fewer is a placeholder."""


@dataclass(frozen=True)
class Draft:
    """What of a pack could be read. `declared` has every id that is written, readable or not, by section."""

    parameters: Mapping[str, Parameter]
    eligibility: Mapping[str, Criterion]
    results: Mapping[str, Criterion]
    routes: Mapping[str, Route]
    flags: Mapping[str, Flag]
    in_force: tuple[InForce, ...]
    tariff: Tariff | None
    declared: Mapping[str, frozenset[str]]
    whole: bool
    """Whether everything could be read: only then can a parameter be called unused."""


def check(draft: Draft, place: Callable[[Path], str]) -> list[Fault]:
    """All faults of a draft; `place` gives the file and line of a path such as `("results", "asb_reduced", "test")`."""
    checks = _Checks(draft, place)
    checks.ids()
    checks.parameters()
    for section in ("eligibility", "results", "routes"):
        criteria: Mapping[str, Criterion] = getattr(draft, section)
        for name, criterion in criteria.items():
            checks.expression(criterion.test, _Scope(section, name), (section, name, "test"))
    for name, flag in draft.flags.items():
        checks.flag(name, flag)
    checks.in_force(draft.in_force)
    if draft.tariff:
        checks.tariff(draft.tariff)
    if draft.whole and not checks.faults:  # a misspelt name leaves a parameter unused: one fault is enough
        checks.unused()
        checks.certain()
        checks.nothing_left_out()
        checks.unread_results()
        if draft.tariff:
            checks.paid_twice(draft.tariff)
            checks.cap(draft.tariff)
    return checks.faults


def close(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'absence'?)`, or nothing where no known word is near."""
    near = get_close_matches(word, list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def says_nothing(key: str, text: str) -> str:
    """Why a title or citation (`key`) is none, in words; empty where it is one. White space says nothing."""
    if key == "title" and not any(letter.isalpha() for letter in text):
        return "'title' has no letter in it"
    words = sum(any(letter.isalnum() for letter in word) for word in text.split())
    if key == "citation" and words < FEWEST_WORDS:
        return f"'citation' has fewer than {FEWEST_WORDS} words, and names no source"
    return ""


def overlapping(packs: Iterable[Pack]) -> list[Fault]:
    """Where two packs decide the same family on the same day (E239); of packs in force, one decides each family."""
    faults = []
    for pack, other in combinations(packs, 2):
        for one in pack.in_force:
            for also in other.in_force:
                engaged = _common(one.engaged, also.engaged)
                decided = _common(one.decided, also.decided)
                if engaged[0] <= engaged[1] and decided[0] <= decided[1] and engaged[0] < decided[1]:
                    what = (
                        f"packs '{pack.id}' and '{other.id}' both decide families engaged from {engaged[0]} until "
                        f"{engaged[1]}, on days from {decided[0]} until {decided[1]}"
                    )
                    faults.append(Fault("E239", f"pack {other.id}", what, "End one where the other starts."))
    return faults


def _common(one: Period, other: Period) -> tuple[date, date]:
    """The first and last day of both; the last is before the first where there is none."""
    return max(one.start, other.start), min(one.until, other.until)


@dataclass(frozen=True)
class _Scope:
    """Where an expression stands: its section, the id of what it belongs to, and the quantifier around it."""

    section: str
    owner: str
    quantifier: Every | Some | None = None


class _Checks:
    def __init__(self, draft: Draft, place: Callable[[Path], str]) -> None:
        self.draft = draft
        self.place = place
        self.faults: list[Fault] = []
        self.used: set[str] = set()
        self.left_out: list[tuple[CriterionRef, Path]] = []
        """The references that leave members out."""

    def fault(self, code: str, path: Path, what: str, next_step: str) -> None:
        self.faults.append(Fault(code, self.place(path), what, next_step))

    # ------------------------------------------------------------------------------------------------ parameters

    def parameters(self) -> None:
        for name, parameter in self.draft.parameters.items():
            for position, (before, after) in enumerate(zip(parameter.values, parameter.values[1:], strict=False), 1):
                if before.start >= after.start:
                    order = "the same day as" if before.start == after.start else "before"
                    self.fault(
                        "E215",
                        ("parameters", name, "values", position, "from"),
                        f"parameter '{name}' has a value from {after.start}, {order} the one above it ({before.start})",
                        "Put the values in the order of their dates, one a day.",
                    )

    def parameter(self, name: str, path: Path, unit: str | None = None) -> Parameter | None:
        """A parameter that is named at a path; None where it is not there, or has another unit than the place needs."""
        self.used.add(name)
        expected = unit or EXPECTED_UNITS[str(path[-1])]
        declared = self.draft.declared["parameters"]
        if name not in declared:
            next_step = "Add it to `parameters`, with its unit, date, citation and standing."
            self.fault("E211", path, f"there is no parameter '{name}'{close(name, declared)}", next_step)
            return None
        parameter = self.draft.parameters.get(name)
        if parameter and parameter.unit != expected:
            what = f"'{path[-1]}' needs a parameter in {expected}, and '{name}' is in {parameter.unit}"
            self.fault("E212", path, what, f"Name a parameter in {expected}, or change the unit of '{name}'.")
            return None
        return parameter

    def unused(self) -> None:
        for name in self.draft.parameters:
            if name not in self.used:
                next_step = "Use it, or take it out: a figure that nothing reads misleads."
                self.fault("E213", ("parameters", name), f"nothing reads parameter '{name}'", next_step)

    def unread_results(self) -> None:
        """Results that no route and no flag rests on, whatever else rests on them."""
        draft = self.draft
        tests = [route.test for route in draft.routes.values()]
        for flag in draft.flags.values():
            if isinstance(flag, ConditionFlag):
                tests += [test for test in (flag.when, flag.unless) if test is not None]
        read = frozenset[str]().union(*map(self._rests_on, tests))
        for name in draft.results:
            if name not in read:
                next_step = "Let a route or a flag rest on it, or take it out: what it finds changes nothing."
                self.fault("E213", ("results", name), f"nothing reads criterion '{name}'", next_step)

    def certain(self) -> None:
        draft = self.draft
        criteria = {"eligibility": draft.eligibility, "results": draft.results, "routes": draft.routes}
        for one in certain(criteria, draft.flags, draft.parameters, draft.in_force):
            if one.met:
                next_step = "Correct the figures or the comparison, or take it out: it turns nobody away."
                self.fault("E234", one.path, one.why, next_step)
            else:
                next_step = "Correct the figures or the comparison, or take it out: nobody can pass it."
                self.fault("E233", one.path, one.why, next_step)

    def nothing_left_out(self) -> None:
        """References that leave members out of a criterion that asks about none, and reads nothing of single ones."""
        for node, path in self.left_out:
            names = (node.criterion, *self._rests_on(node))
            nodes = [inner for name in names for inner in walk(self._criterion(name).test)]
            measures = [inner.measure for inner in nodes if isinstance(inner, Test | ReducedBy)]
            of_members = any(isinstance(inner, Every | Some) for inner in nodes)
            if not of_members and not any("leaving_out" in type(measure).model_fields for measure in measures):
                what = f"'{node.criterion}' asks nothing of single members, so {node.leaving_out} are not in it"
                self.fault("E237", path, what, "Take `leaving_out` away: it leaves nothing out.")

    def ids(self) -> None:
        seen: dict[str, str] = {}
        for section in ("eligibility", "results", "routes"):
            for name in sorted(self.draft.declared[section]):
                if name in seen:
                    what = f"'{name}' is already the id of something in {seen[name]}"
                    self.fault("E227", (section, name), what, "Give one of the two another id.")
                seen.setdefault(name, section)

    # ----------------------------------------------------------------------------------------------- expressions

    def expression(self, node: Expression, scope: _Scope, path: Path) -> None:
        match node:
            case Test():
                self.measure(node.measure, scope, (*path, "measure"))
                self.comparison(node, path)
            case ReducedBy():
                self.measure(node.measure, scope, (*path, "measure"))
                self.parameter(node.against.months_before_engagement, (*path, "against", "months_before_engagement"))
                self.reduction(node.reduced_by, (*path, "reduced_by"))
            case CriterionRef():
                self.reference(node, scope, (*path, "criterion"))
            case AtLeast():
                self.at_least(node, (*path, "at_least"))
            case Every() | Some():
                self.quantifier(node, scope, path)
                scope = _Scope(scope.section, scope.owner, scope.quantifier or node)
            case AllOf() | AnyOf() | When():
                pass
        if not isinstance(node, When):
            self.twice(node, path)
        for steps, part in inside(node):
            self.expression(part, scope, (*path, *steps))

    def twice(self, node: Expression, path: Path) -> None:
        """Parts of an all_of, any_of or of that ask the same."""
        parts = list(inside(node))
        for number, (steps, part) in enumerate(parts):
            if any(part == above for _, above in parts[:number]):
                what = "this part stands above already, in the same list"
                self.fault("E266", (*path, *steps), what, "Take one of the two out, or correct it.")

    def comparison(self, node: Test, path: Path) -> None:
        comparator, limit = node.comparison
        fitting = COMPARATORS[node.measure.unit]
        at = (*path, comparator)
        if comparator not in fitting:
            if isinstance(limit, str):
                self.used.add(limit)
            what = f"'{comparator}' does not fit {node.measure.name}, which is {_UNIT_WORDS[node.measure.unit]}"
            self.fault("E223", at, what, f"Compare it with {' or '.join(f'`{word}`' for word in fitting)}.")
        elif isinstance(limit, str):
            parameter = self.parameter(limit, at, "codes" if comparator == "is_one_of" else node.measure.unit)
            if isinstance(node.measure, Enrolment):
                self.vocabulary(parameter, limit, ENROLMENTS)

    def at_least(self, node: AtLeast, path: Path) -> None:
        parameter = self.parameter(node.at_least, path, "count")
        for dated in parameter.values if parameter else ():
            if isinstance(dated.value, int) and not 1 <= dated.value <= len(node.of):
                what = f"'{node.at_least}' is {dated.value} from {dated.start}, and there are {len(node.of)} parts"
                self.fault("E225", path, what, f"Ask for 1 to {len(node.of)} of them.")

    def reduction(self, name: str, path: Path) -> None:
        parameter = self.parameter(name, path)
        for dated in parameter.values if parameter else ():
            if isinstance(dated.value, Share) and dated.value.numerator == 0:
                what = (
                    f"'{name}' is {dated.value.percent} from {dated.start}, and a count that stays the same meets that"
                )
                self.fault("E238", path, what, "Ask for a fall of more than 0%, or test the count against a limit.")

    def reference(self, node: CriterionRef, scope: _Scope, path: Path) -> None:
        declared = self.draft.declared
        name = node.criterion
        if node.leaving_out is not None and scope.quantifier is not None:
            what = f"'{name}' is read again without some members, inside an `every` or `some`"
            self.fault("E222", (*path[:-1], "leaving_out"), what, "Ask about the family outside of it.")
        readable = {"eligibility": ("eligibility",), "results": ("eligibility", "results"), "routes": ("results",)}.get(
            scope.section, ("eligibility", "results")
        )
        sections = (*readable, "eligibility", "results", "routes")
        home = next((section for section in sections if name in declared[section]), None)
        if home is None:
            known = frozenset[str]().union(*(declared[section] for section in readable))
            what = f"there is no criterion '{name}'{close(name, known)}"
            self.fault("E216", path, what, f"Criteria that can be named here: {', '.join(sorted(known)) or 'none'}.")
        elif home not in readable:
            what = f"'{name}' is in {home}, and {scope.section} cannot rest on that"
            self.fault("E218", path, what, f"Name a criterion of {' or '.join(readable)}.")
        elif home == scope.section and not self._is_above(home, name, scope.owner):
            what = f"'{scope.owner}' rests on '{name}', which does not stand above it"
            self.fault("E217", path, what, "Put criteria below those they rest on; none can rest on itself.")
        elif node.leaving_out is not None:
            self.left_out.append((node, (*path[:-1], "leaving_out")))

    def _is_above(self, section: str, name: str, owner: str) -> bool:
        order: list[str] = list(getattr(self.draft, section))
        return name not in order or order.index(name) < order.index(owner)

    def quantifier(self, node: Every | Some, scope: _Scope, path: Path) -> None:
        kind = node.every if isinstance(node, Every) else node.some
        if scope.quantifier is not None:
            what = "an `every` or `some` stands inside another"
            self.fault("E222", path, what, "Ask about members once; combine tests of one member with all_of or any_of.")
        if scope.section == "eligibility" and node.at != "engagement":
            self._later_than_engagement((*path, "at"), "the subjects are members at the as-of date")
        if kind == "school_age_child" and node.last_terms is None:
            what = "a school-age child is one of school age in some terms, and `last_terms` does not say which"
            self.fault("E220", path, what, "Add `last_terms:` with the parameter that its tests read.")
        elif kind != "school_age_child" and node.last_terms is not None:
            what = f"`last_terms` says who is a school-age child, and these subjects are of kind '{kind}'"
            self.fault("E220", (*path, "last_terms"), what, "Take it out, or ask about a school_age_child.")
        if node.last_terms is not None:
            self.parameter(node.last_terms, (*path, "last_terms"))

    # -------------------------------------------------------------------------------------------------- measures

    def measure(self, measure: Measure, scope: _Scope, path: Path) -> None:
        named: dict[str, Parameter | None] = {}
        for argument, given in measure.parameters().items():
            named[argument] = self.parameter(given, (*path, argument))
        match measure:
            case OpenSocialCare():
                self.vocabulary(named["kinds"], measure.kinds, SOCIAL_CARE_KINDS)
            case OutOfWorkBenefit():
                self.vocabulary(named["codes"], measure.codes, BENEFITS)
            case OnProvision() | ProvisionStarts():
                self.vocabulary(named["codes"], measure.codes, PROVISION)
        self.subject(measure, scope, path)
        if scope.section == "eligibility" and (reads := _reads_after_engagement(measure)):
            self._later_than_engagement((*path, reads), f"{measure.name} reads what comes after")
        if isinstance(measure, TermMeasure) and named["last_terms"] and scope.section != "flags":
            self.terms(measure, scope.quantifier, (*path, "last_terms"))

    def terms(self, measure: TermMeasure, quantifier: Every | Some | None, path: Path) -> None:
        """A test reads the terms that make its subjects school-age children, so that none is asked about no term."""
        if quantifier is None or quantifier.last_terms is None or quantifier.at != measure.at:
            return
        if quantifier.last_terms != measure.last_terms:
            what = f"the terms read are '{measure.last_terms}', and the children's are '{quantifier.last_terms}'"
            self.fault("E220", path, what, "Name the same parameter in both places.")

    def subject(self, measure: Measure, scope: _Scope, path: Path) -> None:
        quantifier = scope.quantifier
        if measure.subject == "member" and quantifier is None:
            what, next_step = f"{measure.name} is about one member", "Put it inside an `every` or `some`."
        elif measure.subject == "family" and quantifier is not None:
            what, next_step = f"{measure.name} is about the family", "Take it out of the `every` or `some`."
        elif isinstance(measure, TermMeasure) and not isinstance(measure, SchoolAge) and not _of_school_age(quantifier):
            what, next_step = f"{measure.name} is about a child of school age", "Ask about a school_age_child."
        else:
            return
        self.fault("E221", path, what, next_step)

    def vocabulary(self, parameter: Parameter | None, name: str, words: tuple[str, ...]) -> None:
        for position, dated in enumerate(parameter.values if parameter else ()):
            for word in dated.value if isinstance(dated.value, tuple) else ():
                if word not in words:
                    at = ("parameters", name, "values", position, "value")
                    what = f"no record can say '{word}'{close(word, words)}"
                    self.fault("E231", at, what, f"Words that records have: {', '.join(words)}.")

    def _later_than_engagement(self, path: Path, what: str) -> None:
        next_step = "Read it at engagement (`at: engagement`, `months_before_engagement`)."
        self.fault("E219", path, f"eligibility is judged at engagement, and here {what}", next_step)

    # ------------------------------------------------------------------------------------------ flags and tariff

    def flag(self, name: str, flag: Flag) -> None:
        path = ("flags", name)
        match flag:
            case ConditionFlag():
                for key, test in (("when", flag.when), ("unless", flag.unless)):
                    if test is not None:
                        self.expression(test, _Scope("flags", name), (*path, key))
                for position, route in enumerate(flag.met_routes or ()):
                    self.route(route, (*path, "met_routes", position))
            case NearThresholdFlag():
                for key in ("session", "incident", "exclusion", "days_in_work"):
                    self.parameter(getattr(flag, key), (*path, key))
            case UnverifiedRuleFlag():
                pass

    def route(self, name: str, path: Path) -> None:
        declared = self.draft.declared["routes"]
        if name not in declared:
            what = f"there is no route '{name}'{close(name, declared)}"
            self.fault("E224", path, what, f"Routes: {', '.join(sorted(declared)) or 'none'}.")

    def in_force(self, in_force: tuple[InForce, ...]) -> None:
        for number, one in enumerate(in_force):
            for key, period in (("engaged", one.engaged), ("decided", one.decided)):
                if period.until < period.start:
                    what = f"the period ends on {period.until}, before it starts on {period.start}"
                    self.fault(
                        "E228", ("in_force", number, key, "until"), what, "Both days are inside: put them in order."
                    )
            for other in in_force[:number]:
                if one.engaged.meets(other.engaged) and one.decided.meets(other.decided):
                    what = "these families are decided on these days by an entry above, too"
                    self.fault("E228", ("in_force", number), what, "Let each day stand in one of them.")

            self.decidable(one, ("in_force", number, "decided", "from"))

    def decidable(self, one: InForce, path: Path) -> None:
        """Everything but prices is read on the as-of date, so that it must have a value on each of those days."""
        if self.draft.tariff is None:
            return
        tariff = self.draft.tariff
        prices = {tariff.attachment_fee, tariff.family_cap, tariff.earned_autonomy, *tariff.routes.values()}
        starts = {
            name: parameter.values[0].start
            for name, parameter in self.draft.parameters.items()
            if name not in prices and parameter.values[0].start > one.decided.start
        }
        if starts:
            last = min(max(starts.values()) - timedelta(days=1), one.decided.until)
            names = [f"'{name}' (from {start})" for name, start in starts.items()]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            what = f"nobody could be decided from {one.decided.start} until {last}, before the first value of "
            next_step = "Add the values for these days, each with its citation, or let decisions start later."
            self.fault("E236", path, what + ", ".join(names[:3]) + more, next_step)

    def tariff(self, tariff: Tariff) -> None:
        first = min((one.engaged.start for one in self.draft.in_force), default=None)
        if first is not None and tariff.claimed_until < first:
            what = f"claims end on {tariff.claimed_until}, before the first family can engage on {first}"
            self.fault("E228", ("tariff", "claimed_until"), what, "Give the last day a claim can be made.")
        for key in ("attachment_fee", "family_cap", "earned_autonomy"):
            if (name := getattr(tariff, key)) is not None:
                self.price(name, first, ("tariff", key))
        for route, name in tariff.routes.items():
            self.route(route, ("tariff", "routes", route))
            self.price(name, first, ("tariff", "routes", route))
        for route in sorted(self.draft.declared["routes"] - tariff.routes.keys()):
            what = f"the tariff does not say what route '{route}' pays"
            self.fault("E232", ("tariff", "routes"), what, "Add it; a route that pays nothing has a parameter of £0.")
        for route, others in tariff.instead_of.items():
            self.route(route, ("tariff", "instead_of", route))
            for position, other in enumerate(others):
                self.route(other, ("tariff", "instead_of", route, position))
        self.circles(tariff.instead_of)
        if tariff.funded_share is not None:
            self.parameter(tariff.funded_share, ("tariff", "funded_share"))

    def circles(self, instead_of: Mapping[str, tuple[str, ...]]) -> None:
        """Routes that are paid instead of themselves, directly or through others: none of them would be paid."""
        told: set[frozenset[str]] = set()
        for start in instead_of:
            ways: list[tuple[str, ...]] = [(start,)]
            seen = {start}
            while ways:
                way = ways.pop(0)
                for other in instead_of.get(way[-1], ()):
                    if other == start and frozenset(way) not in told:
                        told.add(frozenset(way))
                        circle = " instead of ".join(f"'{name}'" for name in (*way, start))
                        what = f"these would be paid in a circle: {circle}"
                        self.fault("E235", ("tariff", "instead_of", start), what, "Take one of them out of it.")
                    if other not in seen:
                        seen.add(other)
                        ways.append((*way, other))

    def cap(self, tariff: Tariff) -> None:
        """A cap that the attachment fee and one route already pass: that route would never be paid what it says."""
        for day in self._engagement_days(self.draft.parameters.values()):
            fee = 0 if tariff.attachment_fee is None else self._pence(tariff.attachment_fee, day)
            route = max(tariff.routes, key=lambda name: self._pence(tariff.routes[name], day), default=None)
            if route is None:
                return
            pays, most = self._pence(tariff.routes[route], day), self._pence(tariff.family_cap, day)
            if fee + pays > most:
                together = f"{pounds(fee)} for joining and {pounds(pays)} by route '{route}'" if fee else ""
                what = (
                    f"a family can earn {pounds(most)} in all if it engaged on {day}, and "
                    f"{together or f'route {route!r} pays {pounds(pays)}'}"
                )
                self.fault("E265", ("tariff", "family_cap"), what, "Correct the cap, or what the message names.")
                return

    def _pence(self, name: str, day: date) -> int:
        value = _value_on(self.draft.parameters[name].values, day)
        assert isinstance(value, int), name
        return value

    def _engagement_days(self, parameters: Iterable[Parameter]) -> list[date]:
        """The first day of each stretch of engagement dates on which these parameters keep their values, in order."""
        turns = {dated.start for parameter in parameters for dated in parameter.values}
        periods = [one.engaged for one in self.draft.in_force]
        return sorted({day for period in periods for day in (period.start, *turns) if day in period})

    def paid_twice(self, tariff: Tariff) -> None:
        """Routes that pay for the same result, and of which neither is paid instead of the other."""
        draft = self.draft
        results = {name: self._rests_on(route.test) & draft.results.keys() for name, route in draft.routes.items()}
        for one, other in combinations(results, 2):
            is_ordered = other in tariff.instead_of.get(one, ()) or one in tariff.instead_of.get(other, ())
            both = results[one] & results[other]
            if both and not is_ordered and self._both_pay(one, other, tariff):
                beneath = frozenset[str]().union(*(self._rests_on(draft.results[name].test) for name in both))
                named = " and ".join(f"'{name}'" for name in draft.results if name in both - beneath)
                what = f"routes '{one}' and '{other}' would both be paid for {named}, and one result is paid once"
                next_step = "Say in `instead_of` which of them is paid alone, or let them rest on different results."
                self.fault("E235", ("tariff", "instead_of"), what, next_step)

    def _rests_on(self, test: Expression) -> frozenset[str]:
        """The results and criteria of eligibility that a test refers to, and those that they refer to."""
        found: set[str] = set()
        tests = [test]
        while tests:
            named = {node.criterion for node in walk(tests.pop()) if isinstance(node, CriterionRef)}
            tests += [self._criterion(name).test for name in sorted(named - found)]
            found |= named
        return frozenset(found)

    def _criterion(self, name: str) -> Criterion:
        return self.draft.results.get(name) or self.draft.eligibility[name]

    def _both_pay(self, one: str, other: str, tariff: Tariff) -> bool:
        """Whether both routes have a price on some day on which a family can engage."""
        prices = [self.draft.parameters[tariff.routes[route]] for route in (one, other)]
        days = self._engagement_days(prices)
        return any(all(_value_on(price.values, day) for price in prices) for day in days)

    def price(self, name: str, first: date | None, path: Path) -> None:
        parameter = self.parameter(name, path, "pence")
        if parameter and first is not None and parameter.values[0].start > first:
            starts = parameter.values[0].start
            what = f"'{name}' starts on {starts}, and families can engage from {first}"
            self.fault("E229", path, what, "Add the value for the days before, or let families engage later.")


def _value_on(values: tuple[DatedValue, ...], day: date) -> ParameterValue:
    return [dated.value for dated in values if dated.start <= day][-1]


_UNIT_WORDS = {
    "count": "a number",
    "share": "a share",
    "boolean": "true or false",
    "weeks": "a number of weeks",
    "days": "a number of days",
    "months": "a number of months",
    "years": "a number of years",
    "words": "one or more words",
}


def _of_school_age(quantifier: Every | Some | None) -> bool:
    kind = getattr(quantifier, "every", None) or getattr(quantifier, "some", None)
    return kind == "school_age_child"


def _reads_after_engagement(measure: Measure) -> str | None:
    """The argument by which a measure reads evidence after engagement; None where it reads none."""
    arguments = measure.arguments()
    if arguments.get("at") == "as_of":
        return "at"
    if arguments.get("on") in ("as_of", "day_before_as_of"):
        return "on"
    if isinstance(measure, WindowMeasure) and measure.last_months is not None:
        return "last_months"
    if isinstance(measure, OffendingMeasure) and measure.by_departed:
        return "by_departed"
    if isinstance(measure, WeeksInWork):
        return "out_of_last"
    if isinstance(measure, NeedsOutstanding):
        return "needs"
    return "field" if isinstance(measure, DaysSince | MonthsSince) else None
