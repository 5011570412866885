"""Employment: out-of-work benefits, provision and work of a person, on a day, over a window, and in runs of days.

A spell's last day is inside it and an open spell has none. Spells of work that touch or overlap are one run.
"""

from __future__ import annotations

import polars as pl

from pbr.linkage import Evidence
from pbr.measures.reading import covered, day, fact, tally, window, within
from pbr.rulebook.measures import (
    EmploymentMeasure,
    InWork,
    LongestRunInWork,
    OnProvision,
    OutOfWorkBenefit,
    ProvisionStarts,
    WeeksInWork,
)
from pbr.rulebook.rules import Rules
from pbr.values import Window

ONE_ADULT = ["family_id", "subject_id"]


def measure(
    calls: dict[str, EmploymentMeasure], people: pl.DataFrame, evidence: Evidence, rules: Rules
) -> pl.DataFrame:
    """Facts of people: `family_id`, `subject_id` and one struct column a key. `people` as of `subjects.members`."""
    coverage = evidence.coverage.get("employment")
    one_day = pl.duration(days=1)
    spells = _spells(people, evidence, rules).collect().lazy()
    in_doubt = evidence.records["employment"]["possible"].any()
    frame, facts = people.lazy(), {}
    for key, call in calls.items():
        if not isinstance(call, WeeksInWork | LongestRunInWork):
            frame = frame.join(tally(spells.filter(_counts(call, rules)), ONE_ADULT, key), on=ONE_ADULT, how="left")
        match call:
            case OutOfWorkBenefit() | OnProvision() | InWork():
                when = day(call.on, rules.on)
                is_covered = covered(coverage, when, when + one_day)
                value, most = (pl.col(key).struct.field(name).fill_null(0) > 0 for name in ("count", "most"))
            case ProvisionStarts():
                is_covered = covered(coverage, *window(call, rules))
                value, most = (pl.col(key).struct.field(name).fill_null(0) for name in ("count", "most"))
            case WeeksInWork() | LongestRunInWork():
                start, end = _work_window(call, rules)
                is_covered = covered(coverage, start, end)
                frame = frame.join(_worked(key, spells, start, end), on=ONE_ADULT, how="left")
                value = most = _days_or_weeks(call, key)
                if in_doubt:
                    surely = _worked(f"surely {key}", spells.filter(~pl.col("possible")), start, end)
                    frame = frame.join(surely, on=ONE_ADULT, how="left")
                    value = _days_or_weeks(call, f"surely {key}")
            case _:
                raise TypeError(call.name)  # type: ignore[attr-defined]
        facts[key] = fact(
            call,
            value,
            is_covered=is_covered,
            most=most,
            records=pl.col(key).struct.field("records"),
        )
    return frame.select(*ONE_ADULT, **facts).collect()


def _spells(people: pl.DataFrame, evidence: Evidence, rules: Rules) -> pl.LazyFrame:
    return (
        people.lazy()
        .select(*ONE_ADULT, "engaged_on")
        .join(evidence.records["employment"].lazy().rename({"person_id": "subject_id"}), on="subject_id")
        .filter(pl.col("starts_on") < rules.on)
        .sort("record_id")
    )


def _counts(call: EmploymentMeasure, rules: Rules) -> pl.Expr:
    kind = pl.col("kind")
    match call:
        case InWork():
            return (kind == "work") & _is_open(call.on, rules)
        case OutOfWorkBenefit():
            counts = (kind == "benefit") & _is_open(call.on, rules)
        case OnProvision():
            counts = (kind == "provision") & _is_open(call.on, rules)
        case ProvisionStarts():
            counts = (kind == "provision") & within("starts_on", *window(call, rules))
        case _:
            raise TypeError(type(call).__name__)
    return counts & pl.col("code").is_in(rules.codes(call.codes)).fill_null(False)


def _is_open(on: str, rules: Rules) -> pl.Expr:
    when = day(on, rules.on)
    return (pl.col("starts_on") <= when) & (pl.col("ends_on").is_null() | (pl.col("ends_on") >= when))


def _work_window(call: WeeksInWork | LongestRunInWork, rules: Rules) -> tuple[pl.Expr, pl.Expr]:
    if isinstance(call, LongestRunInWork):
        return window(call, rules)
    weeks = Window.weeks_before(rules.on, rules.number(call.out_of_last))
    return pl.lit(weeks.start), pl.lit(weeks.end)


def _days_or_weeks(call: WeeksInWork | LongestRunInWork, worked: str) -> pl.Expr:
    if isinstance(call, LongestRunInWork):
        return pl.col(worked).struct.field("longest").fill_null(0)
    return pl.col(worked).struct.field("days").fill_null(0) // 7


def _worked(key: str, spells: pl.LazyFrame, start: pl.Expr, end: pl.Expr) -> pl.LazyFrame:
    """Distinct days in work and the longest run of them inside `[start, end)`, one struct column by the key."""
    last = end - pl.duration(days=1)
    clipped = (
        spells.filter(pl.col("kind") == "work")
        .with_columns(
            first=pl.max_horizontal("starts_on", start), last=pl.min_horizontal(pl.col("ends_on").fill_null(last), last)
        )
        .filter(pl.col("first") <= pl.col("last"))
        .sort(*ONE_ADULT, "first", "last")
    )
    worked_until = pl.col("last").cum_max().shift(1).over(ONE_ADULT)
    breaks = (pl.col("first") > worked_until + pl.duration(days=1)).fill_null(True)
    runs = clipped.with_columns(run=breaks.cum_sum().over(ONE_ADULT))
    by_run = runs.group_by(*ONE_ADULT, "run").agg(
        days=(pl.col("last").max() - pl.col("first").min()).dt.total_days() + 1
    )
    days = by_run.group_by(ONE_ADULT).agg(days=pl.col("days").sum(), longest=pl.col("days").max())
    cited = tally(clipped.sort("record_id"), ONE_ADULT, "spells")
    return days.join(cited, on=ONE_ADULT).select(
        *ONE_ADULT,
        pl.struct(
            "days",
            "longest",
            pl.col("spells").struct.field("records"),
        ).alias(key),
    )
