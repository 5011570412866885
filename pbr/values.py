"""The values that rules are written in: verdicts, reasons, shares, pence, half-open windows and calendar months.

Nothing here knows of tables. Every interval is half open, `[start, end)`; money is whole pence; a share is two whole
numbers and is compared by cross-multiplying, so 57 of 380 *is* 15%.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NewType

from dateutil.relativedelta import relativedelta

Pence = NewType("Pence", int)


class Verdict(StrEnum):
    """What a criterion says of a subject. Missing evidence is `unknown`, never good news."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


REASONS = (
    "not_covered",
    "no_record",
    "no_sessions",
    "unresolved_link",
    "quarantined",
    "missing_field",
    "no_subject",
    "no_baseline",
    "condition_not_met",
)
"""Why a verdict is `unknown` (the first six) or `not_applicable` (the last three), in the order they are written."""


@dataclass(frozen=True)
class Share:
    """A whole-number ratio, kept unreduced: `57/380`. `denominator` is at least 1."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if self.denominator < 1:
            raise ValueError(f"a share needs a denominator of at least 1, not {self.denominator}")

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read `15%`, `12.5%` or `57/380`, of at most nine digits each. Raises ValueError on anything else."""
        if match := re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?%", text):
            whole, decimals = match[1], match[2] or ""
            return cls(int(whole + decimals), 100 * 10 ** len(decimals))
        if match := re.fullmatch(r"([0-9]{1,9})/([1-9][0-9]{0,8})", text):
            return cls(int(match[1]), int(match[2]))
        raise ValueError(f"{text!r} is not a share: write 15% or 57/380")

    @property
    def percent(self) -> str:
        """The share in words for people: `15%` where that is exact, else the ratio."""
        hundredfold, rest = divmod(self.numerator * 100, self.denominator)
        return str(self) if rest else f"{hundredfold}%"


def pounds(pence: int) -> str:
    """`£1,234.50`, and `£700` where there are no odd pence."""
    sign = "-" if pence < 0 else ""
    whole, odd = divmod(abs(pence), 100)
    return f"{sign}£{whole:,}" + (f".{odd:02d}" if odd else "")


def add_months(day: date, months: int) -> date:
    """Calendar months later (or earlier); a day that does not exist becomes the last of its month."""
    return day + relativedelta(months=months)


def birthday(born: date, age: int) -> date:
    """The day on which somebody turns `age`; a birthday on 29 February falls on 1 March in other years."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)


def financial_year(day: date) -> str:
    """`2012/13` for 1 April 2012 – 31 March 2013."""
    start = day.year if (day.month, day.day) >= (4, 1) else day.year - 1
    return f"{start}/{(start + 1) % 100:02d}"


@dataclass(frozen=True)
class Window:
    """The days `[start, end)`."""

    start: date
    end: date

    @classmethod
    def months_before(cls, day: date, months: int) -> Window:
        return cls(add_months(day, -months), day)

    @classmethod
    def weeks_before(cls, day: date, weeks: int) -> Window:
        return cls(day - timedelta(weeks=weeks), day)
