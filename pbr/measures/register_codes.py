"""Register codes: what each mark in a school's register counts as, by the day from which it does.

Data, for the codes have changed and will again: a set holds from its day until the next one's. Codes of no set are no
possible session (`X` not of compulsory age, `#` closed, `Y` unable to attend, `Z` not on roll, and the like).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl


@dataclass(frozen=True)
class RegisterCodes:
    """The codes that count from one day on. `source` says where they were read."""

    start: date
    present: frozenset[str]
    authorised: frozenset[str]
    unauthorised: frozenset[str]
    source: str


CODE_SETS = (
    RegisterCodes(
        start=date(1900, 1, 1),
        present=frozenset(["/", "\\", "L", "B", "J", "K", "P", "V", "W"]),
        authorised=frozenset(["C", "C1", "C2", "E", "F", "H", "I", "J1", "M", "R", "S", "T"]),
        unauthorised=frozenset(["G", "N", "O", "U"]),
        source="Department for Education, school attendance guidance and census codes of 2013 to 2024, taken together: "
        "a code that was dropped (F, in September 2013) or added (C1, C2, J1, K, in August 2024) means nothing else in "
        "the years without it",
    ),
)
"""In the order of their days."""


def counts_as(kind: str) -> pl.Expr:
    """Whether the mark `code` of the day `date` counts as `present`, `authorised` or `unauthorised`."""
    code, day = pl.col("code"), pl.col("date")
    chosen = pl.lit(False)
    for codes in CODE_SETS:
        chosen = pl.when(day >= codes.start).then(code.is_in(sorted(getattr(codes, kind)))).otherwise(chosen)
    return chosen
