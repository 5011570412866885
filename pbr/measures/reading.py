"""How every measure is read: the days and windows it names, whether they are covered, and how a fact is put together.

A fact is null for every reason that holds: its window is not covered, a record in it may be somebody else's, a row of
its sources about the subject is quarantined or says what the pack cannot place, and what the measure itself adds. What
an uncovered window or a distrusted source holds decides nothing and is not cited; a record that cannot be placed is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from pbr.linkage import Coverage
from pbr.measures.facts import fact_type
from pbr.rulebook.measures import MEASURES, DaysSince, MeasureNode, OffendingMeasure, WindowMeasure
from pbr.rulebook.rules import Rules
from pbr.values import REASONS, Window

ENGAGED = pl.col("engaged_on")
DOUBTABLE = tuple(
    sorted({"members", "outcomes", *(source for measure in MEASURES.values() for source in measure.sources)})
)
"""The tables of which a quarantined row makes measures unknown."""


def day(on: str, as_of: date) -> pl.Expr:
    """The day that `on` or `at` names; the frame has `engaged_on`."""
    days = {"engagement": ENGAGED, "as_of": pl.lit(as_of), "day_before_as_of": pl.lit(as_of - timedelta(days=1))}
    return days[on]


def window(measure: WindowMeasure, rules: Rules) -> tuple[pl.Expr, pl.Expr]:
    """First day, and the day after the last, of the window that a measure names."""
    if measure.last_months is not None:
        ends = Window.months_before(rules.on, rules.number(measure.last_months))
        return pl.lit(ends.start), pl.lit(ends.end)
    assert measure.months_before_engagement is not None
    return ENGAGED.dt.offset_by(f"-{rules.number(measure.months_before_engagement)}mo"), ENGAGED


def within(column: str, start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Whether a date column is in `[start, end)`."""
    return (pl.col(column) >= start) & (pl.col(column) < end)


def covered(coverage: Coverage | None, start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Whether a source is complete for every day of `[start, end)`; one that is not declared covers nothing."""
    if coverage is None:
        return pl.lit(False)
    return (start >= pl.lit(coverage.start)) & (end - pl.duration(days=1) <= pl.lit(coverage.until))


def doubted(measure: MeasureNode) -> pl.Expr:
    """Whether a quarantined row that the measure rests on is about the subject; the frame has `with_doubts`' columns.

    Events of a family are those of its members, so they rest on the members' table too, and so does whatever leaves
    some of them out. Of people who have left, what is known is enough: a row that cannot be read takes no event away.
    """
    if isinstance(measure, OffendingMeasure) and measure.by_departed:
        return pl.lit(False)
    if isinstance(measure, DaysSince) and measure.need is not None:
        return pl.col("doubt outcomes")
    by_members = isinstance(measure, OffendingMeasure) or "leaving_out" in measure.arguments()
    tables = {*measure.sources, *(("members",) if by_members else ())}
    return pl.any_horizontal([pl.col(f"doubt {table}") for table in sorted(tables)] or [pl.lit(False)])


def cites(measure: MeasureNode) -> tuple[str, ...]:
    """The tables whose records a measure's facts cite: its sources, or else the family's own record or outcomes."""
    own = "outcomes" if isinstance(measure, DaysSince) and measure.need is not None else "families"
    return measure.sources or (own,)


def with_doubts(subjects: pl.DataFrame, doubts: pl.DataFrame, on: str) -> pl.DataFrame:
    """The subjects with a boolean column `doubt <table>` for every table; `doubts` has `table` and the key `on`."""
    for table in DOUBTABLE:
        about = doubts.filter(pl.col("table") == table)[on]
        subjects = subjects.with_columns(pl.col(on).is_in(about.implode()).alias(f"doubt {table}"))
    return subjects


def tally(events: pl.LazyFrame, by: list[str], key: str) -> pl.LazyFrame:
    """Events by subject, one struct column: how many are surely theirs (`count`), how many at `most`, the `records`.

    `events` are sorted by record id, so that the records are; one that may be about two members is cited once.
    """
    counted = events.group_by(by).agg(
        count=(~pl.col("possible")).sum().cast(pl.Int64),
        most=pl.col("record_id").n_unique().cast(pl.Int64),
        records=pl.col("record_id").unique(maintain_order=True),
    )
    return counted.select(*by, pl.struct("count", "most", "records").alias(key))


Ratio = tuple[pl.Expr, pl.Expr]


def fact(
    measure: MeasureNode,
    value: pl.Expr,
    *,
    of: pl.Expr | None = None,
    most: pl.Expr | None = None,
    bounds: tuple[Ratio, Ratio] | None = None,
    unsettled: pl.Expr | None = None,
    unplaced: pl.Expr | None = None,
    is_covered: pl.Expr | None = None,
    also_null: Mapping[str, pl.Expr] | None = None,
    records: pl.Expr | None = None,
) -> pl.Expr:
    """A fact's struct (`facts.fact_type`): null, with every reason that holds, where any does.

    `value` (and `of`) count what is surely the subject's; `most` counts what is possibly theirs as well, and where the
    two differ the fact is unresolved between them. A share is unresolved between its two `bounds` where they differ.
    `unsettled`: whether a possible link leaves no bounds either. None of it is asked of a window that is not covered,
    for then it is not read. `unplaced`: whether a record among `records` says what the pack cannot place (or null).
    """
    uncovered = ~is_covered if is_covered is not None else pl.lit(False)
    unresolved, bounded = _unresolved(measure, value, most, bounds)
    if unsettled is not None:
        unresolved |= unsettled
    is_distrusted = doubted(measure)
    tests = {
        "not_covered": uncovered,
        "unresolved_link": ~uncovered & unresolved,
        "quarantined": is_distrusted if unplaced is None else is_distrusted | unplaced.fill_null(False),
        **(also_null or {}),
    }
    codes = [pl.when(tests[code]).then(pl.lit(code)) for code in REASONS if code in tests]
    reason = pl.concat_str(codes, separator=";", ignore_nulls=True).replace("", None)
    known = reason.is_null()
    unread = uncovered | is_distrusted
    none = pl.lit([], dtype=pl.List(pl.String))
    no_bounds = pl.lit(None, dtype=pl.List(pl.Int64))
    within = (reason == "unresolved_link") & ~(unsettled if unsettled is not None else pl.lit(False))
    return pl.struct(
        value=pl.when(known).then(value),
        of=pl.when(known).then(of if of is not None else pl.lit(None, pl.Int64)),
        reason=reason,
        bounds=no_bounds if bounded is None else pl.when(within).then(bounded).otherwise(no_bounds),
        records=pl.when(unread).then(none).otherwise(records.fill_null(none)) if records is not None else none,
    ).cast(fact_type(measure.unit))


def _unresolved(
    measure: MeasureNode, value: pl.Expr, most: pl.Expr | None, bounds: tuple[Ratio, Ratio] | None
) -> tuple[pl.Expr, pl.Expr | None]:
    """Whether possible links leave a fact open, and its bounds as a list, where its unit is a number."""
    if bounds is not None:
        (least, of_least), (largest, of_largest) = bounds
        return least * of_largest != largest * of_least, pl.concat_list(least, of_least, largest, of_largest)
    if most is None:
        return pl.lit(False), None
    return value != most, None if measure.unit == "boolean" else pl.concat_list(value, most)
