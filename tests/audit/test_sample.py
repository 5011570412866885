"""The sample: who is always in it, how the rest is drawn, and that anybody draws the same."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbr.audit.sample import FEW, NO_WORKER, Sample, draw
from pbr.errors import Faults
from tests.audit.made_populations import line, lines, made

ALWAYS = ["is_override", "is_neutral", "is_repeat"]


@st.composite
def populations(draw_value: st.DrawFn) -> pl.DataFrame:
    rows = []
    for number in range(draw_value(st.integers(1, 60))):
        kind = draw_value(st.integers(0, 19))
        rows.append(
            line(
                number,
                route=draw_value(st.sampled_from(["continuous_employment", "crime_asb_education"])),
                worker_ref=draw_value(st.sampled_from([None, "aaaa", "bbbb"])),
                is_near_threshold=draw_value(st.booleans()),
                **({ALWAYS[kind]: True} if kind < len(ALWAYS) else {}),
            )
        )
    return made(rows)


def ids(sample: Sample) -> list[str]:
    return sample.lines["claim_line_id"].to_list()


# ------------------------------------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    ("population", "size"), [(1, 1), (9, 1), (10, 1), (11, 2), (48, 5), (50, 5), (51, 6), (100, 10)]
)
def test_a_tenth_is_drawn_rounded_up(population: int, size: int) -> None:
    assert draw(made(lines(population)), "seed").size == size


def test_each_stratum_gives_a_line_even_where_a_tenth_is_fewer() -> None:
    rows = [*lines(30), line(100, route="progress_to_work"), line(101, route="continuous_employment")]
    rows += [line(102, is_near_threshold=True), line(103, route="progress_to_work", is_near_threshold=True)]
    sample = draw(made(rows), "seed")
    assert sample.size == 5
    assert sample.strata["sampled"].to_list() == [1] * 5


def test_overrides_neutral_passes_and_repeat_families_are_all_in_and_a_tenth_of_all_lines_comes_on_top() -> None:
    special = [line(100, is_override=True), line(101, is_neutral=True, is_repeat=True), line(102, is_repeat=True)]
    sample = draw(made([*lines(17), *special]), "seed")
    assert (sample.always, sample.random, sample.size, sample.required) == (3, 2, 5, 5)
    whys = sample.lines["why"].to_list()
    assert sorted(whys[:3]) == ["neutral_pass;repeat_family", "override", "repeat_family"]
    assert whys[3:] == ["random", "random"]


def test_a_size_above_the_population_is_all_of_it() -> None:
    sample = draw(made(lines(12)), "seed", 500)
    assert (sample.size, sample.is_census) == (12, True)


def test_a_size_that_does_not_reach_the_lines_that_are_always_in_is_a_fault_and_one_that_does_is_none() -> None:
    population = made([line(number, is_override=number < 4) for number in range(20)])
    with pytest.raises(Faults) as raised:
        draw(population, "seed", 3)
    assert [fault.code for fault in raised.value.faults] == ["E711"]
    assert (draw(population, "seed", 4).random, draw(population, "seed", 4).required) == (0, 6)


@pytest.mark.parametrize("seed", ["", "   ", "two\nlines", "\x00"])
def test_a_seed_that_is_no_line_of_text_is_a_fault(seed: str) -> None:
    with pytest.raises(Faults) as raised:
        draw(made(lines(3)), seed)
    assert [fault.code for fault in raised.value.faults] == ["E710"]


def test_a_batch_of_which_every_line_is_always_in_leaves_nothing_to_chance() -> None:
    sample = draw(made(lines(4, is_repeat=True)), "seed")
    assert (sample.size, sample.random, sample.required, sample.is_census) == (4, 0, 4, True)


# ------------------------------------------------------------------------------------------------------------ strata


def test_a_worker_with_nine_lines_shares_a_stratum_and_one_with_ten_has_their_own() -> None:
    rows = [line(n, worker_ref="ten") for n in range(10)] + [line(100 + n, worker_ref="nine") for n in range(9)]
    rows += [line(200 + n, worker_ref="one") for n in range(1)] + [line(300 + n) for n in range(12)]
    strata = draw(made(rows), "seed").strata
    workers = dict(zip((name.split(", ", 2)[2] for name in strata["stratum"]), strata["lines"], strict=True))
    assert workers == {"ten": 10, FEW: 10, NO_WORKER: 12}


def test_lines_that_are_always_in_make_no_stratum() -> None:
    rows = [*lines(10, worker_ref="w"), *[line(50 + n, worker_ref="w", is_override=True) for n in range(5)]]
    strata = draw(made(rows), "seed").strata
    assert strata["lines"].to_list() == [10]


# ------------------------------------------------------------------------------------------------- drawn again by hand


def test_a_lot_is_the_sha256_of_seed_colon_and_line_and_the_lowest_are_drawn() -> None:
    population = made(lines(30))
    by_hand = sorted(
        population["claim_line_id"], key=lambda line: hashlib.sha256(f"dice 4 2 6:{line}".encode()).hexdigest()
    )
    assert ids(draw(population, "dice 4 2 6")) == by_hand[:3]


def test_another_seed_draws_other_lines() -> None:
    population = made(lines(200))
    assert set(ids(draw(population, "one"))) != set(ids(draw(population, "two")))


def test_a_line_that_goes_moves_no_other_in_the_order_of_its_stratum() -> None:
    population = made(lines(40))
    order = draw(population, "seed").ordered["claim_line_id"].to_list()
    gone = population.filter(pl.col("claim_line_id") != order[3])
    assert draw(gone, "seed").ordered["claim_line_id"].to_list() == order[:3] + order[4:]


@settings(max_examples=40)
@given(populations(), st.data())
def test_a_larger_sample_holds_every_smaller_one(population: pl.DataFrame, data: st.DataObject) -> None:
    always = draw(population, "s", population.height).always
    small = data.draw(st.integers(always, population.height))
    large = data.draw(st.integers(small, population.height))
    assert set(ids(draw(population, "s", small))) <= set(ids(draw(population, "s", large)))


@settings(max_examples=40)
@given(populations(), st.randoms())
def test_the_order_of_rows_means_nothing(population: pl.DataFrame, random: object) -> None:
    order = list(range(population.height))
    random.shuffle(order)
    first, second = draw(population, "s"), draw(population[order], "s")
    assert (ids(first), first.digest, first.population_digest) == (ids(second), second.digest, second.population_digest)


@settings(max_examples=40)
@given(populations(), st.integers(0, 60))
def test_no_stratum_is_behind_another_by_a_whole_line(population: pl.DataFrame, random: int) -> None:
    always = draw(population, "s", population.height).always
    sample = draw(population, "s", max(1, always + random))
    rows = list(sample.strata.select("lines", "sampled").iter_rows())
    assert sum(sampled for _, sampled in rows) == sample.random
    for of, taken in rows:
        for other_of, other_taken in rows:
            assert (taken - 1) * other_of <= other_taken * of


@settings(max_examples=40)
@given(populations())
def test_all_that_is_always_tested_is_in_the_least_sample(population: pl.DataFrame) -> None:
    sample = draw(population, "s")
    special = population.filter(pl.any_horizontal(ALWAYS))["claim_line_id"]
    assert set(special) <= set(ids(sample))
    assert 10 * sample.random >= min(population.height, 10 * (population.height - special.len()))


def test_the_digest_of_a_sample_says_which_seed_and_lines_it_has() -> None:
    population = made(lines(30))
    digests = {draw(population, seed, size).digest for seed, size in (("a", None), ("b", None), ("a", 4))}
    assert len(digests) == 3
