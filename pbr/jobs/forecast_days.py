"""Which days to look at, and what is decided on them: the verdicts of every family from a first day to a last.

In: evidence, a pack and items of it (`eligible`, routes). Out: their verdicts for each family on each day on which one
can change. What decides is the measures and the bulk engine, on that day; nothing here knows what a rule means.

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
from itertools import count

import polars as pl

from pbr.jobs.decide import Say, decide_by
from pbr.linkage import Evidence
from pbr.measures.calendar import Calendar
from pbr.measures.cohorts import Cohort, measure_cohorts
from pbr.rulebook.load import LoadedPack
from pbr.rulebook.measures import LongestRunInWork, Measure, TermMeasure, WeeksInWork
from pbr.rulebook.model import CriterionRef, Every, Expression, Pack, ReducedBy, Some, Test
from pbr.rulebook.rules import own_parameters, walk
from pbr.values import add_months

ELIGIBLE = "eligible"

VERDICTS = pl.Schema(
    {
        "item": pl.String(),
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
"""One row for each item, family and day that was looked at, sorted; until the next, everything stays. `verdict` is
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

    def reads(self, day: date) -> dict[str, Measure]:
        """The facts that speak of the as-of date, or lead back from it, by key, with the figures of a day."""
        rules = self.pack.rules(day)
        measures = rules.family_measures | {key: measure for key, (measure, _) in rules.member_measures.items()}
        return {key: measure for key, measure in measures.items() if not measure.is_read_at_engagement}

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
    """`eligible` or a route, alone."""
    return Item(name, _only(pack, [name]))


def _only(pack: LoadedPack, names: Sequence[str]) -> LoadedPack:
    """The pack with only these of `eligible` and the routes, the criteria behind them, and no flags."""
    whole = pack.pack
    wanted = [whole.eligibility[name] if name == ELIGIBLE else whole.routes[name] for name in names]
    behind = {criterion for each in wanted for criterion in _behind(each.test, whole)} | {ELIGIBLE}.intersection(names)
    update = {
        "eligibility": {name: one for name, one in whole.eligibility.items() if name in behind},
        "results": {name: one for name, one in whole.results.items() if name in behind},
        "routes": {name: one for name, one in whole.routes.items() if name in names},
        "flags": {},
    }
    return replace(pack, pack=whole.model_copy(update=update))


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
    pack: LoadedPack,
    names: Sequence[str],
    evidence: Evidence,
    families: pl.DataFrame,
    calendar: Calendar,
    first: date,
    last: date,
    say: Say = lambda step: None,
) -> pl.DataFrame:
    """The items' verdicts for each of the families (`family_id`) on every day on which one can change (`VERDICTS`).

    `names`: of routes, or `eligible`. Raises Faults (E214, E247) where the pack has no figures, or decides nobody, on
    such a day.
    """
    items, together = [item_of(pack, name) for name in names], _only(pack, names)
    days = [days_to_look_at(item, evidence, families, calendar, first, last) for item in items]
    by_day = pl.concat(days).unique().group_by("day").agg(pl.col("family_id").sort()).sort("day").rows()
    looked_at = count(1)

    def look(day: date, of: list[str]) -> pl.DataFrame:
        found = _on_day(items, together, evidence, pl.Series("family_id", of, pl.String), calendar, day)
        say(f"look ahead: {next(looked_at)} of {len(by_day)} days")
        return found

    with ThreadPoolExecutor(WORKERS) as pool:
        frames = list(pool.map(lambda row: look(*row), by_day))
    return pl.concat([pl.DataFrame(schema=VERDICTS), *frames]).sort("item", "family_id", "day")


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


def _on_day(
    items: Sequence[Item],
    together: LoadedPack,
    evidence: Evidence,
    families: pl.Series,
    calendar: Calendar,
    day: date,
) -> pl.DataFrame:
    """The rows of `VERDICTS` of one day."""
    tables = frozenset().union(*(item.tables for item in items))
    cohorts, _ = measure_cohorts(_about(evidence, families, tables), together, day, calendar)
    own = decide_by("bulk", cohorts).filter(pl.col("subject_id") == "")
    frames = []
    for item in items:
        is_item = (pl.col("item") == item.name) & (pl.col("part") != "result")
        listed = {
            verdict: pl.col("item")
            .filter((pl.col("verdict") == verdict) & pl.col("item").is_in(sorted(item.criteria)))
            .sort()
            .str.join(";")
            for verdict in ("not_met", "unknown")
        }
        by_family = own.group_by("family_id").agg(verdict=pl.col("verdict").filter(is_item).first(), **listed)
        read = item.reads(day)
        frames.append(
            families.to_frame()
            .join(by_family, on="family_id", how="left")
            .join(_rests_on(cohorts, read, calendar), on="family_id", how="left")
            .join(_shares(cohorts, read), on="family_id", how="left")
            .with_columns(
                pl.col("verdict").fill_null("not_decided"),
                pl.col("not_met", "unknown").fill_null(""),
                day=pl.lit(day),
                item=pl.lit(item.name),
            )
            .select(VERDICTS.names())
            .cast(VERDICTS)
        )
    return pl.concat(frames)


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


def _rests_on(cohorts: Sequence[Cohort], read: Mapping[str, Measure], calendar: Calendar) -> pl.DataFrame:
    """`family_id`, `rests_on`, of the facts that are `read`."""
    rows = [pl.DataFrame(schema={"family_id": pl.String, "rests_on": pl.String})]
    for cohort in cohorts:
        for frame in (cohort.facts.families, cohort.facts.members):
            for key in read.keys() & set(frame.columns):
                sources = [table for table in read[key].sources if table not in ("attendance", "marks")]
                known = frame.filter(pl.col(key).struct.field("value").is_not_null()).select("family_id")
                until = _covered_until(read[key], cohort.rules.on, calendar)
                rows += [known.with_columns(rests_on=pl.lit(f"{table} {until}")) for table in sources]
    return pl.concat(rows).unique().group_by("family_id").agg(pl.col("rests_on").sort())


def _covered_until(measure: Measure, on: date, calendar: Calendar) -> date:
    """The last day for which a measure's source must be complete."""
    if isinstance(measure, TermMeasure):
        return calendar.completed_before(on, 1)[-1].until
    return on if measure.arguments().get("on") == "as_of" else on - timedelta(days=1)


def _shares(cohorts: Sequence[Cohort], read: Mapping[str, Measure]) -> pl.DataFrame:
    """`family_id`, `shares`, of the facts that are `read`."""
    schema = {"family_id": VERDICTS["family_id"], "shares": VERDICTS["shares"].inner}  # type: ignore[attr-defined]
    rows = [pl.DataFrame(schema=schema)]
    for cohort in cohorts:
        for key in sorted(read.keys() & cohort.rules.member_measures.keys()):
            if read[key].unit == "share":
                fact = pl.col(key).struct.field
                share = pl.struct("subject_id", fact=pl.lit(key), value=fact("value"), of=fact("of"))
                rows.append(cohort.facts.members.filter(fact("of").is_not_null()).select("family_id", shares=share))
    return (
        pl.concat(rows).group_by("family_id").agg(pl.col("shares").sort_by(pl.col("shares").struct.field("subject_id")))
    )
