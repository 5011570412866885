"""Reviewers' decisions in the ledger: which stand, and which are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.ledger import NO_BATCH, Entry, Ledger
from tests.ledger.made_batches import NOON, decision, line, prepared, reviewed

ROOT = Path(__file__).parents[2]
K1, K2 = (decision(details=name)["details_key"] for name in ("k1", "k2"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, create=True) as ledger:
        yield ledger


def review(ledger: Ledger, *decisions: dict[str, str], by: str = "r.patel", key_check: str = "0" * 8) -> Entry:
    return ledger.append("reviewed", NO_BATCH, reviewed(*decisions, key_check=key_check), at=NOON, by=by)


def refused(ledger: Ledger, *decisions: dict[str, str]) -> list[str]:
    before = list(ledger.entries())
    with pytest.raises(Faults) as raised:
        review(ledger, *decisions)
    assert list(ledger.entries()) == before
    return [fault.code for fault in raised.value.faults]


def test_what_was_decided_after_reopening_stands(ledger: Ledger) -> None:
    review(ledger, decision("P1"), decision("P2", "rejected"))
    named = ("offending", "o-k1")
    assert ledger.decisions().rows() == [(K1, "P1", "accepted", 1, *named), (K1, "P2", "rejected", 1, *named)]
    review(ledger, decision("P1", "reopened"))
    review(ledger, decision("P1", "rejected", table="marks", record_id="m7"))
    stands = [(K1, "P1", "rejected", 3, "marks", "m7"), (K1, "P2", "rejected", 1, *named)]
    assert ledger.decisions().rows() == stands


def test_a_decision_that_is_reopened_does_not_stand_and_is_not_forgotten(ledger: Ledger) -> None:
    review(ledger, decision("P1"))
    review(ledger, decision("P1", "reopened", why="the register was a year old"), by="a.jones")
    assert ledger.decisions().is_empty()
    told = ledger.reviews().select("seq", "by", "record_id", "verdict", "why").rows()
    assert told == [
        (1, "r.patel", "o-k1", "accepted", "the school's register has the same address"),
        (2, "a.jones", "o-k1", "reopened", "the register was a year old"),
    ]


def test_a_ledger_without_reviews_has_no_decisions(ledger: Ledger) -> None:
    ledger.append("prepared", "b1", prepared(line("F1")), at=NOON, by="j.smith")
    assert ledger.decisions().is_empty()
    assert ledger.reviews().is_empty()


def test_a_second_person_is_not_accepted_while_the_first_is(ledger: Ledger) -> None:
    review(ledger, decision("P1"))
    with pytest.raises(Faults, match=r"P2 cannot be accepted while P1 is. .* reopen the other"):
        review(ledger, decision("P2"))
    review(ledger, decision("P1", "reopened"))
    review(ledger, decision("P2"))
    assert ledger.decisions()["person_id"].to_list() == ["P2"]


def test_one_review_may_put_one_person_in_the_place_of_another(ledger: Ledger) -> None:
    review(ledger, decision("P1"))
    review(ledger, decision("P2"), decision("P1", "reopened"))
    assert ledger.decisions().select("person_id", "verdict").rows() == [("P2", "accepted")]


@pytest.mark.parametrize(("first", "second"), [("accepted", "rejected"), ("rejected", "accepted")])
def test_what_stands_is_not_overturned_by_whoever_has_not_seen_it(ledger: Ledger, first: str, second: str) -> None:
    review(ledger, decision("P9"))
    review(ledger, decision("P1", first, details="k2"))
    with pytest.raises(Faults, match=rf"E634 .* P1 was {first} by entry 2, .* `pbr review reopen`"):
        review(ledger, decision("P1", second, details="k2"))
    assert refused(ledger, decision("P1", "reopened", details="k2"), decision("P1", second, details="k2")) == ["E631"]
    review(ledger, decision("P1", "reopened", details="k2"))
    review(ledger, decision("P1", second, details="k2"))
    assert ledger.decisions()["verdict"].to_list() == ["accepted", second]


def test_one_review_does_not_accept_two_persons_for_the_same_details(ledger: Ledger) -> None:
    assert refused(ledger, decision("P1"), decision("P2")) == ["E633", "E633"]


def test_other_details_of_the_same_person_are_another_decision(ledger: Ledger) -> None:
    review(ledger, decision("P1"))
    review(ledger, decision("P2", details="k2"), decision("P1", "rejected", details="k2"))
    assert ledger.decisions()["details_key"].to_list() == [K1, K2, K2]


@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_the_same_decision_is_not_made_twice(ledger: Ledger, verdict: str) -> None:
    review(ledger, decision("P1", verdict))
    assert refused(ledger, decision("P1", verdict, why="again")) == ["E632"]


def test_nothing_is_reopened_that_was_not_decided(ledger: Ledger) -> None:
    assert refused(ledger, decision("P1", "reopened")) == ["E632"]
    review(ledger, decision("P1"))
    review(ledger, decision("P1", "reopened"))
    assert refused(ledger, decision("P1", "reopened")) == ["E632"]


def test_one_review_decides_of_a_person_once(ledger: Ledger) -> None:
    assert refused(ledger, decision("P1", "rejected"), decision("P1", "rejected")) == ["E631"]
    assert refused(ledger, decision("P1", "rejected"), decision("P1", "accepted")) == ["E631"]


def test_a_review_with_one_bad_decision_is_refused_whole_and_all_that_is_wrong_is_told(ledger: Ledger) -> None:
    review(ledger, decision("P1"))
    wrong = [decision("P2"), decision("P1", "rejected", details="k2"), decision("P9", "reopened", details="k2")]
    assert sorted(refused(ledger, *wrong)) == ["E632", "E633"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "perhaps"},
        {"details_key": "Ada Ashbeck"},
        {"why": "  "},
        {"person_id": ""},
        {"surname": "Ashbeck"},
    ],
)
def test_a_decision_that_is_not_as_agreed_is_refused(ledger: Ledger, wrong: dict[str, str]) -> None:
    assert refused(ledger, decision() | wrong) == ["E603"]


@pytest.mark.parametrize("check", ["", "0" * 64, "the key"])
def test_a_review_says_under_which_key_it_was_made_and_not_the_key(ledger: Ledger, check: str) -> None:
    with pytest.raises(Faults, match="E603 the review reviewed: key_check"):
        review(ledger, decision(), key_check=check)


def test_the_decisions_that_stand_are_counted_by_the_key_under_which_they_were_made(ledger: Ledger) -> None:
    assert ledger.decisions_by_key() == {}
    review(ledger, decision("P1"), decision("P2", "rejected"), key_check="a" * 8)
    review(ledger, decision("P2", "reopened"), key_check="b" * 8)
    review(ledger, decision("P1", details="k2"), key_check="b" * 8)
    assert ledger.decisions_by_key() == {"a" * 8: 1, "b" * 8: 1}


def test_a_review_decides_something(ledger: Ledger) -> None:
    assert refused(ledger) == ["E603"]


def test_a_review_is_about_no_batch_and_every_other_entry_about_one(ledger: Ledger) -> None:
    with pytest.raises(Faults, match="E630"):
        ledger.append("reviewed", "b1", reviewed(decision()), at=NOON, by="r.patel")
    with pytest.raises(Faults, match="E630"):
        ledger.append("prepared", NO_BATCH, prepared(line("F1")), at=NOON, by="r.patel")
    assert ledger.last() is None


def test_a_review_names_who_made_it(ledger: Ledger) -> None:
    with pytest.raises(Faults, match="E613 the review does not say who made it"):
        review(ledger, decision(), by=" ")


def test_reviews_leave_the_batches_as_they_are(ledger: Ledger) -> None:
    ledger.append("prepared", "b1", prepared(line("F1")), at=NOON, by="j.smith")
    before = ledger.batches()
    live, balances = ledger.live_lines(), ledger.balances()
    review(ledger, decision())
    review(ledger, decision("P1", "reopened"))
    assert ledger.state("b1") == "prepared"
    assert ledger.state(NO_BATCH) is None
    assert ledger.live_lines().equals(live)
    assert ledger.balances().equals(balances)
    assert ledger.batches().equals(before)
    assert ledger.verify() == []


def test_two_reviewers_at_once_lose_nothing_and_accept_one_person_each_time(path: Path) -> None:
    module = [sys.executable, "-m", "tests.ledger.append_reviews", str(path)]
    writers = [
        subprocess.Popen([*module, person, "25"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for person in ("P1", "P2")
    ]
    said = sorted(row for writer in writers for row in writer.communicate()[0].splitlines())
    assert len(said) == 50
    assert [row.split()[1] for row in said] == ["E633", "in"] * 25
    with Ledger.read(path) as ledger:
        assert ledger.verify() == []
        assert ledger.decisions()["details_key"].is_unique().all()
        assert ledger.decisions().height == 25
