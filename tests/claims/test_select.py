"""Which decisions become claim lines, for how much; which wait for a person; and that nobody falls out uncounted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbr.claims.contract import ALIKE, HISTORY, OVERRIDES
from pbr.claims.select import Circumstances, Controls, Selection, claim_file, claim_line_id, family_ref, select
from pbr.engines.findings import FINDINGS
from pbr.rulebook.load import load_pack

DAY = timedelta(days=1)
AS_OF = date(2014, 10, 31)
PACK = load_pack("phase-1")
CAE, CE, P2W = "crime_asb_education", "continuous_employment", "progress_to_work"
ROUTES = (CAE, CE, P2W)
YEAR_1, YEAR_2, YEAR_3 = date(2012, 9, 1), date(2013, 9, 1), date(2014, 5, 1)
USUAL = Circumstances(
    authority_code="E09999999",
    window="2014-10",
    claim_date=AS_OF,
    window_open=True,
    families_agreed=None,
    families_live=0,
)

Family = dict[str, Any]


def family(family_id: str = "F1", *met: str, engaged_on: date = YEAR_1, **more: Any) -> Family:
    """A family that is eligible and has met some routes. `flags` by route, `unknown` routes, `eligible` and why."""
    usual = {"flags": {}, "unknown": (), "eligible": "met", "reason": ""}
    return {"family_id": family_id, "engaged_on": engaged_on, "met": met, **usual, **more}


def findings(families: tuple[Family, ...], as_of: date) -> pl.DataFrame:
    rows = []
    for each in families:
        if each["engaged_on"] >= as_of:
            continue
        name, decision = each["family_id"], f"{each['family_id']:0>64}"
        rows.append((name, "eligibility", "eligible", "", each["eligible"], "", "", each["reason"], "", decision))
        for route in ROUTES:
            verdict = "met" if route in each["met"] else "unknown" if route in each["unknown"] else "not_met"
            flags = each["flags"].get(route, "")
            rows.append((name, "route", route, "", verdict, "", "", "", flags, decision))
            # A member's finding of the same name is nobody's result.
            rows.append((name, "route", route, "P1", "met", "", "", "", "", decision))
    return pl.DataFrame(rows, schema=dict.fromkeys(FINDINGS, pl.String), orient="row")


def earned(family_id: str, route: str, pounds: int, claimed_by: str = "family", line: str = "L1") -> tuple[Any, ...]:
    return (family_id, route, claimed_by, line, pounds * 100)


def choose(
    *families: Family,
    history: tuple[Any, ...] = (),
    as_of: date = AS_OF,
    controls: Controls | None = None,
    **more: Any,
) -> Selection:
    considered = pl.DataFrame(
        [(each["family_id"], each["engaged_on"]) for each in families],
        schema={"family_id": pl.String, "engaged_on": pl.Date},
        orient="row",
    )
    before = pl.DataFrame(list(history), schema=HISTORY, orient="row")
    of = replace(USUAL, claim_date=as_of, **more) if "claim_date" not in more else replace(USUAL, **more)
    return select(considered, findings(families, as_of), before, PACK.rules(as_of), of, controls)


def lines(chosen: Selection) -> list[tuple[str, str, int]]:
    """Family, route and pounds of what is claimed."""
    assert chosen.lines.filter(pl.col("amount_pence") % 100 != 0).is_empty()
    rows = chosen.lines.select("family_id", "route", pl.col("amount_pence") // 100).rows()
    return [(str(family), str(route), int(pounds)) for family, route, pounds in rows]


def dropped(chosen: Selection) -> list[str]:
    return sorted(chosen.attrition.filter(pl.col("outcome") == "dropped")["reason"])


# ----------------------------------------------------------------------------------------------------- what is paid


@pytest.mark.parametrize(
    ("engaged_on", "cae", "p2w", "ce"),
    [(YEAR_1, 700, 100, 800), (YEAR_2, 1500, 100, 1600), (YEAR_3, 2300, 100, 2400)],
)
def test_each_route_pays_by_the_year_of_engagement(engaged_on: date, cae: int, p2w: int, ce: int) -> None:
    assert lines(choose(family("F1", CAE, engaged_on=engaged_on))) == [("F1", CAE, cae)]
    assert lines(choose(family("F1", P2W, engaged_on=engaged_on))) == [("F1", P2W, p2w)]
    assert lines(choose(family("F1", CE, engaged_on=engaged_on))) == [("F1", CE, ce)]


def test_crime_and_education_with_progress_to_work_reach_the_cap_exactly() -> None:
    # Engaged 2013/14: £2,400 + £1,500 + £100 is £4,000.
    assert lines(choose(family("F1", CAE, P2W, engaged_on=YEAR_2))) == [("F1", CAE, 1500), ("F1", P2W, 100)]


@pytest.mark.parametrize("others", [(P2W,), (CAE,), (CAE, P2W)])
def test_continuous_employment_alone_is_paid_where_it_comes_with_others(others: tuple[str, ...]) -> None:
    chosen = choose(family("F1", CE, *others))
    assert lines(chosen) == [("F1", CE, 800)]
    reasons = chosen.attrition.filter(pl.col("outcome") == "dropped").select("reason", "count").rows()
    assert reasons == [("paid_by_continuous_employment", len(others))]


def test_employment_after_crime_and_education_pays_the_difference() -> None:
    chosen = choose(family("F1", CAE, CE), history=(earned("F1", CAE, 700),))
    assert lines(chosen) == [("F1", CE, 100)]


def test_employment_after_both_of_the_others_pays_nothing() -> None:
    paid = (earned("F1", CAE, 700), earned("F1", P2W, 100, line="L2"))
    chosen = choose(family("F1", CE), history=paid)
    assert lines(chosen) == []
    assert dropped(chosen) == ["nothing_left_under_the_cap"]


def test_progress_to_work_after_crime_and_education_is_paid_in_full() -> None:
    assert lines(choose(family("F1", CAE, P2W), history=(earned("F1", CAE, 700),))) == [("F1", P2W, 100)]


def test_nothing_is_left_after_continuous_employment() -> None:
    chosen = choose(family("F1", CAE, P2W), history=(earned("F1", CE, 800),))
    assert lines(chosen) == []
    assert dropped(chosen) == ["nothing_left_under_the_cap"]


@pytest.mark.parametrize(("before", "pays"), [(699, 101), (700, 100), (701, 99), (799, 1), (800, 0), (801, 0)])
def test_a_family_never_earns_more_than_the_cap_nor_less_than_nothing(before: int, pays: int) -> None:
    chosen = choose(family("F1", CE), history=(earned("F1", CAE, before),))
    assert lines(chosen) == ([("F1", CE, pays)] if pays else [])


def test_the_cap_is_taken_by_the_routes_in_the_packs_order() -> None:
    chosen = choose(family("F1", CAE, P2W), history=(earned("F1", CE, 50),))
    assert lines(chosen) == [("F1", CAE, 700), ("F1", P2W, 50)]


@pytest.mark.parametrize("engaged_on", [YEAR_1, YEAR_2, YEAR_3])
@pytest.mark.parametrize("met", [(CAE,), (CE,), (P2W,), (CAE, P2W), (CAE, CE), (CE, P2W), ROUTES])
def test_no_family_passes_four_thousand_with_its_attachment_fee(engaged_on: date, met: tuple[str, ...]) -> None:
    fee = {YEAR_1: 3200, YEAR_2: 2400, YEAR_3: 1600}[engaged_on]
    assert fee + sum(pounds for *_, pounds in lines(choose(family("F1", *met, engaged_on=engaged_on)))) <= 4000


# --------------------------------------------------------------------------------------------------------- not payable


def test_each_route_pays_a_family_once() -> None:
    chosen = choose(family("F1", CAE, P2W), history=(earned("F1", P2W, 100),))
    assert lines(chosen) == [("F1", CAE, 700)]
    assert dropped(chosen) == ["route_already_claimed"]


def test_another_familys_earnings_are_no_matter() -> None:
    assert lines(choose(family("F1", CAE), family("F2"), history=(earned("F2", CAE, 700),))) == [("F1", CAE, 700)]


@pytest.mark.parametrize(
    ("engaged_on", "reason"),
    [
        (date(2012, 3, 31), "engaged_before_the_period"),
        (date(2012, 4, 1), None),
        (date(2015, 3, 31), None),
        (date(2015, 4, 1), "engaged_after_the_period"),
    ],
)
def test_a_family_engaged_outside_the_programme_is_not_paid(engaged_on: date, reason: str | None) -> None:
    chosen = choose(family("F1", CAE, engaged_on=engaged_on), as_of=date(2015, 5, 31))
    assert dropped(chosen) == ([reason] if reason else [])
    assert len(lines(chosen)) == (0 if reason else 1)


def test_a_family_engaged_on_the_as_of_date_has_no_decision_and_is_counted() -> None:
    chosen = choose(family("F1", CAE), family("F2", engaged_on=AS_OF), family("F3", engaged_on=AS_OF + DAY))
    assert dropped(chosen) == ["engaged_on_or_after_as_of"]
    assert chosen.attrition.row(1) == ("engaged_in_period", "families", "dropped", "engaged_on_or_after_as_of", 2, None)


@pytest.mark.parametrize(("claim_date", "is_paid"), [(date(2015, 5, 31), True), (date(2015, 6, 1), False)])
def test_nothing_claimed_after_may_2015_is_paid(claim_date: date, is_paid: bool) -> None:
    chosen = choose(family("F1", CAE), claim_date=claim_date)
    assert lines(chosen) == ([("F1", CAE, 700)] if is_paid else [])
    assert dropped(chosen) == ([] if is_paid else ["claimed_after_the_period"])


@pytest.mark.parametrize(("as_of", "is_paid"), [(date(2015, 5, 31), True), (date(2015, 6, 1), False)])
def test_nothing_decided_for_a_day_after_the_period_is_paid(as_of: date, is_paid: bool) -> None:
    assert bool(lines(choose(family("F1", CAE), as_of=as_of, claim_date=date(2015, 5, 31)))) is is_paid


@pytest.mark.parametrize(("window_open", "is_paid"), [(True, True), (None, True), (False, False)])
def test_nothing_is_paid_while_the_window_is_shut(window_open: bool | None, is_paid: bool) -> None:
    chosen = choose(family("F1", CAE), window_open=window_open)
    assert bool(lines(chosen)) is is_paid
    assert dropped(chosen) == ([] if is_paid else ["window_not_open"])


@pytest.mark.parametrize(
    ("verdict", "why", "reason"),
    [
        ("not_met", "", "eligible not_met"),
        ("unknown", "not_covered;quarantined", "eligible unknown (not_covered;quarantined)"),
        ("not_applicable", "no_subject", "eligible not_applicable (no_subject)"),
    ],
)
def test_nothing_is_paid_unless_the_family_is_eligible(verdict: str, why: str, reason: str) -> None:
    chosen = choose(family("F1", CAE, CE, eligible=verdict, reason=why))
    assert lines(chosen) == []
    assert dropped(chosen) == [reason]


def test_a_family_without_a_result_is_told_from_one_whose_results_are_not_known() -> None:
    chosen = choose(family("F1"), family("F2", unknown=(CE,)), family("F3", CAE, unknown=(CE,)))
    assert lines(chosen) == [("F3", CAE, 700)]
    assert dropped(chosen) == ["no_route_met", "no_route_met_and_some_unknown"]


# ---------------------------------------------------------------------------------------------------------------- held


def held(chosen: Selection) -> list[tuple[str, str, str]]:
    rows = chosen.held.select("family_id", "route", "reason").rows()
    return [(str(family), str(route), str(reason)) for family, route, reason in rows]


def test_a_line_that_shows_only_absence_waits_for_a_person() -> None:
    chosen = choose(family("F1", CAE, P2W, flags={CAE: "neutral_only;school_leaver"}))
    assert lines(chosen) == [("F1", P2W, 100)]
    assert held(chosen) == [("F1", CAE, "neutral_only")]
    assert chosen.held["amount_pence"].to_list() == [70000]
    assert "Show a change that was measured" in chosen.held["released_by"][0]


@pytest.mark.parametrize("flags", ["", "school_leaver", "near_threshold;unverified_rule", "composition_changed"])
def test_other_flags_go_with_the_line_and_do_not_hold_it(flags: str) -> None:
    chosen = choose(family("F1", CAE, flags={CAE: flags}))
    assert held(chosen) == []
    assert chosen.lines["flags"].to_list() == [flags]


def test_a_person_in_another_familys_live_line_sends_the_line_to_review() -> None:
    chosen = choose(family("F1", CAE), history=(earned("F1", CAE, 700, "person", "L9"),))
    assert lines(chosen) == []
    assert held(chosen) == [("F1", CAE, "person_in_another_live_line")]
    assert "L9" in chosen.held["released_by"][0]


def test_a_person_in_another_familys_line_on_another_route_is_held_for_a_regrouped_household_has_no_new_cap() -> None:
    chosen = choose(family("F1", CE), history=(earned("F1", CAE, 700, "person", "L9"),))
    assert lines(chosen) == []
    assert held(chosen) == [("F1", CE, "person_in_another_live_line")]
    assert chosen.held["amount_pence"].to_list() == [80000]
    assert "L9" in chosen.held["released_by"][0]


def test_families_in_quarantine_themselves_are_counted_where_they_fall_out() -> None:
    chosen = choose(family("F1", CAE), families_quarantined=2)
    first = chosen.attrition.row(0, named=True)
    assert (first["outcome"], first["reason"], first["count"]) == ("dropped", "its_row_is_in_quarantine", 2)


def test_two_controls_are_both_named_with_what_releases_each() -> None:
    before = (earned("F1", CAE, 700, "person", "L9"), earned("F1", CAE, 700, "person", "L8"))
    chosen = choose(family("F1", CAE, flags={CAE: "neutral_only"}), history=before)
    assert held(chosen) == [("F1", CAE, "person_in_another_live_line;neutral_only")]
    released = chosen.held["released_by"][0]
    assert "L8, L9" in released
    assert "Show a change" in released


ALIKE_HOLD = "person_alike_in_another_line"
SAYS = "name same, birth same, postcode same"


def alike(*pairs: tuple[str, str, str | None], basis: str = "address", **more: Any) -> Controls:
    """People alike, by family, other family and the other's line; the persons are P1 and Q1."""
    rows = [(mine, "P1", other, "Q1", basis, SAYS, line) for mine, other, line in pairs]
    return Controls(alike=pl.DataFrame(rows, ALIKE, orient="row"), **more)


def released(family_id: str, holds: str, approved_by: str = "s.officer") -> pl.DataFrame:
    decision, until = f"{family_id:0>64}", AS_OF + DAY
    row = (family_id, CAE, decision, "release", holds, "looked up", "manager", until, "p.manager", approved_by, 7)
    return pl.DataFrame([row], OVERRIDES, orient="row")


def test_somebody_alike_in_another_live_line_holds_every_line_and_says_who_and_why_and_which_line() -> None:
    pairs = alike(("F1", "F9", "L9"), ("F1", "F9", "L8"), ("F3", "F9", "L9"))
    chosen = choose(family("F1", CAE, P2W), family("F2", CAE), controls=pairs)
    assert held(chosen) == [("F1", CAE, ALIKE_HOLD), ("F1", P2W, ALIKE_HOLD)]
    assert lines(chosen) == [("F2", CAE, 700)]
    assert chosen.held["released_by"][0] == (
        "Establish that these are not the same people under other ids, or mend the list of members: "
        f"P1 and Q1 (address: {SAYS}; line L8, L9)."
    )


def test_in_one_batch_both_wait_and_one_that_is_released_goes_alone() -> None:
    families, both = (family("F1", CAE), family("F2", CAE)), (("F1", "F2", None), ("F2", "F1", None))
    assert held(choose(*families, controls=alike(*both))) == [("F1", CAE, ALIKE_HOLD), ("F2", CAE, ALIKE_HOLD)]
    chosen = choose(*families, controls=alike(*both, overrides=released("F1", ALIKE_HOLD)))
    assert (lines(chosen), held(chosen)) == ([("F1", CAE, 700)], [("F2", CAE, ALIKE_HOLD)])
    assert chosen.lines["flags"].to_list() == ["override"]


@pytest.mark.parametrize("holds", ["neutral_only", "person_in_another_live_line"])
def test_a_release_of_another_control_does_not_let_somebody_alike_through(holds: str) -> None:
    chosen = choose(family("F1", CAE), controls=alike(("F1", "F9", "L9"), overrides=released("F1", holds)))
    assert held(chosen) == [("F1", CAE, ALIKE_HOLD)]


def test_the_other_line_is_in_the_way_while_it_waits_itself_and_is_not_when_it_cannot_be_paid() -> None:
    pair = alike(("F1", "F2", None))
    waiting = choose(family("F1", CAE), family("F2", CAE, flags={CAE: "neutral_only"}), controls=pair)
    assert held(waiting) == [("F1", CAE, ALIKE_HOLD), ("F2", CAE, "neutral_only")]
    paid = (earned("F2", CAE, 700, line="L2"),)
    assert held(choose(family("F1", CAE), family("F2", CAE), history=paid, controls=pair)) == []


def test_one_id_written_in_two_ways_is_one_person_in_two_lines() -> None:
    pair = alike(("F1", "F2", None), basis="person_id")
    chosen = choose(family("F1", CAE), family("F2", CAE), controls=pair)
    assert held(chosen) == [("F1", CAE, "person_in_another_live_line")]
    assert "P1 and Q1 (person_id: " in chosen.held["released_by"][0]


def test_a_result_that_is_dropped_names_the_earlier_lines_in_its_way_and_no_others() -> None:
    paid = (earned("F1", CAE, 700, line="L1"), earned("F1", P2W, 100, line="L2"))
    chosen = choose(family("F1", CAE, CE), family("F2", CAE, CE), history=paid)
    assert chosen.dropped.select("family_id", "route", "reason", "earlier_lines").rows() == [
        ("F1", CE, "nothing_left_under_the_cap", "L1;L2"),
        ("F1", CAE, "route_already_claimed", "L1"),
        ("F2", CAE, "paid_by_continuous_employment", None),
    ]


def test_a_line_that_is_not_payable_is_not_held_either() -> None:
    chosen = choose(family("F1", CAE, flags={CAE: "neutral_only"}), window_open=False)
    assert held(chosen) == []
    assert dropped(chosen) == ["window_not_open"]


# ---------------------------------------------------------------------------------------------------------- allocation


@pytest.mark.parametrize(("agreed", "claimed"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (5, 4)])
def test_families_beyond_the_allocation_fall_out_those_engaged_last_first(agreed: int, claimed: int) -> None:
    three = [family(f"F{n}", CAE, P2W, engaged_on=YEAR_1 + (3 - n) * DAY) for n in (1, 2, 3)]
    chosen = choose(*three, families_agreed=agreed)
    first_to_engage = ["F3", "F2", "F1"][:claimed]
    assert {family for family, *_ in lines(chosen)} == set(first_to_engage)
    assert len(lines(chosen)) == 2 * min(claimed, 3)


def test_families_engaged_on_one_day_are_taken_by_their_ids() -> None:
    chosen = choose(family("F2", CAE), family("F1", CAE), families_agreed=2)
    assert lines(chosen) == [("F1", CAE, 700)]
    assert dropped(chosen) == ["allocation_used"]


def test_families_with_a_live_line_have_used_allocation() -> None:
    assert lines(choose(family("F1", CAE), families_agreed=6, families_live=4)) == [("F1", CAE, 700)]
    assert dropped(choose(family("F1", CAE), families_agreed=6, families_live=5)) == ["allocation_used"]
    assert dropped(choose(family("F1", CAE), families_agreed=6, families_live=9)) == ["allocation_used"]


def test_a_family_that_has_its_place_keeps_it_when_the_allocation_is_used() -> None:
    known, new = family("F1", P2W, engaged_on=YEAR_2), family("F2", CAE, engaged_on=YEAR_1)
    chosen = choose(known, new, history=(earned("F1", CAE, 1500),), families_agreed=2, families_live=1)
    assert lines(chosen) == [("F1", P2W, 100)]
    assert dropped(chosen) == ["allocation_used"]


def test_a_held_line_takes_no_place_in_the_allocation() -> None:
    waiting = family("F1", CAE, flags={CAE: "neutral_only"})
    chosen = choose(waiting, family("F2", CAE, engaged_on=YEAR_2), families_agreed=2)
    assert lines(chosen) == [("F2", CAE, 1500)]
    assert held(chosen) == [("F1", CAE, "neutral_only")]


# ----------------------------------------------------------------------------------------------------------- attrition

STEPS = ("considered", "engaged_in_period", "eligible", "result", "payable", "in_the_batch")


@st.composite
def authorities(draw: st.DrawFn) -> dict[str, Any]:
    """A dozen families of every kind, with what some have earned before."""
    days = [date(2012, 3, 31), YEAR_1, YEAR_2, YEAR_3, AS_OF, date(2015, 4, 1)]
    families, history = [], []
    for n in range(draw(st.integers(0, 12))):
        met = draw(st.lists(st.sampled_from(ROUTES), unique=True))
        families.append(
            family(
                f"F{n}",
                *met,
                engaged_on=draw(st.sampled_from(days)),
                unknown=tuple(draw(st.lists(st.sampled_from(ROUTES), unique=True))),
                eligible=draw(st.sampled_from(["met", "met", "met", "not_met", "unknown"])),
                flags=dict.fromkeys(met, draw(st.sampled_from(["", "near_threshold", "neutral_only"]))),
            )
        )
        for route in draw(st.lists(st.sampled_from(ROUTES), unique=True, max_size=2)):
            whose = draw(st.sampled_from(["family", "person"]))
            history.append(earned(f"F{n}", route, draw(st.integers(1, 900)), whose, f"L{n}{route}"))
    return {
        "families": families,
        "history": tuple(history),
        "window_open": draw(st.sampled_from([True, True, None, False])),
        "families_agreed": draw(st.sampled_from([None, 0, 1, 3, 6, 12, 100])),
        "families_live": draw(st.integers(0, 3)),
    }


@settings(max_examples=60, deadline=None)
@given(authorities())
def test_every_family_and_every_result_met_is_counted_once_at_every_step(drawn: dict[str, Any]) -> None:
    families = drawn.pop("families")
    chosen = choose(*families, **drawn)
    table = chosen.attrition
    rows = table.select("step", "unit", "outcome", "count").rows()
    kept = {(step, unit): count for step, unit, outcome, count in rows if outcome == "kept"}
    assert tuple(dict.fromkeys(table["step"])) == STEPS

    def lost(of_step: str) -> int:
        return sum(count for step, _, outcome, count in rows if step == of_step and outcome != "kept")

    assert kept["considered", "families"] == len(families)
    for before, step in pairwise(STEPS[:4]):
        assert kept[step, "families"] + lost(step) == kept[before, "families"]
    for before, step in pairwise(STEPS[3:]):
        assert kept[step, "lines"] + lost(step) == kept[before, "lines"]
    reached = [
        each
        for each in families
        if date(2012, 4, 1) <= each["engaged_on"] < AS_OF and each["eligible"] == "met" and each["met"]
    ]
    assert kept["result", "families"] == len(reached)
    assert kept["result", "lines"] == sum(len(each["met"]) for each in reached)

    pence = dict(table.filter(pl.col("outcome") == "kept").select("step", "amount_pence").rows())
    assert kept["in_the_batch", "lines"] == chosen.lines.height
    assert pence["in_the_batch"] == chosen.lines["amount_pence"].sum()
    assert pence["payable"] == chosen.lines["amount_pence"].sum() + chosen.held["amount_pence"].sum()


@settings(max_examples=60, deadline=None)
@given(authorities())
def test_every_line_is_worth_something_and_no_family_is_paid_more_than_is_left(drawn: dict[str, Any]) -> None:
    families = drawn.pop("families")
    chosen = choose(*families, **drawn)
    both = pl.concat([chosen.lines.select("family_id", "route", "engaged_on", "amount_pence"),
                      chosen.held.select("family_id", "route", "engaged_on", "amount_pence")])  # fmt: skip
    assert both.filter(pl.col("amount_pence") <= 0).is_empty()
    assert not both.select("family_id", "route").is_duplicated().any()
    most = {YEAR_1: 80000, YEAR_2: 160000, YEAR_3: 240000}
    for name, engaged_on, pence in both.group_by("family_id", "engaged_on").agg(pl.sum("amount_pence")).rows():
        own = sum(row[4] for row in drawn["history"] if row[0] == name and row[2] == "family")
        assert pence + own <= max(most[engaged_on], own)
    new = {family for family, *_ in lines(chosen)} - {row[0] for row in drawn["history"] if row[2] == "family"}
    if drawn["families_agreed"] is not None:
        assert len(new) <= max(0, drawn["families_agreed"] * 5 // 6 - drawn["families_live"])


def test_the_order_of_families_means_nothing() -> None:
    families = [family(f"F{n}", CAE, engaged_on=YEAR_1 + (n % 2) * DAY) for n in range(8)]
    forwards, backwards = choose(*families, families_agreed=6), choose(*families[::-1], families_agreed=6)
    assert forwards.lines.equals(backwards.lines)
    assert forwards.attrition.equals(backwards.attrition)


def test_an_authority_without_families_claims_nothing_and_counts_nobody() -> None:
    chosen = choose()
    assert lines(chosen) == []
    assert chosen.attrition["count"].sum() == 0


# ---------------------------------------------------------------------------------------------------------- claim file

KEY = bytes(range(32))


def test_a_claim_line_has_the_familys_pseudonym_and_an_id_made_from_what_it_says() -> None:
    claim = claim_file(choose(family("F1", CAE, P2W)), AS_OF, USUAL, KEY)
    for row in claim.iter_rows(named=True):
        assert row["family_ref"] == family_ref("F1", KEY)
        assert (
            claim_line_id({name: value for name, value in row.items() if name != "family_id"}) == row["claim_line_id"]
        )
    assert claim["claim_line_id"].n_unique() == 2
    assert claim["claim_line_id"].is_sorted()


def test_a_pseudonym_depends_on_the_key_and_tells_nothing_of_the_family() -> None:
    assert family_ref("F1", KEY) == family_ref("F1", KEY)
    assert len({family_ref("F1", KEY), family_ref("F2", KEY), family_ref("F1", bytes(32))}) == 3
    assert "F1" not in family_ref("F1", KEY)


def test_a_line_whose_amount_is_changed_no_longer_has_its_id() -> None:
    row = claim_file(choose(family("F1", CAE)), AS_OF, USUAL, KEY).drop("family_id").row(0, named=True)
    assert claim_line_id(row | {"amount_pence": row["amount_pence"] + 1}) != row["claim_line_id"]
