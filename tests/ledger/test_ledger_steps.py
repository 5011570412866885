"""The steps of a batch, from prepared to paid: audits and their results, and what comes in from earlier records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from pbr.errors import Faults
from pbr.ledger import NO_BATCH, Ledger
from tests.ledger.made_batches import NOON, line, prepared
from tests.ledger.made_people import (
    APPROVER,
    AUDITOR,
    BY_STEP,
    FINANCE,
    PREPARER,
    audited,
    corrected,
    imported,
    new_ledger,
    overridden,
    paid,
    refused,
    register,
    take_to,
)

LINE = "F1-crime_asb_education"
ROUTE = "crime_asb_education"
ORDER = ("prepared", "checked", "approved", "submitted", "paid")
OTHER = "c" * 64
"""The manifest digest of another bundle than the batch's."""

STEP = {**BY_STEP, "paid": (FINANCE, paid((LINE, 70000)))}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with new_ledger() as ledger:
        register(ledger)
        ledger.append("prepared", "b1", prepared(line("F1"), line("F2")), at=NOON, by=PREPARER)
        yield ledger


def take(ledger: Ledger, state: str, batch: str = "b1") -> None:
    if state == "withdrawn":
        ledger.append("withdrawn", batch, {"reason": "a mistake"}, at=NOON, by=PREPARER)
        return
    take_to(ledger, batch, "submitted" if state == "paid" else state) if state != "prepared" else None
    if state == "paid":
        ledger.append("paid", batch, paid((LINE, 70000)), at=NOON, by=FINANCE)


def test_a_batch_goes_from_prepared_to_paid_by_its_steps(ledger: Ledger) -> None:
    states = [ledger.state("b1")]
    for step in ORDER[1:]:
        who, body = STEP[step]
        ledger.append(step, "b1", body, at=NOON, by=who)
        states.append(ledger.state("b1"))
    assert states == list(ORDER)
    assert [entry.kind for entry in ledger.steps("b1")] == list(ORDER)


@pytest.mark.parametrize("state", [*ORDER, "withdrawn"])
def test_no_step_is_left_out_or_taken_twice(ledger: Ledger, state: str) -> None:
    take(ledger, state)
    follows = {"prepared": ["checked"], "checked": ["approved"], "approved": ["submitted"], "submitted": ["paid"]}
    for step in ORDER[1:]:
        if step in follows.get(state, []) or (state, step) == ("paid", "paid"):
            continue
        who, body = STEP[step]
        assert refused(ledger, step, "b1", body, who) == ["E607"], step


@pytest.mark.parametrize("state", ORDER[:-1])
def test_a_batch_can_be_withdrawn_in_any_state_before_it_is_paid(ledger: Ledger, state: str) -> None:
    take(ledger, state)
    assert refused(ledger, "withdrawn", "b1", {"reason": "a mistake"}, PREPARER) == []
    assert ledger.live_lines().is_empty()


@pytest.mark.parametrize("step", ["audited", "checked", "approved", "submitted"])
def test_a_step_is_about_the_bundle_that_the_ledger_knows(ledger: Ledger, step: str) -> None:
    if step in ("approved", "submitted"):
        take(ledger, {"approved": "checked", "submitted": "approved"}[step])
    who, body = {**STEP, "audited": (AUDITOR, audited("extend"))}[step]
    assert refused(ledger, step, "b1", {**body, "manifest_digest": OTHER}, who) == ["E635"]
    assert refused(ledger, step, "b1", body, who) == []


def test_a_step_is_refused_with_all_that_speaks_against_it(ledger: Ledger) -> None:
    body = audited("extend", ("no-such-line",), manifest=OTHER)
    assert refused(ledger, "checked", "b1", body, AUDITOR) == ["E635", "E650", "E651"]


# --------------------------------------------------------------------------------------------------------------- audits


@pytest.mark.parametrize(
    "body",
    [audited("extend"), audited("check_all"), audited("withdraw"), audited("incomplete"), audited("pass", tested=0)],
)
def test_a_batch_is_not_checked_by_an_audit_that_did_not_pass(ledger: Ledger, body: dict[str, Any]) -> None:
    assert refused(ledger, "checked", "b1", body, AUDITOR) == ["E651"]
    assert refused(ledger, "audited", "b1", body, AUDITOR) == []
    assert ledger.state("b1") == "prepared"


def test_an_audit_that_passed_is_not_entered_as_one_that_did_not(ledger: Ledger) -> None:
    assert refused(ledger, "audited", "b1", audited(), AUDITOR) == ["E651"]
    assert refused(ledger, "checked", "b1", audited(), AUDITOR) == []


def test_a_batch_without_lines_is_checked_without_a_test(ledger: Ledger) -> None:
    ledger.append("prepared", "b2", prepared(), at=NOON, by=PREPARER)
    assert refused(ledger, "checked", "b2", audited(tested=0), AUDITOR) == []


def test_an_audit_names_lines_of_its_own_batch(ledger: Ledger) -> None:
    ledger.append("prepared", "b2", prepared(line("F3")), at=NOON, by=PREPARER)
    assert refused(ledger, "audited", "b1", audited("extend", (f"F3-{ROUTE}",)), AUDITOR) == ["E650"]
    assert refused(ledger, "audited", "b2", audited("extend", (f"F3-{ROUTE}",)), AUDITOR) == []


def test_a_line_found_invalid_bars_the_check_though_the_audit_passes_later(ledger: Ledger) -> None:
    ledger.append("audited", "b1", audited("extend", (LINE,)), at=NOON, by=AUDITOR)
    assert refused(ledger, "checked", "b1", audited(), AUDITOR) == ["E652"]


def test_a_line_found_invalid_bars_the_check_by_a_passing_audit_that_names_it(ledger: Ledger) -> None:
    assert refused(ledger, "checked", "b1", audited("pass", (LINE,)), AUDITOR) == ["E651"]
    assert refused(ledger, "audited", "b1", audited("pass", (LINE,)), AUDITOR) == []


@pytest.mark.parametrize(("state", "step"), [("checked", "approved"), ("approved", "submitted")])
def test_a_line_found_invalid_after_the_check_bars_the_next_step(ledger: Ledger, state: str, step: str) -> None:
    take(ledger, state)
    ledger.append("audited", "b1", audited("extend", (LINE,)), at=NOON, by=AUDITOR)
    who, body = STEP[step]
    assert refused(ledger, step, "b1", body, who) == ["E652"]
    assert ledger.state("b1") == state
    assert refused(ledger, "withdrawn", "b1", {"reason": "found invalid"}, APPROVER) == []


def test_a_decision_found_invalid_is_not_claimed_again_in_a_later_batch(ledger: Ledger) -> None:
    ledger.append("audited", "b1", audited("extend", (LINE,)), at=NOON, by=AUDITOR)
    ledger.append("withdrawn", "b1", {"reason": "found invalid"}, at=NOON, by=PREPARER)
    assert refused(ledger, "prepared", "b2", prepared(line("F1")), PREPARER) == ["E652"]
    another_decision = {**line("F1"), "decision_id": "e" * 64}
    another_route = line("F1", "continuous_employment")
    assert refused(ledger, "prepared", "b2", prepared(another_decision, another_route), PREPARER) == []
    assert ledger.found_wrong().rows() == [("d" * 64, ROUTE, "audit", 7)]


def test_a_decision_found_invalid_is_claimed_again_by_an_override_that_releases_it(ledger: Ledger) -> None:
    ledger.append("audited", "b1", audited("extend", (LINE,)), at=NOON, by=AUDITOR)
    ledger.append("withdrawn", "b1", {"reason": "found invalid"}, at=NOON, by=PREPARER)
    override = ledger.append(
        "overridden", NO_BATCH, overridden(holds=("found_invalid_by_audit",)), at=NOON, by=PREPARER
    ).seq
    ledger.append("override_approved", NO_BATCH, {"override": override}, at=NOON, by=APPROVER)
    released = prepared({**line("F1"), "override": override})
    assert refused(ledger, "prepared", "b2", released, PREPARER) == []
    take_to(ledger, "b2", "submitted")
    assert ledger.state("b2") == "submitted"


def test_audits_are_listed_with_what_they_found(ledger: Ledger) -> None:
    ledger.append("audited", "b1", audited("extend"), at=NOON, by=AUDITOR)
    ledger.append("checked", "b1", audited(tested=2, sampled=2), at=NOON, by=AUDITOR)
    told = ledger.audits().select("seq", "by", "kind", "decision", "sampled", "tested", "invalid").rows()
    assert told == [(7, "a.audit", "audited", "extend", 1, 1, 0), (8, "a.audit", "checked", "pass", 2, 2, 0)]


# ------------------------------------------------------------------------------------------------------- earlier claims


def test_imported_claims_bar_their_families_and_persons(ledger: Ledger) -> None:
    ledger.append("imported", "old", imported(line("F8", persons=("P8",))), at=NOON, by=PREPARER)
    assert refused(ledger, "prepared", "b2", prepared(line("F8", persons=("new",))), PREPARER) == ["E608"]
    assert refused(ledger, "prepared", "b2", prepared(line("F9", persons=("P8",))), PREPARER) == ["E609"]
    other_route = line("F8", "continuous_employment", persons=("P8",))
    assert refused(ledger, "prepared", "b2", prepared(other_route), PREPARER) == []


def test_claims_that_are_here_already_are_not_imported(ledger: Ledger) -> None:
    assert refused(ledger, "imported", "old", imported(line("F1", persons=("new",))), PREPARER) == ["E608"]
    assert refused(ledger, "imported", "old", imported(line("F9", persons=("F1-p1",))), PREPARER) == ["E609"]
    assert refused(ledger, "imported", "b1", imported(line("F9")), PREPARER) == ["E605"]
    assert refused(ledger, "imported", "old", imported(line("F9")), PREPARER) == []


def test_an_import_without_lines_is_none(ledger: Ledger) -> None:
    assert refused(ledger, "imported", "old", imported(), PREPARER) == ["E603"]


def test_an_imported_line_was_paid_at_most_what_was_claimed(ledger: Ledger) -> None:
    def was_paid(pence: int) -> list[str]:
        return refused(ledger, "imported", "old", imported({**line("F9"), "paid_pence": pence}), PREPARER)

    assert was_paid(70001) == ["E656"]
    assert was_paid(70000) == []


def test_an_imported_claim_is_corrected_and_never_checked_or_paid_here(ledger: Ledger) -> None:
    ledger.append("imported", "old", imported(line("F9")), at=NOON, by=PREPARER)
    for step in ("checked", "approved", "submitted", "paid"):
        who, body = STEP[step]
        assert refused(ledger, step, "old", body, who) == ["E607"]
    given_back = corrected(f"F9-{ROUTE}", "repay", 70000)
    assert refused(ledger, "corrected", "old", given_back, FINANCE) == []
    assert refused(ledger, "prepared", "b2", prepared(line("F9")), PREPARER) == []


def test_imported_lines_are_listed_with_their_own_window_and_money(ledger: Ledger) -> None:
    ledger.append("imported", "old", imported({**line("F9"), "engaged_on": None}), at=NOON, by=PREPARER)
    old = ledger.lines().filter(batch_id="old").row(0, named=True)
    told = ("window", "state", "decision_id", "engaged_on", "claim_date", "paid_pence", "live")
    assert [old[name] for name in told] == ["2013-03", "imported", None, None, date(2013, 3, 1), 70000, True]
    assert ledger.prepared("old") is None


def test_several_entries_are_added_all_or_none(ledger: Ledger) -> None:
    new = [("prepared", f"b{n}", prepared(line(f"F{n}"))) for n in (5, 6)]
    with pytest.raises(Faults, match="E608"):
        ledger.append_all([*new, ("prepared", "b7", prepared(line("F5")))], at=NOON, by=PREPARER)
    assert ledger.batches()["batch_id"].to_list() == ["b1"]
    assert [entry.batch_id for entry in ledger.append_all(new, at=NOON, by=PREPARER)] == ["b5", "b6"]
    assert ledger.verify() == []
