"""What seems wrong with the families' lists: one person under two ids, families regrouped, members missing.

Half of this is who must not be reported: a list of false alarms is not read.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.linkage import attach
from pbr.linkage.details import Details
from pbr.linkage.families import COUNTS, FamiliesReport, look_at_families
from pbr.linkage.missing_members import LEFT_OUT, MISSING, MOST_AT, RECORDS
from pbr.linkage.regrouped import REGROUPED
from pbr.linkage.same_persons import LIVE, SAME_PERSONS
from tests.sources.made_sources import Authority

UPN, OTHER_UPN = "K201000007000", "U800000007000"
NHS, OTHER_NHS = "9990000018", "9990000026"
NINO = "XA000002A"
PERSON = (
    "person_id",
    "upn",
    "nino",
    "nhs_number",
    "pnc_id",
    "forename",
    "surname",
    "date_of_birth",
    "sex",
    "postcode",
    "uprn",
)
MINA = {"forename": "Mina", "surname": "Vane", "date_of_birth": "2001-05-06", "postcode": "ZZ1 1AA"}
HOME, DWELLING = "ZZ1 1AA", "100"
Row = dict[str, str]


def csv(rows: list[Row], columns: tuple[str, ...]) -> str:
    lines = [",".join(f'"{row.get(name, "")}"' for name in columns) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


def member(person_id: str, family_id: str, **more: str) -> Row:
    return {"person_id": person_id, "family_id": family_id, "date_of_birth": "1980-02-17", "resident": "true"} | more


def attended(record_id: str, **who: str) -> Row:
    """A child in school in the autumn of 2013."""
    return {"record_id": record_id, "academic_year": "2013/14", "term": "autumn", "sessions_possible": "140",
            "sessions_authorised": "0", "sessions_unauthorised": "0"} | who  # fmt: skip


def on_benefits(record_id: str, starts_on: str = "2013-10-01", ends_on: str = "", **who: str) -> Row:
    return {"record_id": record_id, "kind": "benefit", "code": "JSA", "starts_on": starts_on, "ends_on": ends_on} | who


def look(
    authority: Authority,
    members: list[Row],
    attendance: list[Row] = (),  # type: ignore[assignment]
    employment: list[Row] = (),  # type: ignore[assignment]
    families: str = "F1,2013-01-01,\nF2,2013-09-01,\n",
    live: list[tuple[str, str, int, list[str]]] = (),  # type: ignore[assignment]
    as_of: date | None = None,
    most_pairs: int = 1000,
) -> FamiliesReport:
    authority.write("families", f"family_id,engaged_on,closed_on\n{families}")
    authority.write("members", csv(members, ("family_id", "joined_on", "left_on", "resident", *PERSON)))
    own = ("record_id", "academic_year", "term", "sessions_possible", "sessions_authorised", "sessions_unauthorised")
    if attendance:
        authority.write("attendance", csv(attendance, (*own, *PERSON)))
    if employment:
        authority.write("employment", csv(employment, ("record_id", "kind", "code", "starts_on", "ends_on", *PERSON)))
    extracts = authority.read()
    assert {table: extract.quarantine.height for table, extract in extracts.items() if extract.quarantine.height} == {}
    lines = pl.DataFrame(live, LIVE, orient="row")
    details = Details.of(extracts)
    links = attach(extracts).links if attendance or employment else details.records.select("detail", status=pl.lit(""))
    report = look_at_families(extracts, details, links, lines, most_pairs, as_of)
    assert report.same_persons.schema == SAME_PERSONS
    assert report.regrouped.schema == REGROUPED
    assert report.missing.people.schema == MISSING
    assert report.missing.records.schema == RECORDS
    assert report.missing.left_out.schema == LEFT_OUT
    assert report.counts.schema == COUNTS
    return report


def pairs(report: FamiliesReport) -> list[tuple[Any, ...]]:
    return report.same_persons.select("person_id", "other_person_id", "basis", "when").rows()


def missing(report: FamiliesReport) -> list[tuple[Any, ...]]:
    return report.missing.people.select("family_id", "stranger", "by", "age_group").rows()


# ------------------------------------------------------------------------------------------ one person under two ids


def test_one_person_in_two_families_at_once_is_reported(authority: Authority) -> None:
    report = look(authority, [member("P1", "F1", **MINA), member("P2", "F2", **MINA)])
    said = "surname same, forename same, date_of_birth same, postcode same"
    expected = ("P1", "F1", "P2", "F2", "address", "at_once", said, "", 0, "", 0)
    assert report.same_persons.rows() == [expected]


def test_one_person_in_two_families_one_after_another_is_reported_so(authority: Authority) -> None:
    before, after = {**MINA, "left_on": "2013-08-01"}, {**MINA, "joined_on": "2013-08-01"}
    report = look(authority, [member("P1", "F1", **before), member("P2", "F2", **after)])
    assert pairs(report) == [("P1", "P2", "address", "one_after_another")]


def test_one_person_listed_twice_in_one_family_is_reported(authority: Authority) -> None:
    report = look(authority, [member("P1", "F1", **MINA), member("P2", "F1", **MINA | {"forename": "Wilhelmina"})])
    assert pairs(report) == [("P1", "P2", "address", "in_one_family")]


def test_the_families_of_every_period_are_told(authority: Authority) -> None:
    members = [
        member("P1", "F1", **MINA, left_on="2013-06-01"),
        member("P1", "F2", **MINA, joined_on="2013-06-01"),
        member("P2", "F2", **MINA, joined_on="2013-07-01"),
    ]
    told = look(authority, members).same_persons.select("family_id", "other_family_id", "when").rows()
    assert told == [("F1", "F2", "one_after_another"), ("F2", "F2", "in_one_family")]


@pytest.mark.parametrize(
    ("other", "basis"),
    [
        ({"surname": "Vane-Odell"}, "address"),
        ({"forename": "Minna"}, "address"),
        ({"forename": "Vane", "surname": "Mina"}, "address"),
        ({"date_of_birth": "2001-06-05"}, "address"),
        ({"date_of_birth": "2001-05-07"}, "address"),
        ({"date_of_birth": "2001-06-05", "surname": "Vane-Odell"}, "address"),
        ({"postcode": "ZZ9 9ZZ"}, "elsewhere"),
        ({"postcode": ""}, "elsewhere"),
        ({"upn": UPN, "postcode": "ZZ9 9ZZ", "forename": "Minna"}, "identifier"),
        ({"upn": UPN, "forename": "", "surname": "", "postcode": ""}, "identifier"),
    ],
)
def test_one_slip_hides_nobody(authority: Authority, other: Row, basis: str) -> None:
    report = look(authority, [member("P1", "F1", **MINA, upn=UPN), member("P2", "F2", **MINA | other)])
    assert pairs(report) == [("P1", "P2", basis, "at_once")]


def test_a_former_name_at_a_former_address_is_compared_with_the_present_ones(authority: Authority) -> None:
    members = [
        member("P1", "F1", **MINA | {"postcode": "ZZ9 9ZZ"}, left_on="2013-06-01"),
        member("P1", "F1", **MINA | {"surname": "Rook"}, joined_on="2013-06-01"),
        member("P2", "F2", **MINA),
    ]
    assert pairs(look(authority, members)) == [("P1", "P2", "address", "at_once")]


def test_one_id_written_in_two_ways_is_one_persons(authority: Authority) -> None:
    report = look(authority, [member("p 1", "F1", forename="Mina", surname="Vane"), member("P1", "F2", surname="Vane")])
    said = "person_id same, surname same, date_of_birth same"
    assert report.same_persons.select("basis", "evidence").rows() == [("identifier", said)]


def test_the_claims_that_each_id_stands_in_are_told(authority: Authority) -> None:
    live = [("L2", "F1", 70000, ["P1", "P9"]), ("L1", "F1", 10000, ["P1"]), ("L3", "F2", 80000, ["P2"])]
    report = look(authority, [member("P1", "F1", **MINA), member("P2", "F2", **MINA)], live=live)
    columns = ["claims", "claimed_pence", "other_claims", "other_claimed_pence"]
    assert report.same_persons.select(columns).rows() == [("L1;L2", 80000, "L3", 80000)]
    assert report.counts.rows()[0] == ("same_persons", 1, 2, 160000)


def test_a_number_on_two_people_is_told_as_that_and_joins_no_families(authority: Authority) -> None:
    mother = member("P1", "F1", forename="Ada", surname="Vane", nino=NINO)
    report = look(authority, [mother, member("P2", "F2", **MINA | {"surname": "Rook"}, nino=NINO)])
    assert pairs(report) == [("P1", "P2", "number_only", "at_once")]
    assert report.regrouped.is_empty()
    assert [row[:2] for row in report.counts.rows()[:2]] == [("same_persons", 0), ("one_number", 1)]


# ----------------------------------------------------------------------------------------------- two people, not one


def test_twins_are_two_people(authority: Authority) -> None:
    report = look(authority, [member("P1", "F1", **MINA), member("P2", "F1", **MINA | {"forename": "Tom"})])
    assert pairs(report) == []


def test_twins_with_names_one_character_apart_are_two_people(authority: Authority) -> None:
    twins = [member("P1", "F1", **MINA | {"forename": "Jayden"}), member("P2", "F1", **MINA | {"forename": "Hayden"})]
    assert pairs(look(authority, twins)) == []


def test_twins_who_share_the_first_of_two_forenames_are_two_people(authority: Authority) -> None:
    ali, hassan = (MINA | {"forename": f"Mohammed {second}"} for second in ("Ali", "Hassan"))
    assert pairs(look(authority, [member("P1", "F1", **ali), member("P2", "F1", **hassan)])) == []


def test_twins_who_were_given_one_number_are_not_one_person(authority: Authority) -> None:
    report = look(
        authority, [member("P1", "F1", **MINA, upn=UPN), member("P2", "F1", **MINA | {"forename": "Tom"}, upn=UPN)]
    )
    assert pairs(report) == [("P1", "P2", "number_only", "in_one_family")]


@pytest.mark.parametrize("born", ["2001-05-06", "1991-05-06", "1971-05-06"])
def test_father_and_son_of_one_name_are_two_people(authority: Authority, born: str) -> None:
    father = MINA | {"forename": "John", "date_of_birth": "1961-05-06"}
    members = [member("P1", "F1", **father), member("P2", "F1", **father | {"date_of_birth": born})]
    assert pairs(look(authority, members)) == []


def test_father_and_son_of_one_name_with_one_number_are_not_one_person(authority: Authority) -> None:
    father = MINA | {"forename": "John", "date_of_birth": "1971-05-06", "nino": NINO}
    members = [member("P1", "F1", **father), member("P2", "F1", **father | {"date_of_birth": "2001-05-06"})]
    assert pairs(look(authority, members)) == [("P1", "P2", "number_only", "in_one_family")]


def test_neighbours_are_two_people(authority: Authority) -> None:
    report = look(authority, [member("P1", "F1", **MINA), member("P2", "F2", **MINA | {"surname": "Rook"})])
    assert pairs(report) == []


def test_cousins_of_one_name_in_one_house_are_two_people(authority: Authority) -> None:
    report = look(authority, [member("P1", "F1", **MINA), member("P2", "F2", **MINA | {"date_of_birth": "2004-11-23"})])
    assert pairs(report) == []


def test_cousins_whose_names_and_births_are_both_nearly_the_same_are_two_people(authority: Authority) -> None:
    cousin = MINA | {"forename": "Mira", "date_of_birth": "2002-05-06"}
    assert pairs(look(authority, [member("P1", "F1", **MINA), member("P2", "F2", **cousin)])) == []


@pytest.mark.parametrize(("field", "one", "other"), [("nhs_number", NHS, OTHER_NHS), ("sex", "M", "F")])
@pytest.mark.parametrize("postcode", [HOME, "ZZ9 9ZZ"])
def test_who_has_another_number_or_sex_is_another_person(
    authority: Authority, field: str, one: str, other: str, postcode: str
) -> None:
    members = [
        member("P1", "F1", **MINA | {field: one}),
        member("P2", "F2", **MINA | {field: other, "postcode": postcode}),
    ]
    assert pairs(look(authority, members)) == []


def test_a_name_and_birth_that_are_only_nearly_the_same_elsewhere_say_nothing(authority: Authority) -> None:
    away = MINA | {"forename": "Minna", "postcode": "ZZ9 9ZZ"}
    assert pairs(look(authority, [member("P1", "F1", **MINA), member("P2", "F2", **away)])) == []


def test_a_birth_that_systems_write_for_unknown_brings_nobody_together(authority: Authority) -> None:
    unknown = {"forename": "Ali", "surname": "Khan", "date_of_birth": "1900-01-01"}
    members = [member("P1", "F1", **unknown), member("P2", "F2", **unknown)]
    assert pairs(look(authority, members)) == []


# ------------------------------------------------------------------------------------------------ families regrouped


def household(family_id: str, *person_ids: str, **more: str) -> list[Row]:
    """Persons whose names and births nobody else has."""
    return [
        member(
            each,
            family_id,
            forename=f"Name{each}".translate(LETTERS),
            surname=f"Of{each}".translate(LETTERS),
            date_of_birth=f"197{each[1]}-03-1{each[1]}",
            postcode=f"ZZ{each[1]} 2BB",
            **more,
        )
        for each in person_ids
    ]


LETTERS = str.maketrans("0123456789", "abcdefghij")


def as_another(row: Row, person_id: str, family_id: str) -> Row:
    return row | {"person_id": person_id, "family_id": family_id, "joined_on": "2013-08-01"}


def test_a_family_of_much_the_same_people_under_another_id_is_reported(authority: Authority) -> None:
    earlier = household("F1", "P1", "P2", "P3")
    later = [as_another(earlier[0], "P7", "F2"), as_another(earlier[1], "P8", "F2"), *household("F2", "P4")]
    live = [("L1", "F1", 70000, ["P1", "P2", "P3"]), ("L2", "F2", 10000, ["P4"])]
    report = look(authority, [*earlier, *later], live=live)
    assert report.regrouped.rows() == [
        (
            "F2",
            date(2013, 9, 1),
            "F1",
            date(2013, 1, 1),
            2,
            3,
            3,
            "P7;P8",
            "P1;P2",
            "P4",
            "P3",
            "L2",
            10000,
            "L1",
            70000,
        )
    ]
    assert report.counts.rows()[2] == ("regrouped", 1, 2, 80000)


def test_those_who_moved_under_their_own_ids_count_as_well(authority: Authority) -> None:
    earlier = household("F1", "P1", "P2", "P3", left_on="2013-08-01")
    later = household("F2", "P1", "P2", "P4", joined_on="2013-08-01")
    (row,) = look(authority, [*earlier, *later]).regrouped.rows(named=True)
    assert (row["shared"], row["members"], row["persons"], row["earlier_persons"]) == (2, 3, "P1;P2", "P1;P2")


def test_families_that_engaged_on_one_day_are_told_once(authority: Authority) -> None:
    one = household("F1", "P1", "P2")
    other = [as_another(one[0], "P7", "F2"), as_another(one[1], "P8", "F2")]
    report = look(authority, [*one, *other], families="F1,2013-01-01,\nF2,2013-01-01,\n")
    assert report.regrouped.select("family_id", "earlier_family_id").rows() == [("F2", "F1")]


def test_the_family_that_engaged_first_is_the_earlier_whatever_its_id(authority: Authority) -> None:
    one = household("F1", "P1", "P2")
    other = [as_another(one[0], "P7", "F2"), as_another(one[1], "P8", "F2")]
    report = look(authority, [*one, *other], families="F1,2013-09-01,\nF2,2013-01-01,\n")
    assert report.regrouped.select("family_id", "earlier_family_id").rows() == [("F1", "F2")]


def test_one_person_alone_who_was_of_an_earlier_family_is_reported(authority: Authority) -> None:
    gone = household("F1", "P1", left_on="2013-08-01")
    report = look(authority, [*gone, *household("F1", "P2", "P3"), *household("F2", "P1", joined_on="2013-08-01")])
    assert report.regrouped.select("family_id", "shared", "members").rows() == [("F2", 1, 1)]


def test_a_grown_child_with_a_child_of_their_own_is_a_new_family(authority: Authority) -> None:
    gone = household("F1", "P1", left_on="2013-08-01")
    own = household("F2", "P1", "P4", joined_on="2013-08-01")
    assert look(authority, [*gone, *household("F1", "P2", "P3"), *own]).regrouped.is_empty()


def test_less_than_half_is_another_family(authority: Authority) -> None:
    gone = household("F1", "P1", "P2", left_on="2013-08-01")
    own = household("F2", "P1", "P2", joined_on="2013-08-01")
    four, five = [*own, *household("F2", "P4", "P5")], [*own, *household("F2", "P4", "P5", "P6")]
    assert look(authority, [*gone, *four]).regrouped.height == 1
    assert look(authority, [*gone, *five]).regrouped.is_empty()


def test_cousins_in_one_house_are_two_families(authority: Authority) -> None:
    members = [
        member("P1", "F1", **MINA),
        member("P2", "F1", **MINA | {"forename": "Ada", "date_of_birth": "1976-01-13"}),
        member("P3", "F2", **MINA | {"forename": "Tom", "date_of_birth": "2003-11-28"}),
        member("P4", "F2", **MINA | {"forename": "Eve", "date_of_birth": "1979-07-22"}),
    ]
    report = look(authority, members)
    assert (report.regrouped.height, report.same_persons.height, report.missing.people.height) == (0, 0, 0)


def test_a_child_in_care_elsewhere_is_one_child_and_joins_no_families(authority: Authority) -> None:
    away = {"resident": "false", "postcode": "ZZ9 9ZZ"}
    mother = member("P2", "F1", forename="Ada", surname="Vane", postcode=HOME)
    carers = [member(f"P{n}", "F2", forename="Eve", surname=f"Car{chr(96 + n)}", postcode="ZZ9 9ZZ") for n in (4, 5)]
    seen = attended("R1", **MINA | {"postcode": "ZZ9 9ZZ"})
    report = look(authority, [member("P1", "F1", **MINA | away), mother, *carers], [seen])
    assert (report.regrouped.height, report.same_persons.height, report.missing.people.height) == (0, 0, 0)


# ------------------------------------------------------------------------------------------- missing from the list

ADA = member("P1", "F1", forename="Ada", surname="Vane", postcode=HOME, uprn=DWELLING)
TOM = {"forename": "Tom", "surname": "Vane", "date_of_birth": "2003-11-28", "postcode": HOME, "uprn": DWELLING}
EVE = {"forename": "Eve", "surname": "Vane", "date_of_birth": "1979-07-22", "postcode": HOME, "uprn": DWELLING}


def test_a_child_at_school_who_lives_with_the_family_and_is_not_listed_is_reported(authority: Authority) -> None:
    report = look(authority, [ADA], [attended("R1", **TOM), attended("R2", **TOM, upn=UPN) | {"term": "spring"}])
    assert report.missing.people.rows() == [
        ("F1", "attendance/R1", "uprn", "same", "child", "attendance", 2, date(2013, 8, 1), "", "")
    ]
    assert report.missing.records.rows() == [
        ("F1", "attendance/R1", "attendance", "R1"),
        ("F1", "attendance/R1", "attendance", "R2"),
    ]
    assert report.counts.rows()[3] == ("missing_members", 1, 1, 0)


def test_an_adult_on_benefits_who_lives_with_the_family_and_is_not_listed_is_reported(authority: Authority) -> None:
    report = look(authority, [ADA], employment=[on_benefits("R1", **EVE, person_id="P99")])
    assert missing(report) == [("F1", "employment/R1", "uprn", "adult")]
    assert report.missing.people["person_id"].to_list() == ["P99"]


def test_part_of_the_surname_is_enough(authority: Authority) -> None:
    report = look(authority, [ADA], [attended("R1", **TOM | {"surname": "Vane-Odell"})])
    assert report.missing.people["surname"].to_list() == ["part"]


def test_the_surname_of_any_member_and_the_address_of_any_resident_are_the_familys(authority: Authority) -> None:
    father = member("P2", "F1", forename="Ivo", surname="Rook", postcode="ZZ9 9ZZ", resident="false")
    assert missing(look(authority, [ADA, father], [attended("R1", **TOM | {"surname": "Rook"})])) == [
        ("F1", "attendance/R1", "uprn", "child")
    ]


def test_where_no_dwelling_is_known_the_postcode_stands_for_it(authority: Authority) -> None:
    report = look(authority, [ADA | {"uprn": ""}], [attended("R1", **TOM)])
    assert missing(report) == [("F1", "attendance/R1", "postcode", "child")]


@pytest.mark.parametrize(
    "written",
    [{"forename": "Bunny"}, {"date_of_birth": "", "forename": "T"}, {"date_of_birth": "", "forename": "Thomas"}],
    ids=["another forename", "an initial and no birth", "a longer name and no birth"],
)
def test_who_agrees_with_a_member_is_perhaps_that_member(authority: Authority, written: Row) -> None:
    report = look(authority, [ADA, member("P2", "F1", **TOM)], [attended("R1", **TOM | written)])
    assert report.missing.people.select("stranger", "perhaps").rows() == [("attendance/R1", "P2")]
    assert [row[:2] for row in report.counts.rows()[3:]] == [("missing_members", 0), ("perhaps_members", 1)]


def test_a_son_with_his_fathers_name_is_not_perhaps_his_father(authority: Authority) -> None:
    father = member("P2", "F1", **TOM | {"date_of_birth": "1975-03-11"})
    report = look(authority, [ADA, father], [attended("R1", **TOM)])
    assert report.missing.people["perhaps"].to_list() == [""]


@pytest.mark.parametrize(
    ("born", "age"), [("1995-08-02", "child"), ("1995-08-01", "adult"), ("", "child"), ("1996-02-29", "child")]
)
def test_who_is_of_age_on_the_first_day_is_an_adult(authority: Authority, born: str, age: str) -> None:
    report = look(authority, [ADA], [attended("R1", **TOM | {"date_of_birth": born})])
    assert missing(report) == [("F1", "attendance/R1", "uprn", age)]


def test_nobody_knows_the_age_of_who_has_no_birth_and_no_school(authority: Authority) -> None:
    report = look(authority, [ADA], employment=[on_benefits("R1", **EVE | {"date_of_birth": ""})])
    assert missing(report) == [("F1", "employment/R1", "uprn", "unknown")]


def test_who_is_sure_to_live_with_one_family_is_not_reported_to_a_namesake_next_door(authority: Authority) -> None:
    next_door = member("P2", "F2", forename="Ian", surname="Vane", postcode=HOME)
    report = look(authority, [ADA, next_door], [attended("R1", **TOM)])
    assert missing(report) == [("F1", "attendance/R1", "uprn", "child")]


# ----------------------------------------------------------------------------------------------- missing from no list


def test_a_member_is_not_missing(authority: Authority) -> None:
    assert missing(look(authority, [ADA, member("P2", "F1", **TOM)], [attended("R1", **TOM)])) == []


def test_who_may_be_a_member_is_for_review_and_not_missing(authority: Authority) -> None:
    elsewhere = member("P2", "F2", **TOM | {"postcode": "ZZ9 9ZZ", "uprn": "900"})
    report = look(authority, [ADA, elsewhere], [attended("R1", **TOM)])
    assert missing(report) == []


def test_neighbours_of_one_surname_are_not_missing(authority: Authority) -> None:
    assert missing(look(authority, [ADA], [attended("R1", **TOM | {"uprn": "101"})])) == []


def test_a_neighbour_whose_dwelling_is_in_one_of_two_records_only_is_not_missing(authority: Authority) -> None:
    records = [attended("R1", **TOM | {"uprn": "101"}), attended("R2", **TOM | {"uprn": ""})]
    assert missing(look(authority, [ADA], records)) == []


def test_a_neighbour_of_a_family_whose_dwelling_one_member_gives_is_not_missing(authority: Authority) -> None:
    husband = member("P2", "F1", forename="Ian", surname="Vane", postcode=HOME)
    assert missing(look(authority, [ADA, husband], [attended("R1", **TOM | {"uprn": "101"})])) == []


def test_a_lodger_of_another_surname_is_not_missing(authority: Authority) -> None:
    assert missing(look(authority, [ADA], [attended("R1", **TOM | {"surname": "Rook"})])) == []


def test_a_single_letter_is_no_part_of_a_surname(authority: Authority) -> None:
    assert missing(look(authority, [ADA], [attended("R1", **TOM | {"surname": "V"})])) == []


def test_who_lives_with_a_member_that_lives_elsewhere_is_not_missing(authority: Authority) -> None:
    father = member("P2", "F1", forename="Ivo", surname="Rook", postcode="ZZ9 9ZZ", uprn="900", resident="false")
    half_brother = TOM | {"surname": "Rook", "postcode": "ZZ9 9ZZ", "uprn": "900"}
    assert missing(look(authority, [ADA, father], [attended("R1", **half_brother)])) == []


@pytest.mark.parametrize(
    "families", ["F1,2014-01-01,\n", "F1,2013-01-01,2013-07-31\n"], ids=["engaged after", "closed before"]
)
def test_who_lived_there_when_the_family_was_not_on_the_programme_is_not_missing(
    authority: Authority, families: str
) -> None:
    assert missing(look(authority, [ADA], [attended("R1", **TOM)], families=families)) == []


def test_who_lived_there_when_the_family_had_moved_out_is_not_missing(authority: Authority) -> None:
    moved = [ADA | {"left_on": "2013-08-01"}, ADA | {"postcode": "ZZ9 9ZZ", "uprn": "900", "joined_on": "2013-08-01"}]
    assert missing(look(authority, moved, [attended("R1", **TOM)])) == []


def test_a_spell_that_ended_before_the_family_engaged_is_not_theirs_and_one_that_did_not_is(
    authority: Authority,
) -> None:
    spells = [on_benefits("R1", "2012-01-01", "2012-12-31", **EVE), on_benefits("R2", "2012-01-01", **EVE)]
    report = look(authority, [ADA], employment=spells)
    assert report.missing.people.select("stranger", "first_on").rows() == [("employment/R2", date(2013, 1, 1))]


def test_nothing_of_the_as_of_date_or_after_is_read(authority: Authority) -> None:
    records = [on_benefits("R1", "2014-02-01", **EVE)]
    assert missing(look(authority, [ADA], employment=records, as_of=date(2014, 2, 1))) == []
    assert missing(look(authority, [ADA], employment=records, as_of=date(2014, 2, 2))) != []


def test_families_engaged_on_the_as_of_date_or_after_are_not_looked_at(authority: Authority) -> None:
    members = [member("P1", "F1", **MINA), member("P2", "F2", **MINA)]
    assert pairs(look(authority, members, as_of=date(2013, 9, 1))) == []
    assert len(pairs(look(authority, members, as_of=date(2013, 9, 2)))) == 1


# ------------------------------------------------------------------------------------------- blocks and common names


def strangers(count: int, **more: str) -> list[Row]:
    names = ["Amir", "Bilal", "Dawud", "Farah", "Ghazal", "Hiba", "Iman", "Jamal", "Karim", "Layla"]
    return [
        attended(f"R{at}", **TOM | {"forename": names[at], "date_of_birth": f"2003-1{at % 3}-2{at}"} | more)
        for at in range(count)
    ]


def test_a_common_surname_in_a_block_of_flats_is_left_out_and_counted(authority: Authority) -> None:
    most = MOST_AT["postcode"]
    assert len(missing(look(authority, [ADA], strangers(most, uprn="")))) == most
    report = look(authority, [ADA], strangers(most + 1, uprn=""))
    assert missing(report) == []
    assert report.missing.records.is_empty()
    assert report.missing.left_out.rows() == [("F1", "postcode", "too_many", most + 1)]


def test_members_whom_no_pass_links_make_no_crowd(authority: Authority) -> None:
    most = MOST_AT["postcode"]
    children = strangers(most + 1, uprn="")
    names = ("forename", "surname", "postcode")
    listed = [member(f"P{at}", "F1", **{name: child[name] for name in names}) for at, child in enumerate(children, 2)]
    nameless = [child | {"date_of_birth": "", "forename": child["forename"] + "x"} for child in children]
    report = look(
        authority,
        [ADA, *listed],
        [
            *nameless,
            attended(
                "R9",
                **TOM,
            ),
        ],
    )
    assert report.missing.people.filter(pl.col("perhaps") == "")["stranger"].to_list() == ["attendance/R9"]
    assert report.missing.people.filter(pl.col("perhaps") != "").height == most + 1
    assert report.missing.left_out.is_empty()


def test_who_agrees_with_a_member_of_one_of_two_families_is_told_to_that_one(authority: Authority) -> None:
    families = [ADA | {"uprn": ""}, member("P2", "F2", **TOM | {"uprn": ""})]
    report = look(authority, families, [attended("R1", **TOM | {"uprn": "", "forename": "Bunny"})])
    assert report.missing.people.select("family_id", "perhaps").rows() == [("F2", "P2")]
    assert report.missing.left_out.is_empty()


def test_more_than_a_household_at_one_dwelling_is_left_out_and_counted(authority: Authority) -> None:
    most = MOST_AT["uprn"]
    assert len(missing(look(authority, [ADA], strangers(most)))) == most
    assert look(authority, [ADA], strangers(most + 1)).missing.left_out.rows() == [("F1", "uprn", "too_many", most + 1)]


def test_a_postcode_with_two_families_of_the_surname_tells_neither(authority: Authority) -> None:
    families = [ADA | {"uprn": ""}, member("P2", "F2", forename="Ian", surname="Vane", postcode=HOME)]
    report = look(authority, families, strangers(1, uprn=""))
    assert missing(report) == []
    assert report.missing.left_out.rows() == [
        ("F1", "postcode", "several_families", 1),
        ("F2", "postcode", "several_families", 1),
    ]


def test_two_families_in_one_dwelling_are_both_told(authority: Authority) -> None:
    other = member("P2", "F2", forename="Ian", surname="Vane", postcode=HOME, uprn=DWELLING)
    told = missing(look(authority, [ADA, other], [attended("R1", **TOM)]))
    assert told == [("F1", "attendance/R1", "uprn", "child"), ("F2", "attendance/R1", "uprn", "child")]


@pytest.mark.parametrize(
    ("members", "records", "key"),
    [
        ([member(f"P{n}", "F1", postcode=HOME) for n in range(6)], [], "date_of_birth+postcode"),
        ([member(f"P{n}", "F1", upn=UPN) for n in range(6)], [], "upn"),
        ([ADA], strangers(9, uprn=""), "surname and postcode"),
    ],
)  # fmt: skip
def test_a_key_that_would_make_too_many_pairs_is_refused_with_its_count(
    authority: Authority, members: list[Row], records: list[Row], key: str
) -> None:
    most = 14 if not records else 8
    with pytest.raises(Faults) as refused:
        look(authority, members, records, most_pairs=most)
    (fault,) = refused.value.faults
    assert fault.code == "E311"
    assert key in fault.place
    assert f"would make {most + 1} pairs" in fault.what
    assert look(authority, members, records, most_pairs=most + 1).counts.height == 5


# --------------------------------------------------------------------------------------------------- what all share


def test_the_order_of_rows_changes_nothing(authority: Authority) -> None:
    earlier = household("F1", "P1", "P2", "P3")
    members = [
        *earlier,
        as_another(earlier[0], "P7", "F2"),
        as_another(earlier[1], "P8", "F2"),
        ADA | {"person_id": "P9"},
    ]
    records = [*strangers(2), attended("R8", **TOM), attended("R9", **TOM | {"postcode": "ZZ1 2BB", "surname": "Ofb"})]
    one = look(authority, members, records)
    other = look(authority, members[::-1], records[::-1])
    assert one.missing.people.height > 2
    assert one.regrouped.height == 1
    for tables in (
        (one.same_persons, other.same_persons),
        (one.regrouped, other.regrouped),
        (one.missing.people, other.missing.people),
        (one.missing.records, other.missing.records),
    ):
        assert tables[0].equals(tables[1])


def test_no_table_says_who_anybody_is(authority: Authority) -> None:
    members = [ADA, member("P2", "F1", **MINA, upn=UPN), member("P3", "F2", **MINA, upn=UPN)]
    report = look(authority, members, [attended("R1", **TOM, nhs_number=NHS)])
    tables = (report.same_persons, report.regrouped, report.missing.people, report.missing.records)
    text = "".join(table.write_csv() for table in tables)
    assert report.same_persons.height == report.missing.people.height == 1
    said = {value for row in (*members, TOM) for name, value in row.items() if name not in ("person_id", "family_id")}
    assert {value for value in said - {"true", DWELLING} if value.lower() in text.lower()} == set()
    assert NHS not in text


def test_families_without_records_or_doubts_have_nothing_reported(authority: Authority) -> None:
    report = look(authority, household("F1", "P1", "P2"))
    assert report.counts.rows() == [
        ("same_persons", 0, 0, 0),
        ("one_number", 0, 0, 0),
        ("regrouped", 0, 0, 0),
        ("missing_members", 0, 0, 0),
        ("perhaps_members", 0, 0, 0),
    ]
