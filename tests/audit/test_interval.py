"""The interval: textbook values, and its coverage counted out over whole small populations."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, prod

import pytest

from pbr.audit.interval import Stratum, interval

# Of 10 lines 5 are tested and none is invalid. With 4 invalid lines that happens 6 times in 252 (2.4%), with 3 of them
# 21 times (8.3%): there are at most 3.
BY_HAND = [
    (10, 5, 0, (0, 3)),
    (10, 5, 5, (7, 10)),
    # Both tails: 1 invalid of 2 tested of 4 says only that there is one invalid line and one valid.
    (4, 2, 1, (1, 3)),
    # C(94, 50) / C(100, 50) = 1.3% and C(95, 50) / C(100, 50) = 2.8%.
    (100, 50, 0, (0, 5)),
    (20, 20, 3, (3, 3)),
    (20, 0, 0, (0, 20)),
    (1, 1, 1, (1, 1)),
]


@pytest.mark.parametrize(("lines", "tested", "found", "ends"), BY_HAND)
def test_one_stratum_has_the_exact_interval(lines: int, tested: int, found: int, ends: tuple[int, int]) -> None:
    assert interval([Stratum(lines, tested)], found) == ends


@cache
def limits(strata: tuple[Stratum, ...], found: int) -> tuple[int, int]:
    return interval(strata, found)


def misses(strata: list[Stratum], invalid: tuple[int, ...]) -> tuple[Fraction, Fraction]:
    """How likely the interval lies wholly above, and wholly below, the invalid lines: every sample counted out."""
    above = below = 0
    for shown in product(*(range(each.tested + 1) for each in strata)):
        ways = prod(
            comb(bad, x) * comb(each.lines - bad, each.tested - x)
            for each, bad, x in zip(strata, invalid, shown, strict=True)
        )
        low, high = limits(tuple(strata), sum(shown)) if ways else (0, sum(invalid))
        above += ways * (low > sum(invalid))
        below += ways * (high < sum(invalid))
    all_ways = prod(comb(each.lines, each.tested) for each in strata)
    return Fraction(above, all_ways), Fraction(below, all_ways)


@pytest.mark.parametrize("lines", range(1, 13))
def test_every_number_of_invalid_lines_is_missed_at_each_end_one_time_in_forty_at_most(lines: int) -> None:
    for tested in range(lines + 1):
        for invalid in range(lines + 1):
            assert max(misses([Stratum(lines, tested)], (invalid,))) <= Fraction(1, 40)


SEVERAL = [
    [(6, 3), (4, 2)],
    [(8, 4), (2, 1)],
    [(14, 2), (3, 1)],
    [(9, 1), (2, 2)],
    [(5, 2), (5, 2), (2, 1)],
    [(7, 0), (5, 3)],
    [(12, 2), (2, 1), (2, 1)],
]


@pytest.mark.parametrize("shape", SEVERAL)
def test_however_invalid_lines_lie_among_strata_they_are_missed_one_time_in_forty_at_most(
    shape: list[tuple[int, int]],
) -> None:
    strata = [Stratum(*each) for each in shape]
    for invalid in product(*(range(each.lines + 1) for each in strata)):
        assert max(misses(strata, invalid)) <= Fraction(1, 40), invalid


def test_pooling_two_strata_as_if_they_were_one_would_miss_more_often_than_five_times_in_a_hundred() -> None:
    pooled = interval([Stratum(10, 5)], 0)
    assert pooled == (0, 3)
    # 2 invalid lines in the stratum of 6, and 2 in that of 4: all are missed in 4/20 of samples of the one, and 1/6 of
    # the other; and as often, all are found.
    chance = Fraction(comb(4, 3), comb(6, 3)) * Fraction(comb(2, 2), comb(4, 2))
    assert 2 * chance == Fraction(1, 15)
    assert interval([Stratum(6, 3), Stratum(4, 2)], 0)[1] >= 4


def test_a_stratum_of_which_nothing_was_tested_may_be_invalid_whole() -> None:
    assert interval([Stratum(7, 0), Stratum(10, 5)], 0) == (0, 10)


@pytest.mark.parametrize("found", range(9))
def test_the_interval_never_leaves_what_is_possible(found: int) -> None:
    low, high = interval([Stratum(30, 3), Stratum(50, 5)], found)
    assert found <= low <= high <= 80 - (8 - found)


def test_a_tested_batch_is_known() -> None:
    assert interval([Stratum(3, 3), Stratum(9, 9)], 4) == (4, 4)


def test_a_large_batch_is_answered_in_whole_numbers() -> None:
    strata = [Stratum(40 + 11 * n, -(-(40 + 11 * n) // 10)) for n in range(12)]
    low, high = interval(strata, 2)
    assert 2 <= low <= high < 150
