"""The school calendar and ages: terms, which are completed on a day, and who is of school age in them.

In: the terms that a workspace gives of its own. Out: terms as dates. Autumn runs from 1 September to 31 December,
spring from 1 January to Easter Sunday, summer from the day after to 31 July; August is in no term.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from dateutil.easter import easter

SEASONS = ("autumn", "spring", "summer")


@dataclass(frozen=True)
class Term:
    """One school term; both of its days are inside it. `academic_year` is written `2013/14`."""

    academic_year: str
    season: str
    start: date
    until: date

    @property
    def _autumn(self) -> int:
        return int(self.academic_year[:4])

    @property
    def turned_five_by(self) -> date:
        """The day by which the law prescribes that a child has turned 5 to be of school age in the term."""
        prescribed = {
            "autumn": date(self._autumn, 8, 31),
            "spring": date(self._autumn, 12, 31),
            "summer": date(self._autumn + 1, 3, 31),
        }
        return prescribed[self.season]

    @property
    def turned_sixteen_from(self) -> date:
        """The first day of the term's school year: whoever turned 16 before it has left school age."""
        return date(self._autumn, 9, 1)


def national_term(academic_year: str, season: str) -> Term:
    """A term's dates where the workspace gives none of its own."""
    autumn = int(academic_year[:4])
    easter_sunday = easter(autumn + 1)
    start, until = {
        "autumn": (date(autumn, 9, 1), date(autumn, 12, 31)),
        "spring": (date(autumn + 1, 1, 1), easter_sunday),
        "summer": (easter_sunday + timedelta(days=1), date(autumn + 1, 7, 31)),
    }[season]
    return Term(academic_year, season, start, until)


class Calendar:
    """The terms of every year: the workspace's own where it gives them, else the national ones."""

    def __init__(self, own: Iterable[Term] = ()) -> None:
        self._own = {(term.academic_year, term.season): term for term in own}

    def terms(self, first_autumn: int, last_autumn: int) -> list[Term]:
        """The terms of the academic years that begin in these years, by their last day."""
        # A source may cover until the end of time, which is also the calendar's.
        autumns = range(max(first_autumn, date.min.year), min(last_autumn, date.max.year - 1) + 1)
        years = [f"{autumn:04d}/{(autumn + 1) % 100:02d}" for autumn in autumns]
        keys = [(year, season) for year in years for season in SEASONS]
        return sorted((self._own.get(key) or national_term(*key) for key in keys), key=lambda term: term.until)

    def completed_before(self, day: date, count: int) -> list[Term]:
        """The last `count` terms whose last day is before the day, earliest first."""
        terms = self.terms(day.year - 2 - count // 3, day.year)
        return [term for term in terms if term.until < day][-count:]

    def completed(self, days: Iterable[date], count: int) -> pl.DataFrame:
        """For each day, its last `count` completed terms.

        Columns `day`, `academic_year`, `term`, `start`, `until`, `turned_five_by`, `turned_sixteen_from`.
        """
        rows = [
            (day, t.academic_year, t.season, t.start, t.until, t.turned_five_by, t.turned_sixteen_from)
            for day in sorted(set(days))
            for t in self.completed_before(day, count)
        ]
        dates = ("start", "until", "turned_five_by", "turned_sixteen_from")
        schema: Mapping[str, type[pl.DataType]] = {
            "day": pl.Date, "academic_year": pl.String, "term": pl.String, **dict.fromkeys(dates, pl.Date)
        }  # fmt: skip
        return pl.DataFrame(rows, schema=dict(schema), orient="row")


def birthday(age: int, born: str = "date_of_birth") -> pl.Expr:
    """The day somebody turns `age`; a birthday on 29 February falls on 1 March in other years."""
    column = pl.col(born)
    first_of_month = pl.date(column.dt.year() + age, column.dt.month(), 1)
    return first_of_month + pl.duration(days=column.dt.day().cast(pl.Int64) - 1)


def of_school_age() -> pl.Expr:
    """Whether `date_of_birth` is of school age in the term of the same row (columns of `Calendar.completed`)."""
    return (birthday(5) <= pl.col("turned_five_by")) & (birthday(16) >= pl.col("turned_sixteen_from"))
