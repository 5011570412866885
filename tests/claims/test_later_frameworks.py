"""What the frameworks after the first pay: one result a family, no fee where there was a fixed sum, Earned Autonomy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from pbr.claims.contract import HISTORY
from pbr.claims.select import Circumstances, Selection, select
from pbr.engines.findings import FINDINGS
from pbr.rulebook.load import load_pack

PROGRESS, WORK = "sustained_progress", "continuous_employment"
EXPANDED, NATIONAL = load_pack("phase-2"), load_pack("supporting-families-2022")
AS_OF = {"phase-2": date(2017, 10, 1), "supporting-families-2022": date(2023, 10, 1)}
CLAIM = Circumstances("E09999999", "w", date(2017, 10, 1), window_open=True, families_agreed=None, families_live=0)


def choose(
    *met: tuple[str, ...], pack: Any = EXPANDED, engaged_on: date = date(2016, 4, 1), earned: Any = (), **more: Any
) -> Selection:
    """Families F1, F2 … that are eligible and have met the routes given."""
    as_of = AS_OF[pack.pack.id]
    rows = []
    for number, routes in enumerate(met, 1):
        name = f"F{number}"
        rows.append((name, "eligibility", "eligible", "", "met", "", "", "", "", "0" * 64))
        verdicts = {route: "met" if route in routes else "not_met" for route in pack.pack.routes}
        rows += [(name, "route", route, "", verdict, "", "", "", "", "0" * 64) for route, verdict in verdicts.items()]
    considered = pl.DataFrame({"family_id": [f"F{n}" for n in range(1, len(met) + 1)]}).with_columns(
        engaged_on=pl.lit(engaged_on)
    )
    findings = pl.DataFrame(rows, schema=dict.fromkeys(FINDINGS, pl.String), orient="row")
    history = pl.DataFrame(list(earned), schema=HISTORY, orient="row")
    return select(considered, findings, history, pack.rules(as_of), replace(CLAIM, claim_date=as_of, **more))


def lines(chosen: Selection) -> list[tuple[str, str, int]]:
    return [(str(f), str(r), int(p)) for f, r, p in chosen.lines.select("family_id", "route", "amount_pence").rows()]


def dropped(chosen: Selection) -> list[str]:
    return sorted(chosen.attrition.filter(pl.col("outcome") == "dropped")["reason"])


@pytest.mark.parametrize("route", [PROGRESS, WORK])
def test_a_result_of_the_expanded_programme_pays_eight_hundred_pounds_by_either_route(route: str) -> None:
    assert lines(choose((route,))) == [("F1", route, 80000)]


def test_both_routes_at_once_are_one_result() -> None:
    chosen = choose((PROGRESS, WORK))
    assert lines(chosen) == [("F1", PROGRESS, 80000)]
    assert dropped(chosen) == ["paid_by_sustained_progress"]


def test_a_second_result_of_the_same_family_pays_nothing() -> None:
    chosen = choose((PROGRESS, WORK), earned=[("F1", WORK, "family", "L1", 80000)])
    assert lines(chosen) == []
    assert dropped(chosen) == ["nothing_left_under_the_cap", "route_already_claimed"]


def test_the_national_framework_pays_for_sustained_progress_alone_and_has_no_route_by_work() -> None:
    assert list(NATIONAL.pack.tariff.routes) == list(NATIONAL.pack.routes) == [PROGRESS]
    assert lines(choose((PROGRESS,), pack=NATIONAL)) == [("F1", PROGRESS, 80000)]


def test_a_framework_with_a_fixed_sum_has_no_attachment_fee_to_take_off() -> None:
    assert NATIONAL.pack.tariff.attachment_fee is None


# ------------------------------------------------------------------------------------------------- Earned Autonomy


@pytest.mark.parametrize("pack", [EXPANDED, NATIONAL], ids=lambda pack: pack.pack.id)
def test_a_result_in_an_area_with_earned_autonomy_is_recorded_and_pays_nothing(pack: Any) -> None:
    chosen = choose((PROGRESS,), pack=pack, earned_autonomy=True)
    assert lines(chosen) == [("F1", PROGRESS, 0)]
    assert dropped(chosen) == []


def test_under_earned_autonomy_a_familys_result_is_recorded_once() -> None:
    recorded = [("F1", PROGRESS, "family", "L1", 0)]
    again = choose((PROGRESS,), (PROGRESS,), pack=NATIONAL, earned=recorded, earned_autonomy=True)
    assert lines(again) == [("F2", PROGRESS, 0)]
    assert dropped(again) == ["route_already_claimed"]
    by_the_other_route = choose((WORK,), earned=recorded, earned_autonomy=True)
    assert lines(by_the_other_route) == []
    assert dropped(by_the_other_route) == ["family_recorded_before"]


def test_a_result_recorded_at_nothing_uses_up_allocation() -> None:
    recorded = [("F1", PROGRESS, "family", "L1", 0)]
    more = {"earned_autonomy": True, "families_agreed": 2, "families_live": 1}
    chosen = choose((), (PROGRESS,), (PROGRESS,), earned=recorded, **more)
    assert lines(chosen) == [("F2", PROGRESS, 0)]
    assert dropped(chosen) == ["allocation_used", "no_route_met"]


def test_earned_autonomy_means_nothing_to_a_framework_that_does_not_know_it() -> None:
    assert load_pack("phase-1").pack.tariff.earned_autonomy is None


# ------------------------------------------------------------------------------------------------------- allocation


@pytest.mark.parametrize(("agreed", "claimed"), [(0, 0), (1, 1), (2, 2), (3, 2), (None, 2)])
def test_every_family_agreed_is_paid_for_where_there_is_no_funded_share(agreed: int | None, claimed: int) -> None:
    assert len(lines(choose((PROGRESS,), (WORK,), families_agreed=agreed))) == claimed


# ------------------------------------------------------------------------------------------------- who is decided


@pytest.mark.parametrize(
    ("engaged_on", "reason"),
    [
        (date(2015, 3, 31), "engaged_before_the_period"),
        (date(2015, 4, 1), None),
        (date(2021, 3, 31), None),
    ],
)
def test_a_family_of_the_first_programme_is_not_paid_by_the_expanded_one(engaged_on: date, reason: str | None) -> None:
    chosen = choose((PROGRESS,), engaged_on=engaged_on)
    assert dropped(chosen) == (
        ["engaged_on_or_after_as_of"] if engaged_on > AS_OF["phase-2"] else [reason] * bool(reason)
    )


def test_a_family_of_the_expanded_programme_is_paid_by_the_framework_of_the_day_it_is_decided() -> None:
    assert lines(choose((PROGRESS,), pack=NATIONAL, engaged_on=date(2016, 4, 1))) == [("F1", PROGRESS, 80000)]
