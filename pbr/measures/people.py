"""People: a member's age and whether they live with the family, from the members' own rows."""

from __future__ import annotations

import polars as pl

from pbr.measures.reading import day, doubted, fact
from pbr.rulebook.measures import Age, Resident
from pbr.rulebook.rules import Rules


def measure(calls: dict[str, Age | Resident], people: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Facts of people: `family_id`, `subject_id` and one struct column a key. `people` as of `subjects.members`.

    Of a day before their birth, or on which they were no member of the family, nothing is known.
    """
    facts = {}
    for key, call in calls.items():
        value = _age(day(call.at, rules.on)) if isinstance(call, Age) else pl.col(f"resident_{call.at}")
        facts[key] = fact(call, value, also_null={"no_record": value.is_null() & ~doubted(call)})
    return people.select("family_id", "subject_id", **facts)


def _age(when: pl.Expr) -> pl.Expr:
    """Whole years; a birthday on 29 February falls on 1 March in other years."""
    born = pl.col("date_of_birth")
    month_and_day = [date.dt.month().cast(pl.Int64) * 100 + date.dt.day() for date in (when, born)]
    years = when.dt.year().cast(pl.Int64) - born.dt.year() - (month_and_day[0] < month_and_day[1]).cast(pl.Int64)
    return pl.when(born <= when).then(years)
