"""How many invalid lines there may be among those that chance draws, given how many the sample showed.

In: strata (how many lines, how many tested) and how many invalid lines were found. Out: the least and the most there
may be, in whole numbers, at 95%: at most one time in forty are there more than the most, and at most one in forty fewer
than the least, however the invalid lines lie among the strata.

With one stratum this is the exact interval of the hypergeometric distribution (Clopper and Pearson, 1934). With several
the chance is bounded from above: what is found in a stratum is a sum of independent trials (its generating function has
real roots only), and of all such sums with one mean the binomial has the widest tails (Hoeffding, 1956). Pooling strata
as if they were one is not safe: of two strata of 6 and 4 lines, with half of each tested, it misses 1 time in 15.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb

CONFIDENCE = 95
"""Per cent. The rest is shared by the two ends."""

ONE_IN = 2 * 100 // (100 - CONFIDENCE)


@dataclass(frozen=True)
class Stratum:
    """So many lines, of which so many were tested."""

    lines: int
    tested: int


def interval(strata: Sequence[Stratum], found: int) -> tuple[int, int]:
    """The least and the most invalid lines in the strata together, where the sample showed `found`."""
    lines, tested = sum(each.lines for each in strata), sum(each.tested for each in strata)
    most_possible = lines - (tested - found)
    drawn = [each for each in strata if each.tested > 0]
    unseen = lines - sum(each.lines for each in drawn)
    reach = lines - unseen
    most = _last(lambda k: _is_likely(_at_most(drawn, k, found)), found, reach)
    least = _last(lambda k: _is_likely(_at_least(drawn, reach - k, found)), 0, reach - found)
    return reach - least, min(most_possible, most + unseen)


def _last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last number for which it holds, by bisection; it holds for `low`."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _is_likely(chance: Fraction) -> bool:
    return chance * ONE_IN > 1


def _at_most(strata: Sequence[Stratum], invalid: int, found: int) -> Fraction:
    """How likely a sample shows no more than `found` of so many invalid lines, at the most."""
    if len(strata) == 1:
        return _exactly(strata[0], invalid, range(found + 1))
    mean = _mean(sorted(strata, key=_part), invalid)
    if found + 1 > mean:
        return Fraction(1)
    return _binomial(_trials(strata, invalid), mean, range(found + 1))


def _at_least(strata: Sequence[Stratum], invalid: int, found: int) -> Fraction:
    """How likely a sample shows no fewer than `found` of so many invalid lines, at the most."""
    if len(strata) == 1:
        return _exactly(strata[0], invalid, range(found, strata[0].tested + 1))
    mean = _mean(sorted(strata, key=_part, reverse=True), invalid)
    if found < mean + 1:
        return Fraction(1)
    trials = _trials(strata, invalid)
    return _binomial(trials, mean, range(found, trials + 1))


def _exactly(stratum: Stratum, invalid: int, counts: range) -> Fraction:
    valid, tested = stratum.lines - invalid, stratum.tested
    ways = sum(comb(invalid, k) * comb(valid, tested - k) for k in counts if k <= tested)
    return Fraction(ways, comb(stratum.lines, tested))


def _part(stratum: Stratum) -> Fraction:
    return Fraction(stratum.tested, stratum.lines)


def _mean(strata: Sequence[Stratum], invalid: int) -> Fraction:
    """How many the sample shows on average, where the invalid lines fill the strata in this order."""
    mean = Fraction(0)
    for stratum in strata:
        here = min(invalid, stratum.lines)
        mean += here * _part(stratum)
        invalid -= here
    return mean


def _trials(strata: Sequence[Stratum], invalid: int) -> int:
    return min(invalid, sum(each.tested for each in strata))


def _binomial(trials: int, mean: Fraction, counts: range) -> Fraction:
    if not trials:
        return Fraction(0 in counts)
    yes, of = (mean / trials).as_integer_ratio()
    return Fraction(sum(comb(trials, k) * yes**k * (of - yes) ** (trials - k) for k in counts), of**trials)
