"""What may be entered in the ledger, and what is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pbr.errors import Faults
from pbr.ledger import Ledger
from tests.ledger.made_batches import NOON, line, prepared


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, create=True) as ledger:
        yield ledger


def enter(ledger: Ledger, kind: str, batch: str, **body: object) -> None:
    ledger.append(kind, batch, body, at=NOON, by="j.smith")


def refused(ledger: Ledger, kind: str, batch: str, **body: object) -> list[str]:
    before = list(ledger.entries())
    with pytest.raises(Faults) as raised:
        enter(ledger, kind, batch, **body)
    assert list(ledger.entries()) == before
    return [fault.code for fault in raised.value.faults]


def test_a_prepared_batch_can_be_withdrawn_with_a_reason(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    enter(ledger, "withdrawn", "b1", reason="wrong term dates")
    assert ledger.state("b1") == "withdrawn"
    assert ledger.live_lines().is_empty()


def test_a_withdrawal_without_a_reason_is_refused(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    assert refused(ledger, "withdrawn", "b1", reason="") == ["E603"]


@pytest.mark.parametrize("kind", ["submitted", "withdrawn"])
def test_a_batch_that_is_not_there_takes_no_step(ledger: Ledger, kind: str) -> None:
    assert refused(ledger, kind, "b1", **({"reason": "none"} if kind == "withdrawn" else {})) == ["E606"]


def test_a_withdrawn_batch_is_neither_submitted_nor_withdrawn_again(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    enter(ledger, "withdrawn", "b1", reason="early")
    assert refused(ledger, "submitted", "b1") == ["E607"]
    assert refused(ledger, "withdrawn", "b1", reason="again") == ["E607"]


def test_the_same_batch_is_not_prepared_twice_even_after_it_was_withdrawn(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    assert refused(ledger, "prepared", "b1", **prepared(line("F2"))) == ["E605"]
    enter(ledger, "withdrawn", "b1", reason="early")
    assert refused(ledger, "prepared", "b1", **prepared(line("F2"))) == ["E605"]


def test_a_kind_that_is_not_known_is_refused(ledger: Ledger) -> None:
    assert refused(ledger, "shredded", "b1") == ["E604"]


def test_a_family_with_a_live_line_on_the_route_is_refused(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    assert refused(ledger, "prepared", "b2", **prepared(line("F1", persons=("somebody-new",)))) == ["E608"]


def test_a_person_in_another_familys_live_line_is_refused(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1", persons=("P1", "P2"))))
    assert refused(ledger, "prepared", "b2", **prepared(line("F2", persons=("P2", "P3")))) == ["E609"]


def test_every_family_and_person_that_stands_in_the_way_is_named(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1"), line("F2")))
    with pytest.raises(Faults) as raised:
        enter(ledger, "prepared", "b2", **prepared(line("F1"), line("F2"), line("F3")))
    told = str(raised.value)
    assert all(name in told for name in ("F1", "F2", "F1-p1", "F1-p2", "F2-p1", "F2-p2", "batch b1"))
    assert "F3" not in told


def test_another_route_of_the_same_family_is_no_double_claim(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    enter(ledger, "prepared", "b2", **prepared(line("F1", "continuous_employment")))
    assert ledger.live_lines().height == 2


def test_a_withdrawn_line_frees_its_family_and_persons(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    enter(ledger, "withdrawn", "b1", reason="early")
    enter(ledger, "prepared", "b2", **prepared(line("F1")))
    assert ledger.live_lines()["batch_id"].to_list() == ["b2"]


def test_one_batch_does_not_hold_a_family_or_person_twice_on_a_route(ledger: Ledger) -> None:
    twice = {**line("F1"), "line_id": "another"}
    assert set(refused(ledger, "prepared", "b1", **prepared(line("F1"), twice))) == {"E608", "E609"}
    shared = prepared(line("F1", persons=("P1",)), line("F2", persons=("P1",)))
    assert refused(ledger, "prepared", "b1", **shared) == ["E609"]


def test_one_batch_does_not_hold_a_line_twice(ledger: Ledger) -> None:
    other = {**line("F2"), "line_id": line("F1")["line_id"]}
    assert refused(ledger, "prepared", "b1", **prepared(line("F1"), other)) == ["E612"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_pence": 700.0},
        {"amount_pence": "70000"},
        {"amount_pence": -1},
        {"amount_pence": True},
        {"decision_id": "not a digest"},
        {"engaged_on": "1 October 2012"},
        {"persons": [3]},
        {"route": ""},
        {"surname": "Placeholder"},
    ],
)
def test_a_line_that_is_not_as_agreed_is_refused(ledger: Ledger, wrong: dict[str, object]) -> None:
    assert refused(ledger, "prepared", "b1", **prepared({**line("F1"), **wrong})) == ["E603"]


def test_every_missing_field_is_told_at_once(ledger: Ledger) -> None:
    body = prepared(line("F1"))
    del body["pack_digest"], body["run_key"]
    assert refused(ledger, "prepared", "b1", **body) == ["E603", "E603"]


def test_a_refusal_never_repeats_the_value_that_was_wrong(ledger: Ledger) -> None:
    with pytest.raises(Faults) as raised:
        enter(ledger, "prepared", "b1", **prepared({**line("F1"), "engaged_on": "Jo Bloggs 01/02/2003"}))
    assert "Bloggs" not in str(raised.value)


def test_nobody_enters_anything_anonymously(ledger: Ledger) -> None:
    with pytest.raises(Faults, match="E613"):
        ledger.append("prepared", "b1", prepared(line("F1")), at=NOON, by="  ")


def test_a_time_without_its_zone_is_not_taken(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="zone"):
        ledger.append("prepared", "b1", prepared(line("F1")), at=NOON.replace(tzinfo=None), by="j.smith")


def test_a_run_is_found_by_its_key_until_it_is_withdrawn(ledger: Ledger) -> None:
    assert ledger.find_prepared("run-1") is None
    enter(ledger, "prepared", "b1", **prepared(line("F1"), run_key="run-1"))
    found = ledger.find_prepared("run-1")
    assert found is not None
    assert (found.batch_id, found.says["bundle"]) == ("b1", "E06000034-2014-09-abc")
    enter(ledger, "withdrawn", "b1", reason="early")
    assert ledger.find_prepared("run-1") is None


def test_live_lines_can_be_seen_as_they_stood_before_an_entry(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    enter(ledger, "prepared", "b2", **prepared(line("F2")))
    enter(ledger, "withdrawn", "b1", reason="early")
    assert ledger.live_lines()["family_id"].to_list() == ["F2"]
    assert ledger.live_lines(before_seq=3)["family_id"].to_list() == ["F1", "F2"]
    assert ledger.live_lines(before_seq=2)["family_id"].to_list() == ["F1"]
    assert ledger.live_lines(before_seq=1).is_empty()


def test_a_live_line_comes_back_as_it_was_entered(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1", persons=("P1", "P2"), pence=12345)))
    assert ledger.live_lines().to_dicts() == [
        {
            "line_id": "F1-crime_asb_education",
            "batch_id": "b1",
            "seq": 1,
            "window": "2014-09",
            "family_id": "F1",
            "family_ref": "ref-F1",
            "route": "crime_asb_education",
            "amount_pence": 12345,
            "engaged_on": date(2012, 10, 1),
            "persons": ["P1", "P2"],
        }
    ]


def test_balances_count_every_penny_once(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1", pence=70001), line("F2", pence=150002), window="w1"))
    second = (line("F3", pence=3), line("F1", "progress_to_work", pence=4))
    enter(ledger, "prepared", "b2", **prepared(*second, window="w2"))
    enter(ledger, "withdrawn", "b1", reason="early")
    counted = ("lines", "claimed_pence", "withdrawn_lines", "withdrawn_pence")
    assert ledger.balances().select("window", "route", *counted).rows() == [
        ("w1", "crime_asb_education", 0, 0, 2, 220003),
        ("w2", "crime_asb_education", 1, 3, 0, 0),
        ("w2", "progress_to_work", 1, 4, 0, 0),
    ]
    assert ledger.balances("authority").select(counted).rows() == [(2, 7, 2, 220003)]
    by_family = ledger.balances("family").select("family_id", *counted).rows()
    assert by_family == [("F1", 1, 4, 1, 70001), ("F2", 0, 0, 1, 150002), ("F3", 1, 3, 0, 0)]


def test_a_new_ledger_has_nothing_in_it(ledger: Ledger) -> None:
    assert ledger.batches().is_empty()
    assert ledger.live_lines().is_empty()
    assert ledger.balances().is_empty()
    assert ledger.verify() == []


def test_a_batch_without_lines_is_entered_and_claims_nothing(ledger: Ledger) -> None:
    enter(ledger, "prepared", "b1", **prepared())
    assert ledger.batches().select("lines", "amount_pence").rows() == [(0, 0)]


def test_a_ledger_is_opened_only_where_there_is_one(path: Path) -> None:
    for opening in (Ledger.open, Ledger.read):
        with pytest.raises(Faults, match="E601"):
            opening(path)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to look like a file" * 40])
def test_another_file_is_not_taken_for_a_ledger(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(Faults, match="E6"), Ledger.read(path) as ledger:
        if faults := ledger.verify():
            raise Faults(faults)


@pytest.mark.parametrize("create", [True, False])
def test_a_ledger_that_was_emptied_is_no_new_one(path: Path, create: bool) -> None:
    """Every family could be claimed again."""
    for content in (b"", sqlite_file(path.with_name("other.sqlite"))):
        path.write_bytes(content)
        with pytest.raises(Faults, match=r"E602 .* no table of entries"):
            Ledger.open(path, create=create)
        with pytest.raises(Faults, match="E602"):
            Ledger.read(path)
        assert path.read_bytes() == content


def sqlite_file(path: Path) -> bytes:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE something (x)")
    db.close()
    return path.read_bytes()


def test_making_a_ledger_where_there_is_one_keeps_it(ledger: Ledger, path: Path) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    with Ledger.open(path, create=True) as again:
        assert again.state("b1") == "prepared"


def test_looking_at_a_ledger_changes_nothing(ledger: Ledger, path: Path) -> None:
    enter(ledger, "prepared", "b1", **prepared(line("F1")))
    before = path.read_bytes()
    with Ledger.read(path) as reader:
        reader.verify()
        with pytest.raises(Faults, match="E611"):
            reader.append("submitted", "b1", {}, at=NOON, by="j.smith")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_busy_ledger_is_told_and_not_waited_for_without_end(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbr.ledger.store.PATIENCE", 0.05)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Faults, match="E610"), Ledger.open(path) as second:
        enter(second, "prepared", "b1", **prepared(line("F1")))
    other.close()


def test_where_there_is_no_ledger_yet_one_is_read_as_empty_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger.read_or_empty(path) as none_yet:
        assert none_yet.last() is None
        assert none_yet.live_lines().is_empty() and none_yet.decisions().is_empty() and none_yet.reviews().is_empty()
    assert not path.exists()


def test_what_stands_in_a_ledgers_place_is_not_read_as_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("no ledger")
    with pytest.raises(Faults) as raised, Ledger.read_or_empty(tmp_path / "ledger.sqlite") as ledger:
        ledger.live_lines()
    assert [fault.code for fault in raised.value.faults] == ["E602"]
