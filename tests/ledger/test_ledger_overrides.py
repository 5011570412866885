"""Overrides: one decision, a reason, an expiry and two people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from pbr.ledger import NO_BATCH, Ledger
from tests.ledger.made_batches import NOON, line, prepared
from tests.ledger.made_people import (
    APPROVER,
    AUDITOR,
    PREPARER,
    new_ledger,
    overridden,
    person,
    refused,
    register,
)

SHARED = "person_in_another_live_line"
EXPIRY = date(2014, 12, 31)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with new_ledger() as ledger:
        register(ledger)
        yield ledger


def propose(ledger: Ledger, **other: Any) -> int:
    return ledger.append("overridden", NO_BATCH, overridden(**other), at=NOON, by=PREPARER).seq


def approved(ledger: Ledger, **other: Any) -> int:
    entry = propose(ledger, **other)
    ledger.append("override_approved", NO_BATCH, {"override": entry}, at=NOON, by=APPROVER)
    return entry


def claim(ledger: Ledger, override: int | None, on: date = EXPIRY, batch: str = "b1", **other: Any) -> list[str]:
    """The refusals of a batch with one line of F1, whose persons are P1 and P2, that rests on an override."""
    made = {**line("F1", persons=("P1", "P2")), "override": override, **other}
    return refused(ledger, "prepared", batch, prepared(made, claim_date=on), PREPARER)


def test_a_line_rests_on_an_override_once_another_person_has_approved_it(ledger: Ledger) -> None:
    entry = propose(ledger)
    assert claim(ledger, entry) == ["E660"]
    ledger.append("override_approved", NO_BATCH, {"override": entry}, at=NOON, by=APPROVER)
    assert claim(ledger, entry) == []
    assert ledger.lines()["override"].to_list() == [entry]


def test_an_override_that_is_not_there_carries_no_line(ledger: Ledger) -> None:
    assert claim(ledger, 99) == ["E660"]
    assert claim(ledger, 1) == ["E660"]
    assert claim(ledger, None) == []


def test_an_override_counts_until_its_expiry_that_day_inside(ledger: Ledger) -> None:
    entry = approved(ledger)
    assert claim(ledger, entry, date(2015, 1, 1)) == ["E662"]
    assert claim(ledger, entry, EXPIRY) == []


@pytest.mark.parametrize("other", [{"decision_id": "e" * 64}, {"route": "continuous_employment"}, {"family_id": "F2"}])
def test_an_override_is_of_one_decision_of_one_family_on_one_route(ledger: Ledger, other: dict[str, Any]) -> None:
    entry = approved(ledger)
    assert claim(ledger, entry, **other) == ["E661"]
    assert claim(ledger, entry) == []


def test_a_withdrawn_override_carries_no_new_line_and_leaves_those_that_are_there(ledger: Ledger) -> None:
    entry = approved(ledger)
    assert claim(ledger, entry) == []
    withdrawal = {"override": entry, "reason": "the letter was of a sibling"}
    assert refused(ledger, "override_withdrawn", NO_BATCH, withdrawal, AUDITOR) == []
    assert ledger.live_lines().height == 1
    ledger.append("withdrawn", "b1", {"reason": "a mistake"}, at=NOON, by=PREPARER)
    assert claim(ledger, entry, batch="b2") == ["E660"]


def test_a_line_can_rest_on_the_same_override_again_after_its_batch_was_withdrawn(ledger: Ledger) -> None:
    entry = approved(ledger)
    assert claim(ledger, entry) == []
    ledger.append("withdrawn", "b1", {"reason": "a mistake"}, at=NOON, by=PREPARER)
    assert claim(ledger, entry, batch="b2") == []


# ----------------------------------------------------------------------------------------- persons of other live lines


def second_family(ledger: Ledger, override: int | None = None, family: str = "F2", batch: str = "b2") -> list[str]:
    """The refusals of a claim for a family that has P2 of the first in it."""
    made = {**line(family, persons=("P2", "P3")), "override": override}
    return refused(ledger, "prepared", batch, prepared(made), PREPARER)


def test_a_person_is_claimed_in_a_second_family_by_the_release_of_that_control_and_by_no_other(ledger: Ledger) -> None:
    assert claim(ledger, None) == []
    assert second_family(ledger) == ["E609"]
    entry = approved(ledger, family="F2", holds=("neutral_only", "found_invalid_by_audit"))
    assert second_family(ledger, entry) == ["E609"]
    ledger.append("override_withdrawn", NO_BATCH, {"override": entry, "reason": "too little"}, at=NOON, by=APPROVER)
    entry = approved(ledger, family="F2", holds=("neutral_only", SHARED))
    assert second_family(ledger, entry) == []
    assert ledger.live_lines().height == 2


def test_a_release_of_persons_does_not_let_a_family_be_claimed_twice(ledger: Ledger) -> None:
    assert claim(ledger, None) == []
    entry = approved(ledger, family="F1", holds=(SHARED,))
    assert claim(ledger, entry, batch="b2", line_id="another") == ["E608"]


def test_a_person_who_was_released_once_is_still_barred_for_the_next_family(ledger: Ledger) -> None:
    assert claim(ledger, None) == []
    entry = approved(ledger, family="F2", holds=(SHARED,))
    assert second_family(ledger, entry) == []
    assert second_family(ledger, family="F4", batch="b4") == ["E609", "E609", "E609"]


def test_a_discretionary_pass_releases_no_control(ledger: Ledger) -> None:
    assert claim(ledger, None) == []
    entry = approved(ledger, family="F2", act="pass", holds=(), basis="paragraph 5 of the authority's policy")
    assert second_family(ledger, entry) == ["E609"]


def test_when_the_first_line_is_gone_the_second_still_takes_its_persons(ledger: Ledger) -> None:
    assert claim(ledger, None) == []
    entry = approved(ledger, family="F2", holds=(SHARED,))
    assert second_family(ledger, entry) == []
    ledger.append("withdrawn", "b1", {"reason": "a mistake"}, at=NOON, by=PREPARER)
    made = line("F5", persons=("P1",))
    assert refused(ledger, "prepared", "b5", prepared(line("F6", persons=("P2",))), PREPARER) == ["E609"]
    assert refused(ledger, "prepared", "b5", prepared(made), PREPARER) == []


# ------------------------------------------------------------------------------------------------- proposing, approving


def test_a_decision_has_one_override_at_a_time(ledger: Ledger) -> None:
    entry = propose(ledger)
    assert refused(ledger, "overridden", NO_BATCH, overridden(), PREPARER) == ["E663"]
    assert refused(ledger, "overridden", NO_BATCH, overridden(route="continuous_employment"), PREPARER) == []
    ledger.append("override_withdrawn", NO_BATCH, {"override": entry, "reason": "too late"}, at=NOON, by=PREPARER)
    assert refused(ledger, "overridden", NO_BATCH, overridden(), PREPARER) == []


@pytest.mark.parametrize(
    "other",
    [
        {"holds": ()},
        {"basis": "paragraph 5"},
        {"act": "pass", "basis": "paragraph 5"},
        {"act": "pass", "holds": ()},
    ],
)
def test_a_release_names_controls_and_a_pass_the_text_that_allows_it(ledger: Ledger, other: dict[str, Any]) -> None:
    assert set(refused(ledger, "overridden", NO_BATCH, overridden(**other), PREPARER)) == {"E664"}
    fits = overridden(act="pass", holds=(), basis="paragraph 5")
    assert refused(ledger, "overridden", NO_BATCH, fits, PREPARER) == []


@pytest.mark.parametrize("missing", ["reason", "role", "expires_on"])
def test_an_override_says_why_in_what_role_and_until_when(ledger: Ledger, missing: str) -> None:
    body = overridden()
    del body[missing]
    assert refused(ledger, "overridden", NO_BATCH, body, PREPARER) == ["E603"]
    blank = overridden(**{missing: " "})
    assert refused(ledger, "overridden", NO_BATCH, blank, PREPARER) == ["E603"]


def test_whoever_proposed_an_override_does_not_approve_it(ledger: Ledger) -> None:
    both = person(ledger, "b.both", 20, "preparer", "approver")
    mine = ledger.append("overridden", NO_BATCH, overridden(), at=NOON, by=both).seq
    other = propose(ledger, family="F2", route="continuous_employment")
    assert refused(ledger, "override_approved", NO_BATCH, {"override": mine}, both) == ["E646"]
    assert refused(ledger, "override_approved", NO_BATCH, {"override": other}, both) == []
    assert refused(ledger, "override_approved", NO_BATCH, {"override": mine}, APPROVER) == []


def test_an_override_is_approved_once_and_not_after_it_was_withdrawn(ledger: Ledger) -> None:
    entry = approved(ledger)
    assert refused(ledger, "override_approved", NO_BATCH, {"override": entry}, APPROVER) == ["E665"]
    withdrawal = {"override": entry, "reason": "no more"}
    assert refused(ledger, "override_withdrawn", NO_BATCH, withdrawal, PREPARER) == []
    assert refused(ledger, "override_approved", NO_BATCH, {"override": entry}, APPROVER) == ["E665"]
    assert refused(ledger, "override_withdrawn", NO_BATCH, withdrawal, PREPARER) == ["E665"]


@pytest.mark.parametrize("kind", ["override_approved", "override_withdrawn"])
def test_an_override_that_is_not_there_takes_no_step(ledger: Ledger, kind: str) -> None:
    more = {"reason": "no more"} if kind == "override_withdrawn" else {}
    assert refused(ledger, kind, NO_BATCH, {"override": 1, **more}, APPROVER) == ["E665"]


def test_overrides_are_listed_with_both_people(ledger: Ledger) -> None:
    first = approved(ledger, holds=("neutral_only", SHARED))
    propose(ledger, family="F2", route="continuous_employment")
    listed = ledger.overrides().select("entry", "state", "holds", "proposed_by", "approved_by", "expires_on").rows()
    assert listed == [
        (first, "approved", f"neutral_only;{SHARED}", "p.manager", "s.officer", EXPIRY),
        (first + 2, "proposed", "neutral_only", "p.manager", "", EXPIRY),
    ]
    assert ledger.overrides(before_seq=first + 1)["state"].to_list() == ["proposed"]
