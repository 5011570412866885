"""Which member a record is about: what confirms a link, what leaves it possible, and what is no link at all."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pbr.errors import Faults
from pbr.linkage import Method, attach
from pbr.linkage.passes import LINKS
from pbr.workspace import LinkageSettings
from tests.sources.made_sources import Authority

UPN, OTHER_UPN = "K201000007000", "U800000007000"
NHS, PNC, NINO = "9990000018", "1996/8000001N", "XA000002A"
IDENTITY = (
    *("person_id", "upn", "nino", "nhs_number", "pnc_id"),
    *("forename", "surname", "date_of_birth", "sex", "postcode", "uprn"),
)
BORN = {"date_of_birth": "2001-05-06"}
MINA = {"forename": "Mína", "surname": "O’Dell-Vane", "date_of_birth": "2001-05-06", "postcode": "ZZ1 1AA"}


EXACT = "surname+forename+date_of_birth+postcode"


def csv(rows: list[dict[str, str]], *first: str) -> str:
    columns = (*first, *IDENTITY)
    lines = [",".join(f'"{row.get(name, "")}"' for name in columns) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


def member(person_id: str, **more: str) -> dict[str, str]:
    return {"person_id": person_id, "family_id": "F1", "date_of_birth": "2001-05-06"} | more


def write(authority: Authority, members: list[dict[str, str]], *records: dict[str, str]) -> None:
    """Members, and offending records R1, R2, …."""
    rows = [
        {"record_id": f"R{at}", "kind": "asb", "occurred_on": "2014-01-01"} | record
        for at, record in enumerate(records, 1)
    ]
    authority.write("members", csv(members, "family_id"))
    authority.write("offending", csv(rows, "record_id", "kind", "occurred_on"))


def links(authority: Authority, members: list[dict[str, str]], *records: dict[str, str]) -> list[tuple[Any, ...]]:
    """Person, status, pass and key of every link of the records."""
    write(authority, members, *records)
    found = attach(authority.read()).links.drop("detail")
    assert found.schema == LINKS
    assert found["table"].unique().to_list() in ([], ["offending"])
    return found.sort("record_id", "person_id").select("person_id", "status", "pass", "key").rows()


# ------------------------------------------------------------------------------------------------------------ order


def test_the_authoritys_own_person_id_comes_before_any_identifier(authority: Authority) -> None:
    members = [member("P1"), member("P2", upn=UPN)]
    assert links(authority, members, {"person_id": "P1", "upn": UPN}) == [("P1", "confirmed", "person_id", "person_id")]


def test_an_identifier_comes_before_a_name(authority: Authority) -> None:
    members = [member("P1", upn=UPN), member("P2", **MINA | {"date_of_birth": "2003-01-31"})]
    assert links(authority, members, {"upn": UPN, **MINA}) == [("P1", "confirmed", "identifier", "upn")]


def test_a_number_of_one_twin_with_the_name_of_the_other_leaves_both_possible(authority: Authority) -> None:
    members = [member("P1", upn=UPN, **MINA | {"forename": "Tia"}), member("P2", **MINA)]
    assert links(authority, members, {"upn": UPN, **MINA}) == [
        ("P1", "possible", "identifier", "upn"),
        ("P2", "possible", "exact", EXACT),
    ]


def test_a_name_is_asked_only_where_no_identifier_is_known(authority: Authority) -> None:
    members = [member("P2", **MINA)]
    assert links(authority, members, {"upn": UPN, **MINA}) == [("P2", "confirmed", "exact", EXACT)]


def test_identifiers_that_agree_on_one_person_are_all_in_the_key(authority: Authority) -> None:
    members = [member("P1", upn=UPN, nhs_number=NHS, pnc_id=PNC, nino=NINO)]
    record = {"upn": UPN, "nhs_number": NHS, "pnc_id": PNC, "nino": NINO, **BORN}
    assert links(authority, members, record) == [("P1", "confirmed", "identifier", "nhs_number+nino+pnc_id+upn")]


@pytest.mark.parametrize("identifier", [{"upn": UPN}, {"nhs_number": NHS}, {"pnc_id": PNC}, {"nino": NINO}])
def test_any_one_identifier_is_enough(authority: Authority, identifier: dict[str, str]) -> None:
    (name,) = identifier
    found = links(authority, [member("P1", **identifier)], identifier | BORN)
    assert found == [("P1", "confirmed", "identifier", name)]


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        ({}, "possible"),
        (BORN, "confirmed"),
        ({"date_of_birth": "2001-06-05"}, "confirmed"),
        ({"date_of_birth": "2001-05-07"}, "possible"),
        ({"surname": "O'Dell", "forename": "Mina"}, "confirmed"),
        ({"surname": "O'Dell", "forename": "M"}, "possible"),
        ({"surname": "O'Dell"}, "possible"),
        ({"forename": "Mina"}, "possible"),
        ({"surname": "Vane", "forename": "Mina", "date_of_birth": "1971-01-31"}, "confirmed"),
        ({"surname": "Sorrel", "forename": "Mina", "date_of_birth": "1971-01-31"}, "possible"),
        ({"surname": "Sorrel", "forename": "Tess", **BORN}, "confirmed"),
    ],
)
def test_a_number_links_where_name_or_birth_says_the_same(
    authority: Authority, beside: dict[str, str], status: str
) -> None:
    found = links(authority, [member("P1", upn=UPN, **MINA)], {"upn": UPN} | beside)
    assert [each[1:3] for each in found] == [(status, "identifier")]


def test_whoever_has_the_name_is_possible_beside_whoever_has_the_number(authority: Authority) -> None:
    members = [member("P1", upn=UPN), member("P2", **MINA | {"date_of_birth": "1971-01-31"})]
    found = links(authority, members, {"upn": UPN, **MINA, "date_of_birth": "1971-01-31"})
    assert [each[:3] for each in found] == [("P1", "possible", "identifier"), ("P2", "possible", "exact")]


# --------------------------------------------------------------------------------------------------------- person ids


@pytest.mark.parametrize("written", ["P 1", "p1", " P1 ", "p\t1"])
def test_person_ids_are_compared_without_spaces_and_case(authority: Authority, written: str) -> None:
    assert links(authority, [member("P1")], {"person_id": written})[0][:2] == ("P1", "confirmed")


def test_two_members_whose_ids_differ_by_a_space_alone_are_both_possible(authority: Authority) -> None:
    members = [member("P1"), member("P 1", family_id="F2")]
    found = links(authority, members, {"person_id": "p1"})
    assert [(who, status) for who, status, *_ in found] == [("P 1", "possible"), ("P1", "possible")]


def test_a_person_id_of_nobody_is_no_link(authority: Authority) -> None:
    assert links(authority, [member("P1")], {"person_id": "P99"}) == []


def test_a_person_id_of_nobody_beside_a_members_identifier_is_possible(authority: Authority) -> None:
    found = links(authority, [member("P1", upn=UPN)], {"person_id": "P99", "upn": UPN})
    assert found == [("P1", "possible", "identifier", "upn")]


def test_a_person_id_of_nobody_beside_a_members_name_is_no_link(authority: Authority) -> None:
    assert links(authority, [member("P1", **MINA)], {"person_id": "P99", **MINA}) == []


def test_a_record_about_nobody_in_a_family_is_no_link_and_no_fault(authority: Authority) -> None:
    assert links(authority, [member("P1", upn=UPN)], {"upn": OTHER_UPN}, {"surname": "Vane"}) == []
    assert attach(authority.read()).quarantine.is_empty()


# ------------------------------------------------------------------------------------------------------- identifiers


@pytest.mark.parametrize("written", ["k2010 0000 7000", " k201000007000 "])
def test_identifiers_are_compared_without_spaces_and_case(authority: Authority, written: str) -> None:
    assert links(authority, [member("P1", upn=UPN)], {"upn": written, **BORN})[0][:2] == ("P1", "confirmed")


def test_an_identifier_that_fails_its_check_links_nobody_though_both_write_it_so(authority: Authority) -> None:
    wrong = "A201000007000"
    assert links(authority, [member("P1", upn=wrong)], {"upn": wrong}) == []


def test_a_wrong_identifier_beside_a_right_one_does_no_harm(authority: Authority) -> None:
    record = {"upn": "A201000007000", "nhs_number": NHS, **BORN}
    assert links(authority, [member("P1", nhs_number=NHS)], record) == [("P1", "confirmed", "identifier", "nhs_number")]


def test_identifiers_of_two_people_leave_both_possible(authority: Authority) -> None:
    members = [member("P1", upn=UPN), member("P2", nhs_number=NHS)]
    assert links(authority, members, {"upn": UPN, "nhs_number": NHS}) == [
        ("P1", "possible", "identifier", "upn"),
        ("P2", "possible", "identifier", "nhs_number"),
    ]


def test_two_members_with_one_identifier_are_both_possible_and_neither_is_first(authority: Authority) -> None:
    members = [member("P2", upn=UPN), member("P1", upn=UPN)]
    assert [found[:2] for found in links(authority, members, {"upn": UPN})] == [
        ("P1", "possible"),
        ("P2", "possible"),
    ]


def test_one_person_in_two_families_is_one_person(authority: Authority) -> None:
    members = [
        member("P1", upn=UPN),
        member("P2", family_id="F2", date_of_birth="2003-01-31"),
    ]
    moved = csv(members, "family_id").rstrip("\n").splitlines()
    assert links(authority, members, {"upn": UPN, **BORN})[0][:2] == ("P1", "confirmed")
    head, first, *rest = moved
    authority.write(
        "members",
        "\n".join(
            [f"joined_on,left_on,{head}", f",2013-06-01,{first}", f"2013-06-01,,{first.replace('F1', 'F2')}"]
            + [f",,{row}" for row in rest]
        ),
    )
    assert attach(authority.read()).links.select("person_id", "status").rows() == [("P1", "confirmed")]


# ------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "changed",
    [
        {"forename": "MINA"},
        {"forename": "Mi´na"},
        {"surname": "O'DELL VANE"},
        {"surname": "odellvane"},
        {"surname": "O`Dell–Vane"},
        {"postcode": "zz11aa"},
        {"postcode": " ZZ1  1AA"},
    ],
)
def test_names_agree_whatever_the_case_accents_apostrophes_hyphens_and_spaces(
    authority: Authority, changed: dict[str, str]
) -> None:
    found = links(authority, [member("P1", **MINA)], MINA | changed)
    assert [each[:3] for each in found] == [("P1", "confirmed", "exact")]


@pytest.mark.parametrize(
    ("changed", "status", "by"),
    [
        ({"forename": "Mira"}, "confirmed", "one_character"),
        ({"forename": "Mian"}, "confirmed", "one_character"),
        ({"surname": "O'Dell"}, "confirmed", "name_variant"),
        ({"surname": "Mina", "forename": "O'Dell Vane"}, "confirmed", "name_variant"),
        ({"date_of_birth": "2001-06-05"}, "confirmed", "birth_swapped"),
        ({"date_of_birth": "2001-05-07"}, "possible", "birth_near"),
        ({"forename": "M"}, "possible", "initial"),
        ({"forename": ""}, "possible", "initial"),
        ({"postcode": "ZZ1 1AB"}, "possible", "moved_house"),
        ({"postcode": ""}, "possible", "moved_house"),
        ({"postcode": "ZZ99 3VZ"}, "possible", "moved_house"),
        ({"postcode": "UNKNOWN"}, "possible", "moved_house"),
        ({"date_of_birth": ""}, "possible", "birth_missing"),
        ({"date_of_birth": "1900-01-01"}, "possible", "birth_missing"),
        ({"forename": "Mira", "postcode": "ZZ1 1AB"}, "possible", "variant_elsewhere"),
        ({"surname": "Vane", "postcode": ""}, "possible", "variant_elsewhere"),
    ],
)
def test_one_departure_from_the_same_has_a_pass_of_its_own(
    authority: Authority, changed: dict[str, str], status: str, by: str
) -> None:
    found = links(authority, [member("P1", **MINA)], MINA | changed)
    assert [each[:3] for each in found] == [("P1", status, by)]


@pytest.mark.parametrize(
    "against",
    [
        ({"sex": "M"}, {"sex": "F"}),
        ({"upn": UPN}, {"upn": OTHER_UPN}),
        ({"nino": NINO}, {"nino": "XA000003A"}),
    ],
)
def test_what_speaks_against_a_variant_leaves_it_possible_and_never_undoes_the_exact(
    authority: Authority, against: tuple[dict[str, str], dict[str, str]]
) -> None:
    ours, theirs = against
    members = [member("P1", **MINA, **theirs)]
    assert links(authority, members, MINA | ours) == [("P1", "confirmed", "exact", EXACT)]
    found = links(authority, members, MINA | {"forename": "Mira"} | ours)
    assert [each[:3] for each in found] == [("P1", "possible", "one_character")]


def test_what_both_write_for_an_unknown_address_is_no_address(authority: Authority) -> None:
    for unknown in ({"postcode": "UNKNOWN"}, {"postcode": "NFA"}, {"postcode": "", "uprn": "999999999999"}):
        found = links(authority, [member("P1", **MINA | unknown)], MINA | unknown)
        assert [each[:3] for each in found] == [("P1", "possible", "moved_house")]


def test_an_id_of_somebody_whose_name_and_birth_are_others_is_possible(authority: Authority) -> None:
    members = [member("P1", **MINA)]
    somebody = {"person_id": "P1", "forename": "Tess", "surname": "Sorrel", "date_of_birth": "1971-01-31"}
    assert links(authority, members, somebody)[0][1] == "possible"
    assert links(authority, members, somebody | BORN)[0][1] == "confirmed"
    assert links(authority, members, {"person_id": "P1"})[0][1] == "confirmed"


@pytest.mark.parametrize(
    "son",
    [
        {"date_of_birth": "2001-06-05"},
        {"date_of_birth": "2001-05-07"},
        {"forename": "Bill"},
        {"forename": "Willaim"},
    ],
)
def test_the_fathers_number_on_a_record_like_the_sons_leaves_both_possible(
    authority: Authority, son: dict[str, str]
) -> None:
    william = MINA | {"forename": "William"}
    members = [member("P1", upn=UPN, **william | {"date_of_birth": "1971-01-31"}), member("P2", **william)]
    found = links(authority, members, william | {"upn": UPN} | son)
    assert {(who, status) for who, status, *_ in found} == {("P1", "possible"), ("P2", "possible")}


def test_a_number_and_a_birth_are_not_enough_where_another_number_or_the_sex_differs(authority: Authority) -> None:
    members = [member("P1", upn=UPN, nhs_number=NHS, sex="F", **MINA)]
    record = {"upn": UPN, "surname": "Sorrel", "forename": "Tess", **BORN}
    assert links(authority, members, record)[0][1] == "confirmed"
    assert links(authority, members, record | {"sex": "M"})[0][1] == "possible"
    assert links(authority, members, record | {"nhs_number": "9990000026"})[0][1] == "possible"


def test_a_variant_that_fits_two_members_by_two_passes_is_neither(authority: Authority) -> None:
    members = [member("P1", **MINA), member("P2", **MINA | {"forename": "Mira", "postcode": "ZZ1 1AB"})]
    found = links(authority, members, MINA | {"forename": "Mira"})
    assert [each[:3] for each in found] == [("P1", "possible", "one_character"), ("P2", "possible", "moved_house")]


def test_the_same_address_by_its_number_is_the_same_whatever_the_postcode(authority: Authority) -> None:
    found = links(authority, [member("P1", **MINA, uprn="00100")], MINA | {"postcode": "ZZ1 1AB", "uprn": "100"})
    assert found == [("P1", "confirmed", "exact", "surname+forename+date_of_birth+uprn")]


def test_a_key_that_would_pair_too_many_is_refused_by_name_and_count(authority: Authority) -> None:
    twins = [MINA | {"forename": name} for name in ("Mina", "Tess", "Una", "Wyn")]
    write(
        authority, [member(f"P{at}", **each) for at, each in enumerate(twins)], *[MINA | {"forename": n} for n in "AB"]
    )
    extracts = authority.read()
    assert attach(extracts, Method(LinkageSettings(most_pairs=8))).links.height == 0
    with pytest.raises(Faults) as raised:
        attach(extracts, Method(LinkageSettings(most_pairs=7)))
    (fault,) = raised.value.faults
    assert (fault.code, fault.place) == ("E311", "pass name_variant")
    assert "date_of_birth+postcode would make 8 pairs, 8 of them by one value; the most is 7" in fault.what


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"passes": ("person_id", "identifier", "exact")}, []),
        ({"gives": {"moved_house": "confirmed"}}, [("P1", "confirmed", "moved_house")]),
        ({"gives": {"moved_house": "possible"}}, [("P1", "possible", "moved_house")]),
    ],
)
def test_a_workspace_says_which_passes_are_asked_and_what_they_give(
    authority: Authority, settings: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    write(authority, [member("P1", **MINA)], MINA | {"postcode": ""})
    found = attach(authority.read(), Method(LinkageSettings(**settings))).links
    assert found.select("person_id", "status", "pass").rows() == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"forename": "Mirra"},
        {"forename": "M", "postcode": "ZZ1 1AB"},
        {"forename": "Mira", "date_of_birth": "2001-05-07"},
        {"forename": "Mira", "date_of_birth": ""},
        {"postcode": "ZZ1 1AB", "date_of_birth": ""},
        {"surname": "Dell"},
        {"date_of_birth": "2001-06-07"},
        {"surname": "-"},
    ],
)
def test_two_departures_or_too_far_a_one_are_no_link(authority: Authority, changed: dict[str, str]) -> None:
    assert links(authority, [member("P1", **MINA)], MINA | changed) == []


def test_names_do_not_run_into_one_another(authority: Authority) -> None:
    members = [member("P1", **MINA | {"forename": "Ann", "surname": "Avane"})]
    assert links(authority, members, MINA | {"forename": "Anna", "surname": "Vane"}) == []


def test_name_twins_at_one_address_are_both_possible(authority: Authority) -> None:
    found = links(authority, [member("P1", **MINA), member("P2", **MINA)], MINA)
    assert [each[:2] for each in found] == [("P1", "possible"), ("P2", "possible")]


# ------------------------------------------------------------------------------------------------------------ privacy


def test_a_link_names_the_fields_that_agreed_and_never_their_values(authority: Authority) -> None:
    links(authority, [member("P1", upn=UPN, **MINA)], {"upn": UPN, **MINA}, MINA)
    text = attach(authority.read()).links.write_csv()
    assert not [value for value in (UPN, *MINA.values()) if value in text]


def test_the_order_of_rows_means_nothing(authority: Authority) -> None:
    members = [member("P1", upn=UPN, **MINA), member("P2", nhs_number=NHS), member("P3", upn=UPN)]
    records = [{"upn": UPN, **BORN}, {"nhs_number": NHS}, MINA, MINA | {"forename": "Mira"}, {"person_id": "P3"}]
    forwards = sorted(links(authority, members, *records))
    assert sorted(links(authority, members[::-1], *records[::-1])) == forwards


def test_many_records_with_the_same_details_each_have_their_own_link(authority: Authority) -> None:
    links(authority, [member("P1", upn=UPN)], *[{"upn": UPN, **BORN}] * 5)
    found = attach(authority.read())
    assert found.links["record_id"].sort().to_list() == ["R1", "R2", "R3", "R4", "R5"]
    assert found.records["offending"].filter(~pl.col("possible")).height == 5
