"""What a sample's results say of the whole batch: how many lines may be invalid, for how much money, and what follows.

In: a sample and its results. Out: known, projected and possible error, in lines and pence, and one of five decisions.
Lines that are always tested are known and are projected on nobody; a line that was not tested may be invalid. Whole
numbers throughout. By hand, with an example: docs/audit.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import polars as pl

from pbr.audit.interval import Stratum, interval
from pbr.audit.sample import Sample
from pbr.values import Pence, Share

TOLERABLE = Share(5, 100)
"""The share of invalid lines up to which a larger sample is worth drawing; above it, every line is checked. Between
what the department's spot checks found invalid in early rounds (2 to 3.1%) and in the last (10%)."""


class Decision(StrEnum):
    """What follows from a sample's results."""

    PASS = "pass"
    INCOMPLETE = "incomplete"
    EXTEND = "extend"
    CHECK_ALL = "check_all"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class Projection:
    """`invalid`, `not_tested`: ids of lines of the sample. `error_rate`: invalid lines projected, of all lines of the
    batch, null where nothing that chance drew was tested. `low`, `high`: the invalid lines that there may be, at 95%.

    Money is that of invalid lines: found, projected (null with the rate), and at the most. `next_size`: the sample to
    test next, where a larger one is asked for. `strata`: `stratum`, `lines`, `tested`, `invalid` and the same three in
    pence; the lines that are always tested come first.
    """

    decision: Decision
    tested: int
    invalid: tuple[str, ...]
    not_tested: tuple[str, ...]
    error_rate: Share | None
    low: int
    high: int
    found_pence: Pence
    point_pence: Pence | None
    high_pence: Pence
    next_size: int | None
    strata: pl.DataFrame


def project(sample: Sample, results: pl.DataFrame, tolerable: Share) -> Projection:
    """Project the results (`results.RESULTS`) of a sample onto its batch."""
    lines = sample.ordered.join(results, on="claim_line_id", how="left", maintain_order="left").with_columns(
        drawn=pl.int_range(pl.len()) < sample.size,
        is_tested=pl.col("result").is_in(["valid", "invalid"]).fill_null(False),
        is_invalid=pl.col("result").eq("invalid").fill_null(False),
    )
    low, high = _reach(lines)
    rate, point = _projected(lines)
    invalid = lines.filter("is_invalid")
    untested = lines.filter(~pl.col("is_tested"))
    found_pence = int(invalid["amount_pence"].sum())
    more = untested["amount_pence"].sort(descending=True).head(high - invalid.height)
    decision = _decision(sample, lines, rate, tolerable)
    return Projection(
        decision=decision,
        tested=lines.filter("is_tested").height,
        invalid=tuple(invalid["claim_line_id"].sort()),
        not_tested=tuple(untested.filter("drawn")["claim_line_id"].sort()),
        error_rate=None if rate is None else Share(*rate.as_integer_ratio()),
        low=low,
        high=high,
        found_pence=Pence(found_pence),
        point_pence=None if point is None else Pence(round(point)),
        high_pence=Pence(found_pence + int(more.sum())),
        next_size=_next_size(sample, decision),
        strata=_strata(lines),
    )


def _strata(lines: pl.DataFrame) -> pl.DataFrame:
    pence = pl.col("amount_pence")
    return (
        lines.group_by("stratum")
        .agg(
            lines=pl.len().cast(pl.Int64),
            tested=pl.col("is_tested").sum().cast(pl.Int64),
            invalid=pl.col("is_invalid").sum().cast(pl.Int64),
            lines_pence=pence.sum(),
            tested_pence=pence.filter("is_tested").sum(),
            invalid_pence=pence.filter("is_invalid").sum(),
        )
        .sort("stratum", nulls_last=False)
        .with_columns(pl.col("stratum").fill_null("always tested"))
    )


def _reach(lines: pl.DataFrame) -> tuple[int, int]:
    """The least and the most invalid lines in the batch; a line of the sample that was not tested may be either."""
    chance = lines.filter(pl.col("stratum").is_not_null())
    counts = chance.group_by("stratum").agg(pl.len(), pl.col("drawn").sum()).sort("stratum")
    strata = [Stratum(size, drawn) for _, size, drawn in counts.iter_rows()]
    found = chance.filter("is_invalid").height
    doubted = chance.filter(pl.col("drawn") & ~pl.col("is_tested")).height
    always = lines.filter(pl.col("stratum").is_null())
    known = always.filter("is_invalid").height
    least, _ = interval(strata, found)
    _, most = interval(strata, found + doubted)
    return known + least, known + always.filter(~pl.col("is_tested")).height + most


def _projected(lines: pl.DataFrame) -> tuple[Fraction | None, Fraction | None]:
    """The share of invalid lines in the batch, and their pence: what is known, and each stratum by its own rate.

    A stratum without a tested line takes the rate of the others together. None where chance drew no line that was
    tested, but for a batch in which there is none to draw.
    """
    chance = _strata(lines.filter(pl.col("stratum").is_not_null()))
    known = lines.filter(pl.col("stratum").is_null() & pl.col("is_invalid"))
    if not chance.is_empty() and not chance["tested"].sum():
        return None, None
    number = known.height + sum(_scaled(chance, "lines", "tested", "invalid"), Fraction(0))
    pence = int(known["amount_pence"].sum()) + sum(
        _scaled(chance, "lines_pence", "tested_pence", "invalid_pence"), Fraction(0)
    )
    return (Fraction(number, lines.height) if lines.height else Fraction(0)), Fraction(pence)


def _scaled(strata: pl.DataFrame, whole: str, tested: str, invalid: str) -> Iterator[Fraction]:
    overall = _ratio(int(strata[invalid].sum()), int(strata[tested].sum()))
    for stratum in strata.iter_rows(named=True):
        own = _ratio(stratum[invalid], stratum[tested])
        yield stratum[whole] * (own if stratum["tested"] else overall)


def _ratio(part: int, whole: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(0)


def _decision(sample: Sample, lines: pl.DataFrame, rate: Fraction | None, tolerable: Share) -> Decision:
    """A batch in which any line was found invalid never passes as it is: what was found must come out."""
    drawn = lines.filter("drawn")
    if rate is None or not drawn["is_tested"].all():
        return Decision.INCOMPLETE
    if not drawn["is_invalid"].any():
        return Decision.PASS if sample.size >= sample.required else Decision.INCOMPLETE
    if sample.is_census:
        return Decision.WITHDRAW
    if rate > Fraction(tolerable.numerator, tolerable.denominator):
        return Decision.CHECK_ALL
    if sample.size > sample.required:
        again = drawn.slice(sample.required)["is_invalid"].any()
        return Decision.CHECK_ALL if again else Decision.WITHDRAW
    return Decision.EXTEND if _extended(sample) < lines.height else Decision.CHECK_ALL


def _extended(sample: Sample) -> int:
    """As many lines by lot again as the required sample has: what twice as many say is known half as closely again."""
    return 2 * sample.required - sample.always


def _next_size(sample: Sample, decision: Decision) -> int | None:
    if decision is Decision.EXTEND:
        return _extended(sample)
    if decision is Decision.CHECK_ALL:
        return sample.ordered.height
    if decision is Decision.INCOMPLETE and sample.size < sample.required:
        return sample.required
    return None
