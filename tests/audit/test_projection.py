"""From a sample's results to the batch: rates, money and what follows, reckoned by hand."""

from __future__ import annotations

import polars as pl
import pytest

from pbr.audit.projection import TOLERABLE, Projection, project
from pbr.audit.sample import Sample, draw
from pbr.values import Share
from tests.audit.made_populations import line, lines, made, results


def projected(sample: Sample, wrong: int = 0, untested: int = 0, tolerable: Share = TOLERABLE) -> Projection:
    """The first lines of the sample invalid, the last not tested, the rest valid."""
    ids = sample.lines["claim_line_id"].to_list()
    words = dict.fromkeys(ids[:wrong], "invalid") | dict.fromkeys(ids[len(ids) - untested :], "not_tested")
    return project(sample, results(sample, **words), tolerable)


HUNDRED = draw(made(lines(100)), "seed")


# ----------------------------------------------------------------------------------------------------------- figures


def test_a_clean_sample_leaves_what_it_cannot_exclude() -> None:
    found = projected(HUNDRED)
    assert (found.error_rate, found.point_pence, found.found_pence) == (Share(0, 1), 0, 0)
    # C(70, 10) / C(100, 10) = 2.29%, C(71, 10) / C(100, 10) = 2.67%: 29 invalid lines might have stayed unseen.
    assert (found.low, found.high, found.high_pence) == (0, 29, 29 * 70000)


def test_one_invalid_line_in_ten_stands_for_ten_in_a_hundred() -> None:
    found = projected(HUNDRED, wrong=1)
    assert (found.error_rate, found.point_pence, found.found_pence) == (Share(1, 10), 700000, 70000)


def test_each_stratum_is_projected_by_its_own_rate_and_value() -> None:
    rows = [
        *lines(20, amount_pence=10000),
        *[line(100 + n, route="progress_to_work", amount_pence=1000 * n) for n in range(10)],
    ]
    sample = draw(made(rows), "seed", 6)
    assert sample.strata["sampled"].to_list() == [4, 2]
    tested = sample.lines.filter(pl.col("route") == "progress_to_work").sort("amount_pence")
    small, large = tested["amount_pence"]
    found = project(sample, results(sample, **{tested["claim_line_id"][1]: "invalid"}), TOLERABLE)
    # One of two in a stratum of ten: five of thirty lines. By value: large of (small + large), of 45,000 pence.
    assert found.error_rate == Share(1, 6)
    assert found.point_pence == round(45000 * large / (small + large))
    assert found.found_pence == large


def test_a_line_that_is_always_tested_is_known_and_is_projected_on_nobody() -> None:
    rows = [*lines(90), *[line(100 + n, is_override=True, amount_pence=100) for n in range(10)]]
    sample = draw(made(rows), "seed")
    wrong = sample.lines.filter(pl.col("why") == "override")["claim_line_id"].to_list()[:3]
    found = project(sample, results(sample, **dict.fromkeys(wrong, "invalid")), TOLERABLE)
    clean = projected(sample)
    assert (found.error_rate, found.point_pence) == (Share(3, 100), 300)
    assert (found.low, found.high) == (3, clean.high + 3)


def test_the_money_at_risk_takes_the_largest_lines_that_nobody_tested() -> None:
    rows = [line(number, amount_pence=number) for number in range(100)]
    sample = draw(made(rows), "seed")
    left = sample.ordered.slice(10)["amount_pence"].sort(descending=True)
    assert projected(sample).high_pence == left.head(29).sum()


def test_a_line_that_was_not_tested_may_be_invalid_and_may_be_valid() -> None:
    whole, doubtful = projected(HUNDRED, wrong=1), projected(HUNDRED, wrong=1, untested=2)
    assert (doubtful.low, doubtful.high) == (whole.low, projected(HUNDRED, wrong=3).high)
    assert (doubtful.tested, len(doubtful.not_tested)) == (8, 2)
    assert doubtful.error_rate == Share(1, 8)


def test_where_nothing_that_chance_drew_was_tested_there_is_no_estimate() -> None:
    found = projected(HUNDRED, untested=10)
    assert (found.error_rate, found.point_pence, found.decision) == (None, None, "incomplete")
    assert (found.low, found.high) == (0, 100)


def test_lines_that_pay_nothing_are_projected_as_nothing() -> None:
    sample = draw(made(lines(100, amount_pence=0)), "seed")
    assert (projected(sample, wrong=1).point_pence, projected(sample, wrong=1).high_pence) == (0, 0)


def test_the_example_that_the_page_reckons_by_hand() -> None:
    rows = [line(number, is_override=True) for number in range(10)]
    rows += [line(100 + number, amount_pence=150000) for number in range(80)]
    rows += [line(300 + number, amount_pence=80000, route="continuous_employment") for number in range(30)]
    sample = draw(made(rows), "4 2 6 1")
    of_the_80 = sample.lines.filter(pl.col("amount_pence") == 150000)["claim_line_id"]
    wrong = [sample.lines.filter(pl.col("why") == "override")["claim_line_id"][0], of_the_80[0]]
    found = project(sample, results(sample, **dict.fromkeys(wrong, "invalid")), TOLERABLE)
    assert (sample.size, sample.strata["sampled"].to_list()) == (22, [3, 9])
    assert found.error_rate == Share(89, 1080)
    assert (found.found_pence, found.point_pence, found.high_pence) == (220000, 1403333, 6670000)
    assert (found.high, found.decision) == (45, "check_all")


# --------------------------------------------------------------------------------------------------------- decisions


def test_a_whole_clean_sample_passes() -> None:
    assert (projected(HUNDRED).decision, projected(HUNDRED).next_size) == ("pass", None)


def test_one_line_not_tested_and_a_clean_sample_is_incomplete() -> None:
    assert projected(HUNDRED, untested=1).decision == "incomplete"


def test_a_sample_smaller_than_required_passes_nothing() -> None:
    found = projected(draw(made(lines(100)), "seed", 9))
    assert (found.decision, found.next_size) == ("incomplete", 10)


@pytest.mark.parametrize(("tolerable", "decision"), [("10%", "extend"), ("9.9%", "check_all")])
def test_a_share_at_the_tolerable_is_extended_and_one_above_it_means_all(tolerable: str, decision: str) -> None:
    found = projected(HUNDRED, wrong=1, tolerable=Share.parse(tolerable))
    assert (found.decision, found.next_size) == (decision, 20 if decision == "extend" else 100)


def test_an_extension_that_is_every_line_is_a_check_of_all() -> None:
    sample = draw(made(lines(2)), "seed")
    assert (sample.size, projected(sample, wrong=1, tolerable=Share(1, 1)).decision) == (1, "check_all")


def test_a_line_that_is_invalid_again_in_the_extension_means_all() -> None:
    extended = draw(made(lines(100)), "seed", 20)
    ids = extended.lines["claim_line_id"].to_list()
    again = results(extended, **{ids[0]: "invalid", ids[10]: "invalid"})
    assert project(extended, again, Share(1, 1)).decision == "check_all"


def test_an_extension_that_finds_no_more_does_not_make_the_batch_pass() -> None:
    extended = draw(made(lines(100)), "seed", 20)
    assert projected(extended, wrong=1).decision == "withdraw"
    assert projected(extended).decision == "pass"


def test_after_every_line_was_tested_the_invalid_ones_must_come_out() -> None:
    every = draw(made(lines(100)), "seed", 100)
    found = projected(every, wrong=2)
    assert (found.decision, found.low, found.high, found.high_pence) == ("withdraw", 2, 2, 140000)
    assert projected(every).decision == "pass"


def test_a_batch_with_an_invalid_override_alone_does_not_pass() -> None:
    rows = [*lines(99), line(100, is_override=True)]
    sample = draw(made(rows), "seed")
    (override,) = sample.lines.filter(pl.col("why") == "override")["claim_line_id"]
    assert project(sample, results(sample, **{override: "invalid"}), TOLERABLE).decision == "extend"
