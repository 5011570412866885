"""No family and no person is claimed twice: not under another id, not regrouped, not in another window or framework."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pbr.claims.contract import ALIKE
from pbr.errors import Disagreement, Faults
from pbr.jobs.import_claims import ImportedClaims, import_claims
from pbr.jobs.prepare import Considered, Preparation, consider, prepare
from pbr.jobs.replay import open_bundle, replay
from pbr.ledger import Ledger
from pbr.rulebook.load import load_pack
from pbr.workspace import Workspace
from tests.jobs.conftest import NOON
from tests.jobs.forged import forged
from tests.jobs.made_households import Household, write

SEPTEMBER, OCTOBER = date(2014, 9, 1), date(2014, 10, 1)
CAE, CE = "crime_asb_education", "continuous_employment"
SAME, ALIKE_HOLD = "person_in_another_live_line", "person_alike_in_another_line"

F1 = Household("F1", "C1", "A1")
F2 = Household("F2", "C2", "A2", "Larkham", "QX2 1AD", ("2004-06-09", "1981-11-30"), ("Una", "Eli"))
AGAIN = replace(F1, family_id="F9", child="C9", adult="A9", engaged_on="2013-11-01")
"""F1 under another id, with other ids for its people."""


def claimed(root: Path, *households: Household, as_of: date = OCTOBER, window: str = "w1") -> Preparation:
    done = prepare(write(root, households), as_of, window, at=NOON, by="somebody")
    assert done.bundle is not None
    return done


def considered(root: Path, *households: Household, more: tuple[str, ...] = (), as_of: date = OCTOBER) -> Considered:
    return consider(write(root, households, *more), as_of, "w3")


def lines(of: Considered | Preparation) -> list[tuple[str, str, int]]:
    return of.selection.lines.select("family_id", "route", pl.col("amount_pence") // 100).rows()


def held(of: Considered | Preparation) -> list[tuple[str, str]]:
    return of.selection.held.select("family_id", "reason").rows()


def dropped(of: Considered | Preparation) -> list[tuple[str, str, str, str | None]]:
    return of.selection.dropped.select("family_id", "route", "reason", "earlier_lines").rows()


def line_ids(of: Preparation) -> list[str]:
    return of.claim["claim_line_id"].to_list()


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace in which F1 is claimed, and the line's id. Not to be changed."""
    root = tmp_path_factory.mktemp("once") / "authority"
    (line,) = line_ids(claimed(root, F1))
    return root, line


@pytest.fixture
def first(once: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(once[0], tmp_path / "authority"))


# ------------------------------------------------------------------------------------------- a claimed family again


def test_a_family_that_is_renamed_is_found_by_its_persons(first: Path, once: tuple[Path, str]) -> None:
    again = considered(first, replace(F1, family_id="F9"))
    assert held(again) == [("F9", SAME)]
    assert once[1] in again.selection.held["released_by"][0]


@pytest.mark.parametrize("adult", ["a1", " A 1", "a 1 "])
def test_a_person_is_one_however_the_id_is_written(first: Path, adult: str) -> None:
    other = replace(F2, adult=adult, forenames=("Una", "Ada"), births=("2004-06-09", "1980-02-01"))
    assert held(considered(first, other)) == [("F2", SAME)]


def test_a_family_under_another_id_with_other_ids_for_its_people_waits_with_the_evidence(
    first: Path, once: tuple[Path, str]
) -> None:
    again = considered(first, F1, AGAIN)
    assert held(again) == [("F9", ALIKE_HOLD)]
    said = again.selection.held["released_by"][0]
    assert said.startswith("Establish that these are not the same people under other ids")
    for pair in ("A9 and A1 (address: ", "C9 and C1 (address: ", f"line {once[1]}", "2 of 2 members"):
        assert pair in said
    assert not {"Ada", "Ivo", "Brindle", "1980", "2003", "QX1"} & set(said.replace(",", " ").split())
    (mine,) = dropped(again)
    assert mine == ("F1", CAE, "route_already_claimed", once[1])


def test_one_adult_under_two_ids_in_two_families_holds_the_second_line(first: Path, once: tuple[Path, str]) -> None:
    second = replace(F2, forenames=("Una", "Ada"), births=("2004-06-09", "1980-02-01"), surname="Brindle")
    again = considered(first, F1, second)
    assert held(again) == [("F2", ALIKE_HOLD)]
    assert again.controls.alike.filter(pl.col("line_id").is_not_null()).rows() == [
        (
            "F2",
            "A2",
            "F1",
            "A1",
            "elsewhere",
            "surname same, forename same, date_of_birth same, postcode differs",
            once[1],
        )
    ]


def test_half_of_a_claimed_household_in_a_new_family_waits_though_they_left_before_the_claim(tmp_path: Path) -> None:
    # Neither is in the line of October, so by their ids they are not found.
    root, moved_on = tmp_path / "authority", "2013-10-15"
    stayed = Household("F1", "C3", "A3", births=("2005-01-01", "1979-03-03"), forenames=("Max", "Liv"))
    gone = tuple(replace(F1, left_on=moved_on).members)
    done = prepare(write(root, [stayed], *gone), OCTOBER, "w1", at=NOON, by="somebody")
    new = replace(F1, family_id="F9", joined_on=moved_on, engaged_on="2013-11-01")
    again = considered(root, stayed, new, more=gone)
    assert held(again) == [("F9", ALIKE_HOLD)]
    assert again.controls.alike.filter(pl.col("family_id") == "F9", pl.col("line_id").is_not_null()).rows() == [
        ("F9", "A1;C1", "F1", "A1;C1", "regrouped", "2 of 2 members were in the earlier family", *line_ids(done))
    ]


# ------------------------------------------------------------ in one and the same batch


def test_two_families_of_one_batch_with_the_same_people_both_wait(tmp_path: Path) -> None:
    both = considered(tmp_path / "authority", F1, AGAIN, F2)
    assert held(both) == [("F1", ALIKE_HOLD), ("F9", ALIKE_HOLD)]
    assert [family for family, _, _ in lines(both)] == ["F2"]
    assert all("in this batch" in said for said in both.selection.held["released_by"])


def test_a_family_alike_that_has_nothing_to_claim_is_in_nobodys_way(tmp_path: Path) -> None:
    # The second household engaged after the programme: it is alike, and claims nothing.
    nothing = replace(AGAIN, engaged_on="2014-09-30")
    assert held(considered(tmp_path / "authority", F1, nothing)) == []


def test_one_id_written_in_two_ways_in_one_batch_is_told_as_one_id(tmp_path: Path) -> None:
    # Records with that id are about nobody for sure, so here neither family is known to be eligible.
    both = considered(tmp_path / "authority", F1, replace(F2, adult="a1"))
    assert both.controls.alike.rows() == [
        ("F1", "A1", "F2", "a1", "person_id", "person_id same", None),
        ("F2", "a1", "F1", "A1", "person_id", "person_id same", None),
    ]


# ------------------------------------------------------------ who is not one person


def test_twins_listed_side_by_side_hold_no_line(first: Path) -> None:
    twin = "C8,F2,Una,Larkham,2004-06-09,QX2 1AD,,"
    beside = replace(F2, forenames=("Ula", "Eli"))
    assert held(considered(first, F1, beside, more=(twin,))) == []


def test_two_who_share_only_their_name_or_only_their_birth_hold_no_line(first: Path) -> None:
    namesake = replace(F2, forenames=("Ivo", "Ada"), surname="Brindle")
    born_alike = replace(F2, births=F1.births)
    assert held(considered(first, F1, namesake)) == []
    assert held(considered(first, F1, born_alike)) == []


def test_neighbours_of_one_house_hold_no_line(first: Path) -> None:
    assert held(considered(first, F1, replace(F2, postcode=F1.postcode))) == []


# ------------------------------------------------------------------------------------------------- caps and routes


def test_employment_after_attendance_pays_what_is_left_and_then_nothing(tmp_path: Path) -> None:
    root = tmp_path / "authority"
    works = replace(F1, works_since="2014-04-02")
    (earlier,) = line_ids(claimed(root, works, as_of=SEPTEMBER))
    second = claimed(root, works, window="w2")
    assert lines(second) == [("F1", CE, 100)]
    assert dropped(second) == [("F1", CAE, "route_already_claimed", earlier)]
    third = considered(root, works)
    assert lines(third) == []
    assert dropped(third) == [
        ("F1", CE, "route_already_claimed", *line_ids(second)),
        ("F1", CAE, "route_already_claimed", earlier),
    ]


@pytest.mark.parametrize(("route", "pounds", "left"), [(CAE, 700, 100), (CAE, 799, 1), (CAE, 800, 0), (CE, 700, 0)])
def test_a_line_of_the_first_programme_counts_against_cap_and_route_in_the_second(
    tmp_path: Path, route: str, pounds: int, left: int
) -> None:
    fixtures = Path(__file__).parents[2] / "fixtures"
    root = Path(shutil.copytree(fixtures / "work-is-enough", tmp_path / "authority"))
    done = legacy(root, f"F1,{route},w0,{pounds}", pack="phase-1")
    (line,) = (line["line_id"] for line in done.entry.says["lines"])
    now = consider(root, date(2018, 10, 1), "w1")
    mine = [amount for family, _, amount in lines(now) if family == "F1"]
    assert mine == [left] * (left > 0)
    reason = "route_already_claimed" if route == CE else "nothing_left_under_the_cap"
    assert (("F1", CE, reason, line) in dropped(now)) is (left == 0)


# ------------------------------------------------------------------------------------------------- bundle and replay


def test_a_bundle_carries_who_is_alike_and_replays_with_it(first: Path, tmp_path: Path) -> None:
    done = claimed(first, F1, AGAIN, F2, window="w2")
    assert done.bundle is not None
    assert held(done) == [("F9", ALIKE_HOLD)]
    opened = open_bundle(done.bundle.path)
    assert opened.tables["alike.csv"].height == 8
    assert opened.tables["dropped.csv"]["reason"].to_list() == ["route_already_claimed"]
    assert replay(done.bundle.path, from_sources=first).lines == 1
    elsewhere = shutil.copytree(first, tmp_path / "without a ledger", ignore=shutil.ignore_patterns("ledger.sqlite"))
    assert replay(done.bundle.path, from_sources=elsewhere).lines == 1
    with pytest.raises(Disagreement) as other:
        replay(forged(done.bundle.path, tmp_path / "forged", alike_csv=lambda table: table.clear()))
    assert "held line" in str(other.value.differences)
    one_less = forged(done.bundle.path, tmp_path / "one less", alike_csv=lambda table: table.head(2))
    with pytest.raises(Disagreement, match=r"differs"):
        replay(one_less, from_sources=first)


def test_who_is_alike_is_written_the_same_whatever_the_order_of_rows(first: Path) -> None:
    one, other = considered(first, F1, AGAIN, F2), considered(first, F2, AGAIN, F1)
    assert one.controls.alike.equals(other.controls.alike)
    assert one.controls.alike.schema == ALIKE


# ------------------------------------------------------------------------------------------------- earlier claims

HEAD = "family_id,route,window,amount"


def legacy(root: Path | Workspace, *rows: str, head: str = HEAD, pack: str | None = None) -> ImportedClaims:
    folder = root.root if isinstance(root, Workspace) else root
    path = folder / "earlier.csv"
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return import_claims(root, path, at=NOON, by="somebody", pack=load_pack(pack) if pack else None)


def refused(root: Path | Workspace, *rows: str, head: str = HEAD) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as raised:
        legacy(root, *rows, head=head)
    return [(fault.code, fault.place.removeprefix("earlier.csv ")) for fault in raised.value.faults]


@pytest.fixture
def unclaimed(tmp_path: Path) -> Path:
    return write(tmp_path / "authority", [F1, F2]).root


def test_an_earlier_claim_bars_its_family_and_stands_in_the_balances(unclaimed: Path) -> None:
    head = f"{HEAD},paid,engaged_on,claimed_on,persons,claim_line_id"
    done = legacy(unclaimed, f'F1,{CAE},2013-07,"£1,500.00",700,2012-10-01,2013-07-30,c1;A1,X1', head=head)
    assert (done.lines, done.amount_pence, done.paid_pence, done.persons_listed, done.nameless) == (
        1,
        150000,
        70000,
        0,
        0,
    )
    assert done.entry.batch_id.startswith("legacy-") and len(done.entry.batch_id) == 19
    now = considered(unclaimed, F1, F2)
    assert lines(now) == [("F2", CAE, 1500)]
    assert dropped(now) == [("F1", CAE, "route_already_claimed", "X1")]
    assert now.circumstances.families_live == 1
    with Ledger.read(unclaimed / "ledger.sqlite") as ledger:
        assert ledger.balances().select("window", "claimed_pence", "paid_pence", "outstanding_pence").rows() == [
            ("2013-07", 150000, 70000, 80000)
        ]
        assert ledger.live_lines()["persons"].to_list() == [["A1", "C1"]]
        assert ledger.verify() == []


def test_a_family_of_an_earlier_claim_that_comes_again_under_another_id_waits(tmp_path: Path) -> None:
    root = write(tmp_path / "authority", [F1]).root
    done = legacy(root, f"F1,{CAE},2013-07,700")
    assert (done.persons_listed, done.nameless, done.paid_told) == (1, 0, False)
    assert held(considered(root, replace(F1, family_id="F9"))) == [("F9", SAME)]
    assert held(considered(root, F1, AGAIN)) == [("F9", ALIKE_HOLD)]


def test_persons_are_those_who_were_members_on_the_day_of_the_claim(tmp_path: Path) -> None:
    root = write(tmp_path / "authority", [replace(F1, left_on="2013-08-01"), F2]).root
    head = f"{HEAD},claimed_on"
    assert legacy(root, f"F1,{CAE},w0,700,2013-08-01", head=head).nameless == 1
    assert legacy(root, f"F1,{CE},w0,100,2013-07-31", head=head).persons_listed == 1


def test_an_earlier_claim_of_a_family_that_nobody_lists_is_counted_as_naming_nobody(unclaimed: Path) -> None:
    done = legacy(unclaimed, f"F77,{CAE},2013-07,700", f"F1,{CAE},2013-07,700")
    assert (done.nameless, done.persons_listed) == (1, 1)


def test_what_is_wrong_with_a_file_is_told_at_once_with_its_rows(unclaimed: Path) -> None:
    head = f"{HEAD},paid,claimed_on,claim_line_id"
    found = refused(
        unclaimed,
        f"F1,{CAE},w0,700,0,,X1",
        f",{CAE},w0,700,0,,",
        "F2,sustained_progress,w0,700,0,,",
        f"F3,{CAE},w0,7.5,0,,",
        f"F4,{CAE},w0,700,,,",
        f"F5,{CAE},w0,700,700,31/10/2013,",
        f"F6,{CAE},w0,700,700.01,,",
        f"F1,{CAE},,700,0,,",
        ",,,,,,",
        f"F7,{CAE},w0,700,0,,X1",
        head=head,
    )
    assert found == [
        ("E685", "row 3"),
        ("E687", "row 4"),
        ("E686", "row 5"),
        ("E686", "row 6"),
        ("E686", "row 7"),
        ("E688", "row 8"),
        ("E608", "row 9"),
        ("E685", "row 9"),
        ("E689", "row 11"),
    ]
    with Ledger.read(unclaimed / "ledger.sqlite") as ledger:
        assert list(ledger.entries()) == []


@pytest.mark.parametrize(
    "content", ["", "family_id,route,window\nF1,x,w\n", f"{HEAD}\n", "\x00\xff", f"{HEAD}\n1,2,3,4,5\n"]
)
def test_a_file_that_is_no_table_of_claims_is_a_fault(unclaimed: Path, content: str) -> None:
    path = unclaimed / "earlier.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(Faults) as raised:
        import_claims(unclaimed, path, at=NOON, by="somebody")
    assert [fault.code for fault in raised.value.faults] == ["E684"]


def test_a_person_of_two_earlier_claims_on_one_route_is_found_in_the_file(unclaimed: Path) -> None:
    head = f"{HEAD},persons"
    assert refused(unclaimed, f"F1,{CAE},w0,700,A1", f"F2,{CAE},w0,700,a 1;C2", head=head) == [("E609", "row 3")]
    assert legacy(unclaimed, f"F1,{CAE},w0,700,A1", f"F2,{CE},w0,700,a 1;C2", head=head).lines == 2


def test_a_family_and_a_person_with_a_live_line_are_found_with_its_row(first: Path) -> None:
    assert refused(first, f"F2,{CAE},w0,700,P7", f"F1,{CAE},w0,700,P8", head=f"{HEAD},persons") == [("E608", "row 3")]
    assert refused(first, f"F2,{CAE},w0,700,c1", head=f"{HEAD},persons") == [("E609", "row 2")]


def test_a_file_is_imported_once_whatever_the_order_of_its_rows_and_again_when_it_was_withdrawn(
    unclaimed: Path,
) -> None:
    rows = [f"F1,{CAE},w0,700", f"F2,{CAE},w0,700"]
    done = legacy(unclaimed, *rows)
    assert [code for code, _ in refused(unclaimed, *reversed(rows))] == ["E605"]
    with Ledger.open(unclaimed / "ledger.sqlite") as ledger:
        ledger.append("withdrawn", done.entry.batch_id, {"reason": "wrong file"}, at=NOON, by="somebody")
    again = legacy(unclaimed, *rows)
    assert again.entry.batch_id != done.entry.batch_id
    assert [line["line_id"] for line in again.entry.says["lines"]] == [
        line["line_id"] for line in done.entry.says["lines"]
    ]


def test_where_each_family_has_its_own_framework_the_pack_is_asked_for(unclaimed: Path) -> None:
    toml = unclaimed / "pbr.toml"
    toml.write_text(toml.read_text().replace('"phase-1"', '"in-force"'))
    assert [code for code, _ in refused(unclaimed, f"F1,{CAE},w0,700")] == ["E519"]
    assert legacy(unclaimed, f"F1,{CAE},w0,700", pack="phase-1").entry.says["pack_id"] == "phase-1"
