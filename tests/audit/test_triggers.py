"""Triggers: each at its limit and just beyond it, and not known where the evidence is not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from pbr.audit.triggers import AUDITS, LINES, PRACTICE, WORK, Allocation, Evidence, school_criteria, triggers
from pbr.rulebook.load import load_pack

AS_OF = date(2014, 10, 31)
OPENS, CLOSES = date(2014, 8, 1), date(2014, 10, 31)


def rows(batch: str, count: int, window: str = "2014-10", seq: int = 9, **other: object) -> list[dict[str, object]]:
    """Lines of a batch, each of a family of its own that engaged on a day of its own."""
    return [
        {
            "line_id": f"L-{batch}-{number:03}",
            "batch_id": batch,
            "window": window,
            "seq": seq,
            "family_id": f"F-{batch}-{number:03}",
            "route": "crime_asb_education",
            "engaged_on": date(2013, 1, 1) + timedelta(days=number),
            "as_of": AS_OF,
            "claim_date": CLOSES,
        }
        | other
        for number in range(count)
    ]


def evidence(*lines: dict[str, object], **other: object) -> Evidence:
    """About the batch `now`, with nothing known but its lines and the ledger's."""
    given = Evidence(
        batch_id="now",
        as_of=AS_OF,
        lines=pl.DataFrame(list(lines), LINES),
        before_known=True,
        window=(OPENS, CLOSES),
        allocation=None,
        practice=None,
        out_of_school=None,
        sustained_jobs=None,
        audits=None,
    )
    return replace(given, **other)


def tried(name: str, given: Evidence) -> tuple[str, list[str]]:
    """A trigger's outcome and its lines."""
    row = triggers(given).filter(pl.col("trigger") == name).row(0, named=True)
    return row["outcome"], row["lines"]


def outcome(name: str, given: Evidence) -> str:
    return tried(name, given)[0]


def checks(*rows: tuple[str, date, int, int]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), AUDITS, orient="row")


def practice(*rows: tuple[str, str | None, date | None, date | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), PRACTICE, orient="row")


# -------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("now", "said"), [(30, "not raised"), (31, "raised"), (14, "not raised"), (13, "raised"), (20, "not raised")]
)
def test_half_as_many_lines_again_are_expected_and_one_more_is_not_nor_as_many_fewer(now: int, said: str) -> None:
    earlier = [*rows("a", 15, "2014-01", 1), *rows("b", 25, "2014-04", 2)]
    assert outcome("unexpected_number", evidence(*earlier, *rows("now", now))) == said


def test_few_lines_are_never_unexpected() -> None:
    assert outcome("unexpected_number", evidence(*rows("a", 2, "2014-01", 1), *rows("now", 9))) == "not raised"
    assert outcome("unexpected_number", evidence(*rows("a", 2, "2014-01", 1), *rows("now", 10))) == "raised"


def test_without_an_earlier_window_a_number_is_not_known_to_be_unexpected() -> None:
    given = evidence(*rows("a", 5), *rows("now", 90))
    assert outcome("unexpected_number", given) == "not known"


@pytest.mark.parametrize(
    ("engaged", "claimed", "said"),
    [
        (300, 166, "raised"),
        (300, 200, "raised"),
        (200, 10, "raised"),
        (199, 165, "not raised"),
        (201, 167, "not raised"),
    ],
)
def test_numbers_that_meet_the_allocation_to_the_unit_are_raised_and_one_off_is_not(
    engaged: int, claimed: int, said: str
) -> None:
    given = evidence(*rows("now", 3), allocation=Allocation(agreed=200, funded=166, engaged=engaged, claimed=claimed))
    assert outcome("claims_equal_the_allocation", given) == said


def test_without_families_agreed_the_allocation_is_not_known() -> None:
    assert outcome("claims_equal_the_allocation", evidence(*rows("now", 3))) == "not known"


# -------------------------------------------------------------------------------------------------------------- windows


@pytest.mark.parametrize(("late", "said"), [(10, "not raised"), (11, "raised")])
def test_more_than_half_of_a_window_in_its_last_week_is_a_spike(late: int, said: str) -> None:
    early = rows("a", 10, claim_date=CLOSES - timedelta(days=7))
    given = evidence(*early, *rows("now", late, claim_date=CLOSES - timedelta(days=6)))
    found, lines = tried("spike_at_the_windows_end", given)
    assert (found, len(lines)) == (said, late if said == "raised" else 0)


@pytest.mark.parametrize("other", [{"window": None}, {"window": (CLOSES - timedelta(days=13), CLOSES)}])
def test_without_days_or_in_a_window_of_two_weeks_a_spike_is_not_known(other: dict[str, object]) -> None:
    assert outcome("spike_at_the_windows_end", evidence(*rows("a", 5), *rows("now", 20), **other)) == "not known"


def test_a_window_with_one_batch_has_no_spike_that_could_be_known() -> None:
    assert outcome("spike_at_the_windows_end", evidence(*rows("now", 20))) == "not known"


@pytest.mark.parametrize(("same", "said"), [(5, "not raised"), (6, "raised")])
def test_more_than_a_quarter_of_a_batch_engaged_on_one_day_looks_like_a_list(same: int, said: str) -> None:
    one_day = rows("now", 20)[:same]
    lines = [row | {"engaged_on": date(2013, 6, 1)} for row in one_day] + rows("now", 20)[same:]
    found, concerned = tried("many_engaged_on_one_day", evidence(*lines))
    assert (found, len(concerned)) == (said, same if said == "raised" else 0)


# ------------------------------------------------------------------------------------------------- workers and practice


def caseload(theirs: int) -> Evidence:
    """100 families of ten workers, ten each; 20 are claimed, so many of them the first worker's, the rest evenly."""
    families = [(f"F{number:03}", f"w{number // 10}", AS_OF, AS_OF) for number in range(100)]
    others = [10 * (1 + number % 9) + number // 9 for number in range(20 - theirs)]
    named = zip(rows("now", 20), [*range(theirs), *others], strict=True)
    return evidence(*[row | {"family_id": f"F{number:03}"} for row, number in named], practice=practice(*families))


@pytest.mark.parametrize(("theirs", "said"), [(6, "not raised"), (7, "raised")])
def test_a_worker_whose_results_chance_does_not_explain_is_an_outlier_with_their_lines(theirs: int, said: str) -> None:
    # By chance some one of ten workers has 6 or more of the 20 claimed 4 times in 100, and 7 or more 4 in 1,000.
    found, lines = tried("worker_outlier", caseload(theirs))
    assert (found, lines) == (said, [f"L-now-{number:03}" for number in range(theirs)] if said == "raised" else [])


def test_a_worker_with_all_of_three_claims_is_no_outlier_for_numbers_are_small() -> None:
    families = [(f"F{number}", "w1" if number < 3 else "w2", AS_OF, AS_OF) for number in range(8)]
    lines = [row | {"family_id": f"F{at}"} for at, row in enumerate(rows("now", 3))]
    assert outcome("worker_outlier", evidence(*lines, practice=practice(*families))) == "not raised"


def test_where_no_worker_is_named_outliers_are_not_known() -> None:
    given = evidence(*rows("now", 3), practice=practice(("F-now-000", None, None, None)))
    assert outcome("worker_outlier", given) == "not known"
    assert outcome("worker_outlier", evidence(*rows("now", 3))) == "not known"


@pytest.mark.parametrize(
    ("engaged", "as_of", "said"),
    [
        (date(2014, 4, 30), AS_OF, "not raised"),
        (date(2014, 5, 1), AS_OF, "raised"),
        (date(2014, 2, 28), date(2014, 8, 31), "not raised"),
        (date(2014, 3, 1), date(2014, 8, 31), "raised"),
    ],
)
def test_a_family_engaged_less_than_six_months_ago_had_its_result_measured_from_before(
    engaged: date, as_of: date, said: str
) -> None:
    found, lines = tried("short_intervention", evidence(*rows("now", 1, engaged_on=engaged, as_of=as_of)))
    assert (found, lines) == (said, ["L-now-000"] if said == "raised" else [])


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_family_without_a_worker_an_assessment_or_a_plan_is_named(missing: int) -> None:
    full: list[object] = ["F-now-000", "w1", AS_OF, AS_OF]
    bare = ["F-now-001", "w1", AS_OF, AS_OF]
    bare[missing] = None
    given = evidence(*rows("now", 2), practice=practice(tuple(full), tuple(bare)))
    assert tried("practice_not_on_record", given) == ("raised", ["L-now-001"])


def test_a_family_that_is_not_in_the_table_has_no_practice_on_record() -> None:
    given = evidence(*rows("now", 2), practice=practice(("F-now-000", "w1", AS_OF, AS_OF)))
    assert tried("practice_not_on_record", given) == ("raised", ["L-now-001"])


# ----------------------------------------------------------------------------------------------------------------- work


def test_work_claimed_while_children_are_out_of_school_is_shown_and_another_route_is_not() -> None:
    lines = [row | {"route": WORK} for row in rows("now", 2)] + rows("now", 3)[2:]
    given = evidence(*lines, out_of_school=frozenset({"F-now-001", "F-now-002"}))
    assert tried("work_claimed_while_children_are_out_of_school", given) == ("raised", ["L-now-001"])
    assert outcome("work_claimed_while_children_are_out_of_school", evidence(*lines)) == "not known"


@pytest.mark.parametrize(("jobs", "said"), [(5, "not raised"), (4, "raised"), (None, "not known")])
def test_more_families_in_work_than_the_department_counts_are_raised(jobs: int | None, said: str) -> None:
    given = evidence(*rows("a", 3, "2014-01", 1, route=WORK), *rows("now", 2, route=WORK), sustained_jobs=jobs)
    assert outcome("work_claims_over_sustained_jobs", given) == said


def test_one_batch_alone_can_be_over_the_department_s_count_but_never_known_to_be_within_it() -> None:
    alone = evidence(*rows("now", 3, route=WORK), before_known=False)
    assert outcome("work_claims_over_sustained_jobs", replace(alone, sustained_jobs=2)) == "raised"
    assert outcome("work_claims_over_sustained_jobs", replace(alone, sustained_jobs=3)) == "not known"


def test_the_results_at_school_are_those_that_the_first_programme_reads_off_attendance_and_exclusions() -> None:
    assert school_criteria(load_pack("phase-1").pack) == {"suspensions_below_three", "attendance_improved"}


# --------------------------------------------------------------------------------------------------------------- checks


def test_what_an_earlier_check_found_is_raised_and_a_clean_one_is_not() -> None:
    lines = [*rows("a", 3, "2014-01", 1), *rows("now", 2)]
    found = evidence(*lines, audits=checks(("a", date(2014, 2, 1), 10, 1)))
    assert tried("earlier_findings", found) == ("raised", ["L-a-000", "L-a-001", "L-a-002"])
    assert outcome("earlier_findings", evidence(*lines, audits=checks(("a", AS_OF, 10, 0)))) == "not raised"
    assert outcome("earlier_findings", evidence(*lines, audits=checks())) == "not known"


@pytest.mark.parametrize(
    ("last", "said"), [(date(2013, 10, 31), "not raised"), (date(2013, 10, 30), "raised"), (None, "raised")]
)
def test_a_year_without_a_check_is_long_and_none_ever_is_longer(last: date | None, said: str) -> None:
    made = checks(*([("a", last, 10, 0)] if last else []))
    given = evidence(*rows("a", 1, "2013-10", 1), *rows("now", 1), audits=made)
    assert outcome("long_since_last_check", given) == said


def test_before_the_first_batch_there_was_nothing_to_check() -> None:
    assert outcome("long_since_last_check", evidence(*rows("now", 1), audits=checks())) == "not known"


@pytest.mark.parametrize(("invalid", "said"), [(3, "not raised"), (4, "raised")])
def test_a_round_that_is_worse_than_all_before_it_together_is_raised(invalid: int, said: str) -> None:
    made = checks(
        ("a", date(2013, 1, 1), 100, 2), ("b", date(2013, 5, 1), 100, 4), ("c", date(2014, 1, 1), 100, invalid)
    )
    assert outcome("invalid_rate_by_round", evidence(*rows("now", 1), audits=made)) == said


def test_one_round_is_no_trend() -> None:
    assert outcome("invalid_rate_by_round", evidence(*rows("now", 1), audits=checks(("a", AS_OF, 9, 3)))) == "not known"


def test_only_what_is_raised_names_lines_and_every_trigger_says_figure_limit_and_meaning() -> None:
    told = triggers(evidence(*rows("a", 40, "2014-01", 1), *rows("now", 4), sustained_jobs=0, audits=checks()))
    assert told.filter((pl.col("outcome") != "raised") & (pl.col("lines").list.len() > 0)).is_empty()
    assert told.select("figure", "limit", "means").min_horizontal().str.len_chars().min() > 0
