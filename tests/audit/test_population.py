"""The population: every claim line of a bundle, with what puts it into a sample."""

from __future__ import annotations

from datetime import date

import polars as pl

from pbr.audit.population import POPULATION, population, population_digest
from pbr.claims.contract import CLAIM, FINDINGS, HISTORY

DAY = date(2014, 10, 31)


def claim_line(
    number: int, family: int, flags: str | None = None, route: str = "progress_to_work"
) -> tuple[object, ...]:
    decision = f"{family:064x}"
    return (f"L{number}", "E09999999", "2014-10", f"r{family}", route, DAY, date(2013, 1, 1), 10000, decision, flags)


def tables(*lines: tuple[object, ...], history: tuple[tuple[object, ...], ...] = (), **more: pl.DataFrame) -> dict:
    findings = [
        (f"F{family}", "route", "progress_to_work", "", "met", "", "", "", "", f"{family:064x}")
        for family in range(1, 5)
        for _ in range(2)
    ]
    return {
        "claim.csv": pl.DataFrame(lines, CLAIM, orient="row"),
        "decisions.parquet": pl.DataFrame(findings, FINDINGS, orient="row"),
        "history.csv": pl.DataFrame(history, HISTORY, orient="row"),
        **{f"{name.replace('_', '.', 1)}": frame for name, frame in more.items()},
    }


def test_a_line_is_found_once_with_its_family_however_many_findings_its_decision_has() -> None:
    lines = population(tables(claim_line(2, 1), claim_line(1, 2)))
    assert lines.schema == POPULATION
    assert lines.select("claim_line_id", "family_id").rows() == [("L1", "F2"), ("L2", "F1")]


def test_flags_say_what_a_line_is() -> None:
    lines = population(
        tables(claim_line(1, 1, "neutral_only;near_threshold"), claim_line(2, 2, "override"), claim_line(3, 3))
    )
    told = lines.select("is_override", "is_neutral", "is_near_threshold").rows()
    assert told == [(False, True, True), (True, False, False), (False, False, False)]


def test_a_flag_that_only_begins_like_one_is_another() -> None:
    (told,) = population(tables(claim_line(1, 1, "near_threshold_of_ours"))).select("is_near_threshold").rows()
    assert told == (False,)


def test_a_family_with_an_earlier_line_is_a_repeat_and_so_is_one_that_a_person_of_it_had_elsewhere() -> None:
    earlier = (
        ("F1", "continuous_employment", "family", "L0", 80000),
        ("F2", "progress_to_work", "person", "L9", 10000),
    )
    lines = population(tables(claim_line(1, 1), claim_line(2, 2), claim_line(3, 3), history=earlier))
    assert lines["is_repeat"].to_list() == [True, True, False]


def test_an_override_that_is_only_listed_apart_is_an_override_of_its_own_route_alone() -> None:
    both = tables(claim_line(1, 1), claim_line(2, 1, route="continuous_employment"))
    both["overrides.csv"] = pl.DataFrame({"family_id": ["F1"], "route": ["progress_to_work"], "act": ["release"]})
    assert population(both)["is_override"].to_list() == [True, False]


def test_a_worker_is_known_by_the_families_table_and_null_without_it() -> None:
    one = tables(claim_line(1, 1), claim_line(2, 2))
    assert population(one)["worker_ref"].to_list() == [None, None]
    one["families.parquet"] = pl.DataFrame({"family_id": ["F1", "F2"], "worker_ref": ["0a1b2c3d4e5f", None]})
    assert population(one)["worker_ref"].to_list() == ["0a1b2c3d4e5f", None]


def test_the_digest_is_of_the_lines_and_not_of_their_order() -> None:
    lines = population(tables(claim_line(1, 1), claim_line(2, 2)))
    assert population_digest(lines) == population_digest(lines.reverse())
    assert population_digest(lines) != population_digest(lines.with_columns(amount_pence=pl.lit(1, pl.Int64)))
    assert population_digest(lines) != population_digest(lines.head(1))
