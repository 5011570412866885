"""Money: what is paid, given back and reversed, and balances to the penny."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest

from pbr.ledger import NO_BATCH, Ledger
from tests.ledger.made_batches import NOON, line, prepared
from tests.ledger.made_people import (
    APPROVER,
    FINANCE,
    PREPARER,
    attached,
    corrected,
    imported,
    new_ledger,
    paid,
    refused,
    register,
    take_to,
)

OTHERWISE = {"decision_id": "e" * 64}
"""Decided anew: other evidence makes another decision."""

ROUTE = "crime_asb_education"
LINE, OTHER = f"F1-{ROUTE}", f"F2-{ROUTE}"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Batch b1 of F1 and F2, at 700 pounds each, is submitted."""
    with new_ledger() as ledger:
        register(ledger)
        ledger.append("prepared", "b1", prepared(line("F1"), line("F2")), at=NOON, by=PREPARER)
        take_to(ledger, "b1", "submitted")
        yield ledger


def pay(ledger: Ledger, *lines: tuple[str, int], reference: str = "R1") -> list[str]:
    return refused(ledger, "paid", "b1", paid(*lines, reference=reference), FINANCE)


def correct(ledger: Ledger, line_id: str, act: str, pence: int) -> list[str]:
    return refused(ledger, "corrected", "b1", corrected(line_id, act, pence), FINANCE)


def money(ledger: Ledger, line_id: str = LINE) -> tuple[Any, ...]:
    """What a line was paid, repaid, whether it is live, and how it was reversed."""
    named = ("paid_pence", "repaid_pence", "live", "reversed_by")
    return ledger.lines().filter(line_id=line_id).select(named).row(-1)


# ------------------------------------------------------------------------------------------------------------ payments


def test_a_line_is_paid_up_to_what_was_claimed_and_not_a_penny_more(ledger: Ledger) -> None:
    assert pay(ledger, (LINE, 70001)) == ["E656"]
    assert pay(ledger, (LINE, 69999)) == []
    assert pay(ledger, (LINE, 2), reference="R2") == ["E656"]
    assert pay(ledger, (LINE, 1), reference="R2") == []
    assert pay(ledger, (LINE, 1), reference="R3") == ["E656"]
    assert money(ledger) == (70000, 0, True, None)


def test_a_remittance_is_entered_whole_or_not_at_all(ledger: Ledger) -> None:
    assert pay(ledger, (LINE, 70000), (OTHER, 70001)) == ["E656"]
    assert money(ledger) == (0, 0, True, None)


@pytest.mark.parametrize("again", ["R1", " r1 ", "\uff321"])
def test_a_remittance_is_entered_once_however_its_reference_is_written(ledger: Ledger, again: str) -> None:
    assert pay(ledger, (LINE, 100)) == []
    assert pay(ledger, (OTHER, 100), reference=again) == ["E653"]
    assert pay(ledger, (OTHER, 100), reference="R2") == []


def test_one_remittance_may_pay_two_batches(ledger: Ledger) -> None:
    ledger.append("prepared", "b2", prepared(line("F3")), at=NOON, by=PREPARER)
    take_to(ledger, "b2", "submitted")
    assert pay(ledger, (LINE, 100)) == []
    assert refused(ledger, "paid", "b2", paid((f"F3-{ROUTE}", 100)), FINANCE) == []


def test_a_remittance_names_each_line_once_and_only_lines_of_the_batch(ledger: Ledger) -> None:
    assert pay(ledger, (LINE, 1), (LINE, 2)) == ["E654"]
    assert pay(ledger, ("F9-none", 1)) == ["E650"]
    assert pay(ledger) == ["E603"]
    assert pay(ledger, (LINE, 1), (OTHER, 2)) == []


def test_a_line_that_is_claimed_no_more_is_not_paid(ledger: Ledger) -> None:
    assert correct(ledger, LINE, "withdraw", 70000) == []
    assert pay(ledger, (LINE, 1)) == ["E655"]
    assert pay(ledger, (OTHER, 1)) == []


def test_a_line_that_was_given_back_whole_is_not_paid_again(ledger: Ledger) -> None:
    pay(ledger, (LINE, 30000))
    assert correct(ledger, LINE, "repay", 30000) == []
    assert pay(ledger, (LINE, 1), reference="R2") == ["E655"]


def test_what_was_given_back_in_part_does_not_make_room_for_another_payment(ledger: Ledger) -> None:
    pay(ledger, (LINE, 70000))
    assert correct(ledger, LINE, "repay", 100) == []
    assert pay(ledger, (LINE, 1), reference="R2") == ["E656"]


@pytest.mark.parametrize("pence", [-1, 1.0, True, "1"])
def test_a_payment_is_whole_pence(ledger: Ledger, pence: Any) -> None:
    assert pay(ledger, (LINE, pence)) == ["E603"]


# --------------------------------------------------------------------------------------------------------- corrections


def test_at_most_what_was_paid_is_given_back(ledger: Ledger) -> None:
    pay(ledger, (LINE, 50000))
    assert correct(ledger, LINE, "repay", 0) == ["E659"]
    assert correct(ledger, LINE, "repay", 50001) == ["E659"]
    assert correct(ledger, LINE, "repay", 50000) == []
    assert money(ledger) == (50000, 50000, False, "repay")
    assert correct(ledger, LINE, "repay", 1) == ["E657"]


def test_a_line_given_back_in_part_stands_with_less(ledger: Ledger) -> None:
    pay(ledger, (LINE, 70000))
    assert correct(ledger, LINE, "repay", 69999) == []
    assert money(ledger) == (70000, 69999, True, None)
    assert ledger.live_lines().filter(line_id=LINE)["amount_pence"].to_list() == [1]
    assert correct(ledger, LINE, "repay", 2) == ["E659"]
    assert correct(ledger, LINE, "repay", 1) == []
    assert money(ledger) == (70000, 70000, False, "repay")


def test_nothing_is_given_back_of_a_line_that_was_not_paid(ledger: Ledger) -> None:
    assert correct(ledger, LINE, "repay", 70000) == ["E659"]


def test_a_line_is_withdrawn_only_while_nothing_was_paid_on_it(ledger: Ledger) -> None:
    pay(ledger, (LINE, 1))
    assert correct(ledger, LINE, "withdraw", 1) == ["E659"]
    assert correct(ledger, OTHER, "withdraw", 69999) == ["E659"]
    assert correct(ledger, OTHER, "withdraw", 70000) == []
    assert money(ledger, OTHER) == (0, 0, False, "withdraw")


@pytest.mark.parametrize(("paid_before", "whole"), [(0, 70000), (30000, 30000), (70000, 70000)])
def test_a_superseded_line_is_reversed_whole(ledger: Ledger, paid_before: int, whole: int) -> None:
    if paid_before:
        pay(ledger, (LINE, paid_before))
    assert correct(ledger, LINE, "supersede", whole - 1) == ["E659"]
    assert correct(ledger, LINE, "supersede", whole + 1) == ["E659"]
    assert correct(ledger, LINE, "supersede", whole) == []
    assert money(ledger) == (paid_before, paid_before, False, "supersede")


def test_what_is_left_after_a_part_was_given_back_is_superseded(ledger: Ledger) -> None:
    pay(ledger, (LINE, 70000))
    correct(ledger, LINE, "repay", 20000)
    assert correct(ledger, LINE, "supersede", 70000) == ["E659"]
    assert correct(ledger, LINE, "supersede", 50000) == []
    assert money(ledger) == (70000, 70000, False, "supersede")


@pytest.mark.parametrize("act", ["withdraw", "supersede"])
def test_a_reversed_line_is_not_reversed_again_and_its_family_can_be_claimed(ledger: Ledger, act: str) -> None:
    assert refused(ledger, "prepared", "b2", prepared(line("F1")), PREPARER) == ["E608", "E609", "E609"]
    assert correct(ledger, LINE, act, 70000) == []
    assert correct(ledger, LINE, act, 70000) == ["E657"]
    assert refused(ledger, "prepared", "b2", prepared(line("F1")), PREPARER) == ["E652"]
    assert refused(ledger, "prepared", "b2", prepared(line("F1") | OTHERWISE), PREPARER) == []


def test_a_line_stands_in_the_place_of_a_superseded_one_of_its_family(ledger: Ledger) -> None:
    correct(ledger, LINE, "supersede", 70000)
    successor = {**line("F1", pence=80000), "line_id": "new", "supersedes": LINE, **OTHERWISE}
    foreign = {**line("F3"), "supersedes": LINE, **OTHERWISE}
    assert refused(ledger, "prepared", "b2", prepared(foreign), PREPARER) == ["E658"]
    assert refused(ledger, "prepared", "b2", prepared({**successor, "supersedes": "none"}), PREPARER) == ["E658"]
    assert refused(ledger, "prepared", "b2", prepared(successor), PREPARER) == []
    assert ledger.lines().filter(line_id="new")["supersedes"].to_list() == [LINE]


def test_a_withdrawn_line_has_no_successor(ledger: Ledger) -> None:
    correct(ledger, LINE, "withdraw", 70000)
    successor = {**line("F1"), "line_id": "new", "supersedes": LINE, **OTHERWISE}
    assert refused(ledger, "prepared", "b2", prepared(successor), PREPARER) == ["E658"]


def test_a_correction_names_lines_of_the_batch_and_each_once(ledger: Ledger) -> None:
    assert correct(ledger, "F9-none", "withdraw", 1) == ["E650"]
    twice = {"corrections": corrected(LINE, "withdraw", 70000)["corrections"] * 2}
    assert refused(ledger, "corrected", "b1", twice, FINANCE) == ["E654"]
    assert refused(ledger, "corrected", "b1", {"corrections": []}, FINANCE) == ["E603"]


def test_a_correction_says_why(ledger: Ledger) -> None:
    assert refused(ledger, "corrected", "b1", corrected(LINE, "withdraw", 70000, cause=" "), FINANCE) == ["E603"]


@pytest.mark.parametrize("state", ["prepared", "checked", "approved"])
def test_lines_are_corrected_only_once_they_were_submitted(ledger: Ledger, state: str) -> None:
    ledger.append("prepared", "b2", prepared(line("F3")), at=NOON, by=PREPARER)
    if state != "prepared":
        take_to(ledger, "b2", state)
    body = corrected(f"F3-{ROUTE}", "withdraw", 70000)
    assert refused(ledger, "corrected", "b2", body, FINANCE) == ["E607"]


def test_a_correction_changes_neither_the_batchs_state_nor_what_was_entered(ledger: Ledger) -> None:
    before = [entry.digest for entry in ledger.entries()]
    correct(ledger, LINE, "withdraw", 70000)
    assert ledger.state("b1") == "submitted"
    assert [entry.digest for entry in ledger.entries()][:-1] == before


def test_a_paid_batch_is_withdrawn_only_when_all_is_given_back(ledger: Ledger) -> None:
    def withdraw() -> list[str]:
        return refused(ledger, "withdrawn", "b1", {"reason": "a mistake"}, APPROVER)

    pay(ledger, (LINE, 70000), (OTHER, 1))
    assert withdraw() == ["E648"]
    correct(ledger, LINE, "repay", 70000)
    assert withdraw() == ["E648"]
    correct(ledger, OTHER, "repay", 1)
    assert withdraw() == []
    assert ledger.live_lines().is_empty()


# ---------------------------------------------------------------------------------------------------- attachment fees


def test_attachment_fees_are_families_by_the_fee(ledger: Ledger) -> None:
    for pence in (639999, 640001):
        assert refused(ledger, "attachment_paid", NO_BATCH, attached(2, pence), FINANCE) == ["E669"]
    assert refused(ledger, "attachment_paid", NO_BATCH, attached(2, 640000), FINANCE) == []
    assert ledger.attachments().select("financial_year", "families", "amount_pence").rows() == [("2012/13", 2, 640000)]


def test_attachment_fees_are_entered_once(ledger: Ledger) -> None:
    ledger.append("attachment_paid", NO_BATCH, attached(), at=NOON, by=FINANCE)
    assert refused(ledger, "attachment_paid", NO_BATCH, attached(), FINANCE) == ["E653"]
    assert refused(ledger, "attachment_paid", NO_BATCH, attached(reference=" a1"), FINANCE) == ["E653"]
    assert refused(ledger, "attachment_paid", NO_BATCH, attached(reference="A2"), FINANCE) == []


# ------------------------------------------------------------------------------------------------------------ balances

SUMS = (
    *("lines", "claimed_pence", "paid_pence", "repaid_pence", "outstanding_pence"),
    *("withdrawn_lines", "withdrawn_pence", "held_lines", "held_pence"),
)


@pytest.fixture
def busy(ledger: Ledger) -> Ledger:
    """One line of each fate: paid, in part, given back in part and whole, withdrawn, superseded, held, imported."""
    held = {"family_id": "F7", "route": "work", "amount_pence": 800, "reason": "neutral_only"}
    lines = [line(f"F{n}", "work" if n > 5 else ROUTE, pence=1000 * n) for n in range(3, 9) if n != 7]
    batch = prepared(*lines, window="2014-12", held=(held,))
    ledger.append("prepared", "b2", batch, at=NOON, by=PREPARER)
    take_to(ledger, "b2", "submitted")
    payments = ((f"F3-{ROUTE}", 3000), (f"F4-{ROUTE}", 1), (f"F5-{ROUTE}", 5000), ("F6-work", 6000))
    ledger.append("paid", "b2", paid(*payments), at=NOON, by=FINANCE)
    for line_id, act, pence in (
        (f"F5-{ROUTE}", "repay", 2),
        ("F6-work", "repay", 6000),
        ("F8-work", "supersede", 8000),
    ):
        ledger.append("corrected", "b2", corrected(line_id, act, pence), at=NOON, by=FINANCE)
    correct(ledger, OTHER, "withdraw", 70000)
    old = imported({**line("F9", pence=900), "paid_pence": 400})
    ledger.append("imported", "old", old, at=NOON, by=PREPARER)
    return ledger


def test_balances_by_window_and_route_are_right_to_the_penny(busy: Ledger) -> None:
    assert busy.balances().select("window", "route", *SUMS).rows() == [
        ("2013-03", ROUTE, 1, 900, 400, 0, 500, 0, 0, 0, 0),
        ("2014-09", ROUTE, 1, 70000, 0, 0, 70000, 1, 70000, 0, 0),
        ("2014-12", ROUTE, 3, 11998, 8001, 2, 3999, 0, 0, 0, 0),
        ("2014-12", "work", 0, 0, 6000, 6000, 0, 2, 8000, 1, 800),
    ]


@pytest.mark.parametrize("by", ["authority", "window", "route", "family"])
def test_balances_by_any_dimension_come_to_the_same_sums(busy: Ledger, by: str) -> None:
    sums = busy.balances(by).select(SUMS).sum().row(0)
    assert sums == (5, 82898, 14401, 6002, 74499, 3, 78000, 1, 800)
    claimed_ever = busy.lines()["amount_pence"].sum()
    assert claimed_ever == sums[1] + sums[3] + sums[6]


def test_balances_by_family_show_each_fate(busy: Ledger) -> None:
    by_family = dict(zip(*busy.balances("family").select("family_id", pl.concat_list(SUMS)), strict=True))
    assert {family: list(sums) for family, sums in by_family.items() if family in ("F5", "F6", "F7", "F8")} == {
        "F5": [1, 4998, 5000, 2, 0, 0, 0, 0, 0],
        "F6": [0, 0, 6000, 6000, 0, 1, 0, 0, 0],
        "F7": [0, 0, 0, 0, 0, 0, 0, 1, 800],
        "F8": [0, 0, 0, 0, 0, 1, 8000, 0, 0],
    }


def test_a_held_line_is_held_no_more_once_it_is_claimed(busy: Ledger) -> None:
    busy.append("prepared", "b3", prepared(line("F7", "work", pence=800) | OTHERWISE), at=NOON, by=PREPARER)
    assert busy.balances("family").filter(family_id="F7").select(SUMS).row(0)[7:] == (0, 0)
    busy.append("withdrawn", "b3", {"reason": "a mistake"}, at=NOON, by=PREPARER)
    assert busy.balances("family").filter(family_id="F7").select(SUMS).row(0)[7:] == (1, 800)


@pytest.mark.parametrize("view", ["lines", "live_lines", "batches"])
def test_the_views_say_what_the_frames_say(busy: Ledger, view: str) -> None:
    frame = {"lines": busy.lines, "live_lines": busy.lines, "batches": busy.batches}[view]()
    frame = frame.filter("live") if view == "live_lines" else frame
    shown = busy._db.execute(f"SELECT * FROM {view}")
    columns = [each[0] for each in shown.description]
    rows = [dict(zip(columns, row, strict=True)) for row in shown]
    common = [name for name in columns if name in frame.columns and name not in ("persons", "live")]
    assert len(common) >= 11
    told = frame.select(common).with_columns(pl.selectors.date().cast(pl.String)).rows()
    assert sorted(tuple(row[name] for name in common) for row in rows) == sorted(told)


def test_lines_can_be_seen_as_they_stood_before_an_entry(ledger: Ledger) -> None:
    pay(ledger, (LINE, 70000))
    entry = ledger.last()
    assert entry is not None
    before = ledger.lines(before_seq=entry.seq).filter(line_id=LINE).row(0, named=True)
    assert (before["paid_pence"], before["state"]) == (0, "submitted")
    assert ledger.lines().filter(line_id=LINE)["state"].to_list() == ["paid"]
    assert before["claim_date"] == date(2014, 9, 1)
