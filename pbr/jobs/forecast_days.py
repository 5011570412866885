"""Which days to look at, and what is decided on them: the verdicts of every family from a first day to a last.

In: evidence, a pack and one item of it (`eligible`, or a route). Out: its verdict for each family on each day on which
it can change. What decides is the measures and the bulk engine, on that day; nothing here knows what a rule means.

A verdict can change only on a day when the as-of date, or a day to which a figure of the rules leads back from it,
passes a day of the family's evidence: a record's, a member's, a term's, a birthday, the first day that a source covers.
Those days are looked at, and the day after each. Only what counts days of work changes on others, by one a day: of one
spell, the days are looked at on which it reaches a limit; of several, every day while one lies at an end of the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import polars as pl

from pbr.jobs.decide import Say, decide_by
from pbr.linkage import Evidence
from pbr.measures.calendar import Calendar
from pbr.measures.cohorts import Cohort, measure_cohorts
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.measures import LongestRunInWork, Measure, TermMeasure, WeeksInWork, WindowMeasure
from pbr.rulebook.model import Criterion, CriterionRef, Every, Expression, Pack, ReducedBy, Some, Test
from pbr.rulebook.rules import own_parameters, walk
from pbr.values import add_months

ELIGIBLE = "eligible"

VERDICTS = pl.Schema(
    {
        "family_id": pl.String(),
        "day": pl.Date(),
        "verdict": pl.String(),
        "not_met": pl.String(),
        "unknown": pl.String(),
        "rests_on": pl.List(pl.String()),
        "shares": pl.List(
            pl.Struct({"subject_id": pl.String(), "fact": pl.String(), "value": pl.Int64(), "of": pl.Int64()})
        ),
    }
)
"""One row for each family and day that was looked at, sorted; until the next, everything stays. `verdict` is
`not_decided` where the family has not engaged by then. `not_met` and `unknown`: the criteria behind the item with that
verdict, by id, joined with `;`. `rests_on`: `table day` for each source that a known fact rests on, with the last day
for which it must be complete. `shares`: the members' facts that are shares. Of what was so at engagement, neither."""

_SPANS = {"months": "mo", "weeks": "w", "days": "d", "years": "y"}
_TURNS = (5, 16, 18)
"""Birthdays that the calendar and the roles know without a figure of the pack."""
_ABOUT_FAMILIES = ("needs", "outcomes")
WORKERS = 2
Span = tuple[str, int]


@dataclass(frozen=True)
class Item:
    """One item of a pack, as a pack of its own: `eligible` or a route, with the criteria that it refers to."""

    name: str
    pack: LoadedPack

    @cached_property
    def criteria(self) -> frozenset[str]:
        """The criteria behind it, by id; where it refers to none, itself."""
        named = {**self.pack.pack.eligibility, **self.pack.pack.results}.keys() - {self.name}
        return frozenset(named) or frozenset([self.name])

    @cached_property
    def tests(self) -> tuple[Expression, ...]:
        pack = self.pack.pack
        return tuple(each.test for group in (pack.eligibility, pack.results, pack.routes) for each in group.values())

    @cached_property
    def of_today(self) -> tuple[tuple[Expression, Measure], ...]:
        """The tests whose measures speak of the as-of date, or lead back from it."""
        nodes = [node for test in self.tests for node in walk(test) if isinstance(node, Test | ReducedBy)]
        return tuple((node, node.measure) for node in nodes if not node.measure.is_read_at_engagement)

    @cached_property
    def is_of_engagement(self) -> bool:
        """Whether nothing of it depends on the as-of date, once the family has engaged."""
        subjects = [node for test in self.tests for node in walk(test) if isinstance(node, Every | Some)]
        return not self.of_today and all(node.at == "engagement" for node in subjects)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables of evidence that it reads."""
        read: set[str] = set()
        for test in self.tests:
            for node in walk(test):
                if isinstance(node, Test | ReducedBy):
                    read |= {*node.measure.sources}
        # What is outstanding is told by both.
        return frozenset(read | set(_ABOUT_FAMILIES) if read & set(_ABOUT_FAMILIES) else read)

    def spans(self, table: str) -> set[Span]:
        """The lengths of time that figures of tests on a table have, whatever their day: `(months, 6)`."""
        found: set[Span] = set()
        for node, measure in self.of_today:
            if table in (measure.sources or ("families",)):
                for name in own_parameters(node):
                    parameter = self.pack.pack.parameters[name]
                    if parameter.unit in _SPANS:
                        found |= {(parameter.unit, int(each.value)) for each in parameter.values}  # type: ignore[arg-type]
        return found


def item_of(pack: LoadedPack, name: str) -> Item:
    """`eligible` or a route, alone: no flags, and no criteria but those behind it."""
    whole = pack.pack
    own = whole.eligibility[name] if name == ELIGIBLE else whole.routes[name]
    behind = _behind(own.test, whole)

    def kept(group: Mapping[str, Criterion]) -> dict[str, Criterion]:
        return {each: one for each, one in group.items() if each in behind or (name == ELIGIBLE and each == name)}

    update = {
        "eligibility": kept(whole.eligibility),
        "results": kept(whole.results),
        "routes": {} if name == ELIGIBLE else {name: whole.routes[name]},
        "flags": {},
    }
    return Item(name, replace(pack, pack=whole.model_copy(update=update)))


def _behind(test: Expression, pack: Pack) -> set[str]:
    found: set[str] = set()
    wanted = [test]
    while wanted:
        for node in walk(wanted.pop()):
            if isinstance(node, CriterionRef) and node.criterion not in found:
                found.add(node.criterion)
                wanted.append((pack.results.get(node.criterion) or pack.eligibility[node.criterion]).test)
    return found


def verdicts(
    item: Item,
    evidence: Evidence,
    families: pl.DataFrame,
    calendar: Calendar,
    first: date,
    last: date,
    say: Say = lambda step: None,
) -> pl.DataFrame:
    """The item's verdict for each of the families (`family_id`) on every day on which it can change (`VERDICTS`).

    Raises Faults (E214, E247) where the pack has no figures or decides nobody on such a day.
    """
    looked_at = days_to_look_at(item, evidence, families, calendar, first, last)
    by_day = looked_at.group_by("day").agg("family_id").sort("day").rows()
    done = 0

    def look(day: date, of: list[str]) -> pl.DataFrame:
        nonlocal done
        found = _on_day(item, evidence, pl.Series("family_id", sorted(of), pl.String), calendar, day)
        done += 1
        say(f"look ahead: {item.name.replace('_', ' ')}, {done} of {len(by_day)} days")
        return found

    with ThreadPoolExecutor(WORKERS) as pool:
        frames = list(pool.map(lambda row: look(*row), by_day))
    return pl.concat([pl.DataFrame(schema=VERDICTS), *frames]).sort("family_id", "day")


# ------------------------------------------------------------------------------------------------- the days to look at


def days_to_look_at(
    item: Item, evidence: Evidence, families: pl.DataFrame, calendar: Calendar, first: date, last: date
) -> pl.DataFrame:
    """`family_id`, `day`: the days from `first` to `last` on which a family's verdict can change, and the first."""
    ids = families.select("family_id").unique()
    engaged = evidence.families.join(ids, on="family_id", how="semi")
    frames = [
        ids.with_columns(day=pl.lit(first)),
        engaged.select("family_id", day=pl.col("engaged_on").dt.offset_by("1d")),
    ]
    if not item.is_of_engagement:
        for_all = pl.DataFrame({"day": _for_all(item, evidence, calendar, first, last)}, schema={"day": pl.Date})
        frames.append(ids.join(for_all, how="cross"))
        of_today = {table for _, measure in item.of_today for table in measure.sources}
        for table in sorted({*of_today, "families", "members"}):
            dated = _dated(table, evidence, ids)
            frames += _passed(dated, item.spans(table), first, last)
        frames += _while_days_are_counted(item, evidence, ids, first, last)
    found = pl.concat([frame.select("family_id", pl.col("day").cast(pl.Date)) for frame in frames])
    return found.filter(pl.col("day").is_between(first, last)).unique().sort("family_id", "day")


def _for_all(item: Item, evidence: Evidence, calendar: Calendar, first: date, last: date) -> list[date]:
    """Days that matter to everybody: after a term, when a figure turns, when a window comes inside what is covered."""
    one = timedelta(days=1)
    found = {term.until + one for term in calendar.terms(first.year - 1, last.year)}
    for name in {name for test in item.tests for node in walk(test) for name in own_parameters(node)}:
        found |= {each.start for each in item.pack.pack.parameters[name].values}
    found |= set(_window_is_as_long(item, first, last))
    starts = [(table, evidence.coverage[table].start) for table in sorted(item.tables) if table in evidence.coverage]
    for table, start in starts:
        dated = pl.DataFrame({"family_id": [""], "on": [start]})
        for frame in _passed(dated, item.spans(table), first, last):
            found |= set(frame["day"])
    return sorted(day for day in found if first <= day <= last)


def _dated(table: str, evidence: Evidence, ids: pl.DataFrame) -> pl.DataFrame:
    """`family_id`, `on`: every day that a table's rows about the families and their members name."""
    members = evidence.members.join(ids, on="family_id", how="semi")
    match table:
        case "families":
            frame = evidence.families.join(ids, on="family_id", how="semi")
        case "members":
            born = pl.col("date_of_birth").dt
            frame = members.select(
                "family_id", "joined_on", "left_on", "date_of_birth",
                *[born.offset_by(f"{age}y").alias(f"turns {age}") for age in _TURNS],
            )  # fmt: skip
        case _ if table in _ABOUT_FAMILIES:
            frame = evidence.records[table].join(ids, on="family_id", how="semi")
        case _:
            of = members.select("family_id", "person_id").unique()
            frame = evidence.records[table].join(of, on="person_id")
    days = [name for name, kind in frame.schema.items() if kind == pl.Date]
    named = frame.select("family_id", *days)
    return (
        pl.concat(
            [pl.DataFrame(schema={"family_id": pl.String, "on": pl.Date})]
            + [named.select("family_id", on=pl.col(name)) for name in days]
        )
        .drop_nulls()
        .unique()
    )


def _passed(dated: pl.DataFrame, spans: set[Span], first: date, last: date) -> Iterator[pl.DataFrame]:
    """`family_id`, `day`: when the as-of date, or the day that a span leads back to, reaches a day or passes it."""
    on = pl.col("on").dt
    for step in range(3):
        yield dated.select("family_id", day=on.offset_by(f"{step}d"))
    for unit, number in sorted(spans):
        for step in range(2):
            yield dated.select("family_id", day=on.offset_by(f"{number}{_SPANS[unit]}").dt.offset_by(f"{step}d"))
        # Months are of different lengths: the way back is not the way there.
        back = pl.DataFrame(
            [(day, leads_back(day, (unit, number))) for day in _each_day(first, last)],
            schema={"day": pl.Date, "back": pl.Date},
            orient="row",
        ).sort("back", "day")
        for step in range(2):
            reached = dated.select("family_id", on=on.offset_by(f"{step}d")).sort("on")
            met = reached.join_asof(back, left_on="on", right_on="back", strategy="forward")
            yield met.select("family_id", "day").drop_nulls()


def leads_back(day: date, span: Span) -> date:
    """The day so many months (weeks, days, years) before a day."""
    unit, number = span
    match unit:
        case "months":
            return add_months(day, -number)
        case "years":
            return add_months(day, -12 * number)
        case "weeks":
            return day - timedelta(weeks=number)
        case _:
            return day - timedelta(days=number)


def _each_day(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _counted(item: Item) -> tuple[set[Span], set[int]]:
    """The spans and the limits, in days, of what counts days of work."""
    measured = [
        (node, measure) for node, measure in item.of_today if isinstance(measure, WeeksInWork | LongestRunInWork)
    ]
    named = {name for node, _ in measured for name in own_parameters(node)}
    lengths: set[Span] = {
        (parameter.unit, int(each.value))  # type: ignore[arg-type]
        for name in named
        if (parameter := item.pack.pack.parameters[name]).unit in _SPANS
        for each in parameter.values
    }
    days = {"days": 1, "weeks": 7}
    return lengths, {number * days[unit] for unit, number in lengths if unit in days}


def _while_days_are_counted(
    item: Item, evidence: Evidence, ids: pl.DataFrame, first: date, last: date
) -> Iterator[pl.DataFrame]:
    """The days on which days of work may reach a limit, or fall below it.

    Of a person's one spell, so many days after its start, or when so many of it are left in the window. Of several,
    every day on which one of them lies at an end of the window.
    """
    spans, limits = _counted(item)
    if not spans:
        return
    of = evidence.members.join(ids, on="family_id", how="semi").select("family_id", "person_id").unique()
    reach = min(leads_back(first, span) for span in spans) - timedelta(days=1)
    spells = (
        evidence.records["employment"]
        .filter(pl.col("kind") == "work")
        .join(of, on="person_id")
        .select("family_id", "person_id", "starts_on", "ends_on")
        .filter(pl.col("ends_on").is_null() | (pl.col("ends_on") >= reach))
        .with_columns(several=pl.len().over("family_id", "person_id") > 1)
    )
    alone = spells.filter(~pl.col("several"))
    for limit in sorted(limits):
        for on in (
            pl.col("starts_on").dt.offset_by(f"{limit}d"),
            pl.col("ends_on").dt.offset_by("1d").dt.offset_by(f"-{limit}d"),
        ):
            yield from _passed(alone.select("family_id", on=on).drop_nulls(), spans, first, last)
    together = spells.filter("several").with_columns(pl.col("ends_on").fill_null(last))
    for span in (("days", 1), *sorted(spans)):
        ends = pl.DataFrame(
            [(day, leads_back(day, span)) for day in _each_day(first, last)],
            schema={"day": pl.Date, "end": pl.Date},
            orient="row",
        )
        inside = (pl.col("end") >= pl.col("starts_on")) & (pl.col("end") <= pl.col("ends_on").dt.offset_by("1d"))
        yield together.join(ends, how="cross").filter(inside).select("family_id", "day").unique()


def _window_is_as_long(item: Item, first: date, last: date) -> Iterator[date]:
    """The days on which a window in which days are counted becomes as long as a limit, or shorter: months differ."""
    spans, limits = _counted(item)
    for span in spans:
        for day in _each_day(first, last):
            before = day - timedelta(days=1)
            lengths = [(each - leads_back(each, span)).days for each in (before, day)]
            if any((lengths[0] >= limit) != (lengths[1] >= limit) for limit in limits):
                yield day


# ------------------------------------------------------------------------------------------------- what is decided then


def _on_day(item: Item, evidence: Evidence, families: pl.Series, calendar: Calendar, day: date) -> pl.DataFrame:
    """The rows of `VERDICTS` of one day."""
    cohorts, _ = measure_cohorts(_about(evidence, families, item.tables), item.pack, day, calendar)
    found = decide_by("bulk", cohorts)
    own = found.filter(pl.col("subject_id") == "")
    is_item = (pl.col("item") == item.name) & (pl.col("part") != "result")

    def criteria(verdict: str) -> pl.Expr:
        listed = pl.col("item").filter((pl.col("verdict") == verdict) & pl.col("item").is_in(sorted(item.criteria)))
        return listed.sort().str.join(";")

    by_family = own.group_by("family_id").agg(
        verdict=pl.col("verdict").filter(is_item).first(), not_met=criteria("not_met"), unknown=criteria("unknown")
    )
    return (
        families.to_frame()
        .join(by_family, on="family_id", how="left")
        .join(_rests_on(cohorts, calendar), on="family_id", how="left")
        .join(_shares(cohorts), on="family_id", how="left")
        .with_columns(
            pl.col("verdict").fill_null("not_decided"), pl.col("not_met", "unknown").fill_null(""), day=pl.lit(day)
        )
        .select(VERDICTS.names())
        .cast(VERDICTS)
    )


def _about(evidence: Evidence, families: pl.Series, tables: frozenset[str]) -> Evidence:
    """The evidence about some families and their members, of the tables that are read."""
    ids = families.to_frame("family_id")
    members = evidence.members.join(ids, on="family_id", how="semi")
    persons = members.select("person_id").unique()

    def of(table: str, rows: pl.DataFrame) -> pl.DataFrame:
        if table not in tables:
            return rows.clear()
        about, key = (ids, "family_id") if table in _ABOUT_FAMILIES else (persons, "person_id")
        return rows.join(about, on=key, how="semi")

    return replace(
        evidence,
        families=evidence.families.join(ids, on="family_id", how="semi"),
        members=members,
        records={table: of(table, rows) for table, rows in evidence.records.items()},
    )


def _rests_on(cohorts: Sequence[Cohort], calendar: Calendar) -> pl.DataFrame:
    """`family_id`, `rests_on`."""
    rows = []
    for cohort in cohorts:
        rules, facts = cohort.rules, cohort.facts
        measures = dict(rules.family_measures) | {key: measure for key, (measure, _) in rules.member_measures.items()}
        for frame in (facts.families, facts.members):
            for key in frame.columns:
                measure = measures.get(key)
                if measure is None or measure.is_read_at_engagement or {"attendance", "marks"} & {*measure.sources}:
                    continue
                known = frame.filter(pl.col(key).struct.field("value").is_not_null()).select("family_id")
                until = _covered_until(measure, rules.on, rules.number, calendar)
                for table in measure.sources:
                    rows.append(known.with_columns(rests_on=pl.lit(f"{table} {until}")))
    schema = {"family_id": pl.String, "rests_on": pl.String}
    return pl.concat([pl.DataFrame(schema=schema), *rows]).unique().group_by("family_id").agg(pl.col("rests_on").sort())


def _covered_until(measure: Measure, on: date, number: object, calendar: Calendar) -> date:
    """The last day for which a measure's source must be complete."""
    if isinstance(measure, TermMeasure):
        return calendar.completed_before(on, 1)[-1].until
    if not isinstance(measure, WindowMeasure) and "as_of" in (
        measure.arguments().get("on"),
        measure.arguments().get("at"),
    ):
        return on
    return on - timedelta(days=1)


def _shares(cohorts: Sequence[Cohort]) -> pl.DataFrame:
    """`family_id`, `shares`."""
    rows = []
    for cohort in cohorts:
        for key, (measure, _) in cohort.rules.member_measures.items():
            if measure.unit != "share" or measure.is_read_at_engagement:
                continue
            fact = pl.col(key).struct.field
            share = pl.struct("subject_id", fact=pl.lit(key), value=fact("value"), of=fact("of"))
            rows.append(cohort.facts.members.filter(fact("of").is_not_null()).select("family_id", shares=share))
    schema = {"family_id": VERDICTS["family_id"], "shares": VERDICTS["shares"].inner}  # type: ignore[attr-defined]
    return pl.concat([pl.DataFrame(schema=schema), *rows]).group_by("family_id").agg("shares")
