"""A pack's cases: worked examples that a lawyer can read, each with the facts of one family and the verdict expected.

In: the files in a pack's `tests/` folder. Out: cases whose facts have the names that engines know them by, and cases of
what is paid. A file names one criterion or route, and each of its cases names every fact that this reads; the runner
fills in what only other criteria read. Nothing here decides or prices: the runner is in `jobs`.

    criterion: attendance_improved
    cases:
      - name: 57 of 380 sessions is 15%, and not below it
        basis: Less than 15%, as Barking and Dagenham council says.
        facts:
          children:
            - unauthorised_absence: 57/380
        expected: not_met

Facts of the family stand under `family`, members' in lists under `children` and `adults`; a list without members is
written `[]`. A fact is named by its measure (`asb_incidents`; with `by_departed`, `asb_incidents_by_departed`), and
where the measure has a field by that too (`assessed_on_recorded`, `months_since_closed_on`). Where the same measure is
read for two days, its value is given by day: `{engagement: 5, as_of: 2}`. What has codes or needs can be given as those
that are found (`[JSA]`, `[debt, neet]`, `[]`), and every measure of that name is worked out from them. What is not
known is `{unknown: not_covered}`. What is read with non-resident adults left out is the same as with them, unless
`minor_offences_without_non_residents: 0` says otherwise.

A member is there at engagement and at the as-of date unless `present: [as_of]` says otherwise, and lives with the
family unless `resident: false` does; a child is of school age in the terms before each day unless
`of_school_age: [engagement]` says otherwise. A family engaged 12 months before the as-of date unless `engaged_on` says
when; it is read with the figures of that day where a rule speaks of engagement.

A file of `payments` says what an eligible family earns that meets some routes, instead of how it came to meet them:

    payments:
      - name: Employment and progress to work in one claim
        basis: £4,000 in all for a family in continuous employment.
        engaged_on: 2013-03-31
        met: [continuous_employment, progress_to_work]
        pays:
          continuous_employment: £800
        total: £4,000
        reason: paid_by_continuous_employment

`pays` has each line of the claim, one of £0 as well; a route that it does not name is not claimed. `total` is all that
the family has earned by then, with what was paid when it joined. `reason` is why something is not paid, in the words of
the attrition table; where nothing is, it must be there. `already_paid: {crime_asb_education: £700}` are earlier claims
(under another framework, `another_framework: £800`). A claim is decided as of the last day of claims and made on that
day, unless `as_of` or `claim_date` says otherwise, and the authority has no Earned Autonomy unless
`earned_autonomy: true`. An amount with a comma stands on a line of its own, for in braces the comma would end it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from pbr.errors import Fault, Faults
from pbr.rulebook import marked
from pbr.rulebook.check import ENROLMENTS, SOCIAL_CARE_KINDS, close
from pbr.rulebook.load import LoadedPack, in_unit
from pbr.rulebook.marked import Marked
from pbr.rulebook.measures import (
    DaysSince,
    Measure,
    MonthsSince,
    NeedIdentified,
    NeedsIdentified,
    NeedsOutstanding,
    OffendingMeasure,
    OpenSocialCare,
    ProvisionStarts,
    Recorded,
    Resident,
    SchoolAge,
    WindowMeasure,
)
from pbr.rulebook.model import (
    AllOf,
    AnyOf,
    AtLeast,
    ConditionFlag,
    Criterion,
    CriterionRef,
    Every,
    Expression,
    Pack,
    ReducedBy,
    Some,
    Test,
    When,
)
from pbr.rulebook.rules import Role, Rules, criterion_of, parts
from pbr.values import REASONS, Share, Verdict, add_months

ANCHORS = ("engagement", "as_of")
ANOTHER_FRAMEWORK = "another_framework"
"""What a payment case calls a route of another framework that was paid already."""
LARGEST = 100_000
"""The largest number that a case can give as a fact: no family has so many incidents or sessions, nor lives so long."""
_UNKNOWN_REASONS = REASONS[:6]


@dataclass(frozen=True)
class CaseFact:
    """A fact that a case gives: a value, or why there is none."""

    value: int | bool | str | Share | None
    reason: str | None = None


_UNSAID: dict[str, CaseFact] = {
    **dict.fromkeys(("count", "weeks", "days", "months", "years"), CaseFact(0)),
    "share": CaseFact(Share(0, 380)),
    "boolean": CaseFact(False),
    "words": CaseFact("registered"),
}
"""What a fact is where a case need not say: nothing happened, and a child was in school."""


@dataclass(frozen=True)
class CaseMember:
    """A member of a case's family: when they are there and of school age, where they live, and their facts by key."""

    kind: str
    present: frozenset[str]
    of_school_age: frozenset[str]
    resident: CaseFact
    facts: Mapping[str, CaseFact]

    def holds(self, role: Role) -> bool:
        """Whether the member is a subject of this kind."""
        if role.leaving_out and self.kind == "adult" and self.resident.value is False:
            return False
        if role.kind == "school_age_child":
            return self.kind == "child" and role.at in self.present & self.of_school_age
        return role.kind in (self.kind, "member") and role.at in self.present

    def fact(self, key: str, measure: Measure) -> CaseFact:
        """What the case says of the member, or what is so where it need not say."""
        match measure:
            case SchoolAge():
                return CaseFact(measure.at in self.of_school_age)
            case Resident():
                return self.resident
            case _:
                return self.facts.get(key, _UNSAID[measure.unit])


@dataclass(frozen=True)
class Case:
    """One worked example. `reason` and `flags` are compared only where they are given."""

    place: str
    name: str
    basis: str
    part: str
    item: str
    as_of: date
    engaged_on: date
    family: Mapping[str, CaseFact]
    members: tuple[CaseMember, ...]
    expected: Verdict
    reason: str | None
    flags: frozenset[str] | None

    def fact(self, key: str, measure: Measure) -> CaseFact:
        """What the case says of the family, or what is so where it need not say."""
        return self.family.get(key, _UNSAID[measure.unit])


@dataclass(frozen=True)
class PaymentCase:
    """One worked example of what is paid: a family that is eligible and meets the routes `met`. Amounts are in pence.

    `pays` has an amount for each line of the claim; `total` and `reason` are compared only where they are given.
    """

    place: str
    name: str
    basis: str
    engaged_on: date
    as_of: date
    claim_date: date
    met: tuple[str, ...]
    already_paid: Mapping[str, int]
    earned_autonomy: bool
    pays: Mapping[str, int]
    total: int | None
    reason: str | None
    item: str = "payments"


@dataclass(frozen=True)
class WorkedExamples:
    """All that a pack's `tests/` hold, in the order of their files and lines."""

    cases: tuple[Case, ...]
    payments: tuple[PaymentCase, ...]


def load_examples(loaded: LoadedPack) -> WorkedExamples:
    """The pack's worked examples. Raises Faults (E202 to E204, E214, E240 to E245)."""
    documents, unreadable = case_files(loaded)
    cases, faults = read_cases(loaded, documents)
    payments, of_payments = read_payments(loaded, documents)
    if unreadable or faults or of_payments:
        raise Faults([*unreadable, *faults, *of_payments])
    if not cases:
        what = "the pack has no cases"
        place = loaded.place().rpartition("/")[0]
        raise Faults(Fault("E240", f"{place}/tests", what, "Add worked examples in tests/<criterion>.yaml."))
    return WorkedExamples(cases, payments)


def load_cases(loaded: LoadedPack) -> tuple[Case, ...]:
    """The pack's cases of criteria and routes. Raises Faults (E202 to E204, E214, E240 to E245)."""
    return load_examples(loaded).cases


def case_files(loaded: LoadedPack) -> tuple[tuple[Marked, ...], list[Fault]]:
    """The files in a pack's `tests/`, by name, and what of them is not YAML as it is read here (E202 to E204)."""
    place = loaded.place().rpartition("/")[0]
    documents: list[Marked] = []
    faults: list[Fault] = []
    for path in sorted(loaded.cases_folder.glob("*.yaml")):
        document, found = marked.read(path.read_bytes(), f"{place}/tests/{path.name}")
        documents.append(document)
        faults += found
    return tuple(documents), faults


def read_cases(loaded: LoadedPack, documents: Iterable[Marked]) -> tuple[tuple[Case, ...], list[Fault]]:
    """The cases of criteria and routes in files, as a pack reads them, and what is wrong (E214, E241 to E245)."""
    faults: list[Fault] = []
    rules = cache(loaded.rules)
    of_facts = [document for document in documents if "payments" not in document.data]
    cases = [case for document in of_facts for case in _CaseFile(loaded, rules, document, faults).cases()]
    return tuple(cases), faults


def read_payments(loaded: LoadedPack, documents: Iterable[Marked]) -> tuple[tuple[PaymentCase, ...], list[Fault]]:
    """The cases of payments in files, and what is wrong (E214, E241, E242, E245)."""
    faults: list[Fault] = []
    of_money = [document for document in documents if "payments" in document.data]
    rules = cache(loaded.rules)
    cases = [case for document in of_money for case in _PaymentFile(loaded, rules, document, faults).cases()]
    return tuple(cases), faults


def limits_hit(case: Case, rules: Rules) -> frozenset[int]:
    """Which of the limits of the case's criterion (by position) one of its facts meets exactly."""
    subjects: list[Mapping[str, CaseFact]] = [case.family, *(member.facts for member in case.members)]
    written = _criterion(case.part, case.item, rules.written).test
    return frozenset(
        position
        for position, node in enumerate(_limits(written, _expression(case.part, case.item, rules)))
        if any(_is_at(node, facts, rules) for facts in subjects)
    )


def limits(node: Expression) -> tuple[Test | ReducedBy, ...]:
    """The tests of a number against a limit inside an expression; those of criteria that it names are their own."""
    return tuple(_limits(node, node))


def can_be_not_applicable(node: Expression, rules: Rules) -> bool:
    """Whether there may be nothing to test: no subject, no baseline, or a condition that is not met.

    Where verdicts are put together, each part must be one that can be without a subject. That they are so at once is
    not looked into.
    """
    match node:
        case ReducedBy() | When() | Every() | Some():
            return True
        case CriterionRef():
            return can_be_not_applicable(criterion_of(node, rules).test, rules)
        case Test():
            return False
        case AllOf() | AnyOf() | AtLeast():
            return all(can_be_not_applicable(part, rules) for part in parts(node))


def _limits(written: Expression, read: Expression) -> Iterator[Test | ReducedBy]:
    """The limits of an expression as it is read, without those of criteria that are written out in it."""
    if isinstance(written, CriterionRef):
        return
    if isinstance(read, ReducedBy) or (isinstance(read, Test) and read.measure.unit not in ("boolean", "words")):
        yield read
    for part, part_read in zip(parts(written), parts(read), strict=True):
        yield from _limits(part, part_read)


def _is_at(node: Test | ReducedBy, facts: Mapping[str, CaseFact], rules: Rules) -> bool:
    given = facts.get(rules.fact_key(node.measure))
    if given is None or given.value is None:
        return False
    if isinstance(node, ReducedBy):
        baseline = facts.get(rules.fact_key(node.baseline))
        share = rules.share(node.reduced_by)
        before = baseline.value if baseline else None
        if not isinstance(before, int) or not isinstance(given.value, int):
            return False
        return before > 0 and (before - given.value) * share.denominator == share.numerator * before
    _, limit = node.comparison
    bound = rules.values[str(limit)].value
    if isinstance(given.value, Share) and isinstance(bound, Share):
        return given.value.numerator * bound.denominator == bound.numerator * given.value.denominator
    return given.value == bound


def _criterion(part: str, item: str, pack: Pack) -> Criterion:
    if part == "route":
        return pack.routes[item]
    return pack.eligibility[item] if part == "eligibility" else pack.results[item]


def _expression(part: str, item: str, rules: Rules) -> Expression:
    return _criterion(part, item, rules.pack).test


# ------------------------------------------------------------------------------------------------ what a case names


def when(measure: Measure) -> str:
    """The day that a measure is read for: `engagement`, `as_of` or `day_before_as_of`."""
    arguments = measure.arguments()
    if isinstance(measure, WindowMeasure):
        return "as_of" if measure.last_months is not None else "engagement"
    return str(arguments.get("at") or arguments.get("on") or "as_of")


def fact_name(measure: Measure) -> str:
    """What a case calls a measure, whoever is left out of it."""
    match measure:
        case Recorded():
            return f"{measure.field}_recorded"
        case MonthsSince() | DaysSince():
            return f"{measure.name}_{measure.field}"
        case OffendingMeasure() if measure.by_departed:
            return f"{measure.name}_by_departed"
        case _:
            return measure.name


def fact_names(measure: Measure) -> tuple[str, ...]:
    """The names under which a case can give a measure: the first that it does is the one that counts."""
    name = fact_name(measure)
    return (f"{name}_without_non_residents", name) if _leaves_out(measure) else (name,)


def _leaves_out(measure: Measure) -> bool:
    return "leaving_out" in measure.arguments()


def _of_all(measure: Measure) -> Measure:
    """The same measure with nobody left out."""
    return measure.model_copy(update={"leaving_out": None}) if _leaves_out(measure) else measure


@dataclass(frozen=True)
class _Read:
    """A fact that is read of the family, or of those who hold a role, and what cases call it."""

    measure: Measure
    role: Role | None
    key: str
    way: str
    """Its key with nobody left out: facts of one way have one value, unless the case says otherwise."""
    names: tuple[str, ...]
    day: str
    is_needed: bool
    """Whether what the case is about reads it, and not only a flag."""

    def given_as(self, given: Mapping[str, Any]) -> str | None:
        """The name under which a case gives it for its day; None where it does not."""
        for name in self.names:
            value = given.get(name)
            if name in given and (not isinstance(value, dict) or {self.day, "unknown"} & value.keys()):
                return name
        return None


def _reads(node: Expression, rules: Rules, role: Role | None = None) -> Iterator[tuple[Measure, Role | None]]:
    match node:
        case Test():
            yield node.measure, role
        case ReducedBy():
            yield node.measure, role
            yield node.baseline, role
        case CriterionRef():
            yield from _reads(criterion_of(node, rules).test, rules)
        case Every() | Some():
            yield from _reads(node.that, rules, rules.role(node))
        case _:
            for inner in parts(node):
                yield from _reads(inner, rules, role)


class _File:
    """What files of every kind have: a list of cases, each with a name of its own and the text that it rests on."""

    def __init__(
        self, loaded: LoadedPack, rules: Callable[[date, date], Rules], document: Marked, faults: list[Fault]
    ) -> None:
        self.loaded = loaded
        self.rules = rules
        self.document = document
        self.faults = faults

    def fault(self, code: str, path: marked.Path, what: str, next_step: str) -> None:
        self.faults.append(Fault(code, self.document.place(path), what, next_step))

    def known_keys(self, data: Mapping[str, Any], known: Iterable[str], path: marked.Path) -> None:
        for key in data:
            if key not in known:
                what = f"'{key}' is not a key here{close(key, known)}"
                self.fault("E241", (*path, key), what, f"It can have: {', '.join(known)}.")

    def listed(self, key: str, asked: str) -> Iterator[tuple[marked.Path, dict[str, Any]]]:
        """The cases under a key, each with its path. `asked`: what one must give."""
        cases = self.document.data.get(key)
        if not isinstance(cases, tuple) or not cases:
            self.fault("E241", (key,), f"the file has no list of `{key}`", f"Add `{key}:` with one case or more.")
            return
        names: dict[str, marked.Path] = {}
        for position, case in enumerate(cases):
            path = (key, position)
            if not isinstance(case, dict):
                self.fault("E241", path, "a case is not a set of keys", f"Give it {asked}.")
                continue
            for text in ("name", "basis"):
                if not isinstance(case.get(text), str) or not case[text]:
                    self.fault("E241", (*path, text), f"a case has no text as its `{text}`", f"Add `{text}:` to it.")
            name = str(case.get("name", position))
            if name in names:
                line = self.document.place(names[name]).rpartition(":")[2]
                what = f"two cases have one name (the first on line {line})"
                self.fault("E241", (*path, "name"), what, "Name each by what it shows, or take one of them away.")
            names.setdefault(name, (*path, "name"))
            yield path, {"name": "", "basis": ""} | case

    def day(self, data: dict[str, Any], key: str, path: marked.Path, default: date | None) -> date | None:
        """A date of a case; None, with its fault, where it is none."""
        if key not in data and default is not None:
            return default
        if isinstance(day := data.get(key), date):
            return day
        self.fault("E241", (*path, key), f"`{key}` is not a date", "Write it as 2014-01-31.")
        return None

    def rules_of(self, as_of: date, engaged_on: date, path: marked.Path) -> Rules | None:
        """The rules of a case's days; None, with the case's own fault, where the pack has none (E214)."""
        try:
            return self.rules(as_of, engaged_on)
        except Faults as missing:
            for fault in missing.faults:
                self.fault(fault.code, (*path, "as_of"), fault.what, fault.next_step)
            return None

    def engaged_before(self, engaged_on: date, as_of: date, path: marked.Path) -> None:
        if engaged_on >= as_of:
            what = f"`engaged_on` is {engaged_on}, not before the as-of date {as_of}"
            self.fault("E241", (*path, "engaged_on"), what, "Give an earlier day, or a later `as_of`.")


class _CaseFile(_File):
    """Reads a file of cases of one criterion or route."""

    def __init__(
        self, loaded: LoadedPack, rules: Callable[[date, date], Rules], document: Marked, faults: list[Fault]
    ) -> None:
        super().__init__(loaded, rules, document, faults)
        self.readers: dict[tuple[date, date], _FamilyReader] = {}

    def cases(self) -> Iterator[Case]:
        self.known_keys(self.document.data, ("criterion", "route", "cases"), ())
        named = self.named()
        for path, case in self.listed("cases", "name, basis, facts and expected"):
            if named is not None and (read := self.case(case, *named, path)) is not None:
                yield read

    def named(self) -> tuple[str, str] | None:
        """The part and id of what the file's cases are about."""
        data, pack = self.document.data, self.loaded.pack
        if ("criterion" in data) == ("route" in data):
            self.fault("E241", (), "a file of cases is about one criterion or one route", "Start it with `criterion:`.")
            return None
        if "route" in data:
            key, known = "route", dict.fromkeys(pack.routes, "route")
        else:
            key, known = (
                "criterion",
                dict.fromkeys(pack.eligibility, "eligibility") | dict.fromkeys(pack.results, "result"),
            )
        item = str(data[key])
        if item not in known:
            what = f"there is no {key} '{item}'{close(item, known)}"
            self.fault("E242", (key,), what, f"Those of the pack: {', '.join(known)}.")
            return None
        return known[item], item

    # ------------------------------------------------------------------------------------------------- one case

    def case(self, data: dict[str, Any], part: str, item: str, path: marked.Path) -> Case | None:
        before = len(self.faults)
        self.known_keys(data, ("name", "basis", "as_of", "engaged_on", "facts", "expected", "reason", "flags"), path)
        if data.get("expected") not in tuple(Verdict):
            self.fault("E241", (*path, "expected"), "`expected` is no verdict", f"Expect one of {', '.join(Verdict)}.")
        self.expectations(data, part, path)
        as_of = self.day(data, "as_of", path, self.loaded.last_day)
        if "as_of" in data and as_of is not None and not self.loaded.pack.decides(as_of):
            what = f"the pack decides nobody as of {as_of}"
            decided = [one.decided for one in self.loaded.pack.in_force]
            days = ", ".join(f"{period.start} to {period.until}" for period in decided)
            self.fault("E241", (*path, "as_of"), what, f"Choose a day it decides on: {days}.")
            as_of = None
        as_of = as_of or self.loaded.last_day
        engaged_on = self.day(data, "engaged_on", path, add_months(as_of, -12))
        if engaged_on is not None:
            self.engaged_before(engaged_on, as_of, path)
        facts = data.get("facts")
        if not isinstance(facts, dict):
            self.fault(
                "E241", (*path, "facts"), "a case has no `facts`", "Add `facts:` with family, children or adults."
            )
        if len(self.faults) > before:
            return None
        assert isinstance(facts, dict) and engaged_on is not None
        if (as_of, engaged_on) not in self.readers:
            if (rules := self.rules_of(as_of, engaged_on, path)) is None:
                return None
            self.readers[as_of, engaged_on] = _FamilyReader(self, rules, part, item)
        family, members = self.readers[as_of, engaged_on].read(facts, (*path, "facts"))
        if len(self.faults) > before:
            return None
        flags = data.get("flags")
        return Case(
            place=self.document.place(path),
            name=data["name"],
            basis=data["basis"],
            part=part,
            item=item,
            as_of=as_of,
            engaged_on=engaged_on,
            family=family,
            members=members,
            expected=Verdict(data["expected"]),
            reason=data.get("reason"),
            flags=None if flags is None else frozenset(flags),
        )

    def expectations(self, data: dict[str, Any], part: str, path: marked.Path) -> None:
        """What a case expects beside its verdict: reasons, and flags of a route."""
        reason = data.get("reason", "")
        if not isinstance(reason, str) or any(code not in REASONS for code in reason.split(";") if code):
            what = "`reason` is not made of reason codes"
            self.fault("E241", (*path, "reason"), what, f"Join them with `;`: {', '.join(REASONS)}.")
        flags = data.get("flags", ())
        known = self.loaded.pack.flags
        if flags and part != "route":
            self.fault("E241", (*path, "flags"), "flags stand on routes only", "Take `flags` out.")
        if not isinstance(flags, tuple) or any(str(flag) not in known for flag in flags):
            self.fault(
                "E241", (*path, "flags"), "`flags` is not a list of the pack's flags", f"Flags: {', '.join(known)}."
            )


class _PaymentFile(_File):
    """Reads a file of cases of payments."""

    def cases(self) -> Iterator[PaymentCase]:
        self.known_keys(self.document.data, ("payments",), ())
        for path, case in self.listed("payments", "name, basis, engaged_on, met and pays"):
            if (read := self.case(case, path)) is not None:
                yield read

    def case(self, data: dict[str, Any], path: marked.Path) -> PaymentCase | None:
        before = len(self.faults)
        self.known_keys(data, _PAYMENT_KEYS, path)
        as_of = self.day(data, "as_of", path, self.loaded.last_day)
        engaged_on = self.day(data, "engaged_on", path, None)
        claim_date = self.day(data, "claim_date", path, as_of)
        self.in_order(engaged_on, as_of, claim_date, path)
        met = self.routes(data, path)
        already_paid = self.amounts(data, "already_paid", (*self.loaded.pack.routes, ANOTHER_FRAMEWORK), path)
        pays = self.amounts(data, "pays", met, path)
        if "pays" not in data:
            self.fault("E241", path, "a case does not say what is paid", "Add `pays:`, with `{}` for nothing.")
        total = self.pence(data["total"], (*path, "total")) if "total" in data else None
        reason, earned_autonomy = data.get("reason"), data.get("earned_autonomy", False)
        if reason is None and "pays" in data and not pays:
            self.fault("E241", path, "the case does not say why nothing is paid", "Add `reason:`.")
        if reason is not None and (not isinstance(reason, str) or not reason):
            self.fault("E241", (*path, "reason"), "`reason` is no text", "Write a reason of the attrition table.")
        if not isinstance(earned_autonomy, bool):
            self.fault("E241", (*path, "earned_autonomy"), "it is not true or false", "Write true, or take it out.")
        if len(self.faults) > before:
            return None
        assert as_of is not None and engaged_on is not None and claim_date is not None
        return PaymentCase(
            place=self.document.place(path),
            name=data["name"],
            basis=data["basis"],
            engaged_on=engaged_on,
            as_of=as_of,
            claim_date=claim_date,
            met=met,
            already_paid=already_paid,
            earned_autonomy=earned_autonomy,
            pays=pays,
            total=total,
            reason=reason,
        )

    def in_order(self, engaged_on: date | None, as_of: date | None, claim_date: date | None, path: marked.Path) -> None:
        """A day on which the pack decides nobody may be what a case is about, if there are rules to be read for it."""
        if as_of is not None and engaged_on is not None:
            self.engaged_before(engaged_on, as_of, path)
            self.rules_of(as_of, engaged_on, path)
        if as_of is not None and claim_date is not None and claim_date < as_of:
            what = f"`claim_date` is {claim_date}, before the as-of date {as_of}"
            self.fault("E241", (*path, "claim_date"), what, "Give a later day, or an earlier `as_of`.")

    def routes(self, data: dict[str, Any], path: marked.Path) -> tuple[str, ...]:
        met, known = data.get("met"), self.loaded.pack.routes
        if not isinstance(met, tuple) or not met or len(set(map(str, met))) < len(met):
            what = "a case does not say which routes are met, each once"
            self.fault("E241", (*path, "met"), what, f"Add `met:` with some of {', '.join(known)}.")
            return ()
        for position, route in enumerate(met):
            if str(route) not in known:
                what = f"there is no route '{route}'{close(str(route), known)}"
                self.fault("E242", (*path, "met", position), what, f"Those of the pack: {', '.join(known)}.")
        return tuple(map(str, met))

    def amounts(self, data: dict[str, Any], key: str, known: Iterable[str], path: marked.Path) -> dict[str, int]:
        """Pence by route."""
        given = data.get(key, {})
        if not isinstance(given, dict):
            self.fault("E241", (*path, key), f"`{key}` is not a set of routes with amounts", "Write `route: £800`.")
            return {}
        known = tuple(known)
        for route in given:
            if route not in known:
                what = f"'{route}' is no route that can stand in `{key}` here{close(route, known)}"
                next_step = f"It can have: {', '.join(known)}."
                if route.isdecimal():
                    next_step = "A comma in braces ends an amount: give each route a line of its own."
                self.fault("E242", (*path, key, route), what, next_step)
        return {route: self.pence(amount, (*path, key, route)) for route, amount in given.items()}

    def pence(self, written: Any, path: marked.Path) -> int:
        try:
            return int(in_unit(written, "pence"))
        except ValueError:
            self.fault("E245", path, "this is no amount of money", "Write it as £3,200 or £0.50.")
            return 0


_PAYMENT_KEYS = (
    *("name", "basis", "engaged_on", "as_of", "claim_date", "met", "already_paid", "earned_autonomy"),
    *("pays", "total", "reason"),
)


class _FamilyReader:
    """Reads the facts of cases of the same days: names become the keys that engines know."""

    def __init__(self, file: _CaseFile, rules: Rules, part: str, item: str) -> None:
        self.file = file
        self.rules = rules
        self.item = item
        flags = [flag for flag in rules.pack.flags.values() if isinstance(flag, ConditionFlag) and part == "route"]
        tests = [test for flag in flags for test in (flag.when, flag.unless) if test is not None]
        needed = dict.fromkeys(_reads(_expression(part, item, rules), rules))
        of_flags = dict.fromkeys(reading for test in tests for reading in _reads(test, rules))
        self.reads = tuple(
            _Read(
                measure,
                role,
                rules.fact_key(measure),
                rules.fact_key(_of_all(measure)),
                fact_names(measure),
                when(measure),
                (measure, role) in needed,
            )
            for measure, role in needed | of_flags
        )

    def read(self, facts: dict[str, Any], path: marked.Path) -> tuple[dict[str, CaseFact], tuple[CaseMember, ...]]:
        self.file.known_keys(facts, ("family", "children", "adults"), path)
        family = facts.get("family", {})
        found: dict[str, CaseFact] = {}
        if isinstance(family, dict):
            found = self.facts(family, [read for read in self.reads if read.role is None], (*path, "family"))
        else:
            self.file.fault(
                "E241", (*path, "family"), "`family` is not a set of facts", "Write each as `measure: value`."
            )
        members = [
            member
            for key, kind in (("children", "child"), ("adults", "adult"))
            for member in self.members(facts, key, kind, path)
        ]
        return found, tuple(members)

    def members(self, facts: dict[str, Any], key: str, kind: str, path: marked.Path) -> Iterator[CaseMember]:
        roles = [read.role for read in self.reads if read.role is not None and read.is_needed]
        nobody_listed = not {"children", "adults"} & facts.keys()
        asked = any(_kind(role) == kind or (role.kind == "member" and nobody_listed) for role in roles)
        if key not in facts:
            if asked:
                what = f"the case does not say who the {key} are, and '{self.item}' asks about them"
                self.file.fault("E244", path, what, f"Add `{key}:`, with `[]` for none.")
            return
        members = facts[key]
        if not isinstance(members, tuple) or not all(isinstance(member, dict) for member in members):
            self.file.fault(
                "E241", (*path, key), f"`{key}` is not a list of members' facts", "Write `- measure: value`."
            )
            return
        for position, member in enumerate(members):
            yield self.member(member, kind, (*path, key, position))

    def member(self, data: dict[str, Any], kind: str, path: marked.Path) -> CaseMember:
        present = self.anchors(data, "present", path)
        of_school_age = self.anchors(data, "of_school_age", path) if kind == "child" else frozenset[str]()
        resident = self.resident(data, path)
        bare = CaseMember(kind, present, of_school_age, resident, {})
        settings = ("present", "resident", *(("of_school_age",) if kind == "child" else ()))
        given = {name: value for name, value in data.items() if name not in settings}
        reads = [read for read in self.reads if read.role is not None and bare.holds(read.role)]
        return CaseMember(kind, present, of_school_age, resident, self.facts(given, reads, path))

    def resident(self, data: dict[str, Any], path: marked.Path) -> CaseFact:
        match data.get("resident", True):
            case bool(given):
                return CaseFact(given)
            case {"unknown": reason, **rest} if not rest and reason in _UNKNOWN_REASONS:
                return CaseFact(None, str(reason))
        self.file.fault("E245", (*path, "resident"), "'resident' cannot have this value", _VALUES["boolean"])
        return CaseFact(True)

    def anchors(self, data: dict[str, Any], key: str, path: marked.Path) -> frozenset[str]:
        given = data.get(key, ANCHORS)
        if not isinstance(given, tuple) or any(anchor not in ANCHORS for anchor in given):
            self.file.fault("E241", (*path, key), f"`{key}` is not a list of days", f"Days: {', '.join(ANCHORS)}.")
            return frozenset(ANCHORS)
        return frozenset(given)

    def facts(self, given: dict[str, Any], reads: list[_Read], path: marked.Path) -> dict[str, CaseFact]:
        """Facts by key. Each that is needed must be there, and each that is there must be read by something."""
        reads = [read for read in reads if not isinstance(read.measure, SchoolAge | Resident)]
        names = sorted({name for read in reads for name in read.names})
        found: dict[str, CaseFact] = {}
        for name, value in given.items():
            if name not in names:
                what = f"'{self.item}' does not read '{name}' of this subject{close(name, names)}"
                self.file.fault("E243", (*path, name), what, f"It reads: {', '.join(names) or 'nothing'}.")
                continue
            named = [read for read in reads if name in read.names and read.given_as(given) == name]
            found |= self.fact(name, value, named, (*path, name))
        if given.keys() - set(names):
            return found  # a misspelt fact is missing under its own name: one fault is enough
        missing = {(read.names[-1], read.day) for read in reads if read.is_needed and read.given_as(given) is None}
        for name, day in sorted(missing):
            what = f"the case does not give '{name}' at {day}, and '{self.item}' reads it"
            self.file.fault("E244", path, what, "Add it; if nobody knows, as `{unknown: not_covered}`.")
        return found

    def fact(self, name: str, value: Any, named: list[_Read], path: marked.Path) -> dict[str, CaseFact]:
        """One name's facts: one value for the day it is read for, or a value for each of several days."""
        days = {read.day for read in named}
        if isinstance(value, dict) and "unknown" not in value:
            self.file.known_keys(value, sorted(days), path)
            by_day = {day: (given, (*path, day)) for day, given in value.items() if day in days}
        else:
            days_needed = {read.day for read in named if read.is_needed} or days
            if len(days_needed) > 1:
                what = f"'{name}' is read for {' and for '.join(sorted(days_needed))}"
                example = f"{name}: {{{', '.join(f'{day}: …' for day in sorted(days_needed))}}}"
                self.file.fault("E245", path, what, f"Give a value for each, as in `{example}`.")
                return {}
            by_day = dict.fromkeys(days_needed, (value, path))
        found: dict[str, CaseFact] = {}
        for day, (given, at) in by_day.items():
            on_day = [read for read in named if read.day == day]
            ours = [read for read in on_day if read.is_needed] or on_day
            ways = len({read.way for read in ours})
            # What is found, or that nobody knows it, is so whoever asks; a number is of what the case is about.
            if isinstance(given, tuple | dict):
                ours = [read for read in on_day if read in ours or self.looked_for(read.measure) is not None]
            for read in ours:
                if (fact := self.value(given, read.measure, ways, at)) is not None:
                    found[read.key] = fact
        return found

    def value(self, given: Any, measure: Measure, ways: int, path: marked.Path) -> CaseFact | None:
        """One fact's value as its measure's unit has it. `ways`: in how many ways the name is read for the day."""
        codes = self.looked_for(measure)
        match given:
            case {"unknown": reason, **rest} if not rest and reason in _UNKNOWN_REASONS:
                return CaseFact(None, str(reason))
            case tuple() if codes is not None and all(isinstance(code, str) for code in given):
                for code in given:
                    if (known := _words(measure, self.rules.pack)) is not None and code not in known:
                        what = f"the pack does not know '{code}'{close(code, known)}"
                        self.file.fault("E245", path, what, "Name a word of its lists; nothing looks for others.")
                return CaseFact(_found(measure, given, codes))
            case _ if ways > 1:
                what = f"'{measure.name}' is read in more than one way for this day"
                next_step = (
                    _LISTS[measure.subject] if codes is not None else "Let a criterion read it in one way a day."
                )
                self.file.fault("E245", path, what, next_step)
                return None
            case bool() if measure.unit == "boolean":
                return CaseFact(given)
            case int() if (
                measure.unit in ("count", "weeks", "days", "months", "years")
                and not isinstance(given, bool)
                and 0 <= given <= LARGEST
            ):
                return CaseFact(given)
            case str() if measure.unit == "share":
                try:
                    share = Share.parse(given)
                except ValueError:
                    share = Share(2, 1)
                if share.numerator <= share.denominator <= LARGEST:
                    return CaseFact(share)
            case str() if measure.unit == "words" and given in ENROLMENTS:
                return CaseFact(given)
            case tuple() if measure.unit == "words" and given and all(word in ENROLMENTS for word in given):
                return CaseFact(";".join(sorted(set(given))))
        next_step = _VALUES[measure.unit] if codes is None else f"{_VALUES[measure.unit]} {_LISTS[measure.subject]}"
        self.file.fault("E245", path, f"'{measure.name}' cannot have this value", next_step)
        return None

    def looked_for(self, measure: Measure) -> tuple[str, ...] | None:
        """The codes or needs that a measure looks for; None where it looks for none."""
        match measure:
            case DaysSince():
                return None  # its need says whose outcome is dated
            case _:
                named = (measure.parameters().get(key) for key in ("codes", "kinds", "need", "needs"))
                return next((self.rules.codes(name) for name in named if name), None)


def _found(measure: Measure, given: tuple[str, ...], codes: tuple[str, ...]) -> int | bool:
    """What a measure makes of the codes or needs that are found. Each start counts; each need counts once."""
    if isinstance(measure, ProvisionStarts):
        return sum(code in codes for code in given)
    different = len(set(given) & set(codes))
    return different if measure.unit == "count" else different > 0


def _words(measure: Measure, pack: Pack) -> frozenset[str] | None:
    """The words that a case can give as found; None where any may stand in records (benefits and provision)."""
    match measure:
        case OpenSocialCare():
            return frozenset(SOCIAL_CARE_KINDS)
        case NeedIdentified() | NeedsIdentified() | NeedsOutstanding():
            lists = [parameter for parameter in pack.parameters.values() if parameter.unit in ("codes", "need")]
            values = [dated.value for parameter in lists for dated in parameter.values]
            return frozenset(
                word for value in values for word in (value if isinstance(value, tuple) else (str(value),))
            )
        case _:
            return None


_LISTS = {
    "member": "Give the codes that are found, as in [JSA] or [].",
    "family": "Give the needs that are so, as in [debt] or [].",
}
_VALUES = {
    "count": f"Write a whole number up to {LARGEST:,}, or {{unknown: not_covered}}.",
    "share": f"Write it as 57/380, of {LARGEST:,} at the most, or {{unknown: no_record}}.",
    "boolean": "Write true or false, or {unknown: not_covered}.",
    "weeks": f"Write whole weeks up to {LARGEST:,}, or {{unknown: not_covered}}.",
    "days": f"Write whole days up to {LARGEST:,}, or {{unknown: not_covered}}.",
    "months": f"Write whole months up to {LARGEST:,}, or {{unknown: missing_field}}.",
    "years": f"Write whole years up to {LARGEST:,}, or {{unknown: quarantined}}.",
    "words": f"Write one or more of {', '.join(ENROLMENTS)}, or {{unknown: no_record}}.",
}


def _kind(role: Role) -> str:
    return "child" if role.kind == "school_age_child" else role.kind
