"""What can be done with rule packs: list them, read one as a rulebook, and run its cases through the engines.

In: a pack's id or folder, and the engines as functions. Out: tables and result objects, which the command line prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pbr.engines import durable
from pbr.errors import Disagreement
from pbr.jobs.decide import ENGINES, Engine
from pbr.measures.facts import ENGAGED, LONG, Facts
from pbr.rulebook import words
from pbr.rulebook.cases import Case, CaseFact, limits, limits_hit, load_cases
from pbr.rulebook.load import LoadedPack, load_pack, pack_ids
from pbr.rulebook.measures import Measure
from pbr.rulebook.model import ConditionFlag, Criterion, Expression, InForce, Parameter
from pbr.rulebook.rules import Rules, own_parameters, walk
from pbr.values import Verdict

_DEFAULTS = {
    "count": "0",
    "share": "0/380",
    "boolean": "false",
    "weeks": "0",
    "days": "0",
    "months": "0",
    "years": "0",
    "words": "registered",
}
"""What a fact is where a case need not say: nothing happened, and a child was in school."""


def engines() -> dict[str, Engine]:
    """The engines that are installed here, by name."""
    return {name: engine for name, engine in ENGINES.items() if name != "durable" or durable.available()}


def list_packs() -> pl.DataFrame:
    """The packs that come with pbr: `pack`, `title`, `engaged_from`, `engaged_until`, `decided_from`, `decided_until`,
    `claimed_until`, `digest`, one row for each period in which a pack decides.
    """
    loaded = [load_pack(pack_id) for pack_id in pack_ids()]
    rows = [
        {
            "pack": one.pack.id,
            "title": one.pack.title,
            "engaged_from": period.engaged.start,
            "engaged_until": period.engaged.until,
            "decided_from": period.decided.start,
            "decided_until": period.decided.until,
            "claimed_until": one.pack.tariff.claimed_until,
            "digest": one.digest,
        }
        for one in loaded
        for period in one.pack.in_force
    ]
    named = ("engaged_from", "engaged_until", "decided_from", "decided_until", "claimed_until")
    dates = dict.fromkeys(named, pl.Date)
    return pl.DataFrame(rows, schema={"pack": pl.String, "title": pl.String, **dates, "digest": pl.String})


# ---------------------------------------------------------------------------------------------------- the rulebook


@dataclass(frozen=True)
class Figure:
    """A parameter's value from one day on, with where it comes from."""

    parameter: str
    title: str
    value: str
    since: date
    standing: str
    citation: str


@dataclass(frozen=True)
class Entry:
    """A criterion, route or flag in words. `lines` are its test, each with how deep it stands."""

    part: str
    id: str
    title: str
    standing: str
    citation: str
    lines: tuple[tuple[int, str], ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Rulebook:
    """A pack as people read it, with the figures of one day; those of the tariff are all there are."""

    pack: str
    title: str
    citation: str
    digest: str
    on: date
    entries: tuple[Entry, ...]
    tariff_citation: str
    in_force: tuple[InForce, ...]
    claimed_until: date
    tariff: tuple[Figure, ...]


def rulebook(loaded: LoadedPack, on: date | None = None) -> Rulebook:
    """A pack in plain English as of a day (by default the last on which claims can be made). Raises Faults (E214)."""
    on = on or loaded.last_day
    rules, pack = loaded.rules(on), loaded.pack
    entries = []
    groups = (("eligibility", pack.eligibility), ("result", pack.results), ("route", pack.routes))
    for part, criteria in groups:
        for name, criterion in criteria.items():
            entries.append(_entry(part, name, criterion, rules))
    for name, flag in pack.flags.items():
        lines: list[tuple[int, str]] = []
        tests = (("where", flag.when), ("unless", flag.unless)) if isinstance(flag, ConditionFlag) else ()
        read = [flag.session, flag.incident, flag.exclusion, flag.days_in_work] if flag.kind == "near_threshold" else []
        for word, test in tests:
            if test is not None:
                lines += [(0, f"{word}:"), *((depth + 1, line) for depth, line in words.outline(test, rules))]
                read += _read_in(test)
        entries.append(Entry("flag", name, flag.title, "", flag.citation, tuple(lines), _figures(read, rules)))
    tariff = pack.tariff
    named = (tariff.attachment_fee, *tariff.routes.values(), tariff.family_cap)
    priced = [name for name in (*named, tariff.funded_share, tariff.earned_autonomy) if name is not None]
    return Rulebook(
        pack=pack.id,
        title=pack.title,
        citation=pack.citation,
        digest=loaded.digest,
        on=on,
        entries=tuple(entries),
        tariff_citation=tariff.citation,
        in_force=pack.in_force,
        claimed_until=tariff.claimed_until,
        tariff=tuple(figure for name in priced for figure in _all_values(name, pack.parameters[name])),
    )


def _entry(part: str, name: str, criterion: Criterion, rules: Rules) -> Entry:
    lines = tuple(words.outline(criterion.test, rules))
    figures = _figures(_read_in(criterion.test), rules)
    return Entry(part, name, criterion.title, criterion.standing, criterion.citation, lines, figures)


def _read_in(test: Expression) -> list[str]:
    return [name for node in walk(test) for name in own_parameters(node)]


def _figures(names: list[str], rules: Rules) -> tuple[Figure, ...]:
    """The figures that are read, each once, in the order of the reading."""
    figures = []
    for name in dict.fromkeys(names):
        parameter, dated = rules.pack.parameters[name], rules.values[name]
        said = words.limit(name, rules)
        figures.append(Figure(name, parameter.title, said, dated.start, dated.standing, dated.citation))
    return tuple(figures)


def _all_values(name: str, parameter: Parameter) -> Iterator[Figure]:
    for dated in parameter.values:
        said = words.figure(parameter, dated)
        yield Figure(name, parameter.title, said, dated.start, dated.standing, dated.citation)


# ------------------------------------------------------------------------------------------------------- the cases


@dataclass(frozen=True)
class Outcome:
    """What one engine made of one case."""

    case: Case
    engine: str
    verdict: str
    reason: str
    flags: frozenset[str]

    @property
    def differences(self) -> tuple[str, ...]:
        """What is not as the case expects, in sentences; none where it passes."""
        case, found = self.case, []
        if self.verdict != case.expected:
            found.append(f"expected {words.verdict(case.expected)}, found {words.verdict(self.verdict, self.reason)}")
        if case.reason is not None and self.reason != case.reason:
            found.append(f"expected reason '{case.reason}', found '{self.reason}'")
        if case.flags is not None and self.flags != case.flags:
            found.append(f"expected flags {_listed(case.flags)}, found {_listed(self.flags)}")
        return tuple(found)


@dataclass(frozen=True)
class CaseReport:
    """A pack's cases as run. `coverage` has a row for each criterion and route: how many cases expect each verdict, and
    how many of its numeric limits some case meets exactly (`limits_hit` of `limits`).
    """

    outcomes: tuple[Outcome, ...]
    coverage: pl.DataFrame

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.differences)


def run_cases(loaded: LoadedPack, engines: Mapping[str, Engine]) -> CaseReport:
    """Every case of a pack through every engine.

    Raises Faults where a case cannot be read or there is none (E240), and Disagreement where two engines differ.
    """
    cases = load_cases(loaded)
    outcomes: list[Outcome] = []
    for as_of, engaged_on in sorted({(case.as_of, case.engaged_on) for case in cases}):
        of_days = [case for case in cases if (case.as_of, case.engaged_on) == (as_of, engaged_on)]
        rules = loaded.rules(as_of, engaged_on)
        facts = case_facts(of_days, rules)
        for name, decide in engines.items():
            outcomes += _outcomes(of_days, name, decide(facts, rules))
    _must_agree(outcomes)
    return CaseReport(tuple(outcomes), _coverage(cases, loaded))


def case_facts(cases: list[Case], rules: Rules) -> Facts:
    """The facts of cases of one as-of date and one engagement date: one family a case, in their order."""
    rows = [row for position, case in enumerate(cases) for row in _fact_rows(_family_id(position), case, rules)]
    return Facts.from_long(rules.on, pl.DataFrame(rows, schema=LONG, orient="row"), rules)


Row = tuple[str, str, str, str | None, str | None, list[str]]


def _fact_rows(family_id: str, case: Case, rules: Rules) -> Iterator[Row]:
    yield family_id, "", ENGAGED, case.engaged_on.isoformat(), None, []
    for key, measure in rules.family_measures.items():
        yield _fact_row(family_id, "", key, measure, case.family.get(key))
    for position, member in enumerate(case.members):
        subject_id = f"{member.kind}-{position:03d}"
        held = {role for role in rules.roles if member.holds(role)}
        for role in held:
            yield family_id, subject_id, role.key, "true", None, []
        for key, (measure, roles) in rules.member_measures.items():
            if held & set(roles):
                yield _fact_row(family_id, subject_id, key, measure, member.fact(key, measure))


def _fact_row(family_id: str, subject_id: str, key: str, measure: Measure, fact: CaseFact | None) -> Row:
    if fact is None:
        return family_id, subject_id, key, _DEFAULTS[measure.unit], None, []
    value = str(fact.value).lower() if isinstance(fact.value, bool) else str(fact.value)
    return family_id, subject_id, key, None if fact.reason else value, fact.reason, []


def _outcomes(cases: list[Case], engine: str, findings: pl.DataFrame) -> Iterator[Outcome]:
    of_family = findings.filter(pl.col("subject_id") == "")
    found = {(row["family_id"], row["part"], row["item"]): row for row in of_family.iter_rows(named=True)}
    for position, case in enumerate(cases):
        row = found[_family_id(position), case.part, case.item]
        flags = frozenset(flag for flag in row["flags"].split(";") if flag)
        yield Outcome(case, engine, row["verdict"], row["reason"], flags)


def _must_agree(outcomes: list[Outcome]) -> None:
    by_case: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_case.setdefault(outcome.case.place, []).append(outcome)
    differences = [
        f"{place}: "
        + "; ".join(f"{one.engine} says {one.verdict} {one.reason} {_listed(one.flags)}" for one in several)
        for place, several in sorted(by_case.items())
        if len({(one.verdict, one.reason, one.flags) for one in several}) > 1
    ]
    if differences:
        raise Disagreement("The engines disagree on the pack's own cases.", differences)


def _coverage(cases: tuple[Case, ...], loaded: LoadedPack) -> pl.DataFrame:
    pack = loaded.pack
    rows = []
    for part, criteria in (("eligibility", pack.eligibility), ("result", pack.results), ("route", pack.routes)):
        for item, criterion in criteria.items():
            own = [case for case in cases if (case.part, case.item) == (part, item)]
            expected = [case.expected for case in own]
            hit = frozenset[int]().union(*(limits_hit(case, loaded.rules(case.as_of, case.engaged_on)) for case in own))
            counts = {str(verdict): expected.count(verdict) for verdict in Verdict}
            rows.append(
                {
                    "part": part,
                    "item": item,
                    "cases": len(own),
                    **counts,
                    "limits": len(limits(criterion.test)),
                    "limits_hit": len(hit),
                }
            )
    return pl.DataFrame(rows)


def _family_id(position: int) -> str:
    return f"case-{position:06d}"


def _listed(flags: frozenset[str]) -> str:
    return ", ".join(sorted(flags)) or "none"
